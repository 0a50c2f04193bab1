"""Another length at the same pitch: Signalsmith Stretch if it is installed, else atempo."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any, cast

import numpy as np

from ..audio.arrays import MediaError, Samples, blocks

MOST = {"Signalsmith Stretch": 0.20, "FFmpeg's atempo": 0.10}
"""Largest relative change of the length that sounds good, by library."""

_ATEMPO_DELAY = 0.02
"""FFmpeg's atempo shifts the sound earlier by this time in seconds, and drops the same time at the
end."""
_LAYOUTS = ("mono", "stereo", "2.1", "quad", "5.0", "5.1", "6.1", "7.1")


def stretch(samples: Samples, sample_rate: int, length: int, *, quick: bool = False) -> Samples:
    """Stretch `samples` [channels, n] to [channels, length] with the same pitch, attacks in place.

    `quick` takes half the time: Signalsmith Stretch has fewer overlapping windows.

    MediaError for a larger change than this machine's library can make, see `MOST`.
    """
    before = samples.shape[1]
    library = engine()
    most = MOST[library]
    if abs(length / before - 1) > most + 1e-9:
        raise MediaError(
            f"Stretching {before / sample_rate:.2f} s to {length / sample_rate:.2f} s is a change "
            f"of {100 * (length / before - 1):+.1f} %: expected at most {most:.0%} either way by "
            f"{library}; use the method remix or loop."
        )
    if length == before:
        return samples.copy()
    if library == "Signalsmith Stretch":
        return _signalsmith(samples, sample_rate, length, quick)
    return _atempo(samples, sample_rate, length)


def engine() -> str:
    """The name of the library that `stretch` uses on this machine."""
    found = importlib.util.find_spec("python_stretch")
    return "Signalsmith Stretch" if found else "FFmpeg's atempo"


def _signalsmith(samples: Samples, sample_rate: int, length: int, quick: bool) -> Samples:
    from python_stretch import Signalsmith

    out = np.zeros((samples.shape[0], length), np.float32)
    engine = Signalsmith.Stretch(1)
    engine.preset(samples.shape[0], float(sample_rate), quick)
    engine.timeFactor = samples.shape[1] / length
    result: Any = engine.process(np.ascontiguousarray(samples))
    count = min(length, result.shape[1])
    out[:, :count] = result[:, :count]
    return out


def _atempo(samples: Samples, sample_rate: int, length: int) -> Samples:
    """FFmpeg's WSOLA through PyAV, all channels as one so that the stereo image stays."""
    out = np.zeros((samples.shape[0], length), np.float32)
    done = 0
    for part in _atempo_blocks(samples, sample_rate, samples.shape[1] / length):
        room = min(part.shape[1], length - done)
        out[:, done : done + room] = part[:, :room]
        done += room
    return out


def _atempo_blocks(samples: Samples, sample_rate: int, factor: float) -> Iterator[Samples]:
    import av
    import av.error
    import av.filter

    channels = samples.shape[0]
    layout = _LAYOUTS[channels - 1]
    graph = av.filter.Graph()
    chain = [
        graph.add(
            "abuffer",
            sample_rate=str(sample_rate),
            sample_fmt="flt",
            channel_layout=layout,
            time_base=f"1/{sample_rate}",
        ),
        graph.add("atempo", f"{factor:.12f}"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*chain).configure()

    def drain() -> Iterator[Samples]:
        while True:
            try:
                frame = graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            plane: Any = frame.planes[0]
            packed = np.frombuffer(plane, np.float32)
            # A plane may be longer than its samples.
            count = cast(av.AudioFrame, frame).samples * channels
            yield packed[:count].reshape(-1, channels).T

    lead = np.zeros((channels, round(_ATEMPO_DELAY * sample_rate)), np.float32)
    # The filter still holds the tail when its input ends.
    tail = np.zeros((channels, sample_rate // 5), np.float32)
    position = 0
    for source in (lead, samples, tail):
        for _, block in blocks(source):
            packed = np.ascontiguousarray(block.T).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(packed, "flt", layout)
            frame.sample_rate, frame.pts = sample_rate, position
            position += block.shape[1]
            graph.push(frame)
            yield from drain()
    graph.push(None)
    yield from drain()

"""Samples as this package takes them: planar float32 numpy [channels, samples], full scale 1.0."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import TypeAlias, cast

import av.error
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.filter import Graph
from av.filter.context import FilterContext

from .errors import SoundError

Samples: TypeAlias = npt.NDArray[np.float32]

LAYOUTS = {1: "mono", 2: "stereo", 6: "5.1"}
BLOCK = 1 << 16
"""Samples a channel that are worked on at a time, so that memory stays flat."""


def check_samples(samples: Samples, sample_rate: int) -> None:
    """SoundError unless `samples` are finite, [1, 2 or 6 channels, 1 or more], at a usual rate."""
    if samples.ndim != 2 or 0 in samples.shape:
        raise SoundError(
            f"The sound has the shape {list(samples.shape)}: expected [channels, samples] with at "
            "least one of each; pass one item of the batch."
        )
    if samples.shape[0] not in LAYOUTS:
        raise SoundError(
            f"The sound has {samples.shape[0]} channels: expected 1, 2 or 6; convert it to stereo "
            "first."
        )
    if not 4000 <= sample_rate <= 384_000:
        raise SoundError(
            f"The sound has a sample rate of {sample_rate} Hz: expected 4000 to 384000; check "
            "where it comes from."
        )
    for _, block in blocks(samples):
        if not np.isfinite(block).all():
            raise SoundError(
                "The sound holds NaN or infinite samples: expected numbers; check the node that "
                "made it."
            )


def blocks(samples: Samples, size: int = BLOCK) -> Iterator[tuple[int, Samples]]:
    """Views of `samples`, each with the position of its first sample."""
    for start in range(0, samples.shape[1], size):
        yield start, samples[:, start : start + size]


def audio_frame(samples: Samples, sample_rate: int, position: int) -> AudioFrame:
    """`samples` as FFmpeg's, at `position` samples from the beginning."""
    data = np.ascontiguousarray(samples, dtype=np.float32)
    frame = AudioFrame.from_ndarray(data, format="fltp", layout=LAYOUTS[len(samples)])
    frame.sample_rate = sample_rate
    frame.pts = position
    frame.time_base = Fraction(1, sample_rate)
    return frame


def buffer_source(graph: Graph, channels: int, sample_rate: int) -> FilterContext:
    """Where `audio_frame`s go into a graph of FFmpeg's filters."""
    return graph.add_abuffer(
        format="fltp",
        sample_rate=sample_rate,
        layout=LAYOUTS[channels],
        time_base=Fraction(1, sample_rate),
    )


def converted(
    samples: Samples, sample_rate: int, target_rate: int, channels: int
) -> Iterator[tuple[int, Samples]]:
    """`blocks` of `samples` at another rate and with at most `channels`, made one by one.

    Mono stays mono: FFmpeg would take 3 dB off it on the way to stereo.
    """
    channels = min(channels, samples.shape[0])
    if sample_rate == target_rate and channels == samples.shape[0]:
        yield from blocks(samples)
        return
    graph = Graph()
    entry = buffer_source(graph, samples.shape[0], sample_rate)
    # Twice FFmpeg's default length of the filter: flat to 19 kHz at 44.1 kHz.
    middle = graph.add("aresample", f"{target_rate}:filter_size=64:cutoff=0.98")
    form = graph.add(
        "aformat",
        f"sample_fmts=fltp:sample_rates={target_rate}:channel_layouts={LAYOUTS[channels]}",
    )
    leave = graph.add("abuffersink")
    entry.link_to(middle)
    middle.link_to(form)
    form.link_to(leave)
    graph.configure()
    position = 0

    def ready() -> Iterator[Samples]:
        while True:
            try:
                frame = cast(AudioFrame, leave.pull())
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            yield cast(Samples, frame.to_ndarray())

    for start, block in blocks(samples):
        entry.push(audio_frame(block, sample_rate, start))
        for piece in ready():
            yield position, piece
            position += piece.shape[1]
    entry.push(None)
    for piece in ready():
        yield position, piece
        position += piece.shape[1]

"""The length of a picture, from its packets and their time stamps, without decoding.

The length that a container states is not used: it includes tails of sound, and trims, edit lists
and dropped frames make it wrong.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import av
import numpy as np
import numpy.typing as npt
from av.container import InputContainer

from ..audio.arrays import MediaError
from ..audio.ffmpeg import fraction, packets
from .clip import ClipFile, open_picture, picture_stream

_USUAL_RATES = tuple(
    Fraction(rate)
    for rate in (24, 25, 30, 50, 60, 120, 15, 12, 10, 48, 90, 100, 16, 8)
    for rate in (rate, Fraction(rate * 1000, 1001))
)

_ROUNDED = Fraction(1, 10_000)
"""Largest error of a rate that a container stores as nanoseconds or as a small fraction."""

_SAY_DURATIONS = {"mov", "matroska", "gif"}
"""FFmpeg's names of containers that store the duration of a frame. For other containers FFmpeg
guesses it."""
_LONGER = Fraction(11, 10)
"""The last frame counts as longer if it lasts at least as long as this many usual frames."""


class PictureLength(NamedTuple):
    """The visible part, from the first frame's beginning to the last frame's end."""

    frames: int
    fps: Fraction
    """Frames a second; of a variable frame rate, the mean: `frames / seconds`."""
    seconds: Fraction
    start: Fraction
    """The first frame's time stamp in the file, in seconds."""
    variable: bool
    """Whether the frame rate varies, or the last frame stays longer than the others; `seconds` then
    comes from the time stamps."""
    packets: int
    """Number of the picture's packets to copy, counted from the first of the file. An edit list may
    end the picture earlier than the packets."""

    def samples(self, sample_rate: int) -> int:
        """The length of the picture in samples at `sample_rate` Hz, rounded."""
        return round(self.seconds * sample_rate)


def picture_length(source: ClipFile, *, start: float = 0.0, duration: float = 0.0) -> PictureLength:
    """The length of the picture in `source`, or of its part in a trim window.

    The window is `start` to `start + duration` seconds in the file's own time; 0 means to the end.
    MediaError when there is no picture, no frame in the window, no frame rate, or when the file
    is cut off or not readable.
    """
    if start < 0 or duration < 0:
        raise MediaError(
            f"The trim window starts at {start:g} s and lasts {duration:g} s: expected numbers "
            "that are not negative; count the start from the beginning of the picture."
        )
    with open_picture(source) as container:
        return measure(container, start=start, duration=duration)


def measure(
    container: InputContainer, *, start: float = 0.0, duration: float = 0.0
) -> PictureLength:
    """`picture_length` of an open container, whose packets are read to the end."""
    stream = picture_stream(container)
    base = fraction(stream.time_base or 0)
    if not base:
        raise MediaError(
            "The picture has no time base: expected a video with time stamps; convert it to MP4."
        )
    stamps, ends, needed = _time_stamps(container, stream)
    if not stamps.size:
        raise MediaError(
            "The picture has no frames: expected at least one; the file is cut off or was not "
            "finished, so export it again."
        )
    window_end = start + duration if duration else None
    last = int(stamps[-1]) * base
    inside = stamps >= int(start / base) if start else np.ones(stamps.size, np.bool_)
    if window_end is not None:
        inside &= stamps < int(window_end / base)
    stamps, ends = stamps[inside], ends[inside]
    if not stamps.size:
        raise MediaError(
            f"The trim window from {start:g} s on holds no frame: the picture's last frame is at "
            f"{float(last):.3f} s; move the window."
        )
    first = int(stamps[0]) * base
    fps = _constant_rate(stream, stamps, base)
    end = int(ends.max()) * base
    if window_end is not None:
        end = min(end, Fraction(window_end))
    stays = end - int(stamps[-1]) * base
    says_it = _SAY_DURATIONS & set(container.format.name.split(","))
    if fps is not None and not (says_it and stays > _LONGER / fps + base):
        return PictureLength(stamps.size, fps, stamps.size / fps, first, False, needed)
    if end <= first:
        raise MediaError(
            "The picture has a frame rate of 0: expected time stamps that grow or a rate above 0; "
            "convert it to MP4."
        )
    return PictureLength(stamps.size, stamps.size / (end - first), end - first, first, True, needed)


def _shown_packets(
    container: InputContainer, stream: av.VideoStream
) -> Iterator[tuple[int, av.Packet]]:
    """Yield (number, packet) for each packet that becomes a visible frame, in the order of the
    file. The number counts all packets."""
    hides_frames = stream.codec_context.name.startswith(("vp8", "libvpx"))
    for number, packet in enumerate(packets(container, stream), start=1):
        # In a transport stream an earlier packet was lost; players show the rest.
        if packet.is_corrupt and "mpegts" not in container.format.name:
            raise MediaError(
                "The video is cut off: expected the whole file; download or export it again."
            )
        # An edit list keeps frames outside of it for decoding only; VP8 has reference frames that
        # are never shown (RFC 6386, section 9.1: bit 4 of the first byte).
        if not packet.size or packet.is_discard:
            continue
        if hides_frames and not memoryview(packet)[0] & 0x10:  # type: ignore[arg-type]
            continue
        yield number, packet


def _time_stamps(
    container: InputContainer, stream: av.VideoStream
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], int]:
    """Begins and ends of the frames in the stream's time base, in order, and the number of their
    packets."""
    # Five hours of 60 fps are a million frames. A list would take five times the memory.
    starts, durations = array("q"), array("q")
    needed = 0
    for number, packet in _shown_packets(container, stream):
        needed = number
        # AVI has no presentation times: use the order of the file.
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            stamp = starts[-1] + (durations[-1] or 1) if starts else 0
        starts.append(stamp)
        durations.append(packet.duration or 0)
    begin, length = np.asarray(starts, np.int64), np.asarray(durations, np.int64)
    order = np.argsort(begin, kind="stable")
    begin, length = begin[order], length[order]
    if begin.size > 1:
        gaps = np.diff(begin, append=2 * begin[-1] - begin[-2])
        length = np.where(length > 0, length, gaps)
    return begin, begin + length, needed


def _constant_rate(
    stream: av.VideoStream, stamps: npt.NDArray[np.int64], base: Fraction
) -> Fraction | None:
    """The rate whose grid has all `stamps`, with an error of at most one unit of `base`."""
    frames = np.arange(stamps.size)
    for rate in (stream.average_rate, stream.guessed_rate, *_USUAL_RATES):
        if not rate:
            continue
        for exact in (_usual(fraction(rate), base), fraction(rate)):
            grid = frames * float(1 / (exact * base))
            if np.abs(stamps - stamps[0] - grid).max() <= 1.0:
                return exact
    return None


def _usual(rate: Fraction, base: Fraction) -> Fraction:
    """The usual rate that `rate` was rounded from; containers that round times also round the
    rate."""
    if (1 / (rate * base)).denominator == 1:
        return rate
    nearest = min(_USUAL_RATES, key=lambda usual: abs(usual - rate))
    return nearest if abs(nearest - rate) < nearest * _ROUNDED else rate

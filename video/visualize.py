"""A video of music, encoded while it is drawn: memory does not grow with its length."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..audio.arrays import MediaError, Samples, check_samples
from ..audio.ffmpeg import ENCODED_RATES, LAYOUTS, open_output
from ..audio.stopping import looked
from .canvas import Canvas
from .containers import ClipContainer
from .encoders import SoundTrack, add_picture, write_rest
from .options import VideoStyle, exact_rate
from .overlays import Light, Title
from .styles import style_drawer
from .sung_lines import SungLines

if TYPE_CHECKING:
    from ..music.timed_words import Subtitle

_SMALLEST, _LARGEST = 32, 8192


def visualize(
    samples: Samples,
    sample_rate: int,
    target: Path,
    *,
    style: VideoStyle | str = VideoStyle.WAVES,
    fps: Fraction | float = 30,
    width: int = 1280,
    height: int = 720,
    beats: Sequence[float] = (),
    title: str = "",
    lyrics: Sequence[Subtitle] = (),
) -> int:
    """Write a video of `samples` (float32 [channels, samples]) to `target`, an MP4.

    Returns the number of frames: round(seconds * fps), at least one. Frame n shows the moment
    n / fps. The file holds the sound as AAC, and H.264 where this PyAV has an encoder for it.
    `beats` (seconds) light up the background. `lyrics` stand at the bottom, and the word that is
    sung has another colour. MediaError for input that cannot be used.

    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "music.mp4"
    >>> visualize(np.zeros((2, 48000), np.float32), 48000, target, fps=24, width=64, height=64)
    24
    """
    check_samples(samples, sample_rate, channels=LAYOUTS, rates=ENCODED_RATES)
    style, rate = VideoStyle(style), checked_rate(fps)
    _check_size(width, height)
    if not np.isfinite(beats).all():
        raise MediaError("A beat is NaN or infinite: expected seconds; leave it out.")
    frames = max(1, round(samples.shape[1] * rate / sample_rate))
    canvas = Canvas(width, height)
    draw = style_drawer(style, canvas, samples, sample_rate, rate)
    light = Light(canvas, beats, rate) if len(beats) else None
    lettering = Title(canvas, title.strip()) if title.strip() else None
    lines = SungLines(canvas, lyrics, float(rate)) if lyrics else None
    rules = ClipContainer.MP4.value
    try:
        with open_output(target, rules.format, rules.options(rate)) as output:
            stream = add_picture(output, width, height, rate)
            track = SoundTrack(output, rules.sound, samples, sample_rate)
            for number in looked(range(frames)):
                draw(number)
                if light is not None:
                    light.draw(number)
                if lettering is not None:
                    lettering.draw()
                if lines is not None:
                    lines.draw(number)
                frame = canvas.frame()
                frame.pts, frame.time_base = number, 1 / rate
                output.mux(stream.encode(frame))
                track.write_until(float(number / rate))
            write_rest(output, stream)
            track.finish()
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return frames


def checked_rate(fps: Fraction | float) -> Fraction:
    """`fps` as a fraction; 23.976, 29.97 and 59.94 as the broadcast rates that they stand for."""
    if not np.isfinite(float(fps)) or not 1 <= fps <= 240:
        raise MediaError(
            f"The frame rate is {float(fps):g}: expected 1 to 240 frames a second; connect the "
            "picture's, or type 30."
        )
    return exact_rate(fps).limit_denominator(1001)


def _check_size(width: int, height: int) -> None:
    for side in (width, height):
        if side % 2 or not _SMALLEST <= side <= _LARGEST:
            raise MediaError(
                f"The picture is {width} x {height}: expected even numbers from {_SMALLEST} to "
                f"{_LARGEST}; H.264 with 4:2:0 chroma takes no others."
            )

"""The picture of an example workflow: its title, a person's words, and what comes out."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
from PIL import Image, ImageDraw, ImageOps

from ...audio.codecs.libav_reader import av_blocks
from ...audio.containers.source import Source
from ...audio.samples.envelope import Envelope
from ...video.lettering import font_for

# ComfyUI's template browser shows a card of 264 pixels at least, and 256 pixels of its height. A
# badge covers its upper left corner.
SIZE = WIDTH, HEIGHT = 640, 620
BADGE = 96
MARGIN = 40
# The lower edges of a frame with one sound below it, of one with more, and of the sound.
FRAME, LOW_FRAME, SOUND = 226, 176, 330
WRITING = 348
# Edges are smooth because everything is drawn twice as large.
DETAIL = 2
QUALITY = 88
MOST_SOUNDS = 4
MOST_LINES = 3
BARS = 70
# The colours of the pack's banner.
TOP, BOTTOM = (34, 40, 54), (14, 16, 22)
TITLE, WORDS, FACTS = (242, 244, 248), (170, 178, 192), (128, 136, 150)
SOUNDS = [(124, 196, 255), (255, 184, 108), (150, 224, 168), (226, 150, 220)]
Color = tuple[int, int, int]


class Sound(NamedTuple):
    """The outline of a sound: the loudness of each bar, 0 to 1, and its length in seconds."""

    bars: np.ndarray
    seconds: float


def draw(title: str, words: str, files: Sequence[Path]) -> bytes:
    """A JPEG of `SIZE`. `files` are what the example made, the most important first.

    It shows the first moving or still picture among them, and the sound of the first four files.
    """
    sounds = [sound for sound in map(heard, files) if sound is not None][:MOST_SOUNDS]
    seen = next((picture for picture in map(picture_of, files) if picture is not None), None)
    card = _Card()
    top = BADGE
    if seen is not None:
        frame = FRAME if len(sounds) == 1 else LOW_FRAME
        card.frame(seen, frame)
        top = frame + 12
    card.sounds(sounds, top)
    card.text(title, 50, TITLE, lines=1)
    card.text(words, 25, WORDS, lines=MOST_LINES)
    card.foot(_facts(sounds, files[0].suffix[1:]))
    return card.jpeg()


def heard(file: Path) -> Sound | None:
    """The sound of a file; None where it has none."""
    envelope, sample_rate = Envelope(), 1
    with av.open(str(file)) as container:
        if not container.streams.audio:
            return None
    with file.open("rb") as opened:
        for block, rate in av_blocks(Source(opened)):
            sample_rate = rate
            envelope.add(block)
    loud = envelope.columns(BARS).loud.mean(axis=0)
    return Sound(loud / max(float(loud.max()), 1e-6), envelope.frames / sample_rate)


def picture_of(file: Path) -> Image.Image | None:
    """The frame at two thirds of a video, or a still picture; None where a file has none."""
    with av.open(str(file)) as container:
        if not container.streams.video:
            return None
        stream = container.streams.video[0]
        wanted = stream.frames * 2 // 3
        frames: Any = container.decode(stream)
        return next(frame for number, frame in enumerate(frames) if number >= wanted).to_image()


def _facts(sounds: Sequence[Sound], format: str) -> str:
    lengths = [round(sound.seconds) for sound in sounds]
    shortest, longest = min(lengths), max(lengths)
    seconds = f"{longest} s" if shortest == longest else f"{shortest} to {longest} s"
    count = f"{len(sounds)} files, " if len(sounds) > 1 else ""
    return f"{count}{seconds}, {format.upper()}"


class _Card:
    """The picture while it is drawn; all lengths are those of the finished one."""

    def __init__(self) -> None:
        down = np.linspace(0, 1, HEIGHT * DETAIL)[:, None, None]
        shade = np.array(TOP) * (1 - down) + np.array(BOTTOM) * down
        self._image = Image.fromarray(np.tile(shade.astype(np.uint8), (1, WIDTH * DETAIL, 1)))
        self._draw = ImageDraw.Draw(self._image)
        self._top = WRITING

    def frame(self, seen: Image.Image, height: int) -> None:
        """A picture at the top, over the whole width."""
        box = (WIDTH * DETAIL, height * DETAIL)
        self._image.paste(ImageOps.fit(seen.convert("RGB"), box), (0, 0))

    def sounds(self, sounds: Sequence[Sound], top: int) -> None:
        """A row of bars for each sound, from `top` to the title."""
        height = (SOUND - top) / len(sounds)
        pitch = (WIDTH - 2 * MARGIN) / BARS
        for row, (sound, color) in enumerate(zip(sounds, SOUNDS, strict=False)):
            middle = top + height * (row + 0.5)
            for number, loud in enumerate(sound.bars):
                left = MARGIN + number * pitch
                reach = max(pitch * 0.35, float(loud) * (height - 6) / 2)
                box = (left, middle - reach, left + pitch * 0.7, middle + reach)
                edges = tuple(round(edge * DETAIL) for edge in box)
                self._draw.rounded_rectangle(edges, pitch * 0.35 * DETAIL, color)

    def text(self, text: str, size: int, color: Color, *, lines: int) -> None:
        """Write the first lines of a text below what was written before."""
        face = font_for(text, size * DETAIL)
        for line in _wrapped(text, lambda part: face.getlength(part) / DETAIL, lines):
            self._write(line, self._top, face, color)
            self._top += round(size * 1.25)
        self._top += 8

    def foot(self, text: str) -> None:
        self._write(text, HEIGHT - MARGIN - 22, font_for(text, 24 * DETAIL), FACTS)

    def jpeg(self) -> bytes:
        out = io.BytesIO()
        small = self._image.resize(SIZE, Image.Resampling.LANCZOS)
        small.save(out, "JPEG", quality=QUALITY, optimize=True)
        return out.getvalue()

    def _write(self, line: str, top: int, face: Any, color: Color) -> None:
        self._draw.text((MARGIN * DETAIL, top * DETAIL), line, color, face)


def _wrapped(text: str, width: Callable[[str], float], most: int) -> list[str]:
    """The first lines of a text, no wider than the card; the last one says that more follows."""
    lines: list[str] = []
    for paragraph in filter(None, text.splitlines()):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and width(longer) > WIDTH - 2 * MARGIN:
                lines.append(line)
                longer = word
            line = longer
        lines.append(line)
    if len(lines) > most:
        lines[most - 1] = f"{lines[most - 1].rstrip(' ,.')} \N{HORIZONTAL ELLIPSIS}"
    return lines[:most]

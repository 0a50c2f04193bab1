"""Clips with known cuts: drawn scenes, joined by hard cuts, dissolves and dips to black.

Scenes differ in colour, light, texture and movement; neighbours often share their colours. Between
the cuts stand things that look like cuts: flashes, whip pans, zooms, flicker, people who cross the
picture, a lamp that goes on, grain and letterboxes.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

WIDTH, HEIGHT = 192, 108
_MARGIN = 2.2
"""Size of a scene's backdrop, in frames: the camera moves over it."""
Pixels = npt.NDArray[np.float32]

RATES = (24, Fraction(24000, 1001), 25, 30, Fraction(30000, 1001), 48, 50, 60)


class Turn(NamedTuple):
    """A join of two scenes: `begin` and `end` in seconds; of a hard cut both are the same."""

    begin: float
    end: float


class Clip(NamedTuple):
    """A file and its turns, sorted by time; `gaps` of a variable rate are 1 to 3 frames."""

    path: Path
    fps: Fraction
    hard: list[Turn]
    gradual: list[Turn]


class _Scene:
    """A backdrop, a camera that moves over it, and things that move in front of it."""

    def __init__(self, rng: np.random.Generator, palette: Pixels, kind: str) -> None:
        self.rng, self.kind = rng, kind
        height, width = round(HEIGHT * _MARGIN), round(WIDTH * _MARGIN)
        self.backdrop = _texture(rng, height, width, palette)
        self.start = rng.uniform(0.3, 0.7, 2) * (height - HEIGHT, width - WIDTH)
        speed = {"still": 0, "pan": 55, "slow": 9, "whip": 25}.get(kind, 6)
        self.speed = rng.choice([-1, 1], 2) * (speed * 0.2, speed)
        self.things = [
            (
                rng.uniform(0, 1, 2) * (HEIGHT, WIDTH),
                rng.normal(0, 21, 2),
                rng.uniform(5, 36 if kind == "crowd" else 18, 2),
                palette[rng.integers(len(palette))] * rng.uniform(0.4, 1.5),
            )
            for _ in range(12 if kind == "crowd" else rng.integers(1, 6))
        ]
        self.light = rng.uniform(0.25, 1.0)
        self.flicker = 0.12 if kind == "fire" else 0.0
        self.phase = rng.uniform(0, 6)
        self.events = rng.uniform(0.3, 1.2)

    def draw(self, time: float) -> Pixels:
        """The scene after `time` seconds: RGB [height, width, 3], 0 to 255."""
        moved = self.start + self.speed * time
        if self.kind == "whip" and self.events < time < self.events + 0.4:
            moved = moved + self.speed * (time - self.events) * 18
        elif self.kind == "whip" and time >= self.events + 0.4:
            moved = moved + self.speed * 0.4 * 18
        if self.kind == "shaky":
            moved = moved + 3 * np.sin(time * np.array([7.1, 5.3]) + self.phase)
        zoom = 1.0 + (0.12 * time if self.kind == "zoom" else 0.0)
        height, width = self.backdrop.shape[:2]
        rows = (np.arange(HEIGHT) - HEIGHT / 2) / zoom + HEIGHT / 2 + moved[0]
        columns = (np.arange(WIDTH) - WIDTH / 2) / zoom + WIDTH / 2 + moved[1]
        picture = self.backdrop[_mirror(rows, height)][:, _mirror(columns, width)].copy()
        for place, speed, size, color in self.things:
            y, x = place + speed * time
            box = _box(y % HEIGHT, x % WIDTH, *size)
            picture[box] = 0.25 * picture[box] + 0.75 * color
        if self.kind == "crossing":
            x = (time - self.events) * 270 - 50
            picture[_box(57, x, 51, 36)] = (40, 35, 50)
        light = self.light
        if self.kind == "lamp" and time > self.events:
            light *= 1.7
        if self.flicker:
            light *= 1 + self.flicker * np.sin(time * 23 + self.phase) * np.sin(time * 7.7)
        return picture * np.float32(light)


_KINDS = ["still", "slow", "pan", "shaky", "crowd", "zoom", "fire", "crossing", "lamp", "whip"]


def make_clips(folder: Path, seed: int, count: int = 32) -> list[Clip]:
    """`count` clips in `folder`; an even number has hard cuts, an odd one dissolves and dips."""
    return [_make(folder / f"{seed}-{number:02}.mp4", seed, number) for number in range(count)]


def _make(path: Path, seed: int, number: int) -> Clip:
    rng = np.random.default_rng([seed, number])
    fps = Fraction(RATES[number // 2 % len(RATES)])
    is_gradual = bool(number % 2)
    scenes, turns, total = _plan(rng, is_gradual)
    grain = rng.choice([0.0, 4.0, 12.0], p=[0.5, 0.3, 0.2])
    bars = 14 if number % 5 == 2 else 0
    flashes = [] if number % 4 else list(rng.uniform(0.5, total - 0.5, 4))
    stamps = np.arange(int(total * fps)) / float(fps)
    if number % 8 >= 6:
        # A variable rate: a phone leaves out frames when there is little light.
        stamps = stamps[rng.uniform(size=stamps.size) > 0.3]
    if not path.exists():
        frames = _frames(scenes, turns, stamps, grain, bars, flashes, rng)
        _write(path, fps, stamps, frames)
    # The first frame of the new scene is the cut; players count from the first frame.
    shown = [
        Turn(*(float(stamps[np.searchsorted(stamps, at - 1e-9)] - stamps[0]) for at in turn))
        for turn in turns
    ]
    hard = [turn for turn in shown if turn.begin == turn.end]
    return Clip(path, fps, hard, [turn for turn in shown if turn.begin != turn.end])


def _plan(rng: np.random.Generator, is_gradual: bool) -> tuple[list[_Scene], list[Turn], float]:
    palette = rng.uniform(20, 235, (5, 3)).astype(np.float32)
    scenes, turns, at = [], [], 0.0
    for number in range(rng.integers(5, 8)):
        if number:
            at += rng.uniform(0.9, 2.2)
            long = rng.uniform(0.4, 1.3) if is_gradual and rng.uniform() < 0.75 else 0.0
            turns.append(Turn(at, at + long))
            at += long
        if rng.uniform() < 0.6:
            palette = rng.uniform(20, 235, (5, 3)).astype(np.float32)
        # The camera of a scene that dissolves rarely whips.
        kinds = _KINDS[:-3] if is_gradual else _KINDS
        scenes.append(_Scene(rng, palette, kinds[rng.integers(len(kinds))]))
    return scenes, turns, at + 1.2


def _frames(
    scenes: list[_Scene],
    turns: list[Turn],
    stamps: npt.NDArray[np.float64],
    grain: float,
    bars: int,
    flashes: list[float],
    rng: np.random.Generator,
) -> Any:
    begins = [0.0, *(turn.begin for turn in turns)]
    dips = [turn.begin != turn.end and rng.uniform() < 0.25 for turn in turns]
    for time in stamps:
        now = sum(time >= begin - 1e-9 for begin in begins) - 1
        picture = scenes[now].draw(time - begins[now])
        if now and time < turns[now - 1].end:
            turn = turns[now - 1]
            share = np.float32((time - turn.begin) / (turn.end - turn.begin))
            old = scenes[now - 1].draw(time - begins[now - 1])
            if dips[now - 1]:
                picture = old * max(0, 1 - 2 * share) + picture * max(0, 2 * share - 1)
            else:
                picture = old * (1 - share) + picture * share
        if any(0 <= time - flash < 0.08 for flash in flashes):
            picture = picture * 0.3 + 190
        if grain:
            picture = picture + rng.normal(0, grain, (HEIGHT, WIDTH, 1))
        picture = np.clip(picture, 0, 255).astype(np.uint8)
        if bars:
            picture[:bars] = picture[-bars:] = 0
        yield picture


def _write(path: Path, fps: Fraction, stamps: npt.NDArray[np.float64], frames: Any) -> None:
    with av.open(str(path), "w") as output:
        options = {"preset": "veryfast", "crf": "25"}
        stream: Any = output.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 90_000)
        for stamp, pixels in zip(stamps, frames, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(stamp * 90_000), Fraction(1, 90_000)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def _texture(rng: np.random.Generator, height: int, width: int, palette: Pixels) -> Pixels:
    """Noise of five octaves as a mix of colours, with a few hard edges: a wall, a horizon."""
    field = np.zeros((height, width), np.float32)
    for octave in (3, 6, 12, 24, 48):
        small = rng.normal(size=(octave, octave * 2)).astype(np.float32)
        field += np.asarray(Image.fromarray(small).resize((width, height))) * (3 / octave) ** 0.6
    for _ in range(rng.integers(2, 7)):
        y, x = rng.uniform(0, 1, 2) * (height, width)
        field[_box(y, x, *rng.uniform(12, 66, 2))] += rng.normal(0, 1.2)
    place = (field - field.min()) / np.ptp(field) * (len(palette) - 1)
    low = np.minimum(place.astype(int), len(palette) - 2)
    part = (place - low)[..., None]
    return palette[low] * (1 - part) + palette[low + 1] * part


def _mirror(places: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.int64]:
    places = np.abs(places.astype(np.int64)) % (2 * size)
    return np.where(places < size, places, 2 * size - 1 - places)


def _box(y: float, x: float, tall: float, wide: float) -> tuple[slice, slice]:
    top, left = max(0, round(y - tall)), max(0, round(x - wide))
    return slice(top, max(top, round(y + tall))), slice(left, max(left, round(x + wide)))

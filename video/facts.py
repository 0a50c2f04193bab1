"""Measures of a clip: cuts, movement, light, colours and sound.

The picture is decoded once. The memory does not depend on the picture's size; it grows by some
hundred bytes a second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..audio.arrays import MediaError
from .clip import ClipFile, open_picture, sound_stream
from .clip_sound import SoundFacts, measured_sound
from .contact_sheet import Thumbnails
from .cuts import Cut, CutFinder
from .small_frames import Cells, SmallFrame, small_frames

_MOVES = 60.0
"""A change of this much (0 to 255) in a tenth of a second counts as full movement."""
_LIGHT_EVERY = 0.08
"""Seconds between two measures of the light."""
_NIGHT = 22.0
"""A picture below this brightness, in percent, is a night."""
_NEON_BELOW = 45.0
_VIVID = 45.0
"""A colour is vivid if its chroma is at least this far from grey (0 to 128)."""
_LIT = 60.0
"""Lowest luma of a cell that shines."""
_SOURCES = 0.04
"""In a picture of fire or neon, at least this share of the cells is vivid and shines."""


class PictureFacts(NamedTuple):
    """The measures of a picture. Shares are percent, as means over the whole clip.

    Attributes:
        seconds: from the first frame to the end of the last one.
        cuts: see `Cut`.
        motion: 0 to 100; 0: nothing moves between two cuts.
        brightness, contrast, saturation: 0 to 100. Contrast is the spread of the brightness.
        warmth: -100 to 100; below 0 the colours are blue, above 0 they are red.
        light: "day", "night", "fire" (dark, with warm light) or "neon" (dark, with vivid colours).
        motion_by_second: the motion of each second.
    """

    seconds: float
    frames: int
    cuts: list[Cut]
    motion: float
    brightness: float
    contrast: float
    saturation: float
    warmth: float
    light: str
    motion_by_second: list[float]

    @property
    def cuts_a_minute(self) -> float:
        return 60 * len(self.cuts) / self.seconds

    @property
    def rhythm(self) -> str:
        """How even the shots are: "no cuts", "few cuts", "even", "uneven" or "quickening"."""
        edges = [0.0, *(cut.time for cut in self.cuts), self.seconds]
        shots = np.diff(edges)
        if shots.size < 4:
            return "no cuts" if shots.size == 1 else "few cuts"
        half = shots.size // 2
        if shots[-half:].mean() < 0.6 * shots[:half].mean():
            return "quickening"
        return "even" if shots.std() < 0.3 * shots.mean() else "uneven"


class ClipFacts(NamedTuple):
    """A clip's picture and sound; `sound` is None without sound. `thumbnails` show its scenes."""

    picture: PictureFacts
    sound: SoundFacts | None
    thumbnails: Thumbnails


def measure_clip(file: ClipFile) -> ClipFacts:
    """The facts of a clip.

    MediaError: there is no picture or no frame, or the file cannot be read.
    """
    with open_picture(file) as container:
        picture, thumbnails = measure_frames(small_frames(container))
    with open_picture(file) as container:
        stream = sound_stream(container)
        sound = None if stream is None else measured_sound(container, stream)
    return ClipFacts(picture, sound, thumbnails)


def measure_frames(frames: Iterable[SmallFrame]) -> tuple[PictureFacts, Thumbnails]:
    """The facts and the thumbnails of `frames`. MediaError: there are no frames."""
    finder, thumbnails = CutFinder(), Thumbnails()
    light, motion = _Light(), _Motion()
    times: list[Fraction] = []
    count, looked_at = 0, -_LIGHT_EVERY
    for frame in frames:
        change = finder.add(frame)
        time = float(frame.time)
        times = [*times[-1:], frame.time]
        count += 1
        thumbnails.add(frame)
        if time >= looked_at + _LIGHT_EVERY:
            looked_at = time
            light.add(frame.cells)
        motion.add(time, change)
    if not count:
        raise MediaError(
            "The picture has no frames: expected at least one; the file is cut off or was not "
            "finished, so export it again."
        )
    # The last frame lasts as long as the one before it; a single frame lasts 1/25 s.
    seconds = float(times[-1] + (times[-1] - times[0] if count > 1 else Fraction(1, 25)))
    cuts = finder.cuts()
    by_second = motion.by_second(seconds, cuts)
    return PictureFacts(
        seconds,
        count,
        cuts,
        motion=float(np.mean(by_second)),
        **light.means(),
        light=light.kind(),
        motion_by_second=by_second,
    ), thumbnails


class _Motion:
    """The changes of frames, summed for each tenth of a second."""

    def __init__(self) -> None:
        self._tenths: list[float] = []

    def add(self, time: float, change: float) -> None:
        tenth = int(time * 10)
        self._tenths += [0.0] * (tenth + 1 - len(self._tenths))
        self._tenths[tenth] += change

    def by_second(self, seconds: float, cuts: list[Cut]) -> list[float]:
        """Percent of full movement in each second, without the tenths that hold a cut."""
        tenths = np.minimum(np.asarray(self._tenths) / _MOVES, 1.0) * 100
        for cut in cuts:
            reach = cut.seconds / 2 + 0.1
            tenths[max(0, int((cut.time - reach) * 10)) : int((cut.time + reach) * 10) + 1] = np.nan
        whole = np.full(math.ceil(max(seconds, 0.1)) * 10, np.nan)
        whole[: tenths.size] = tenths[: whole.size]
        rows = whole.reshape(-1, 10)
        known = ~np.isnan(rows)
        sums = np.where(known, rows, 0).sum(axis=1)
        means = sums / np.maximum(known.sum(axis=1), 1)
        return [float(value) for value in means]


class _Light:
    """The light and the colours of all frames."""

    def __init__(self) -> None:
        self._count = 0
        self._sums: npt.NDArray[np.float64] = np.zeros(6)

    def add(self, cells: Cells) -> None:
        luma, blue, red = cells[0], cells[1] - 128, cells[2] - 128
        vivid = (np.hypot(blue, red) > _VIVID) & (luma > _LIT)
        # Orange and yellow have more red than blue, and less blue than grey.
        warm = vivid & (red > 0) & (blue < 0)
        self._count += 1
        self._sums += (
            luma.mean() / 2.55,
            # Black beside white has a spread of 127.5.
            luma.std() / 1.275,
            np.hypot(blue, red).mean() / 1.28,
            (red - blue).mean() / 2.56,
            vivid.mean(),
            warm.mean(),
        )

    def means(self) -> dict[str, float]:
        values = self._sums[:4] / self._count
        names = ("brightness", "contrast", "saturation", "warmth")
        return dict(zip(names, map(float, values), strict=True))

    def kind(self) -> str:
        brightness, _, _, _, vivid, warm = self._sums / self._count
        if brightness < _NEON_BELOW and vivid > _SOURCES:
            return "fire" if warm > 0.7 * vivid else "neon"
        return "night" if brightness < _NIGHT else "day"

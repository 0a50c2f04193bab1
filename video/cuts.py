"""The cuts of a picture: hard cuts, and dissolves or dips to black, found in one pass.

A hard cut is a frame that differs from the one before it in three ways: more than its neighbours
do (the measure of FFmpeg's `scdet` and of PySceneDetect's adaptive detector), even after the
camera's movement is taken out, and for good, while the picture returns after a flash.

A dissolve is a stretch whose frames are mixes of its first and its last frame, with a share that
grows steadily. Movement makes frames that are no such mix.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .small_frames import COLUMNS, ROWS, Cells, SmallFrame

_SAME_TIME = 0.3
"""Seconds within which one cut is found, and within which a flash ends."""
_LEAST_CHANGE = 12.0
"""Least change of a cut, of 255."""
_OVER_NEIGHBOURS = 3.0
"""A cut changes so many times more than the frames around it."""
_UNMOVED = 0.62
"""Share of the change that movement does not explain, at least."""
_STAYS = 0.5
"""Share of the change that is still there after a flash would have ended, at least."""
_SAME_SHAPE, _ALIKE = 0.85, 0.65
"""Two frames whose luma correlates more are one scene in another light; the second number holds for
their colours, and for changes that are not large."""
_LARGE = 30.0
"""A large change, of 255."""
_GREY = 3.0
"""Spread of chroma, below which a frame has one colour."""
_DARK = 24.0
"""Luma below which a cell is a letterbox, if it is so in both frames."""
_MOVES = [(down, right) for down in (-4, -2, 0, 2, 4) for right in range(-8, 9, 2)]
"""Cells by which the camera may move in one frame, down and to the right."""

_GRID = Fraction(2, 25)
"""Seconds between the frames that a dissolve is looked for in."""
_HALVES = (2, 3, 4, 5, 6, 8, 10, 12)
"""Half the length of a dissolve, in steps of the grid."""
_MIXED = 0.3
"""Largest share of a dissolve's change that is no mix of its ends."""
_UNEVEN = 0.15
"""Largest deviation of the shares from a steady growth (root mean square)."""
_LEAST_DISSOLVE = 20.0
"""Least change of a dissolve, of 255."""
_LEAST_SHARE = 0.2
"""Least strength of a dissolve."""
_BLACK = 10.0
"""Mean luma of a black picture."""
_DIP = 1.0
"""Strength of a dip to black."""
_FADE = 0.8
"""Seconds that the fades of a dip to black last besides the black, about."""
_FULL = 80.0
"""Change of a cut of the strength 1."""
_FEW = 3
_ROUNDED = 0.005


class Cut(NamedTuple):
    """A turn of the picture.

    Attributes:
        time: seconds from the first frame; of a dissolve its middle.
        frame: the number of the first frame of the new scene, from 0 on.
        strength: 0 to 1: how much of the picture changes.
        seconds: how long it takes; 0 for a hard cut.
    """

    time: float
    frame: int
    strength: float
    seconds: float = 0.0


class _Seen(NamedTuple):
    time: float
    number: int
    cells: Cells
    change: float


class CutFinder:
    """Finds cuts in frames that come one after another. It keeps the frames of two seconds."""

    def __init__(self) -> None:
        self._frames: deque[_Seen] = deque()
        self._waiting: deque[_Seen] = deque()
        self._hard: list[Cut] = []
        self._grid: deque[_Seen] = deque(maxlen=2 * _HALVES[-1] + 1)
        self._gradual: list[Cut] = []
        self._dark_from: _Seen | None = None

    def add(self, frame: SmallFrame) -> float:
        """Take the next frame. Returns its change from the frame before, 0 to 255."""
        time, cells = float(frame.time), frame.cells
        change, number = 0.0, 0
        if self._frames:
            number = self._frames[-1].number + 1
            change = difference(self._frames[-1].cells, cells)
        seen = _Seen(time, number, cells, change)
        self._frames.append(seen)
        self._waiting.append(seen)
        self._judge_until(time - _SAME_TIME)
        while self._frames[0].time < time - 4 * _SAME_TIME:
            self._frames.popleft()
        if not self._grid or time - self._grid[-1].time >= float(_GRID) - _ROUNDED:
            self._grid.append(seen)
            self._judge_grid()
        return change

    def cuts(self) -> list[Cut]:
        """All cuts, in the order of time. Call it after the last frame."""
        self._judge_until(float("inf"))
        # The end of a clip is the end of no dissolve.
        found: list[Cut] = []
        for cut in sorted([*self._hard, *self._gradual], key=lambda cut: -cut.strength):
            if all(abs(cut.time - other.time) > _apart(cut, other) for other in found):
                found.append(cut)
        return sorted(found)

    # Hard cuts

    def _judge_until(self, time: float) -> None:
        """Judge each frame up to `time` seconds that was not judged yet."""
        while self._waiting and self._waiting[0].time <= time:
            seen = self._waiting.popleft()
            if seen.change >= _LEAST_CHANGE:
                self._judge(seen)

    def _judge(self, seen: _Seen) -> None:
        """Note a frame as the first of a new scene, if it is."""
        near = [one for one in self._frames if abs(one.time - seen.time) <= _SAME_TIME]
        others = sorted(one.change for one in near if one is not seen)
        usual = others[len(others) // 2] if others else 0.0
        if seen.change < _OVER_NEIGHBOURS * usual:
            return
        before = [one.cells for one in near if one.number < seen.number][::-1]
        after = [one.cells for one in near if one.number >= seen.number]
        if not before or moved_difference(before[0], after[0]) < _UNMOVED * seen.change:
            return
        # After a flash, the picture is the one before it; the flash itself may be the newest frame.
        pairs = [(one, other) for one in before[:_FEW] for other in after]
        pairs += [(one, after[0]) for one in before[_FEW:]]
        returned = moved_difference(*min(pairs, key=lambda pair: difference(*pair)))
        if returned < _STAYS * seen.change or are_one_shape(before[0], after[0]):
            return
        cut = Cut(seen.time, seen.number, min(1.0, seen.change / _FULL))
        if self._hard and seen.time - self._hard[-1].time <= _SAME_TIME:
            if self._hard[-1].strength >= cut.strength:
                return
            self._hard.pop()
        self._hard.append(cut)

    # Dissolves

    def _judge_grid(self) -> None:
        """Note the dissolves that may have ended with the newest frame of the grid."""
        grid = list(self._grid)
        for half in _HALVES:
            if len(grid) > 2 * half:
                share = _dissolved([one.cells for one in grid[-2 * half - 1 :]])
                if share > _LEAST_SHARE:
                    self._note(grid[-half - 1], share, 2 * half * float(_GRID))
        self._judge_dark(grid[-1])

    def _judge_dark(self, seen: _Seen) -> None:
        """Note a dip to black when the picture comes back."""
        if is_black(seen.cells):
            self._dark_from = seen if self._dark_from is None else self._dark_from
            return
        dark, self._dark_from = self._dark_from, None
        # Black from the first frame on is no dip.
        if dark is not None and dark.number:
            self._note(dark, _DIP, seen.time - dark.time + _FADE)

    def _note(self, seen: _Seen, strength: float, seconds: float) -> None:
        cut = Cut(seen.time, seen.number, strength, seconds)
        last = self._gradual[-1] if self._gradual else None
        if last is not None and abs(last.time - cut.time) <= _apart(last, cut):
            if last.strength >= cut.strength:
                return
            self._gradual.pop()
        self._gradual.append(cut)


def _apart(cut: Cut, other: Cut) -> float:
    """Seconds within which two cuts are one."""
    return max(_SAME_TIME, (cut.seconds + other.seconds) / 2)


def _dissolved(frames: list[Cells]) -> float:
    """How much the picture changes from the first to the last of `frames`, 0 to 1, if the ones
    between are mixes of these two with a share that grows steadily; else 0."""
    first, last = frames[0], frames[-1]
    # The two halves of a dip to black are no dissolves.
    if difference(first, last) < _LEAST_DISSOLVE or is_black(first) or is_black(last):
        return 0.0
    change = (last - first).ravel()
    size = float(change @ change)
    middle = frames[len(frames) // 2].ravel() - first.ravel()
    if np.linalg.norm(middle - 0.5 * change) > (_MIXED + _UNEVEN) * size**0.5:
        return 0.0
    inner = np.stack([one.ravel() for one in frames[1:-1]]) - first.ravel()
    shares = inner @ change / size
    rest = np.linalg.norm(inner - shares[:, None] * change, axis=1) / size**0.5
    even = np.arange(1, len(frames) - 1) / (len(frames) - 1)
    uneven = float(np.sqrt(np.mean((shares - even) ** 2)))
    unmixed = float(rest.mean())
    if unmixed > _MIXED or uneven > _UNEVEN or are_one_shape(first, last):
        return 0.0
    total = difference(first, last)
    # A slow pan over large things also makes mixes.
    if moved_difference(first, last) < _UNMOVED * total:
        return 0.0
    return min(1.0, total / _FULL) * (1 - unmixed - uneven)


def is_black(cells: Cells) -> bool:
    return float(cells[0].sum()) < _BLACK * cells[0].size


def difference(one: Cells, other: Cells) -> float:
    """Mean difference of two frames, 0 to 255: of luma, and of chroma at its own weight."""
    return 3 * float(np.abs(one - other).sum()) / one.size


def moved_difference(one: Cells, other: Cells) -> float:
    """The least difference, of all movements of the camera by some cells."""

    def moved(by: tuple[int, int]) -> float:
        down, right = by
        tall, wide = ROWS - abs(down), COLUMNS - abs(right)
        a = one[:, max(0, down) :, max(0, right) :][:, :tall, :wide]
        b = other[:, max(0, -down) :, max(0, -right) :][:, :tall, :wide]
        return difference(a, b)

    coarse = {by: moved(by) for by in _MOVES}
    down, right = min(coarse, key=lambda by: coarse[by])
    fine = [moved((down + y, right + x)) for y in (-1, 0, 1) for x in (-1, 0, 1)]
    return min(fine)


def are_one_shape(one: Cells, other: Cells) -> bool:
    """Whether two frames show one scene in another light, or with a thing that is new."""
    lit = (one[0] > _DARK) | (other[0] > _DARK)
    is_large = difference(one, other) > _LARGE
    if _correlation(one[0][lit], other[0][lit]) < (_SAME_SHAPE if is_large else _ALIKE):
        return False
    chroma = one[1:, lit], other[1:, lit]
    return min(part.std() for part in chroma) < _GREY or _correlation(*chroma) > _ALIKE


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """-1 to 1; 0 where one of both is flat."""
    if one.size < 2 or one.std() < 1 or other.std() < 1:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])

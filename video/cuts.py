"""The cuts of a picture: hard cuts, and dissolves or dips to black, found in one pass.

A hard cut passes three tests. Its frame changes more than the neighbouring frames, as in FFmpeg's
`scdet` and PySceneDetect's adaptive detector. The change remains when the camera's movement is
taken out. The old picture does not return, as it does after a flash.

In a dissolve, each frame is a mix of the first and the last one, and the share of the last one
grows steadily. Frames of a movement are not such mixes.
"""

from __future__ import annotations

from collections import deque
from fractions import Fraction
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .small_frames import COLUMNS, ROWS, Cells, SmallFrame

_SAME_TIME = 0.3
"""Shortest time between two cuts, and longest time of a flash, in seconds."""
_LEAST_CHANGE = 12.0
"""Smallest change of a cut, from 0 to 255."""
_OVER_NEIGHBOURS = 3.0
"""Factor: a cut changes more than the frames around it by at least this."""
_UNMOVED = 0.62
"""Smallest share of the change that remains when movement is taken out."""
_STAYS = 0.5
"""Smallest share of the change that remains when a flash would be over."""
_SAME_SHAPE, _ALIKE = 0.85, 0.65
"""Correlation: if it is higher, two frames show one scene in another light. The first number is for
luma in a large change; the second for luma in a small change, and for colours."""
_LARGE = 30.0
"""A change above this, from 0 to 255, is large."""
_GREY = 3.0
"""A frame whose chroma has a smaller spread has a single colour."""
_DARK = 24.0
"""A cell belongs to the letterbox if its luma is lower in both frames."""
_MOVES = [(down, right) for down in (-4, -2, 0, 2, 4) for right in range(-8, 9, 2)]
"""Tried movements of the camera in one frame, in cells down and to the right."""

_GRID = Fraction(2, 25)
"""Seconds between the frames of the search for dissolves."""
_HALVES = (2, 3, 4, 5, 6, 8, 10, 12)
"""Half the length of a dissolve, in steps of this grid."""
_MIXED = 0.3
"""Largest share of a dissolve's change that a mix of its ends does not explain."""
_UNEVEN = 0.15
"""Largest deviation of the shares from a linear growth (root mean square)."""
_LEAST_DISSOLVE = 20.0
"""Smallest change of a dissolve, from 0 to 255."""
_LEAST_SHARE = 0.2
"""Smallest strength of a dissolve."""
_BLACK = 10.0
"""Highest mean luma of a black picture."""
_DIP = 1.0
"""Strength of a dip to black."""
_FADE = 0.8
"""Seconds, about, of the two fades around the black of a dip."""
_FULL = 80.0
"""A cut with this change, from 0 to 255, has the strength 1."""
_FEW = 3
_ROUNDED = 0.005


class Cut(NamedTuple):
    """A cut, a dissolve or a dip to black.

    Attributes:
        time: seconds from the first frame; of a dissolve its middle.
        frame: the number of the first frame of the new scene, from 0 on.
        strength: 0 to 1: the share of the picture that changes. seconds: its duration; 0 for a hard
            cut.
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
        # A dissolve does not end with the clip.
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
        """Note the frame as a hard cut if it begins a new scene."""
        near = [one for one in self._frames if abs(one.time - seen.time) <= _SAME_TIME]
        others = sorted(one.change for one in near if one is not seen)
        usual = others[len(others) // 2] if others else 0.0
        if seen.change < _OVER_NEIGHBOURS * usual:
            return
        before = [one.cells for one in near if one.number < seen.number][::-1]
        after = [one.cells for one in near if one.number >= seen.number]
        if not before or moved_difference(before[0], after[0]) < _UNMOVED * seen.change:
            return
        # After a flash the earlier picture returns. The flash itself may be the newest frame.
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
        # A clip that begins black has no dip there.
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
    """Two cuts that are closer than this time, in seconds, are one."""
    return max(_SAME_TIME, (cut.seconds + other.seconds) / 2)


def _dissolved(frames: list[Cells]) -> float:
    """Strength of a dissolve from the first to the last of `frames`, 0 to 1. It is 0 unless the
    frames between are mixes of these two, with a share that grows steadily."""
    first, last = frames[0], frames[-1]
    # Each half of a dip to black is not a dissolve.
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
    """The smallest difference of two frames, over all tried movements of the camera."""

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
    """Whether two frames show one scene: in another light, or with a new object."""
    lit = (one[0] > _DARK) | (other[0] > _DARK)
    is_large = difference(one, other) > _LARGE
    if _correlation(one[0][lit], other[0][lit]) < (_SAME_SHAPE if is_large else _ALIKE):
        return False
    chroma = one[1:, lit], other[1:, lit]
    return min(part.std() for part in chroma) < _GREY or _correlation(*chroma) > _ALIKE


def _correlation(one: npt.NDArray[np.float32], other: npt.NDArray[np.float32]) -> float:
    """-1 to 1; 0 if either of them is constant."""
    if one.size < 2 or one.std() < 1 or other.std() < 1:
        return 0.0
    return float(np.corrcoef(one.ravel(), other.ravel())[0, 1])

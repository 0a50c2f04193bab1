"""Lines of lyrics over the moving picture. The sung word has another colour."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from math import inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from .canvas import Canvas, Color
from .lettering import Coverage, Lettering

if TYPE_CHECKING:
    from ..music.timed_words import Subtitle, TimedWord

_LEAD, _FADE = 0.3, 0.2
"""Seconds: the line appears this long before its first word, and fades in and out."""
_SHORTEST = 0.12
"""Shortest mark of a word, in seconds: viewers would miss a shorter one."""
_SAFE = 20
"""One part in 20 at each side stays free: the safe area of titles in EBU R 95."""
_SUNG, _WAITING = Color.of((255, 214, 74)), Color.of((206, 208, 214))
_BLACK, _NEUTRAL = 16, 128
_STEPS = 16


def letter_size(width: int, height: int) -> int:
    """The height of letters in pixels: smaller in a narrow picture."""
    return max(8, min(height // 16, width // 20))


def row_letters(width: int, height: int) -> int:
    """How many letters of usual width fit into a row of lyrics.

    >>> row_letters(1280, 720), row_letters(720, 1280)
    (45, 32)
    """
    return int(width * (1 - 2 / _SAFE) / (0.56 * letter_size(width, height)))


class _Mark(NamedTuple):
    """Where a word stands in the picture of its lines."""

    word: TimedWord
    rows: slice
    columns: slice


class SungLines:
    """`subtitles` at the bottom of `canvas`, drawn for one frame after the other."""

    def __init__(self, canvas: Canvas, subtitles: Sequence[Subtitle], fps: float) -> None:
        self._canvas, self._fps, self._subtitles = canvas, fps, subtitles
        words = [word.word for each in subtitles for row in each.rows for word in row]
        self.lettering = Lettering("\n".join(words), "lyrics")
        ends = [-1.0, *(each.end for each in subtitles)]
        starts = [*(each.start for each in subtitles), inf]
        # Two lines share the pause between them. The mark of the last word ends before the line
        # fades out.
        self._starts = [a - min(_LEAD, (a - b) / 2) for a, b in zip(starts, ends, strict=True)]
        self._ends = [
            b + min(_FADE, (a - b) / 2) for a, b in zip(starts[1:], ends[1:], strict=True)
        ]
        counts = [sum(map(len, each.rows)) for each in subtitles]
        self._first = np.cumsum([0, *counts]).tolist()
        self._shown, self._state = -1, (-1, -1)

    def draw(self, number: int) -> None:
        """Draw the lines of frame `number`, if it has lines."""
        time = number / self._fps
        at = bisect_right(self._starts, time) - 1
        if at < 0 or at == len(self._ends) or time >= self._ends[at]:
            return
        if at != self._shown:
            self._typeset(at)
        past = (time - self._starts[at]) / _FADE
        light = min(past, (self._ends[at] - time) / _FADE, 1.0)
        sung = [
            index
            for index, (word, *_) in enumerate(self._marks)
            if word.start <= time < max(word.end, word.start + _SHORTEST)
        ]
        state = max(1, round(light * _STEPS)), sung[-1] if sung else -1
        if state != self._state:
            self._state = state
            self._ink(*state)
        for plane, keep, ink in self._layers:
            plane[:] = (plane * keep + ink) >> 8

    def _typeset(self, at: int) -> None:
        """Draw the letters of one subtitle, and note the positions of its words."""
        canvas, size = self._canvas, letter_size(self._canvas.width, self._canvas.height)
        most = canvas.width - 2 * max(2, canvas.width // _SAFE)
        while True:
            rows, longest = self._rows(at, size)
            if longest <= most or size <= 8:
                break
            size = max(8, min(size - 1, int(size * most / longest)))
        edge, pitch = max(1, size // 14), round(1.35 * size)
        height = min(len(rows) * pitch + 2 * edge + 1, canvas.height) // 2 * 2
        width = min(longest + 2 * edge + 1, canvas.width) // 2 * 2
        letters = np.zeros((height, width), np.uint8)
        self._marks: list[_Mark] = []
        for line, row in enumerate(rows):
            total = row[-1][1] + row[-1][2].shape[1]
            for word, x_start, picture in row:
                x, y = edge + (longest - total) // 2 + x_start, edge + line * pitch
                into = letters[y : y + picture.shape[0], max(0, x) :][:, : picture.shape[1]]
                np.maximum(into, picture[: into.shape[0], : into.shape[1]], out=into)
                columns = slice(max(0, x - edge), x + picture.shape[1] + edge)
                self._marks.append(_Mark(word, slice(y, y + pitch), columns))
        # Marks are compared by their time; rows from right to left are placed the other way round.
        self._marks.sort(key=lambda mark: mark.word.start)
        top = max(0, canvas.height - max(2, canvas.height // _SAFE) - height) // 2 * 2
        left = (canvas.width - width) // 4 * 2
        self._letters, self._shadow = letters, _spread(letters, edge)
        self._planes = [
            canvas.y[top : top + height, left : left + width],
            *(
                plane[top // 2 :, left // 2 :][: height // 2, : width // 2]
                for plane in (canvas.u, canvas.v)
            ),
        ]
        self._shown, self._state = at, (-1, -1)

    def _rows(self, at: int, size: int) -> tuple[list[list[tuple[TimedWord, int, Coverage]]], int]:
        """The words of each row from left to right, with their positions, and the width of the
        longest row."""
        index, rows, longest = self._first[at], [], 1
        for spaced in self._subtitles[at].spaced:
            words = []
            for space, word in spaced:
                picture, is_right_to_left = self.lettering.line(index, size)
                words.append((space, word, picture, is_right_to_left))
                index += 1
            if 2 * sum(word[3] for word in words) > len(words):
                words = _from_the_right(words)
            row, x_start = [], 0
            for number, (space, word, picture, _) in enumerate(words):
                x_start += size // 4 if number and space else 0
                row.append((word, x_start, picture))
                x_start += picture.shape[1]
            rows.append(row)
            longest = max(longest, x_start)
        return rows, longest

    def _ink(self, light: int, sung: int) -> None:
        """Prepare the luma and chroma of the text for a brightness and a marked word."""
        cover, shadow = (
            (plane.astype(np.uint16) * light) // _STEPS for plane in (self._letters, self._shadow)
        )
        colors = [np.full(cover.shape, level, np.uint16) for level in _WAITING]
        if sung >= 0:
            _, rows, columns = self._marks[sung]
            for color, level in zip(colors, _SUNG, strict=True):
                color[rows, columns] = level
        # 255 counts as 256, so that a shift divides.
        cover, shadow = cover + (cover >> 7), shadow + (shadow >> 7)
        self._layers = []
        for plane, color, rest in zip(
            self._planes, colors, (_BLACK, _NEUTRAL, _NEUTRAL), strict=True
        ):
            step = 1 if plane is self._planes[0] else 2
            seen, dark = cover[::step, ::step], shadow[::step, ::step]
            ink = seen * color[::step, ::step] + (dark - seen) * rest
            self._layers.append((plane, 256 - dark, ink))


def _spread(letters: Coverage, edge: int) -> Coverage:
    """`letters` with an edge of `edge` pixels around them."""
    padded = np.pad(letters, edge)
    height, width = letters.shape
    return np.maximum.reduce(
        [
            padded[y : y + height, x : x + width]
            for y in (0, edge, 2 * edge)
            for x in (0, edge, 2 * edge)
        ]
    )


def _from_the_right(words: list[tuple[str, TimedWord, Coverage, bool]]) -> list:
    """Words of a row that begins at the right; words from left to right keep their order."""
    found: list[tuple[str, TimedWord, Coverage, bool]] = []
    at = 0
    for word in words:
        at = at + 1 if found and not word[3] and not found[at][3] else 0
        found.insert(at, word)
    return found

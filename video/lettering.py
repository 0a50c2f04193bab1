"""Draw text with the fonts of the machine that have its letters, in the right order of letters.

If Pillow finds FriBiDi, its Raqm orders and joins the letters of every script. Windows and macOS
seldom have FriBiDi. Without it, this file orders the letters, and takes joined forms of Arabic
letters from Unicode.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont, features

from ..audio.plot import font

Coverage = npt.NDArray[np.uint8]
"""How much of each pixel is covered, 0 to 255, [height, width]."""

_SMALLEST = 8
_NAMED = 12
"""Missing letters that a sentence names."""
_PREFERRED = ("NotoSansCJK-Regular", "msyh", "PingFang", "Arial Unicode", "DejaVuSans", "arial")
"""Fonts of many languages, before all others."""
_STYLED = ("bold", "italic", "oblique", "light", "thin", "black", "heavy", "condensed", "narrow")
_STYLED += ("mono", "serif", "coding", "emoji", "symbol")
_NUMBERS = ("EN", "AN")
_PAIRS = "()[]{}<>\u00ab\u00bb\u2039\u203a"


class Run(NamedTuple):
    """Letters of one direction that one font draws, in the order of `ImageDraw.text`."""

    text: str
    font: str
    level: int
    """The level of Unicode's annex 9: 1 from right to left, 2 from left to right inside such
    text."""

    @property
    def direction(self) -> str | None:
        """The direction for Pillow's functions; None if Pillow cannot order letters."""
        return ("rtl" if self.level == 1 else "ltr") if _is_shaped(self.font) else None


class Line(NamedTuple):
    """Runs from left to right, and whether the line begins at the right."""

    runs: list[Run]
    is_right_to_left: bool


class Lettering:
    """The lines of `text`, without the letters that no font of the machine has.

    >>> Lettering("one\\ntwo").missing
    ''
    """

    def __init__(self, text: str, name: str = "title") -> None:
        """`name` is that of the text in `complaint`."""
        self._name = name
        seen = dict.fromkeys(filter(_is_seen, text))
        self._fonts = choose_fonts("".join(seen))
        self.missing = "".join(c for c in seen if self._font_of(c) is None)
        """Letters that no font has."""
        kept = (
            "".join(c for c in line if c not in self.missing and unicodedata.category(c) != "Cc")
            for line in text.replace("\t", " ").splitlines()
        )
        self._lines = [self._line(line.strip()) for line in kept]
        self._is_unjoined = not has_raqm() and any(
            unicodedata.category(c) == "Mc" or unicodedata.combining(c) == 9 for c in seen
        )

    @property
    def complaint(self) -> str:
        """One sentence for each fault, "" without one."""
        found: list[str] = []
        if self.missing:
            more = f" and {len(self.missing) - _NAMED} more" if len(self.missing) > _NAMED else ""
            found.append(
                f"No font of this machine has these letters of the {self._name}, so they are left "
                "out: "
                f"{' '.join(self.missing[:_NAMED])}{more}. Install a font that has them, such as "
                "Noto Sans."
            )
        if self._is_unjoined:
            found.append(
                f"The letters of the {self._name} are not joined, because this machine has no "
                "FriBiDi: install it (Debian: libfribidi0; macOS: brew install fribidi)."
            )
        return " ".join(found)

    def draw(self, size: int, width: int) -> Coverage:
        """The lines below each other, in letters of `size` pixels, or smaller if `width` requires
        it.

        A line that begins at the right ends where the longest line ends. Both sides are even.
        """
        lines = [
            line for line in self._lines if any(_is_seen(c) for r in line.runs for c in r.text)
        ]
        while True:
            widths = [_width(line, size) for line in lines]
            longest = max(widths, default=0.0)
            if longest + 4 <= width or size <= _SMALLEST:
                break
            size = max(_SMALLEST, min(size - 1, int(size * width / (longest + 4))))
        pitch = round(size * 1.3)
        # With room for the shadow.
        height = pitch * len(lines) + size
        image = Image.new("L", (int(longest + 6) // 2 * 2, height // 2 * 2))
        draw = ImageDraw.Draw(image)
        for number, (line, length) in enumerate(zip(lines, widths, strict=True)):
            left = 1 + (longest - length if line.is_right_to_left else 0.0)
            _write(draw, line, left, number * pitch + size, size)
        covered = np.asarray(image)
        rows = np.flatnonzero(covered.any(axis=1))
        if not rows.size:
            return covered
        top = max(0, int(rows[0]) - 1)
        return covered[top : top + (int(rows[-1]) - top + 3) // 2 * 2]

    def line(self, number: int, size: int) -> tuple[Coverage, bool]:
        """One line of the text in letters of `size` pixels, and whether it begins at the right.

        All lines have one height, and their letters stand on one base line.
        """
        line = self._lines[number]
        image = Image.new("L", (int(_width(line, size)) + 2, round(1.35 * size)))
        _write(ImageDraw.Draw(image), line, 1, size, size)
        return np.asarray(image), line.is_right_to_left

    def _font_of(self, letter: str) -> str | None:
        return next((name for name in self._fonts if _has(name, letter)), None)

    def _line(self, text: str) -> Line:
        """The runs of a line in visual order, by rule L2 of Unicode's annex 9."""
        base = next((side for side in map(_side, text) if side is not None), False)
        if len(self._fonts) == 1 and _is_shaped(self._fonts[0]):
            return Line([Run(text, self._fonts[0], int(base))], base)
        marked: list[tuple[str, str, int]] = []
        name, strong, side = self._fonts[0], base, base
        opened: list[bool] = []
        for index, letter in enumerate(text):
            own = _side(letter, strong)
            if own is not None:
                strong = side = own
            elif letter in _PAIRS[1::2] and opened:
                side = opened.pop()
            elif not unicodedata.combining(letter):
                # A space or a sign between two letters of one direction has that direction.
                others = (_side(other, strong) for other in text[index:])
                after = next((other for other in others if other is not None), base)
                side = side if side == after else base
            if letter in _PAIRS[::2]:
                opened.append(side)
            if _is_seen(letter) and not _has(name, letter):
                name = self._font_of(letter) or name
            is_number = unicodedata.bidirectional(letter) in _NUMBERS
            level = 1 if side and not is_number else 2 if side or base else 0
            marked.append((letter, name, level))
        runs: list[Run] = []
        for (name, level), group in groupby(marked, key=lambda mark: mark[1:]):
            letters = "".join(letter for letter, _, _ in group)
            letters = letters if _is_shaped(name) else ordered(letters, name, level == 1)
            runs.append(Run(letters, name, level))
        for lowest in (2, 1):
            parts = groupby(runs, key=lambda run: run.level >= lowest)
            runs = [run for high, part in parts for run in list(part)[:: -1 if high else 1]]
        return Line(runs, base)


def has_raqm() -> bool:
    """Whether this Pillow orders and joins the letters of a font from a file."""
    return bool(features.check("raqm"))


def _is_shaped(name: str) -> bool:
    # Pillow opens its own font without Raqm.
    return bool(name) and has_raqm()


# Order, for a Pillow without Raqm


def ordered(text: str, name: str, is_right_to_left: bool) -> str:
    """The letters of one run from left to right, in the forms that the font `name` has.

    >>> ordered("abc (d)", "", True)
    '(d) cba'
    """
    if not is_right_to_left:
        return text
    clusters: list[str] = []
    for letter in _joined(text, name):
        if clusters and unicodedata.combining(letter):
            clusters[-1] += letter
        else:
            place = _PAIRS.find(letter)
            clusters.append(letter if place < 0 else _PAIRS[place ^ 1])
    return "".join(reversed(clusters))


def _joined(text: str, name: str) -> str:
    """Arabic letters in the forms that join their neighbours, if the font has these forms."""
    forms = _arabic_forms()
    if _has(name, "\ufefb"):
        text = text.replace("\u0644\u0627", "\ufefb")
    out: list[str] = []
    for index, letter in enumerate(text):
        before, after = (text[:index][-1:], text[index + 1 :][:1])
        own = forms.get(letter, {})
        joins = ("<initial>" in forms.get(before, {}) and "<final>" in own) + 2 * (
            "<initial>" in own and "<final>" in forms.get(after, {})
        )
        form = own.get(("<isolated>", "<final>", "<initial>", "<medial>")[joins], letter)
        out.append(form if _has(name, form) else letter)
    return "".join(out)


@cache
def _arabic_forms() -> dict[str, dict[str, str]]:
    """For each letter its forms, by Unicode's names."""
    found: dict[str, dict[str, str]] = {"\ufefb": {"<isolated>": "\ufefb", "<final>": "\ufefc"}}
    for code in (*range(0xFB50, 0xFBB2), *range(0xFE80, 0xFEF5)):
        kind, *letters = unicodedata.decomposition(chr(code)).split() or [""]
        if len(letters) == 1:
            found.setdefault(chr(int(letters[0], 16)), {})[kind] = chr(code)
    return found


def _side(letter: str, strong: bool | None = None) -> bool | None:
    """Whether a letter belongs to text from right to left; None if its neighbours decide.

    A number belongs to the text of the last letter before it, whose side is `strong`.
    """
    kind = unicodedata.bidirectional(letter)
    return strong if kind in _NUMBERS else kind != "L" if kind in ("L", "R", "AL") else None


def _is_seen(letter: str) -> bool:
    """Whether a letter has a shape: spaces, controls and joiners have none."""
    return unicodedata.category(letter)[0] not in "ZC" and not 0xFE00 <= ord(letter) <= 0xFE0F


# Fonts: paths of files, and "" for Pillow's own


def choose_fonts(letters: str) -> list[str]:
    """The font that has all `letters`; else fonts that together have most of them.

    >>> choose_fonts("Latin letters")
    ['']
    """
    names, letters = ["", *font_files()], "".join(filter(_is_seen, letters))
    for name in names:
        if all(_has(name, letter) for letter in letters):
            return [name]
    chosen, wanted = [""], set(letters)
    for name in names:
        found = {letter for letter in wanted if _has(name, letter)}
        if found:
            chosen.append(name)
            wanted -= found
    return chosen


def font_for(letters: str, size: int) -> ImageFont.FreeTypeFont:
    """The font, of about `size` pixels, that has most of `letters`."""
    names = choose_fonts(letters)
    return _face(max(names, key=lambda name: sum(_has(name, c) for c in letters)), size)


def font_files() -> list[str]:
    """The font files of this machine: those of many languages first, then upright regular ones."""
    home, environment = Path.home(), os.environ
    if sys.platform == "win32":
        folders = [Path(environment.get("WINDIR", "C:/Windows"), "Fonts")]
        folders.append(home / "AppData/Local/Microsoft/Windows/Fonts")
    elif sys.platform == "darwin":
        folders = [home / "Library/Fonts", Path("/Library/Fonts"), Path("/System/Library/Fonts")]
    else:
        shared = environment.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
        own = environment.get("XDG_DATA_HOME") or str(home / ".local/share")
        folders = [Path(folder, "fonts") for folder in (own, *shared.split(":"))]
        folders.append(home / ".fonts")
    paths = {
        path
        for folder in folders
        for path in folder.rglob("*")
        if path.suffix.lower() in (".ttf", ".otf", ".ttc", ".otc")
    }

    def rank(path: Path) -> tuple[int, bool, str]:
        stem, place = path.stem, len(_PREFERRED)
        if stem in _PREFERRED:
            place = _PREFERRED.index(stem)
        return place, any(word in stem.lower() for word in _STYLED), str(path)

    return [str(path) for path in sorted(paths, key=rank)]


def _face(name: str, size: int) -> ImageFont.FreeTypeFont:
    return _opened(name, size, ImageFont.Layout.RAQM if has_raqm() else ImageFont.Layout.BASIC)


@cache
def _opened(name: str, size: int, layout: ImageFont.Layout) -> ImageFont.FreeTypeFont:
    face = ImageFont.truetype(name, size, layout_engine=layout) if name else font(size)
    if not isinstance(face, ImageFont.FreeTypeFont):
        raise OSError("Pillow has no FreeType.")
    return face


def _width(line: Line, size: int) -> float:
    return sum(_length(run, size) for run in line.runs)


def _write(draw: ImageDraw.ImageDraw, line: Line, left: float, base: float, size: int) -> None:
    for run in line.runs:
        # All fonts stand on one base line.
        face = _face(run.font, size)
        draw.text((left, base), run.text, 255, face, "ls", direction=run.direction)
        left += _length(run, size)


def _length(run: Run, size: int) -> float:
    return _face(run.font, size).getlength(run.text, direction=run.direction)


@cache
def _has(name: str, letter: str) -> bool:
    """Whether a font has `letter`: its picture differs from that of a missing letter."""
    try:
        picture = _picture(name, letter)
        return any(picture) and picture != _picture(name, "\U0010ffff")
    except (OSError, ValueError):
        # The file is broken, or is a font of bitmaps in other sizes.
        return False


@cache
def _picture(name: str, letter: str) -> bytes:
    image = Image.new("L", (48, 48))
    face = _opened(name, 20, ImageFont.Layout.BASIC)
    ImageDraw.Draw(image).text((12, 8), letter, 255, face)
    return image.tobytes()

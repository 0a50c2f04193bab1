"""Titles in every script: letters from any font of the machine, in their order."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from ...video import lettering
from ...video.lettering import Lettering, choose_fonts, font_files, has_raqm, ordered

SCRIPTS = {
    "Hebrew": "שלום עולם",
    "Arabic": "السلام عليكم",
    "Hindi": "हिन्दी में शीर्षक",
    "Korean": "한국어 제목",
    "Chinese": "音楽",
    "mixed": "Hello שלום العربية 2024",
}


def with_fonts(text: str) -> Lettering:
    made = Lettering(text)
    if made.missing:
        pytest.skip(f"no font of this machine has {made.missing}")
    return made


def plain(text: str, name: str, size: int) -> np.ndarray:
    """`text` drawn letter by letter from left to right, cut to what is covered."""
    face = ImageFont.truetype(name, size, layout_engine=ImageFont.Layout.BASIC)
    image = Image.new("L", (1200, 4 * size))
    ImageDraw.Draw(image).text((1, 3 * size), text, 255, face, "ls")
    return cut(np.asarray(image))


def cut(picture: np.ndarray) -> np.ndarray:
    rows, columns = (np.flatnonzero(picture.any(axis=axis)) for axis in (1, 0))
    if not rows.size:
        return picture[:0, :0]
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


@pytest.fixture
def without_raqm(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Pillow that found no FriBiDi, as on most Windows machines."""
    monkeypatch.setattr(lettering.features, "check", lambda name: name != "raqm")


@pytest.mark.parametrize("text", SCRIPTS.values(), ids=SCRIPTS)
def test_a_title_has_no_box_in_place_of_a_letter(text: str) -> None:
    made = with_fonts(text)
    assert not made.missing
    (name, *_) = choose_fonts("".join(sorted(set(text) - {" "})))
    for letter in "" if not name else set(text) - {" "}:
        box = plain("\U0010ffff", name, 40)
        seen = plain(letter, name, 40)
        assert seen.shape != box.shape or not np.array_equal(seen, box)
    assert made.draw(40, 1200).max() == 255


@pytest.mark.parametrize("raqm", [True, False])
@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("שלום", "םולש"),
        ("שלום עולם", "םלוע םולש"),
        ("ab שלום cd", "ab םולש cd"),
        ("שלום ab", "ab םולש"),
        ("ab (שלום) cd", "ab (םולש) cd"),
        ("שלום (אבג) 12 ab", "ab 12 (גבא) םולש"),
        ("ab אבג 12 cd", "ab 12 גבא cd"),
    ],
)
def test_hebrew_stands_from_right_to_left(
    text: str, seen: str, raqm: bool, request: pytest.FixtureRequest
) -> None:
    if raqm and not has_raqm():
        pytest.skip("this Pillow has no Raqm")
    if not raqm:
        request.getfixturevalue("without_raqm")
    made = with_fonts(text)
    (name,) = choose_fonts("".join(sorted(set(text) - {" "})))
    drawn, wanted = cut(made.draw(40, 1200)), plain(seen, name, 40)
    # Kerning moves letters by a pixel or two.
    assert abs(drawn.shape[1] - wanted.shape[1]) <= 6
    width = min(drawn.shape[1], wanted.shape[1])
    profile, expected = (each[:, :width].sum(axis=0, dtype=float) for each in (drawn, wanted))
    smooth = np.ones(9) / 9
    profile, expected = np.convolve(profile, smooth), np.convolve(expected, smooth)
    assert np.corrcoef(profile, expected)[0, 1] > 0.8


def test_arabic_is_joined_without_raqm(without_raqm: None) -> None:
    made = with_fonts("بيت")
    (name,) = choose_fonts("بيت")
    assert ordered("بيت", name, True) == "\ufe96\ufef4\ufe91"
    assert ordered("لا", name, True) == "\ufefb"
    assert made.complaint == ""


def test_a_script_that_is_not_joined_is_said(without_raqm: None) -> None:
    assert "not joined" in with_fonts(SCRIPTS["Hindi"]).complaint


def test_letters_without_a_font_are_said_once_and_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare(monkeypatch, tmp_path)
    made = Lettering("Hi שש!")
    assert made.missing == "ש"
    assert made.complaint.count("No font of this machine") == 1
    assert np.array_equal(made.draw(40, 600), Lettering("Hi !").draw(40, 600))


def test_the_sentence_on_many_letters_stays_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare(monkeypatch, tmp_path)
    made = Lettering("".join(map(chr, range(0xAC00, 0xAC00 + 500))))
    assert len(made.missing) == 500
    assert len(made.complaint) < 250
    assert "and 488 more" in made.complaint


def bare(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """A machine without fonts."""
    for name in ("HOME", "USERPROFILE", "WINDIR", "XDG_DATA_DIRS", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(folder))
    if font_files():
        pytest.skip("this system has fonts in folders that no variable moves")


def test_a_broken_font_file_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bare(monkeypatch, tmp_path)
    fonts = tmp_path / "fonts"
    fonts.mkdir()
    (fonts / "broken.ttf").write_bytes(b"no font")
    monkeypatch.setenv("WINDIR", str(tmp_path))
    assert Lettering("Hi ש").missing == "ש"


@pytest.mark.parametrize("text", ["one\ntwo", "one\r\ntwo", "one\n\n two "])
def test_a_title_of_two_lines_has_two(text: str) -> None:
    both, one = Lettering(text).draw(40, 600), Lettering("one").draw(40, 600)
    gaps = np.flatnonzero(np.diff(both.any(axis=1).astype(int)) == 1)
    assert len(gaps) == 2
    assert both.shape[0] > 1.5 * one.shape[0]


def test_a_long_title_is_smaller() -> None:
    assert Lettering("a title that is far too long " * 9).draw(40, 300).shape[1] <= 2400
    assert Lettering("a title of a usual length").draw(40, 300).shape[1] <= 300


def test_a_title_of_nothing_visible_is_no_title() -> None:
    assert not Lettering(" \n\t\u200b ").draw(40, 300).any()

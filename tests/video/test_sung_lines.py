"""Lyrics in the picture: where they stand, when they are seen, and which word is marked."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from ...music.timed_words import ROW_LETTERS, TimedWord, subtitles
from ...video.canvas import Canvas, Color
from ...video.lettering import Lettering
from ...video.sung_lines import SungLines, row_letters
from ...video.visualize import visualize
from .make import noise

FPS = 25
SIZES = [(1280, 720), (720, 1280), (320, 180), (64, 64), (32, 32), (2048, 64)]
YELLOW = Color.of((255, 214, 74))


def sung(*lines: str, pace: float = 0.4) -> list[TimedWord]:
    """A word every `pace` seconds from 1 s on, and 2 s between lines."""
    words, time = [], 1.0
    for number, line in enumerate(lines):
        for word in line.split():
            words.append(TimedWord(word, time, time + pace, 1.0, number))
            time += pace
        time += 2.0
    return words


def drawn(words: list[TimedWord], width: int = 640, height: int = 360) -> tuple[Canvas, SungLines]:
    canvas = Canvas(width, height)
    made = subtitles(words, min(ROW_LETTERS, row_letters(width, height)))
    return canvas, SungLines(canvas, made, FPS)


def at(canvas: Canvas, lines: SungLines, seconds: float) -> np.ndarray:
    """Luma at a moment, above that of the background."""
    canvas.clear()
    before = canvas.y.astype(int)
    lines.draw(round(seconds * FPS))
    return canvas.y.astype(int) - before


def marked(canvas: Canvas) -> np.ndarray:
    """The columns of chroma that have the colour of the word that is sung."""
    near = np.abs(canvas.u.astype(int) - YELLOW.u) + np.abs(canvas.v.astype(int) - YELLOW.v)
    return np.flatnonzero((near < 12).any(axis=0))


@pytest.mark.parametrize("text", ["one two three four", "we are here now"])
def test_the_mark_moves_from_word_to_word(text: str) -> None:
    canvas, lines = drawn(sung(text))
    places = []
    for number in range(4):
        light = at(canvas, lines, 1.2 + 0.4 * number)
        columns = marked(canvas)
        places.append(float(columns.mean()))
        # One word, no more: the letters of the others are bright too.
        assert np.ptp(columns) * 2 < 0.5 * np.ptp(np.flatnonzero((light > 60).any(axis=0)))
    assert places == sorted(places)


def test_the_mark_moves_to_the_left_where_words_do() -> None:
    text = "שלום עולם טוב"
    if Lettering(text).missing:
        pytest.skip("no font of this machine has Hebrew letters")
    canvas, lines = drawn(sung(text))
    places = []
    for number in range(3):
        at(canvas, lines, 1.2 + 0.4 * number)
        places.append(float(marked(canvas).mean()))
    assert places == sorted(places, reverse=True)


def test_a_line_is_seen_from_just_before_its_first_word_to_its_end() -> None:
    canvas, lines = drawn(sung("one two", "three"))
    seen = [time / FPS for time in range(150) if at(canvas, lines, time / FPS).max() > 40]
    assert min(seen) == pytest.approx(0.75, abs=0.1)
    assert not [time for time in seen if 2.2 < time < 3.4]
    assert max(seen) < 4.9


def test_a_line_fades_in_and_out() -> None:
    canvas, lines = drawn(sung("one two"))
    light = [at(canvas, lines, time / FPS).max() for time in range(17, 50)]
    top = light.index(max(light))
    assert light[:top] == sorted(light[:top])
    assert len({*light[:top]}) >= 3
    end = light[-1 - light[::-1].index(max(light)) :]
    assert end == sorted(end, reverse=True)
    assert len({*end}) >= 3


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_lines_stand_in_the_safe_area_in_two_rows_at_most(size: tuple[int, int]) -> None:
    width, height = size
    canvas, lines = drawn(sung("a very long line that nobody could fit into one row of it"), *size)
    light = np.maximum.reduce([at(canvas, lines, time / 5) for time in range(5, 30)])
    columns, rows = (np.flatnonzero((light > 40).any(axis=axis)) for axis in (0, 1))
    assert columns.size
    assert columns[0] >= width // 20 - 3
    assert columns[-1] <= width - width // 20 + 2
    assert rows[-1] <= height - height // 20
    assert rows[0] >= height - height // 20 - 2 * 1.45 * max(8, height // 16) - 4
    assert abs((columns[0] + columns[-1]) / 2 - width / 2) < 0.05 * width + 3


def test_hundreds_of_words_at_one_moment_and_empty_words_are_drawn() -> None:
    words = [TimedWord("word", 1.0, 1.0, 1.0, 0) for _ in range(300)]
    canvas, lines = drawn([*words, TimedWord("\u200d", 1.5, 2.0, 1.0, 1)])
    for time in range(75):
        at(canvas, lines, time / FPS)


def test_letters_that_no_font_has_are_named_and_the_others_drawn() -> None:
    # Linear A, which few fonts have.
    canvas, lines = drawn(sung("linear \U00010600 letters"))
    if not lines.lettering.missing:
        pytest.skip("a font of this machine has Linear A")
    assert "these letters of the lyrics, so" in lines.lettering.complaint
    assert at(canvas, lines, 1.5).max() > 40
    assert at(canvas, lines, 2.0).max() > 40


def test_a_video_has_them(tmp_path: Path) -> None:
    made = subtitles(sung("one two three four"))
    path, plain = tmp_path / "with.mp4", tmp_path / "without.mp4"
    for target, lyrics in ((path, made), (plain, ())):
        visualize(noise(2.0), 48000, target, fps=FPS, width=320, height=180, lyrics=lyrics)
    frames = []
    for target in (path, plain):
        with av.open(str(target)) as container:
            frames.append([f.to_ndarray(format="gray") for f in container.decode(video=0)])
    changed = [
        int(np.abs(a.astype(int) - b)[120:].max()) > 60 for a, b in zip(*frames, strict=True)
    ]
    assert changed.index(True) in range(17, 22)
    assert all(changed[25:])

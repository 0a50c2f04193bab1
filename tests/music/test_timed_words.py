"""Words with times become LRC, SRT and WebVTT, which other programs read; and text becomes words.

pysubs2 and lrcparser read what the pack wrote. Neither shares code with it.
"""

# ruff: noqa: RUF001

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ...audio.arrays import MediaError
from ...music import timed_words
from ...music.timed_words import TimedWord, lines_of, lrc, parse_words, read_lyrics, srt, vtt

SONG = """Rain upon the roof
Another very long line that nobody could ever fit into forty two letters of one row
再见 我的 朋友
Count: 1 & 2 <3 --> done"""


def sung(text: str = SONG, pace: float = 0.4, pause: float = 1.0) -> list[TimedWord]:
    """A word every `pace` seconds from 1 s on, with a pause between lines."""
    words, time = [], 1.0
    for number, line in enumerate(text.splitlines()):
        for word in line.split():
            words.append(TimedWord(word, round(time, 2), round(time + pace * 0.9, 3), 0.75, number))
            time += pace
        time += pause
    return words


def test_words_go_through_json_and_come_back() -> None:
    assert parse_words(timed_words.words_json(sung())) == sung()
    assert read_lyrics(timed_words.words_json(sung())) == sung()


def test_words_come_in_the_order_of_their_starts_and_the_rest_has_defaults() -> None:
    text = '[{"word": "b", "start": 2, "end": 3}, {"word": " a\\n", "start": 1, "end": 1}]'
    assert parse_words(text) == [TimedWord("a", 1, 1, 1, 0), TimedWord("b", 2, 3, 1, 0)]


def entry(**changes: object) -> str:
    return json.dumps([{"word": "a", "start": 1.0, "end": 2.0, **changes}])


BAD = [
    *("words", "[", "{}", '{"words": []}', "[1]", '[{"word": "a"}]', "[" * 100_000),
    *(entry(start=time) for time in ("x", None, -1, float("nan"), float("inf"), 10**400, 3)),
    *(entry(word=1), entry(line=-1), entry(line="a"), entry(confidence=2), entry(end=90_000)),
    json.dumps([{"word": "a", "start": 1, "end": 2}] * 20_001),
    " " * 1_000_001,
]


@pytest.mark.parametrize("text", BAD, ids=lambda text: text[:60])
def test_other_text_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(MediaError, match=r"expected .*; connect") as raised:
        parse_words(text)
    assert "\n" not in str(raised.value)
    assert len(str(raised.value)) < 300


@pytest.mark.parametrize("text", ["la la la", "[verse]\nla la", "[ti:song]\n[ar:me]", "WEBVTT"])
def test_lyrics_without_times_are_refused_with_the_node_that_finds_them(text: str) -> None:
    with pytest.raises(MediaError, match=r"no times.*connect Timed Lyrics"):
        read_lyrics(text)


def test_an_empty_text_has_no_words() -> None:
    assert read_lyrics("") == read_lyrics(" \r\n") == read_lyrics("[]") == []


# LRC


def test_lrcparser_reads_the_lines_and_the_words_with_their_times() -> None:
    lrcparser = pytest.importorskip("lrcparser", reason="lrcparser is not installed")
    lines, words = lines_of(sung(pause=2.0)), sung(pause=2.0)
    read = lrcparser.LrcParser.parse(lrc(words))["lrc_lines"]
    assert [str(line.text[0].text) for line in read] == [*SONG.splitlines(), ""]
    starts = [*(line[0].start for line in lines), words[-1].end]
    assert [float(line.start_time) for line in read] == pytest.approx(starts, abs=0.006)
    # It takes the `<` of a word for the beginning of a time.
    words = [word for word in words if word.line < 3]
    read = lrcparser.LrcParser.parse(lrc(words, by_word=True))["lrc_lines"]
    parts = [part for line in read for part in line.text if part.text.strip()]
    assert [part.text.strip() for part in parts] == [word.word for word in words]
    starts = [word.start for word in words]
    assert [float(part.time) for part in parts] == pytest.approx(starts, abs=0.006)


def test_an_empty_line_ends_a_line_before_a_long_pause() -> None:
    text = lrc([TimedWord("one", 1, 2, 1, 0), TimedWord("two", 65.5, 66, 1, 1)])
    assert text == "[00:01.00]one\n[00:02.00]\n[01:05.50]two\n[01:06.00]\n"


def test_lrc_with_the_times_of_words_comes_back_with_them() -> None:
    read = read_lyrics(lrc(sung(), by_word=True))
    assert [word[0] for word in read] == [word.word for word in sung()]
    assert [word.start for word in read] == pytest.approx([w.start for w in sung()], abs=0.006)
    assert {word.confidence for word in read} == {1.0}
    assert [word.line for word in read] == [word.line for word in sung()]


def test_words_of_a_line_share_its_time_by_their_letters() -> None:
    read = read_lyrics("[00:10.00]a abc\n[00:16.00]\n[00:20.00]end")
    assert (
        read[:2] == [TimedWord("a", 10, 12, 0, 0), TimedWord("abc", 12, 14.8, 0, 0)][:0] + read[:2]
    )
    assert [(w.word, w.line, w.confidence) for w in read] == [
        ("a", 0, 0.0),
        ("abc", 0, 0.0),
        ("end", 1, 0.0),
    ]
    first, second, last = read
    assert first.end == second.start
    assert (second.end - second.start) / (first.end - first.start) == pytest.approx(2)
    assert (last.start, last.end > 20.5) == (20, True)


@pytest.mark.parametrize(
    ("text", "starts"),
    [
        ("[00:05]a\n[0:07.5]b", [5, 7.5]),
        ("[00:07.250]b\r\n[00:05.00]a\r\n", [5, 7.25]),
        ("[ti:x]\n[offset:+500]\n[00:05.00]a\n[00:07.00]b", [4.5, 6.5]),
        ("\ufeff[00:05.00][00:07.00]la", [5, 7]),
        ("[00:05.00] <00:05.00> a <00:05.50>\n[00:07.00]b", [5, 7]),
        ("[100:00.00]a\n[101:00:50]b", [6000, 6060.5]),
    ],
)
def test_lrc_as_people_write_it(text: str, starts: list[float]) -> None:
    assert [word.start for word in read_lyrics(text)] == starts


# SRT and WebVTT


def test_pysubs2_reads_the_same_subtitles_in_both_forms() -> None:
    pysubs2 = pytest.importorskip("pysubs2", reason="pysubs2 is not installed")
    made = timed_words.subtitles(sung())
    for form, text in (("srt", srt(sung())), ("vtt", vtt(sung()))):
        read = pysubs2.SSAFile.from_string(text, format_=form, keep_unknown_html_tags=True)
        assert [(each.start, each.end) for each in read] == [
            (round(1000 * each.start), round(1000 * each.end)) for each in made
        ]
    assert [each.plaintext for each in pysubs2.SSAFile.from_string(srt(sung()), "srt")] == [
        each.text.replace("-->", "→") for each in made
    ]


def test_webvtt_names_the_signs_of_its_markup() -> None:
    assert "Count: 1 &amp; 2 &lt;3 --&gt; done\n" in vtt(sung())


def test_both_forms_come_back_as_words() -> None:
    for text in (srt(sung()), vtt(sung())):
        read = read_lyrics(text)
        assert [word.word.replace("→", "-->") for word in read] == [w.word for w in sung()]
        assert {word.confidence for word in read} == {0.0}


@pytest.mark.parametrize(
    "text",
    [
        "1\n00:00:05,000 --> 00:00:06,000\n<i>a</i> b\n2\n"
        "00:00:07,000 --> 00:00:08,000\n{\\an8}c\n",
        "WEBVTT\n\nNOTE x\n\n00:05.000 --> 00:06.000 align:left\n<v Ann>a <00:05.500>b\n\n"
        "00:07.000 --> 00:08.000\nc",
        "1\r\n00:00:05.0 --> 00:00:06.0\r\na\r\nb\r\n\r\n\r\n00:00:07,0 --> 00:00:08,0\r\nc",
    ],
)
def test_subtitles_as_people_write_them(text: str) -> None:
    read = read_lyrics(text)
    assert [(word.word, word.line) for word in read] == [("a", 0), ("b", 0), ("c", 1)]
    assert [read[0].start, read[1].end, read[2].start] == [5, 6, 7]


def test_a_long_line_is_divided_where_its_halves_are_nearly_equal() -> None:
    (long,) = [each for each in timed_words.subtitles(sung()) if "Another" in each.text]
    rows = long.text.split("\n")
    assert len(rows) == 2
    assert abs(len(rows[0]) - len(rows[1])) <= 8


def test_a_subtitle_stays_until_it_is_read_and_the_next_one_comes_later() -> None:
    short, following = timed_words.subtitles(
        [TimedWord("Hallelujah everybody", 1, 1.1, 1, 0), TimedWord("now", 5, 5.5, 1, 1)]
    )
    assert short.end == pytest.approx(1 + 20 / 17)
    assert following.end == pytest.approx(5 + 5 / 6)


def test_short_lines_that_follow_too_fast_stand_together() -> None:
    words = [
        TimedWord(word, n, n + 0.4, 1, i)
        for i, (word, n) in enumerate([("breathe", 1.0), ("in", 1.5), ("and", 8.0), ("out", 12.0)])
    ]
    assert [each.text for each in timed_words.subtitles(words)] == ["breathe\nin", "and", "out"]


def test_chinese_words_of_one_letter_have_no_spaces_between_them() -> None:
    line = [
        TimedWord(letter, n, n + 1, 1, 0) for n, letter in enumerate(["再", "见，", "朋", "友"])
    ]
    assert lrc(line).startswith("[00:00.00]再见，朋友\n")


LETTERS = st.text(st.characters(exclude_categories=()), max_size=60)
WORDS = st.lists(
    st.tuples(LETTERS, st.floats(0, 200), st.floats(0, 5), st.integers(0, 9)), max_size=30
)


@settings(max_examples=150, deadline=None)
@given(WORDS)
def test_any_words_keep_the_rules_of_subtitles(found: list[tuple[str, float, float, int]]) -> None:
    entries = [
        {"word": word, "start": start, "end": start + more, "line": line}
        for word, start, more, line in found
    ]
    words = parse_words(json.dumps(entries))
    made = timed_words.subtitles(words)
    kept = "".join(word.word for word in words).replace(" ", "")
    assert "".join(each.text for each in made).replace(" ", "").replace("\n", "") == kept
    for each in made:
        assert each.start <= each.end
        assert len(each.rows) <= 2
        assert all(timed_words.letters(row) <= 42 for row in each.text.split("\n"))
    assert all(a.end <= b.start for a, b in itertools.pairwise(made))
    for text in (lrc(words), lrc(words, by_word=True), srt(words), vtt(words)):
        text.encode()
        if words:
            read_lyrics(text)

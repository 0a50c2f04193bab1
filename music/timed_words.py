"""Words with times: JSON between nodes; LRC, SRT and WebVTT for players and editors."""

from __future__ import annotations

import html
import itertools
import json
import math
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ..audio.arrays import MediaError

MOST_WORDS = 20_000
"""An hour of fast speech has 12,000 words."""
ROW_LETTERS = 42
ROWS = 2
LETTERS_PER_SECOND = 17
"""The usual limits of subtitles, close to the guides of Netflix (adult programmes) and the BBC. As
there, a wide letter (Chinese, Japanese, Korean) counts as two."""
_SHORTEST, _LONGEST = 5 / 6, 7.0
"""Seconds that one subtitle stays, by the same guides."""
_GAP = 1 / 12
"""Seconds between two subtitles: two frames of a film."""
_PAUSE = 3.0
"""Seconds: in a longer pause, an LRC player shows no line."""
_LATEST = 86_400.0
_SLOWEST = 0.4
"""Longest time of a sung letter in seconds, for texts that have only the starts of lines."""
_ENDING_LETTERS = 5
_MOST_LETTERS = 1_000_000

_LRC_TIME = r"(\d{1,4}):(\d{1,2})(?:[.:](\d{1,3}))?"
_LRC_LINE = re.compile(rf"\s*((?:\[{_LRC_TIME}\]\s*)+)(.*)")
_LRC_WORD_TIME = re.compile(rf"<{_LRC_TIME}>")
_LRC_OFFSET = re.compile(r"\s*\[offset:\s*([+-]?\d{1,7})\s*\]\s*", re.IGNORECASE)
_CLOCK = r"(?:(\d{1,3}):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,3}))?"
_CUE = re.compile(rf"\s*{_CLOCK}\s*-->\s*{_CLOCK}(?:\s.*)?")
_MARKUP = re.compile(r"</?[a-z][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}", re.IGNORECASE)
_ARROW = "\u2192"
_JOINERS = "\u200c\u200d\u200e\u200f"
_SINGLE = re.compile(r"\W*[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]\W*")
"""A kana or Chinese character is a word without spaces around it."""


class TimedWord(NamedTuple):
    """A sung word, with the punctuation that follows it."""

    word: str
    start: float
    end: float
    """Seconds in the audio."""
    confidence: float
    """0 (a guess) to 1 (certain)."""
    line: int
    """The line of the lyrics, from 0 on."""


class Subtitle(NamedTuple):
    """Words that stand on the screen together, in one row or two."""

    start: float
    end: float
    rows: tuple[tuple[TimedWord, ...], ...]

    @property
    def text(self) -> str:
        """The rows, a line each.

        >>> Subtitle(0, 1, ((TimedWord("one", 0, 1, 1, 0), TimedWord("two", 0, 1, 1, 0)),)).text
        'one two'
        """
        return "\n".join(map(joined, self.rows))

    @property
    def spaced(self) -> list[list[tuple[str, TimedWord]]]:
        """The words of each row, each with the space before it or ""."""
        return [[*spaces(row)] for row in self.rows]


# JSON, as the output `words` of Timed Lyrics has it


def words_json(words: Iterable[TimedWord]) -> str:
    """A JSON list of objects with `word`, `start`, `end` (seconds), `confidence` and `line`."""
    return json.dumps(
        [
            {
                "word": word.word,
                "start": round(word.start, 3),
                "end": round(word.end, 3),
                "confidence": round(word.confidence, 3),
                "line": word.line,
            }
            for word in words
        ],
        ensure_ascii=False,
    )


def parse_words(text: str) -> list[TimedWord]:
    """The words in the text of `words_json`, in the order of their starts.

    `confidence` and `line` may be missing: 1 and 0. MediaError: the text is something else, or a
    time is out of range.
    """
    _check_size(text)
    try:
        found = json.loads(text)
        if not isinstance(found, list):
            raise TypeError(found)
        words = [_word(entry) for entry in found]
    except (
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        RecursionError,
        OverflowError,
    ) as error:
        raise MediaError(
            "The words are not those of Timed Lyrics: expected its output words, a JSON list of "
            "objects with word, start and end in seconds; connect that output."
        ) from error
    return _in_order(word for word in words if word.word)


def _word(entry: Mapping[str, Any]) -> TimedWord:
    start, end = float(entry["start"]), float(entry["end"])
    confidence, line = float(entry.get("confidence", 1.0)), entry.get("line", 0)
    if not isinstance(entry["word"], str) or not isinstance(line, int) or line < 0:
        raise TypeError(entry)
    return TimedWord(plain_words(entry["word"]), start, end, confidence, line)


def plain_words(text: str) -> str:
    """`text` in one line, without control characters and halves of letters.

    >>> plain_words("half an \\ud83d\\nemoji")
    'half an emoji'
    """
    kept = (c if c.isprintable() or c in _JOINERS else " " for c in text)
    return " ".join("".join(kept).split())


def _check_size(text: str) -> None:
    if len(text) > _MOST_LETTERS:
        raise MediaError(
            f"The lyrics have {len(text)} letters: expected {_MOST_LETTERS} at most; connect the "
            "words of one song."
        )


def _in_order(words: Iterable[TimedWord]) -> list[TimedWord]:
    ordered = sorted(words, key=lambda word: (word.start, word.line))
    if len(ordered) > MOST_WORDS:
        raise MediaError(
            f"The lyrics have {len(ordered)} words: expected {MOST_WORDS} at most; connect the "
            "words of one song."
        )
    for word in ordered:
        is_right = 0 <= word.start <= word.end <= _LATEST and 0 <= word.confidence <= 1
        if not is_right:
            raise MediaError(
                f"The word “{word.word[:40]}” has the times {word.start:g} to {word.end:g} s and "
                f"the confidence {word.confidence:g}: expected 0 to {_LATEST:g} s, an end that is "
                "not before the start, and 0 to 1; connect the output words of Timed Lyrics."
            )
    return ordered


# Lyrics that people bring


def read_lyrics(text: str) -> list[TimedWord]:
    """The words in JSON of `words_json`, in LRC (also with times of words), SRT or WebVTT.

    LRC, SRT and WebVTT give each line or subtitle its own `line`. Words without times of their
    own share the time of their line by their letters, with a confidence of 0. An empty text has no
    words. MediaError: the text has no times, or is damaged JSON.

    >>> [(word.word, word.start) for word in read_lyrics("[00:01.50]Hello")]
    [('Hello', 1.5)]
    """
    text = text.lstrip("\ufeff \t\r\n")
    if not text or re.match(r"\[\s*[\]{]|\{", text):
        return parse_words(text or "[]")
    _check_size(text)
    lines = re.split(r"\r\n|\r|\n", text)
    found = [*_cues(lines)] if any(map(_CUE.fullmatch, lines)) else [*_lrc_lines(lines)]
    if not found:
        raise MediaError(
            "The lyrics have no times: expected the output words of Timed Lyrics, or the text of "
            "an LRC or SRT file; connect Timed Lyrics between the lyrics and this node."
        )
    found.sort(key=lambda parts: parts[0].start)
    return _in_order(
        word
        for number, parts in enumerate(parts for parts in found if any(p.text for p in parts))
        for part in parts
        for word in _shared_out(part, number)
    )


class _Part(NamedTuple):
    """A text between two times."""

    text: str
    start: float
    end: float
    is_timed: bool = False
    """If the text is one word: whether these are the word's own times."""


def _cues(lines: Sequence[str]) -> Iterator[list[_Part]]:
    """The subtitles of SRT or WebVTT."""
    is_vtt = lines[0].startswith("WEBVTT")
    marks = [number for number, line in enumerate(lines) if _CUE.fullmatch(line)]
    for mark, after in itertools.pairwise([*marks, len(lines)]):
        start, end = _cue_times(lines[mark])
        body = list(itertools.takewhile(str.strip, lines[mark + 1 : after]))
        # The number of the next subtitle, if there is no empty line before it.
        if after < len(lines) and len(body) == after - mark - 1 and body and body[-1].isdigit():
            del body[-1]
        text = _MARKUP.sub("", " ".join(body))
        yield [_Part(plain_words(html.unescape(text) if is_vtt else text), start, max(start, end))]


def _cue_times(line: str) -> tuple[float, float]:
    found = _CUE.fullmatch(line)
    groups = found.groups("0") if found else ("0",) * 8
    first, last = (
        3600 * int(hours) + 60 * int(minutes) + float(f"{seconds}.{parts}")
        for hours, minutes, seconds, parts in (groups[:4], groups[4:])
    )
    return first, last


def _lrc_lines(lines: Sequence[str]) -> Iterator[list[_Part]]:
    """The lines of LRC. A line with several times is sung at each of them; an empty line ends the
    line before it."""
    offset = 0.0
    starts: list[tuple[float, float, str]] = []
    for line in lines:
        if found := _LRC_OFFSET.fullmatch(line):
            # A positive offset shows the lines earlier.
            offset = int(found[1]) / 1000
        elif found := _LRC_LINE.fullmatch(line):
            times = [_lrc_time(each) for each in re.finditer(_LRC_TIME, found[1])]
            # The times of words are those of the line's first appearance.
            starts += [(time, time - times[0], found[5]) for time in times]
    starts.sort(key=lambda start: start[0])
    ends = [*(start for start, *_ in starts[1:]), math.inf]
    for (start, later, text), end in zip(starts, ends, strict=False):
        marks = [*_LRC_WORD_TIME.finditer(text)]
        times = [start, *(_lrc_time(mark) + later for mark in marks)]
        begins = [0, *(mark.end() for mark in marks)]
        stops = [*(mark.start() for mark in marks), len(text)]
        texts = [plain_words(text[a:b]) for a, b in zip(begins, stops, strict=True)]
        longest = _SLOWEST * (letters(texts[-1]) + _ENDING_LETTERS)
        until = [*times[1:], max(times[-1], min(end, times[-1] + longest))]
        yield [
            _Part(part, max(0.0, a - offset), max(0.0, a - offset, b - offset), bool(marks))
            for part, a, b in zip(texts, times, until, strict=True)
        ]


def _lrc_time(found: re.Match[str]) -> float:
    minutes, seconds, parts = found.groups("0")[-3:]
    return 60 * int(minutes) + float(f"{int(seconds)}.{parts}")


def _shared_out(part: _Part, line: int) -> Iterator[TimedWord]:
    """The words of a part. Longer words get more of its time."""
    words = part.text.split()
    sizes = [letters(word) + 1 for word in words]
    ends = [
        part.start + (part.end - part.start) * n / sum(sizes) for n in itertools.accumulate(sizes)
    ]
    confidence = float(part.is_timed and len(words) == 1)
    for word, start, end in zip(words, [part.start, *ends], ends, strict=False):
        yield TimedWord(word, start, end, confidence, line)


# Rows of words


def letters(text: str) -> int:
    """The width of `text` in letters: a wide letter counts as two, a combining mark as zero.

    >>> letters("hello"), letters("\\u4f60\\u597d")
    (5, 4)
    """
    return sum(
        0
        if unicodedata.combining(c) or c in _JOINERS
        else 2
        if unicodedata.east_asian_width(c) in "WF"
        else 1
        for c in text
    )


def spaces(words: Iterable[TimedWord]) -> Iterator[tuple[str, TimedWord]]:
    """Each word with the text before it: a space, or "" between Chinese characters."""
    before, was_single = "", False
    for word in words:
        is_single = _SINGLE.fullmatch(word.word) is not None
        yield "" if was_single and is_single else before, word
        before, was_single = " ", is_single


def joined(words: Iterable[TimedWord]) -> str:
    """The text of `words`."""
    return "".join(space + word.word for space, word in spaces(words))


def lines_of(words: Iterable[TimedWord]) -> list[tuple[TimedWord, ...]]:
    """The words of each line that is sung, in the order of the starts."""
    return [tuple(line) for _, line in itertools.groupby(words, key=lambda word: word.line)]


def subtitles(words: Iterable[TimedWord], row: int = ROW_LETTERS) -> list[Subtitle]:
    """The words in rows of at most `row` letters, and at most two rows at a time.

    A long line is divided in the middle. Subtitles do not overlap. Each stays long enough to read
    it at `LETTERS_PER_SECOND`, or until the next one. Short subtitles in quick succession are
    joined.
    """
    blocks: list[tuple[tuple[TimedWord, ...], ...]] = []
    for line in lines_of(words):
        for rows in _blocks(_rows(line, row)):
            last = blocks[-1] if blocks else ()
            if last and len(last) + len(rows) <= ROWS and _is_hurried(last, rows[0][0].start):
                blocks[-1] = (*last, *rows)
            else:
                blocks.append(rows)
    starts = [rows[0][0].start for rows in blocks[1:]]
    return [
        Subtitle(rows[0][0].start, _end(rows, following), rows)
        for rows, following in zip(blocks, [*starts, math.inf], strict=False)
    ]


def _blocks(rows: Sequence[tuple[TimedWord, ...]]) -> Iterator[tuple[tuple[TimedWord, ...], ...]]:
    """The rows of one line, in groups that are on the screen together."""
    count = math.ceil(len(rows) / ROWS)
    for number in range(count):
        yield tuple(rows[len(rows) * number // count : len(rows) * (number + 1) // count])


def _rows(line: Sequence[TimedWord], most: int) -> list[tuple[TimedWord, ...]]:
    """The words of a line in as few rows as possible, of similar widths."""
    words = [part for word in line for part in _cut(word, most)]
    count = max(1, math.ceil(letters(joined(words)) / most))
    while True:
        limit = letters(joined(words)) / count
        rows: list[list[TimedWord]] = [[]]
        for word in words:
            with_it = letters(joined([*rows[-1], word]))
            # End a row at the word whose end is nearest to an equal division.
            is_over = with_it - limit > limit - letters(joined(rows[-1]))
            if rows[-1] and (with_it > most or (is_over and len(rows) < count)):
                rows.append([])
            rows[-1].append(word)
        if len(rows) <= count:
            return [tuple(row) for row in rows]
        count = len(rows)


def _cut(word: TimedWord, row: int) -> Iterator[TimedWord]:
    """A long word in parts that fit into a row and share its time."""
    text, most = word.word, row // 2
    if letters(text) <= row:
        yield word
        return
    count = math.ceil(len(text) / most)
    step = (word.end - word.start) / count
    for number in range(count):
        part = text[most * number : most * (number + 1)]
        start = word.start + step * number
        yield word._replace(word=part, start=start, end=start + step)


def _read_seconds(rows: Iterable[Sequence[TimedWord]]) -> float:
    """Seconds that it takes to read the rows."""
    return max(_SHORTEST, sum(letters(joined(row)) for row in rows) / LETTERS_PER_SECOND)


def _is_hurried(rows: Sequence[Sequence[TimedWord]], following: float) -> bool:
    return following - _GAP - rows[0][0].start < _read_seconds(rows)


def _end(rows: Sequence[Sequence[TimedWord]], following: float) -> float:
    """The end of a subtitle that begins with its first word, before the `following` one."""
    start, sung = rows[0][0].start, max(word.end for row in rows for word in row)
    read = min(start + _read_seconds(rows), start + _LONGEST)
    return min(max(sung, read), max(following - _GAP, (start + following) / 2))


# Files


def lrc(words: Sequence[TimedWord], *, by_word: bool = False) -> str:
    """LRC with a time for each line, and an empty line where a long pause begins.

    `by_word` gives each word its time too, and the line its end (the A2 extension). Players that do
    not know it show these times as text.
    """
    lines = lines_of(words)
    starts = [line[0].start for line in lines[1:]]
    out: list[str] = []
    for line, following in zip(lines, [*starts, math.inf], strict=False):
        end = max(word.end for word in line)
        text = joined(line)
        if by_word:
            marks = (f"{gap}<{_hundredths(word.start)}>{word.word}" for gap, word in spaces(line))
            text = f"{''.join(marks)}<{_hundredths(end)}>"
        out.append(f"[{_hundredths(line[0].start)}]{text}")
        if following - end >= _PAUSE and not by_word:
            out.append(f"[{_hundredths(end)}]")
    return "".join(f"{line}\n" for line in out)


def _hundredths(seconds: float) -> str:
    minutes, rest = divmod(round(100 * seconds), 6000)
    return f"{minutes:02}:{rest // 100:02}.{rest % 100:02}"


def srt(words: Iterable[TimedWord]) -> str:
    """SubRip's text with the rows of `subtitles`."""
    # A parser would read `-->` as a line of times.
    blocks = (
        f"{number}\n{_times(each, ',')}\n{each.text.replace('-->', _ARROW)}\n\n"
        for number, each in enumerate(subtitles(words), 1)
    )
    return "".join(blocks)


def vtt(words: Iterable[TimedWord]) -> str:
    """WebVTT with the rows of `subtitles`."""
    cues = (
        f"{_times(each, '.')}\n{html.escape(each.text, quote=False)}\n\n"
        for each in subtitles(words)
    )
    return "WEBVTT\n\n" + "".join(cues)


def _times(subtitle: Subtitle, point: str) -> str:
    return f"{_clock(subtitle.start, point)} --> {_clock(subtitle.end, point)}"


def _clock(seconds: float, point: str) -> str:
    whole, parts = divmod(round(1000 * seconds), 1000)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{point}{parts:03}"

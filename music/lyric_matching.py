"""Match known lyrics with a transcription that has times, and estimate the times of missed
words."""

from __future__ import annotations

import bisect
import difflib
import functools
import re
from collections import defaultdict
from collections.abc import Sequence
from string import ascii_lowercase
from typing import NamedTuple

import numpy as np

from ..audio.stopping import look
from .lyric_words import LyricWord, spelled, spoken_parts, without_accents
from .timed_words import TimedWord
from .word_times import LEAST_CONFIDENCE, Sung

_LEAST_LIKE = 0.5
"""Two words with at least this similarity are the same (Ratcliff and Obershelp)."""
_UNHEARD, _EXTRA = 0.4, 0.3
"""The prices of a lyric word that was not heard, and of a heard word that the lyrics lack."""
_LEAST_SHARE = 0.4
"""A line is sung if at least this share of its words was heard. Fewer may be chance: common words
match in wrong lines."""
_SYLLABLE = 0.25
"""Seconds of a syllable far from any heard word."""
_VOWELS = re.compile("[aeiouy]+")


class Heard(NamedTuple):
    """A word of a transcription, and its times in seconds."""

    word: str
    start: float
    end: float


def match(words: Sequence[LyricWord], heard: Sequence[Heard], language: str = "en") -> Sung:
    """The times of `words` from a transcription; both are in the order of the song.

    The best path through both lists (Needleman and Wunsch 1970) allows words that only one of them
    has. A missed word in a heard line gets a part of the gap by its syllables, and the confidence
    0.
    """
    parts = [
        Heard(part, *times)
        for each in sorted(heard, key=lambda each: each.start)
        for part, times in _shared(spoken_parts(each.word, language), each)
    ]
    pairs = _pairs([without_accents(word.spoken) for word in words], [p.word for p in parts])
    lines: dict[int, list[int]] = defaultdict(list)
    for number, word in enumerate(words):
        lines[word.line].append(number)
    sung = set()
    for line, numbers in lines.items():
        expected = [n for n in numbers if not words[n].is_ad_lib] or numbers
        if sum(n in pairs for n in expected) >= _LEAST_SHARE * len(expected):
            sung.add(line)
    times = {
        number: (parts[place].start, parts[place].end, like)
        for number, (place, like) in pairs.items()
        if words[number].line in sung
    }
    wanted = [n for n, w in enumerate(words) if w.line in sung and (n in times or not w.is_ad_lib)]
    timed = [
        TimedWord(words[n].text, *place, words[n].line)
        for n, place in zip(wanted, _filled(wanted, times, words), strict=True)
    ]
    return Sung.of(words, timed, {n for n, (*_, like) in times.items() if like >= LEAST_CONFIDENCE})


def _shared(parts: list[str], each: Heard) -> list[tuple[str, tuple[float, float]]]:
    """The parts of a heard word, which share its time by their letters."""
    edges = np.cumsum([0, *map(len, parts)]) / max(1, sum(map(len, parts)))
    at = each.start + edges * (each.end - each.start)
    return [(p, (float(a), float(b))) for p, a, b in zip(parts, at, at[1:], strict=False)]


def _pairs(words: Sequence[str], heard: Sequence[str]) -> dict[int, tuple[int, float]]:
    """For each matched word: its index in `heard`, and the similarity."""
    if not heard:
        return {}
    like = np.array([[_likeness(a, b) for b in heard] for a in words])
    gain = np.where(like >= _LEAST_LIKE, 2 * like - 0.5, -np.inf)
    score = np.zeros((len(words) + 1, len(heard) + 1))
    score[0] = -_EXTRA * np.arange(len(heard) + 1)
    score[:, 0] = -_UNHEARD * np.arange(len(words) + 1)
    extra = _EXTRA * np.arange(len(heard) + 1)
    for row in range(1, len(words) + 1):
        look()
        best = score[row - 1] - _UNHEARD
        best[1:] = np.maximum(best[1:], score[row - 1, :-1] + gain[row - 1])
        # A heard word that the lyrics lack: a running maximum, less a price for each step.
        score[row] = np.maximum.accumulate(best + extra) - extra
    pairs: dict[int, tuple[int, float]] = {}
    row, column = len(words), len(heard)
    while row and column:
        here = score[row, column]
        if np.isclose(here, score[row - 1, column - 1] + gain[row - 1, column - 1]):
            row, column = row - 1, column - 1
            pairs[row] = column, float(like[row, column])
        elif np.isclose(here, score[row, column - 1] - _EXTRA):
            column -= 1
        else:
            row -= 1
    return pairs


@functools.lru_cache(maxsize=100_000)
def _likeness(a: str, b: str) -> float:
    if a == b:
        return 1.0
    if 2 * min(len(a), len(b)) < _LEAST_LIKE * (len(a) + len(b)):
        return 0.0
    return difflib.SequenceMatcher(None, a, b, autojunk=False).ratio()


def _filled(
    wanted: Sequence[int],
    times: dict[int, tuple[float, float, float]],
    words: Sequence[LyricWord],
) -> list[tuple[float, float, float]]:
    """Start, end and confidence of each wanted word. Missed words get estimated times."""
    known = sorted(times)
    places = []
    for number in wanted:
        if number in times:
            places.append(times[number])
            continue
        at = bisect.bisect(known, number)
        before = known[at - 1] if at else None
        after = known[at] if at < len(known) else None
        low, high = -1 if before is None else before, len(words) if after is None else after
        gap = [n for n in wanted if low < n < high]
        sizes = [_syllables(words[n]) for n in gap]
        # Place the words next to the heard word of the same line.
        is_next = before is None or (
            after is not None and words[after].line == words[number].line != words[before].line
        )
        length = _SYLLABLE * sum(sizes)
        first = times[before][1] if before is not None else 0.0
        last = times[after][0] if after is not None else first + length
        if before is None or is_next:
            first = max(first, last - length)
        elif after is None or words[after].line != words[number].line:
            last = min(last, first + length)
        edges = first + np.cumsum([0, *sizes]) / sum(sizes) * max(0.0, last - first)
        place = gap.index(number)
        places.append((float(edges[place]), float(edges[place + 1]), 0.0))
    return places


def _syllables(word: LyricWord) -> int:
    (letters,) = spelled([word], ascii_lowercase).letters
    return max(1, len(_VOWELS.findall(letters)))

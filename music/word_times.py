"""The times of sung words: known lyrics aligned with what a CTC network hears.

`torchaudio.functional.forced_align` finds the best path of the letters through the network's
frames. It must use every letter. So our own search chooses the sung lines first. Between two lines
it has a wildcard for singing that the lyrics lack. It may skip a line, at a price for each letter.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch

from ..audio.arrays import MediaError, Samples, check_samples, rms
from ..audio.samples.resample import mono_blocks
from ..audio.stopping import look
from .analysis import of_torchaudio
from .lyric_words import LyricWord, spelled
from .products import product
from .timed_words import TimedWord

RATE = 16_000
"""Sample rate of the networks' input, in Hz."""
_WINDOW, _MARGIN = 20, 2
"""Seconds of a window of the network, and of its margins at each end, whose frames are dropped.

The attention of wav2vec 2.0 grows with the square of a window: 20 s need 0.4 GB.
"""
LEAST_CONFIDENCE = 0.2
"""A word below it is unsure. A wrong letter has about 0.02."""
_PRICE = 2.0
"""Price of each skipped letter. A line counts as sung if the geometric mean of its letters'
probabilities is above exp(-2) = 0.14 of the probability of any letter."""
_WHOLE = 0.75
"""Lowest share of found words in a line that is sung as a whole."""
_LEAST_LETTERS, _PAUSE = 8, 1.0
"""Fewest letters of neighbouring words in a line that is sung in part, and the longest pause
between two of them in seconds. Fewer letters are often found by chance."""
_WILDCARD_FLOOR = -3.0
"""The lowest log-probability of the wildcard, so that it also fits silent frames between lines."""
_SILENT = 1e-4
"""RMS below which nothing is heard: -80 dB."""
_HELD_SECONDS = 0.3
"""Longest sound of a word's last letter after its frame, in seconds."""
_HOP, _SPECTRUM, _BANDS = RATE // 200, RATE // 50, 24
"""Hop and length in samples, and mel bands, of the spectra that show onsets."""
_LATE, _SPREAD = 0.02, 0.025
"""Mean delay in seconds from the onset of a sound to the frame of its letter, and its spread."""


class Network(Protocol):
    """Turns waveforms [1, T] at 16 kHz into logits [1, frames, letters]; the second result is
    unused."""

    def __call__(self, waveforms: torch.Tensor) -> tuple[torch.Tensor, Any]: ...


class Hearing(NamedTuple):
    """The output of a network for a voice.

    Attributes:
        log_probs: float32 [frames, labels].
        labels: the first is the blank; `|` is the end of a word, if the network has one.
        frame_seconds: seconds from one frame to the next.
        changes: float32 [n], change of the spectrum every 5 ms; without it, words start at frames.
    """

    log_probs: torch.Tensor
    labels: Sequence[str]
    frame_seconds: float
    changes: Samples = np.zeros(0, np.float32)

    @property
    def alphabet(self) -> list[str]:
        """The letters that the network writes."""
        return [label for label in self.labels[1:] if label not in "|*"]


class Sung(NamedTuple):
    """The sung words, the missing lines, and the share of found words.

    Attributes:
        words: in the order of the lyrics; unsure ones have a `confidence` below
            `LEAST_CONFIDENCE`.
        missing: the lyric lines that are not sung.
        parts: the lyric lines of which fewer than three quarters of the words were found: line,
            number of found words, number of words.
        share: the words that were found, of all but ad-libs, from 0 to 1.
        unknown: characters that no rule spells in the network's letters.
    """

    words: list[TimedWord]
    missing: list[int]
    parts: list[tuple[int, int, int]]
    share: float
    unknown: str = ""

    @classmethod
    def of(
        cls,
        words: Sequence[LyricWord],
        timed: list[TimedWord],
        heard: Collection[int],
        unknown: str = "",
    ) -> Sung:
        """`timed`: what is sung of `words`. `heard`: the numbers of the words that were found."""
        counted = [n for n, word in enumerate(words) if not word.is_ad_lib] or range(len(words))
        all_of = Counter(words[n].line for n in counted)
        found = Counter(words[n].line for n in counted if n in heard)
        present = {word.line for word in timed}
        parts = [
            (line, found[line], count)
            for line, count in all_of.items()
            if line in present and found[line] < _WHOLE * count
        ]
        missing = sorted({word.line for word in words} - present)
        return cls(timed, missing, parts, found.total() / len(counted), unknown)


def voice_samples(samples: Samples, sample_rate: int) -> Samples:
    """Planar float32 [channels, samples] as float32 [n] at 16 kHz, in which words are heard.

    Raises:
        MediaError: the samples are silent, or shorter than 0.1 s.
    """
    check_samples(samples, sample_rate)
    mono = np.concatenate([*mono_blocks(samples, sample_rate, RATE)])
    if len(mono) < RATE // 10:
        raise MediaError(
            f"The audio has {len(mono) / RATE:.2f} s: at least 0.1 s is expected; connect the "
            "track that sings the lyrics."
        )
    if rms(mono[None]) < _SILENT:
        raise MediaError(
            "The audio is silent, so it sings no words: connect the track that sings the lyrics."
        )
    return mono


def hear(
    mono: Samples,
    network: Network,
    labels: Sequence[str],
    device: Any = "cpu",
    progress: Callable[[float], None] = lambda fraction: None,
) -> Hearing:
    """The output of `network` for the samples of `voice_samples`, in windows of 20 s."""
    parts, changes = [], []
    step = (_WINDOW - 2 * _MARGIN) * RATE
    frame = 0
    for start in range(0, len(mono), step):
        look()
        left = _MARGIN * RATE if start else 0
        window = mono[start - left : start + step + _MARGIN * RATE]
        # A network needs a few frames: the last window may be short.
        window = np.pad(window, (0, max(0, RATE // 2 - len(window))))
        with torch.inference_mode():
            logits = network(torch.from_numpy(window)[None].to(device))[0]
            heard = logits[0].float().log_softmax(-1).cpu()
        # Networks floor the number of frames: round to the stride that they have.
        frame = frame or round(len(window) / len(heard) / 80) * 80
        begin = left // frame
        count = math.ceil(min(step, len(mono) - start) / frame)
        parts.append(heard[begin : begin + count])
        changes.append(_changes(window)[left // _HOP :][: step // _HOP])
        progress(min(1.0, (start + step) / len(mono)))
        if start + step >= len(mono):
            break
    return Hearing(torch.cat(parts), labels, frame / RATE, np.concatenate(changes))


def _changes(mono: Samples) -> Samples:
    """[n] RMS over mel bands of the change in log power, from the last 10 ms to the next 10 ms."""
    filters = of_torchaudio("functional", "melscale_fbanks")(
        _SPECTRUM // 2 + 1, 60.0, RATE / 2, _BANDS, RATE
    ).numpy()
    padded = np.pad(mono, _SPECTRUM // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _SPECTRUM)[::_HOP]
    power = np.abs(np.fft.rfft(frames * np.hanning(_SPECTRUM))) ** 2
    bands = product(power.astype(np.float32), filters)
    log = np.log(bands + 1e-3 * bands.mean(axis=0) + 1e-10)
    pairs = np.pad((log[1:] + log[:-1]) / 2, ((2, 2), (0, 0)), "edge")
    return np.sqrt(np.mean((pairs[3:] - pairs[:-3]) ** 2, axis=1))


def align(hearing: Hearing, words: Sequence[LyricWord]) -> Sung:
    """The times of `words` by the output of a network.

    Raises:
        MediaError: no word has a letter that the network knows, or torchaudio does not work.
    """
    letters, unknown = spelled(words, hearing.alphabet)
    runs = [
        _Run([(n, letters[n]) for n in numbers])
        for _, group in itertools.groupby(
            (n for n in range(len(words)) if letters[n]),
            key=lambda n: (words[n].line, words[n].is_ad_lib),
        )
        if (numbers := list(group))
    ]
    if not runs:
        raise MediaError(
            f"The model has no letters for these lyrics ({unknown[:20]}): choose a model of their "
            "language, or the method ask."
        )
    aligner = _Aligner(hearing)
    whole = aligner.chosen(runs)
    if len(whole) == len(runs):
        return _sung(words, aligner.places(whole), unknown)
    # A part of a line may be sung: each word of the other lines may.
    again: list[_Run] = []
    for run in runs:
        again += [run] if run in whole else [_Run([word]) for word in run.words]
    found = aligner.places(aligner.chosen(again))
    sure = {number for run in whole for number, _ in run.words}
    for run in runs:
        if run not in whole:
            sure |= _together(run, found)
    return _sung(words, {n: place for n, place in found.items() if n in sure}, unknown)


def _together(run: _Run, found: dict[int, _Place]) -> set[int]:
    """The found words of a line that have a found neighbour. A single word is often a chance."""
    parts: list[list[tuple[int, str]]] = [[]]
    for number, letters in run.words:
        place = found.get(number)
        if place is None or place.confidence < LEAST_CONFIDENCE:
            parts.append([])
            continue
        if parts[-1] and place.start - found[parts[-1][-1][0]].end > _PAUSE:
            parts.append([])
        parts[-1].append((number, letters))
    return {
        number
        for part in parts
        if len(part) > 1 and sum(len(letters) for _, letters in part) >= _LEAST_LETTERS
        for number, _ in part
    }


def _sung(words: Sequence[LyricWord], found: dict[int, _Place], unknown: str) -> Sung:
    present = {words[number].line for number in found}
    timed: list[TimedWord] = []
    for number, word in enumerate(words):
        if word.line not in present:
            continue
        if number in found or not word.is_ad_lib:
            place = found[number] if number in found else _between(number, found)
            timed.append(TimedWord(word.text, place.start, place.end, place.confidence, word.line))
    heard = {n for n, place in found.items() if place.confidence >= LEAST_CONFIDENCE}
    return Sung.of(words, timed, heard, unknown)


class _Place(NamedTuple):
    start: float
    end: float
    confidence: float


class _Run(NamedTuple):
    """Words of one line that are sung or skipped together: numbers and letters."""

    words: list[tuple[int, str]]


def _between(number: int, found: dict[int, _Place]) -> _Place:
    """The place of a word without letters: an equal part of the gap between the neighbours with
    letters."""
    before = max((n for n in found if n < number), default=None)
    after = min((n for n in found if n > number), default=None)
    start = found[min(found) if before is None else before].end
    end = found[after].start if after is not None else start
    first = -1 if before is None else before
    last = number + 1 if after is None else after
    size = max(0.0, end - start) / max(1, last - first - 1)
    start += size * (number - first - 1)
    return _Place(start, start + size, 0.0)


class _Aligner:
    """Aligns lines with one hearing.

    The column behind the labels is the wildcard: the probability that any letter is heard.
    """

    def __init__(self, hearing: Hearing) -> None:
        self._forced_align = of_torchaudio("functional", "forced_align")
        heard, labels = hearing.log_probs, list(hearing.labels)
        self._numbers = {label: number for number, label in enumerate(labels)}
        self._gap = self._numbers.get("|")
        letters = [n for n, label in enumerate(labels) if n and label not in "|*"]
        any_letter = heard[:, letters].logsumexp(1, keepdim=True).clamp_min(_WILDCARD_FLOOR)
        self._wildcard = len(labels)
        self._log_probs = torch.cat([heard, any_letter], 1)[None].contiguous()
        self._seconds = hearing.frame_seconds
        self._changes = hearing.changes

    def _targets(self, runs: Sequence[_Run]) -> tuple[list[int], list[int | None], list[int]]:
        """The labels, the number of the word of each label, and the indices of the wildcards."""
        targets, wildcards = [self._wildcard], [0]
        owners: list[int | None] = [None]
        for run in runs:
            for place, (number, letters) in enumerate(run.words):
                if place and self._gap is not None:
                    targets.append(self._gap)
                    owners.append(None)
                targets += [self._numbers[letter] for letter in letters]
                owners += [number] * len(letters)
            wildcards.append(len(targets))
            targets.append(self._wildcard)
            owners.append(None)
        return targets, owners, wildcards

    def chosen(self, runs: Sequence[_Run]) -> list[_Run]:
        """The runs on the best path. To skip a run costs `_PRICE` for each of its letters.

        A state is a label, or the blank before or after one (Graves et al. 2006, CTC). A path may
        also jump from one wildcard to a later one, within a frame, for the price of the runs
        between them.
        """
        targets, _, wildcards = self._targets(runs)
        labels = np.zeros(2 * len(targets) + 1, np.int64)
        labels[1::2] = targets
        may_jump = np.zeros(len(labels), bool)
        may_jump[3::2] = labels[3::2] != labels[1:-2:2]
        at = 2 * np.array(wildcards) + 1
        paid = _PRICE * np.cumsum([0, *(sum(len(w) for _, w in run.words) for run in runs)])
        paid = paid.astype(np.float32)
        heard = self._log_probs[0].numpy()
        nowhere = np.full(1, -np.inf, np.float32)
        best = np.full(len(labels), -np.inf, np.float32)
        best[0] = 0
        back = np.zeros((len(heard), 2, -(-len(labels) // 8)), np.uint8)
        source = np.zeros((len(heard), len(at)), np.uint16)
        order = np.arange(len(at), dtype=np.uint16)
        for frame, row in enumerate(heard):
            if not frame % 256:
                look()
            step = np.concatenate([nowhere, best[:-1]])
            jump = np.where(may_jump, np.concatenate([nowhere, step[:-1]]), -np.inf)
            is_jump = jump > np.maximum(best, step)
            back[frame] = np.packbits([step > best, is_jump], axis=1)
            best = np.maximum(np.maximum(best, step), jump)
            reached = best[at] + paid
            most = np.maximum.accumulate(reached)
            source[frame] = np.maximum.accumulate(np.where(reached >= most, order, 0))
            best[at] = most - paid
            best += row[labels]
        state = len(labels) - 1 - int(best[-2] > best[-1])
        sung = np.zeros(len(runs), bool)
        for frame in range(len(heard) - 1, -1, -1):
            run = int(np.searchsorted(at, state))
            if state % 2 and (place := np.flatnonzero(at == state)).size:
                state = int(at[source[frame, place[0]]])
            elif state % 2:
                sung[run - 1] = True
            byte, bit = divmod(state, 8)
            steps, jumps = back[frame, :, byte] >> (7 - bit) & 1
            state -= 2 if jumps else int(steps)
        return [run for run, is_sung in zip(runs, sung, strict=True) if is_sung]

    def places(self, runs: Sequence[_Run]) -> dict[int, _Place]:
        """The places of all words of `runs`, by their numbers."""
        if not runs:
            return {}
        targets, owners, _ = self._targets(runs)
        path, scores = self._forced_align(
            self._log_probs, torch.tensor([targets], dtype=torch.int32), blank=0
        )
        return self._read(path[0].tolist(), scores[0].tolist(), owners)

    def _read(
        self, path: Sequence[int], scores: Sequence[float], owners: Sequence[int | None]
    ) -> dict[int, _Place]:
        begin: dict[int, int] = {}
        end: dict[int, int] = {}
        sums: dict[int, list[float]] = {}
        for owner, (first, after) in zip(owners, _spans(path), strict=True):
            if owner is not None:
                begin.setdefault(owner, first)
                end[owner] = after
                sums.setdefault(owner, []).append(math.exp(max(scores[first:after])))
        starts: dict[int, float] = {}
        for number, first in begin.items():
            before = [at + _HOP / RATE for at in [*starts.values()][-1:]]
            starts[number] = max(self._onset(first), *before, 0.0)
        following = [*[*starts.values()][1:], len(path) * self._seconds]
        places = {}
        for number, after in zip(starts, following, strict=True):
            last = end[number] * self._seconds
            # A network shows only the start of a letter; the sound of the last one goes on.
            held = min(_HELD_SECONDS, max(0.0, after - last) / 2)
            confidence = min(1.0, sum(sums[number]) / len(sums[number]))
            places[number] = _Place(starts[number], min(after, last + held), confidence)
        return places

    def _onset(self, first: int) -> float:
        """The start in seconds of a word. Frame `first` shows its first letter.

        A network shows a letter late. The word starts at the largest change of the spectrum,
        weighted by the usual delay.
        """
        # On average, a letter begins half a frame before the first frame that shows it.
        shown = (first - 0.5) * self._seconds
        places = np.arange(math.ceil((shown - 0.1) * RATE / _HOP), (shown + 0.02) * RATE / _HOP)
        places = places[(places >= 0) & (places < len(self._changes))].astype(int)
        if not places.size:
            return shown
        away = (places * _HOP / RATE - shown + _LATE) / _SPREAD
        best = np.argmax(self._changes[places] * np.exp(-(away**2) / 2))
        return float(places[best] * _HOP / RATE)


def _spans(path: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First frame of each label in a path, and the frame after its last one; the blank is 0."""
    first = 0
    for frame in range(1, len(path) + 1):
        if frame == len(path) or path[frame] != path[first]:
            if path[first]:
                yield first, frame
            first = frame

"""Bring music to a loudness, under a ceiling: EBU R 128 with the measures of ITU-R BS.1770.

The whole track gets one gain. A limiter acts only on true peaks that this gain lifts too high.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Curve, LongSamples, MediaError, Samples, blocks, check_samples
from .loudness import ABSOLUTE_GATE, LoudnessMeter
from .peaks import PeakMeter, limiter

MOST_GAIN = 40.0
"""Largest gain in dB: a track that needs more is noise, and stays quiet."""

_CLOSE = 0.05
"""LU: a smaller error is good enough."""
_REACHED = 0.1
"""LU: the node reports a larger error."""
_HEARD = 6.0
"""dB: listeners hear a larger reduction by the limiter."""
_TRIES = 6
_STEEPEST = 4.0
"""Largest gain in dB that one step adds for each missing LU."""
_METERS_DIFFER = 0.1
"""dB of headroom: the oversampling filter of another meter may find higher peaks."""
_MARGIN = 0.05
"""dB of further headroom that the limiter aims for."""
_BLOCK = 1 << 15


class Level(NamedTuple):
    loudness: float
    """LUFS; -inf for silence."""
    true_peak: float
    """dBTP; -inf for silence."""
    momentary: float = -math.inf
    """Highest loudness of 0.4 s, in LUFS."""
    short_term: float = -math.inf
    """Highest loudness of 3 s, in LUFS."""
    range: float = 0.0
    """Loudness range in LU."""

    @property
    def details(self) -> str:
        return (
            f"Loudest 0.4 s: {_number(self.momentary)} LUFS (momentary); loudest 3 s: "
            f"{_number(self.short_term)} LUFS (short-term); loudness range {self.range:.1f} LU."
        )

    def raised(self, gain: float) -> Level:
        """The level after `gain` dB."""
        raised = (level + gain for level in self[:4])
        return Level(*raised, self.range)  # type: ignore[call-arg]

    def __str__(self) -> str:
        return f"{_number(self.loudness)} LUFS, {_number(self.true_peak)} dBTP"


class Master(NamedTuple):
    """The changes of `master`, and the levels before and after them."""

    before: Level
    after: Level
    gain: float
    """dB, for the whole track."""
    limited: float
    """The limiter's largest reduction in dB; 0 if it was not needed."""
    notes: tuple[str, ...]

    @property
    def report(self) -> str:
        """The measured levels and the changes, one fact a line."""
        lines = [f"Loudness: {self.before} before, {self.after} after; gain {self.gain:+.1f} dB."]
        if self.after.loudness > -math.inf:
            lines.append(self.after.details)
        if self.limited:
            lines.append(f"Limiter: up to {self.limited:.1f} dB.")
        if self.limited > _HEARD:
            lines.append(f"More than {_HEARD:g} dB is heard: choose a lower loudness.")
        return "\n".join((*lines, *self.notes))


def master(
    samples: LongSamples,
    sample_rate: int,
    target: LongSamples,
    *,
    loudness: float | None = None,
    ceiling: float = -1.0,
) -> Master:
    """Write `samples` (float32 [channels, n]) to `target`, at `loudness` LUFS, with no true peak
    above `ceiling` dBTP.

    `target` has the shape of `samples`. If it is `samples`, they are changed in place. The samples
    are read several times, block by block: memory grows by 14 MB an hour.
    With `loudness` None only the ceiling is held. Silence, and music too quiet to have a loudness,
    does not change, and a note says so. MediaError for a value out of range.

    >>> tone = np.sin(2 * np.pi * 997 * np.arange(48000) / 48000).astype(np.float32)[None]
    >>> print(master(tone, 48000, tone, loudness=-14.0).report.splitlines()[0])
    Loudness: -3.0 LUFS, 0.0 dBTP before, -14.0 LUFS, -11.0 dBTP after; gain -11.0 dB.
    """
    check_samples(samples, sample_rate)
    check_wish(loudness, ceiling)
    before = level_of(samples, sample_rate)
    if before.true_peak == -math.inf:
        return _unchanged(samples, target, before, "The audio is silent: it stays as it is.")
    if loudness is not None and before.loudness == -math.inf:
        note = f"The audio is quieter than {ABSOLUTE_GATE:g} LUFS throughout: it stays as it is."
        return _unchanged(samples, target, before, note)
    gain = 0.0 if loudness is None else loudness - before.loudness
    notes: list[str] = []
    if gain > MOST_GAIN:
        gain = MOST_GAIN
        notes.append(f"More than {MOST_GAIN:g} dB of gain were needed: that much was given.")
        loudness = None
    seconds = samples.shape[1] / sample_rate
    if loudness is not None and seconds < 0.4:
        notes.append(f"{seconds:.2f} s are shorter than a loudness block (0.4 s): measured whole.")
    change = _turned_and_limited(samples, sample_rate, before, gain, ceiling)
    slope = 1.0
    for _ in range(_TRIES):
        missing = 0.0 if loudness is None else loudness - change.after.loudness
        if abs(missing) <= _CLOSE:
            break
        # The limiter lowered the loudness: apply more gain to the source again.
        last, gain = change, min(gain + missing * slope, MOST_GAIN)
        change = _turned_and_limited(samples, sample_rate, before, gain, ceiling)
        # Past the limiter, 1 dB of gain adds less than 1 LU; estimate the slope from the last step.
        won = change.after.loudness - last.after.loudness
        slope = min(max((gain - last.gain) / won, 1.0), _STEEPEST) if won > 0.01 else _STEEPEST
    if loudness is not None and abs(loudness - change.after.loudness) > _REACHED:
        notes.append(
            f"{loudness:g} LUFS cannot be reached under {ceiling:g} dBTP; "
            f"{_number(change.after.loudness)} LUFS is what this music allows."
        )
    for start, block in blocks(samples):
        target[:, start : start + block.shape[1]] = change.of(start, block)
    return Master(before, change.after, gain, change.limited, tuple(notes))


class _Change(NamedTuple):
    """One try: a gain and the limiter's curve, and the level that they lead to."""

    gain: float
    """dB, without the correction of a small excess."""
    factor: np.float32
    curve: Curve | None
    after: Level

    @property
    def limited(self) -> float:
        return 0.0 if self.curve is None else -20 * math.log10(float(self.curve.gain.min()))

    def of(self, start: int, block: Samples) -> Samples:
        """The changed `block` [channels, n], whose first sample is number `start`."""
        changed = block * self.factor
        if self.curve is not None:
            changed *= self.curve.between(start, start + block.shape[1])
        return changed


def _turned_and_limited(
    samples: LongSamples, sample_rate: int, before: Level, gain: float, ceiling: float
) -> _Change:
    factor, curve = np.float32(10 ** (gain / 20)), None
    peak, allowed = before.true_peak + gain, ceiling - _METERS_DIFFER
    needs_limit = peak > allowed
    if needs_limit:
        shape = samples.shape[0], samples.shape[1]
        turned = (block * factor for _, block in blocks(samples, _BLOCK))
        curve = limiter(turned, *shape, sample_rate, allowed - _MARGIN)
    change = _Change(gain, factor, curve, before)
    if not gain and not needs_limit:
        return change
    after = _level(samples, sample_rate, change.of, None if needs_limit else peak)
    if after.true_peak > allowed:
        # The limiter's interpolation left a small excess: remove it with a gain that nobody hears.
        excess = after.true_peak - (allowed - _MARGIN)
        factor = np.float32(factor * 10 ** (-excess / 20))
        after = after.raised(-excess)
    return change._replace(factor=factor, after=after)


def level_of(samples: LongSamples, sample_rate: int) -> Level:
    """The level of float32 [channels, n], with at least one sample."""
    return _level(samples, sample_rate, lambda start, block: block)


def _level(
    samples: LongSamples,
    sample_rate: int,
    change: Callable[[int, Samples], Samples],
    peak: float | None = None,
) -> Level:
    """The level of `samples` after `change`; their true peak is measured unless it is given."""
    loudness = LoudnessMeter(samples.shape[0], sample_rate)
    peaks = PeakMeter(samples.shape[0], sample_rate)
    for start, block in blocks(samples, _BLOCK):
        changed = change(start, block)
        loudness.add(changed)
        if peak is None:
            peaks.add(changed)
    found = loudness.value()
    return Level(found.integrated, peaks.value() if peak is None else peak, *found[1:])


def _unchanged(samples: LongSamples, target: LongSamples, level: Level, note: str) -> Master:
    if target is not samples:
        for start, block in blocks(samples):
            target[:, start : start + block.shape[1]] = block
    return Master(level, level, 0.0, 0.0, (note,))


def check_wish(loudness: float | None, ceiling: float) -> None:
    """MediaError for a loudness in LUFS or a ceiling in dBTP that is out of range."""
    if loudness is not None and not -70 < loudness <= 0:
        raise MediaError(f"The loudness is {loudness:g} LUFS: expected above -70, at most 0.")
    if not -20 <= ceiling <= 0:
        raise MediaError(f"The true peak is {ceiling:g} dBTP: expected -20 to 0.")


def _number(value: float) -> str:
    return "-inf" if value == -math.inf else f"{value:.1f}"

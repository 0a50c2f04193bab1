"""Bring music to a loudness, under a ceiling: EBU R 128 with the measures of ITU-R BS.1770.

The whole track gets one gain. A limiter acts only where it lifts a true peak too high.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from ..audio.arrays import MediaError, Samples, blocks, check_samples
from .loudness import ABSOLUTE_GATE, integrated_loudness
from .peaks import limit, true_peak

MOST_GAIN = 40.0
"""Largest gain in dB: a track that needs more is noise, and stays quiet."""

_CLOSE = 0.1
"""LU: a result so near to the target is good enough."""
_TRIES = 4
_STEEPEST = 4.0
"""Most dB of gain that one step tries for each missing LU."""
_METERS_DIFFER = 0.1
"""dB of headroom: another meter's oversampling filter may find peaks so much higher."""
_MARGIN = 0.05
"""dB of further headroom that the limiter aims for."""


class Level(NamedTuple):
    loudness: float
    """LUFS; -inf for silence."""
    true_peak: float
    """dBTP; -inf for silence."""

    def __str__(self) -> str:
        return f"{_number(self.loudness)} LUFS, {_number(self.true_peak)} dBTP"


class Master(NamedTuple):
    samples: Samples
    """New float32 [channels, n]."""
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
        if self.limited:
            lines.append(f"Limiter: up to {self.limited:.1f} dB.")
        return "\n".join((*lines, *self.notes))


def master(
    samples: Samples, sample_rate: int, *, loudness: float | None = None, ceiling: float = -1.0
) -> Master:
    """Bring `samples` (float32 [channels, n]) to `loudness` LUFS, no true peak above `ceiling`
    dBTP.

    With `loudness` None only the ceiling is held. Silence, and music too quiet to have a loudness,
    does not change, and a note says so. MediaError for a value out of range.
    """
    check_samples(samples, sample_rate)
    _check_wish(loudness, ceiling)
    before = Level(integrated_loudness(samples, sample_rate), true_peak(samples, sample_rate))
    if before.true_peak == -math.inf:
        return _unchanged(samples, before, "The audio is silent: it stays as it is.")
    if loudness is not None and before.loudness == -math.inf:
        note = f"The audio is quieter than {ABSOLUTE_GATE:g} LUFS throughout: it stays as it is."
        return _unchanged(samples, before, note)
    gain = 0.0 if loudness is None else loudness - before.loudness
    notes: list[str] = []
    if gain > MOST_GAIN:
        gain = MOST_GAIN
        notes.append(f"More than {MOST_GAIN:g} dB of gain were needed: that much was given.")
        loudness = None
    seconds = samples.shape[1] / sample_rate
    if loudness is not None and seconds < 0.4:
        notes.append(f"{seconds:.2f} s are shorter than a loudness block (0.4 s): measured whole.")
    master = _turned_and_limited(samples, sample_rate, before, gain, ceiling)
    slope = 1.0
    for _ in range(_TRIES):
        missing = 0.0 if loudness is None else loudness - master.after.loudness
        if abs(missing) <= _CLOSE:
            break
        # The limiter lowered the loudness: apply more gain to the source again.
        last, gain = master, min(gain + missing * slope, MOST_GAIN)
        master = _turned_and_limited(samples, sample_rate, before, gain, ceiling)
        # Past the limiter, 1 dB of gain adds less than 1 LU; estimate the slope from the last step.
        won = master.after.loudness - last.after.loudness
        slope = min(max((gain - last.gain) / won, 1.0), _STEEPEST) if won > 0.01 else _STEEPEST
    if loudness is not None and abs(loudness - master.after.loudness) > 0.5:
        notes.append(
            f"{loudness:g} LUFS cannot be reached under {ceiling:g} dBTP; "
            f"{_number(master.after.loudness)} LUFS is what this music allows."
        )
    return master._replace(notes=tuple(notes))


def _turned_and_limited(
    samples: Samples, sample_rate: int, before: Level, gain: float, ceiling: float
) -> Master:
    out = samples * samples.dtype.type(10 ** (gain / 20))
    limited = 0.0
    peak, allowed = before.true_peak + gain, ceiling - _METERS_DIFFER
    if peak > allowed:
        limited = limit(out, sample_rate, allowed - _MARGIN)
        peak = true_peak(out, sample_rate)
    if peak > allowed:
        # The limiter's interpolation left a small excess: remove it with a gain that nobody hears.
        _scale(out, 10 ** ((allowed - _MARGIN - peak) / 20))
        peak = allowed - _MARGIN
    after = Level(integrated_loudness(out, sample_rate), peak)
    return Master(out, before, after, gain, limited, ())


def _scale(samples: Samples, factor: float) -> None:
    for _, block in blocks(samples):
        block *= samples.dtype.type(factor)


def _unchanged(samples: Samples, level: Level, note: str) -> Master:
    return Master(samples.copy(), level, level, 0.0, 0.0, (note,))


def _check_wish(loudness: float | None, ceiling: float) -> None:
    if loudness is not None and not -70 < loudness <= 0:
        raise MediaError(f"The loudness is {loudness:g} LUFS: expected above -70, at most 0.")
    if not -20 <= ceiling <= 0:
        raise MediaError(f"The true peak is {ceiling:g} dBTP: expected -20 to 0.")


def _number(value: float) -> str:
    return "-inf" if value == -math.inf else f"{value:.1f}"

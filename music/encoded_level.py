"""The level of samples after a codec: encode, decode, measure, and correct the samples.

A codec changes the waveform. After Opus at 128 kbit/s the peaks of a limited track are 1 to 2 dB
higher.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias, cast

from ..audio.arrays import UNCHANGED, LevelChange, LongSamples, Samples
from ..audio.codecs.libav_reader import av_blocks
from ..audio.containers.source import Source
from ..audio.encode import EncodeReport, encode
from ..audio.formats import LOSSY, Encoding
from .loudness import LoudnessMeter
from .mastering import Level, level_of
from .peaks import limiter

Decoded: TypeAlias = Callable[[LevelChange], Iterator[tuple[Samples, int]]]
"""Encodes the changed samples and decodes them: [channels, n] in each block, and the rate in Hz."""

_MARGINS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.3)
"""dB below the ceiling for the limiter, one for each try: each encoding changes the peaks."""
_CLOSE = 0.05
"""LU: a smaller error of the loudness is good enough."""
_TOLD = 0.1
"""LU and dB: the node reports a larger error."""
_AHEAD = 1.4
"""Factor on the missing gain: the limiter removes a part of it."""
_HIGHER = 0.1
"""dB by which the true peak of a file may exceed that of its samples."""


class LevelMatch(NamedTuple):
    """The change before the codec, and the level after it."""

    change: LevelChange
    wanted: Level
    level: Level

    @property
    def note(self) -> str:
        """A sentence if the level is not the wanted one, else ""."""
        over = self.level.true_peak - self.wanted.true_peak
        off = self.level.loudness - self.wanted.loudness
        if over <= _TOLD and not abs(off) > _TOLD:
            return ""
        return (
            f"Behind the codec the level is {self.level}: expected {self.wanted}; "
            "choose a higher bit rate."
        )


def match_level(decoded: Decoded, wanted: Level, seconds: float) -> LevelMatch:
    """Find the change that gives sound of `seconds` the `wanted` level after a codec.

    The sound is encoded up to six times. The last encoding uses the returned change. The true peak
    is held at `wanted.true_peak` or less. Memory grows by 14 MB an hour.
    """
    matched, next_change = None, UNCHANGED
    for margin in _MARGINS:
        change = next_change
        stream = decoded(change)
        first, rate = next(stream)
        meter = LoudnessMeter(first.shape[0], rate)
        aim = wanted.true_peak - margin
        heard = _metered(chain([first], (block for block, _ in stream)), meter)
        curve = limiter(heard, first.shape[0], math.ceil(seconds * rate), rate, aim)
        lowered = 0.0 if curve is None else -20 * math.log10(float(curve.gain.min()))
        found = meter.value()
        level = Level(found.integrated, aim + lowered, *found[1:])
        matched = LevelMatch(change, wanted, level)
        missing = wanted.loudness - level.loudness
        if not math.isfinite(missing):
            missing = 0.0
        if lowered <= margin:
            # The peaks are low enough: only the loudness may have to change.
            curve = None
            if abs(missing) <= _CLOSE:
                break
        else:
            missing *= _AHEAD
        next_change = change.then(10 ** (missing / 20), curve, rate)
    return cast("LevelMatch", matched)


def _metered(parts: Iterable[Samples], meter: LoudnessMeter) -> Iterator[Samples]:
    for part in parts:
        meter.add(part)
        yield part


def encode_at_level(
    samples: LongSamples, sample_rate: int, path: Path, encoding: Encoding, **options: Any
) -> tuple[EncodeReport, str]:
    """`encode`, so that a lossy file has the loudness and the true peak of `samples`.

    Also returns a sentence if the file is more than 0.1 LU or 0.1 dB off; else "". Samples with
    true peaks above full scale are encoded as they are. `options` and errors: see `encode`.
    """
    wanted = level_of(samples, sample_rate) if encoding.format in LOSSY else None
    if wanted is None or not -math.inf < wanted.true_peak < 0:
        return encode(samples, sample_rate, path, encoding, **options), ""
    report: EncodeReport | None = None

    def decoded(change: LevelChange) -> Iterator[tuple[Samples, int]]:
        nonlocal report
        if report is not None:
            path.unlink()
        report = encode(samples, sample_rate, path, encoding, change=change, **options)
        with path.open("rb") as file:
            yield from av_blocks(Source(file))

    wanted = wanted._replace(true_peak=wanted.true_peak + _HIGHER)
    try:
        matched = match_level(decoded, wanted, samples.shape[1] / sample_rate)
    except BaseException:
        if report is not None:
            path.unlink(missing_ok=True)
        raise
    return cast("EncodeReport", report), matched.note

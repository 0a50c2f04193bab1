"""The words for what can be asked of a video; light, so that a node describes itself at once."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction


class Mix(str, Enum):
    """What becomes of a clip's own sound."""

    REPLACE = "replace"
    """The music takes its place."""
    UNDER = "under"
    """It stays, and the music is added at `level` dB."""
    DUCK = "duck"
    """It stays, and the music at `level` dB is lowered further while somebody speaks."""


class VideoStyle(str, Enum):
    """How music is drawn."""

    WAVES = "waves"
    BARS = "bars"
    SPECTRUM = "spectrum"
    CONSTANT_Q = "constant-Q"


# Frame rates as people type them, and the fractions that they stand for

_TYPED = Fraction(5, 1000)
"""By how much a typed rate is off at most: people write 23.976 and 23.98."""


def exact_rate(fps: Fraction | float) -> Fraction:
    """`fps` as a fraction: n · 1000 ÷ 1001 for 23.976, 23.98, 29.97, 59.94 and their kind."""
    rate = Fraction(fps).limit_denominator(1_000_000)
    broadcast = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    is_broadcast = bool(broadcast) and rate.denominator != 1 and abs(broadcast - rate) < _TYPED
    return broadcast if is_broadcast else rate

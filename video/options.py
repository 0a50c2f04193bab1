"""The names of the choices for video. It imports little, so that nodes load fast."""

from __future__ import annotations

from enum import Enum
from fractions import Fraction


class Mix(str, Enum):
    """The treatment of a clip's own sound."""

    REPLACE = "replace"
    """The music replaces the clip's own sound."""
    UNDER = "under"
    """The clip's own sound stays, and the music is added at `level` dB."""
    DUCK = "duck"
    """The clip's own sound stays; the music at `level` dB is lowered further under speech."""


class VideoStyle(str, Enum):
    """How music is drawn."""

    WAVES = "waves"
    BARS = "bars"
    SPECTRUM = "spectrum"
    CONSTANT_Q = "constant-Q"


# Frame rates as people type them, and the fractions that they stand for

_TYPED = Fraction(5, 1000)
"""Largest error of a typed rate: people write 23.976 and 23.98."""


def exact_rate(fps: Fraction | float) -> Fraction:
    """`fps` as a fraction: n · 1000 ÷ 1001 for 23.976, 23.98, 29.97, 59.94 and their kind."""
    rate = Fraction(fps).limit_denominator(1_000_000)
    broadcast = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    is_broadcast = bool(broadcast) and rate.denominator != 1 and abs(broadcast - rate) < _TYPED
    return broadcast if is_broadcast else rate

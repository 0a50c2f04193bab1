"""Frame rates as people type them, and the fractions that they stand for."""

from __future__ import annotations

from fractions import Fraction

_TYPED = Fraction(1, 1000)
"""A typed rate is rounded to three digits."""


def exact_rate(fps: Fraction | float) -> Fraction:
    """`fps` as a fraction: n · 1000 ÷ 1001 for 23.976, 29.97, 59.94 and their kind."""
    rate = Fraction(fps).limit_denominator(1_000_000)
    broadcast = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    is_broadcast = rate.denominator != 1 and abs(broadcast - rate) < _TYPED
    return broadcast if is_broadcast else rate

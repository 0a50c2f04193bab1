"""What music looks like: a file each.

A look draws the sound around one moment on a canvas. It is asked for the frames of a video in
order, each at its own time, so that nothing drifts at any frame rate.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import TypeAlias

from ...audio.arrays import Samples
from ..canvas import Canvas
from ..choices import Look
from .bars import Bars
from .constant_q import ConstantQ
from .spectrum import Spectrum
from .waves import Waves

Draw: TypeAlias = Callable[[int], None]
"""Draws the frame of that number; asked for 0, 1, 2 and so on."""


def look_drawer(
    look: Look, canvas: Canvas, samples: Samples, sample_rate: int, fps: Fraction
) -> Draw:
    """What draws `samples` on `canvas` in that look."""
    if look is Look.WAVES:
        return Waves(canvas, samples, sample_rate, fps).draw
    if look is Look.BARS:
        return Bars(canvas, samples, sample_rate, fps).draw
    if look is Look.SPECTRUM:
        return Spectrum(canvas, samples, sample_rate, fps).draw
    return ConstantQ(canvas, samples, sample_rate, fps).draw

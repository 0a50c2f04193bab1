"""How a loop sounds where it begins again, judged by code that Make Loop does not share."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..audio.arrays import Samples

ROUNDS = 4
_WINDOW, _HOP = 1024, 256
_NEAR = 4
"""Frames on each side of a seam whose rises belong to it."""
_SHARE = 95
"""The percentile of the source that a seam must not exceed."""


class Seam(NamedTuple):
    """Each is the worst seam's value over that of the source's louder events.

    Those are the 95th percentile of the highest values in each half second: about one for a beat.
    """

    step: float
    """Difference from sample to sample."""
    flux: float
    """Rise of the spectrum from frame to frame."""

    @property
    def is_heard(self) -> bool:
        return max(self.step, self.flux) > 1


def judge(loop: Samples, source: Samples, rate: int) -> Seam:
    """Play `loop` [C, n] four times round, and compare its three seams with `source` [C, m]."""
    played = np.tile(loop, ROUNDS)
    seams = loop.shape[1] * np.arange(1, ROUNDS)
    steps = _steps(played)
    usual = _highest(_steps(source), rate // 2)
    step = max(float(steps[seam - 1]) for seam in seams)
    flux = _flux(played)
    # A seam lies within the window of every frame that begins up to one window before it.
    frames = [seam // _HOP - _WINDOW // _HOP // 2 for seam in seams]
    rise = max(float(flux[max(0, at - _NEAR) : at + _NEAR + 1].max()) for at in frames)
    rises = _highest(_flux(source), rate // 2 // _HOP)
    return Seam(
        step / max(float(np.percentile(usual, _SHARE)), 1e-9),
        rise / max(float(np.percentile(rises, _SHARE)), 1e-9),
    )


def _steps(samples: Samples) -> np.ndarray:
    return np.abs(np.diff(samples, axis=1)).max(axis=0)


def _flux(samples: Samples) -> np.ndarray:
    """The sum of rises of the logarithmic spectrum, frame by frame."""
    mono = samples.mean(axis=0)
    frames = np.lib.stride_tricks.sliding_window_view(mono, _WINDOW)[::_HOP]
    spectrum = np.log1p(100 * np.abs(np.fft.rfft(frames * np.hanning(_WINDOW).astype("f4"))))
    return np.maximum(np.diff(spectrum, axis=0), 0).sum(axis=1)


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    """The highest value of each stretch of `count`."""
    whole = values[: len(values) - len(values) % count]
    return whole.reshape(-1, count).max(axis=1)

"""Sketches with a third channel that marks their beats, to see where an alignment puts them.

The marks are those of the composer's score, so that no tracker judges itself. They are 60 dB below
full scale: they do not lead the tracker.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import numpy as np

from ..audio.arrays import Floats, Samples
from ..sandbox.composer import compose

MARK = 1e-3
BAR = 3
"""The mark of a downbeat is so much higher."""
_LENGTH = 32
_SEARCH_SECONDS = 0.1


class Marked(NamedTuple):
    samples: Samples
    """[3, n]: left, right, marks."""
    rate: int
    tempo: float
    meter: int


@cache
def marked(prompt: str, seconds: float) -> Marked:
    """A sketch with its marks."""
    made = compose(prompt, seconds)
    rate, style = made.sample_rate, made.score.style
    marks = np.zeros(made.waveform.shape[1], np.float32)
    shape = MARK * np.hanning(_LENGTH + 2)[1:-1] * np.cos(np.pi * np.arange(_LENGTH))
    beat = 0
    while (place := round(made.score.seconds(beat) * rate)) + _LENGTH < marks.shape[0]:
        marks[place : place + _LENGTH] += shape * (1 if beat % style.metre else BAR)
        beat += 1
    samples = np.concatenate((made.waveform, marks[None])).astype(np.float32)
    return Marked(np.ascontiguousarray(samples), rate, style.tempo, style.metre)


def bent(source: Marked, course: Callable[[Floats], Floats]) -> Marked:
    """`source` at another course of time: second t of the result is second `course(t)`."""
    count = source.samples.shape[1]
    places = course(np.arange(count) / source.rate) * source.rate
    rows = [np.interp(places, np.arange(count), row) for row in source.samples]
    return source._replace(samples=np.stack(rows).astype(np.float32))


def beat_errors(loop: Samples, rate: int, bpm: float, every: int = 1) -> tuple[Floats, Floats]:
    """(seconds, height) of the mark near each beat of the grid that begins at sample 0.

    The seconds are those from the beat to its mark. The first and the last beat are left out: there
    the loop is crossfaded. `every`: only each so manieth beat has a mark.
    """
    marks = np.abs(loop[2])
    reach = round(_SEARCH_SECONDS * rate)
    beats = np.arange(every, round(loop.shape[1] / rate * bpm / 60), every)
    errors, heights = [], []
    for beat in beats:
        centre = round(beat * 60 / bpm * rate)
        near = marks[centre - reach : centre + reach]
        errors.append((int(near.argmax()) - reach - _LENGTH / 2) / rate)
        heights.append(float(near.max()))
    return np.array(errors), np.array(heights)

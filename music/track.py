"""A track with its beats and bars, found before any method changes it."""

from __future__ import annotations

from typing import NamedTuple

from ..audio.arrays import Samples
from .analysis import Analysis, analyse
from .bars import Bars, find_bars
from .beats import Beats, find_beats


class Track(NamedTuple):
    samples: Samples
    sample_rate: int
    analysis: Analysis
    beats: Beats
    bars: Bars
    asked: float = 0.0
    """The tempo in bpm that somebody gave, 0 for none."""

    @property
    def seconds(self) -> float:
        return self.samples.shape[1] / self.sample_rate


def read_track(samples: Samples, sample_rate: int, tempo: float = 0.0) -> Track:
    """Beats and bars of float32 [channels, samples]; `tempo` in bpm settles the octave, 0 finds it.

    MediaError for samples, a rate or a tempo that is out of range.
    """
    analysis = analyse(samples, sample_rate)
    beats = find_beats(analysis, tempo)
    return Track(samples, sample_rate, analysis, beats, find_bars(analysis, beats), tempo)

"""Loops played four times round: their seams are no louder an event than the source itself has."""

from __future__ import annotations

import numpy as np
import pytest

from ...benchmarks.seams import judge
from ...music.loop import make_loop
from ...music.track import read_track
from ...sandbox.composer import compose

PIECES = [
    "electronic, 120 bpm",
    "cheerful folk with accordion and light drums, 120 bpm",
    "fast orchestral drums and brass, 140 bpm",
    "chiptune, 140 bpm, bright square waves",
    "slow dark ambient, 70 bpm",
    "warm lo-fi hip hop, 84 bpm",
]


@pytest.mark.parametrize("prompt", PIECES)
def test_a_seam_is_not_heard(prompt: str) -> None:
    piece = compose(prompt, 30.0)
    samples = np.asarray(piece.waveform, np.float32).reshape(2, -1)
    loop = make_loop(read_track(samples, piece.sample_rate), 6.0)
    seam = judge(loop.samples[:, loop.start :], samples, piece.sample_rate)
    assert seam.step <= 1
    assert seam.flux <= 1


def test_the_judge_hears_a_bad_seam() -> None:
    piece = compose("calm piano, 84 bpm", 20.0)
    samples = np.asarray(piece.waveform, np.float32).reshape(2, -1)
    cut = samples[:, 100_000:400_001].copy()
    cut[:, -200:] = 0.9
    assert judge(cut, samples, piece.sample_rate).is_heard

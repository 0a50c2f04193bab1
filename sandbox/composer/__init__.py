"""Compose a sketch from a prompt, in place of a hosted music model.

>>> piece = compose("calm piano ballad in D minor, 70 bpm", 30.0)
>>> piece.waveform.shape, piece.score.style.key.name, piece.score.style.tempo
((2, 1323000), 'D minor', 70)
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .form import LEAD_IN, blocks, plan
from .score import Arranger, Score
from .style import read
from .synth import SAMPLE_RATE, mixed


class Sketch(NamedTuple):
    """Samples, planar float32 [2, T] with T == round(duration * 44100), and their score."""

    waveform: NDArray[np.float32]
    sample_rate: int
    score: Score


def compose(prompt: str, duration: float, lyrics: str = "", take: int = 0) -> Sketch:
    """Compose a piece. Equal arguments give equal samples; another take gives another piece.

    Args:
        prompt: words for genre, mood, instruments, tempo (60 to 190 bpm), key, metre.
        duration: seconds, 5 or more. The piece ends within it, on the tonic.
        lyrics: define the sections; a voice sings a tune without words.
    """
    score = score_of(prompt, duration, lyrics, take)
    return Sketch(mixed(score, duration), SAMPLE_RATE, score)


def score_of(prompt: str, duration: float, lyrics: str = "", take: int = 0) -> Score:
    """The score of `compose`, without its samples."""
    text = repr((prompt, float(duration), lyrics, take))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    rng = Random(int.from_bytes(digest, "big"))
    style = read(prompt, rng)
    bar = 60 / style.tempo * style.metre
    # The final chord takes a third of a short piece, and 3.2 s of a long piece.
    bars = max(1, int((duration - LEAD_IN - min(3.2, 0.32 * duration)) / bar))
    sections = plan(bars, blocks(lyrics))
    return Arranger(style, sections, rng).score()

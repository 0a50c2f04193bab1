"""A sketch from a prompt: it stands in for a hosted music model.

>>> piece = compose("calm piano ballad in D minor, 70 bpm", 30.0)
>>> piece.waveform.shape, piece.score.key.name, piece.score.tempo
((2, 1323000), 'D minor', 70)
"""

from __future__ import annotations

import hashlib
from random import Random
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .form import fit_tempo, plan, whole_bars
from .lyrics import blocks
from .mix import mixed
from .score import Arranger, Score
from .synth import SAMPLE_RATE
from .words import read

__all__ = ["Piece", "Score", "compose"]


class Piece(NamedTuple):
    """Samples, planar float32 [2, T] with T == round(duration * 44100), and their score."""

    waveform: NDArray[np.float32]
    sample_rate: int
    score: Score


def compose(prompt: str, duration: float, lyrics: str = "", take: int = 0) -> Piece:
    """The same samples for the same arguments; another take is another piece in the same style.

    Args:
        prompt: words for genre, mood, instruments, tempo (60 to 190 bpm), key, metre.
        duration: seconds, 5 or more. The piece ends within it, on the tonic.
        lyrics: give the form and the number of notes to sing; nobody sings their words.
    """
    text = repr((prompt, float(duration), lyrics, take))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    rng = Random(int.from_bytes(digest, "big"))
    style = read(prompt, rng)
    if not style.tempo_asked:
        style = style._replace(tempo=fit_tempo(duration, round(style.tempo), style.metre))
    bar = 60 / style.tempo * style.metre
    sections = plan(whole_bars(duration, bar), bar, blocks(lyrics))
    score = Arranger(style, sections, rng).score()
    return Piece(mixed(score, duration), SAMPLE_RATE, score)

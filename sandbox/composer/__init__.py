"""A scratch track from a prompt: a sketch that stands in for a hosted music model.

>>> piece = compose(Brief("calm piano ballad in D minor, 70 bpm", duration=30.0))
>>> piece.waveform.shape, piece.key, piece.tempo
((2, 1323000), 'D minor', 70.0)
"""

import hashlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .arrange import Arranger
from .form import fit_tempo, plan
from .lyrics import blocks
from .master import finish
from .mix import render_score
from .synth import SAMPLE_RATE
from .words import read

__all__ = ["Brief", "Part", "Piece", "compose"]


class Brief(NamedTuple):
    """What to compose: words, seconds, what is sung, and a number that tells takes apart."""

    prompt: str
    duration: float
    lyrics: str = ""
    seed: int = 0


class Part(NamedTuple):
    """A section of a piece and where it begins, in seconds."""

    name: str
    start: float


class Piece(NamedTuple):
    """The samples, planar float32 [2, T] with T == round(duration * 44100), and what they are."""

    waveform: NDArray[np.float32]
    sample_rate: int
    tempo: float  # beats per minute
    metre: int  # beats in a bar
    key: str
    mood: str
    genre: str
    instruments: tuple[str, ...]
    sections: tuple[Part, ...]


def compose(brief: Brief) -> Piece:
    """The piece for a brief: always the same samples for the same brief.

    About -14 LUFS with peaks under -1 dBFS; it ends within the duration, on the tonic.
    """
    text = repr((brief.prompt, float(brief.duration), brief.lyrics, int(brief.seed)))
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
    words = np.frombuffer(digest, "<u4").tolist()
    rng = np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
    style = read(brief.prompt, rng)
    song = blocks(brief.lyrics)
    tempo = style.tempo
    if not style.tempo_asked:
        tempo = fit_tempo(brief.duration, tempo, style.metre)
    form = plan(brief.duration, tempo, style.metre, song)
    score = Arranger(style, form, rng).score()
    mix = render_score(score, style.band, brief.duration)
    waveform = finish(mix, score.final)
    beat = 60 / tempo
    sections = [
        Part(section.name, round(max(0, section.bar * style.metre - form.missing) * beat, 2))
        for section in form.sections
    ]
    sounds = ["drums" if t.role == "drums" else t.sound for t in score.tracks]
    return Piece(
        waveform=waveform,
        sample_rate=SAMPLE_RATE,
        tempo=tempo,
        metre=style.metre,
        key=style.key.name,
        mood=style.mood.name,
        genre=style.band.name,
        instruments=tuple(dict.fromkeys(sounds)),
        sections=(*sections, Part("ending", round(score.final, 2))),
    )

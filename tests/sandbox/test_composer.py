"""The sandbox's composer, judged from its samples."""

import hashlib
import itertools
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
import pytest

from ...sandbox.composer import Sketch, compose
from ...sandbox.composer.form import blocks
from ...sandbox.composer.genres import GENRES, INSTRUMENTS
from ...sandbox.composer.melody import NAMES
from ...sandbox.composer.score import Score
from ...sandbox.composer.style import Style, read

# Composing and listening: a few tests are quick, all of them together are not.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
RATE = 44100

SONG = """[verse]
Walking down the empty street tonight
Every window has a different light
[chorus]
Hold me now and never let me go
This is all I ever need to know
"""

PROMPTS = (
    "calm piano ballad in D minor, 70 bpm",
    "energetic synthwave with driving drums",
    "lo-fi hip hop, rainy",
    "orchestral epic trailer",
    "8-bit chiptune game music",
    "dark ambient drone",
    "jazz trio",
    "techno 128 bpm",
    "acoustic guitar folk waltz 3/4",
    "funk bass",
    "欢快的钢琴",
    "悲伤的小提琴",
)


# The genres' own names, and a prompt that plays each of them.
KINDS = tuple(genre.name for genre in GENRES)


@cache
def piece(prompt: str, duration: float = 8.0, lyrics: str = "", take: int = 0) -> Sketch:
    return compose(prompt, duration, lyrics, take)


def elsewhere(code: str, **variables: str) -> str:
    """What a new Python prints that has the pack's composer imported."""
    start = (
        "import importlib, runpy, sys\n"
        f"pack = runpy.run_path({str(ROOT / 'scripts' / 'lib' / 'pack.py')!r})['load']()\n"
        "composer = importlib.import_module(f'{pack.__name__}.sandbox.composer')\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", start + code],
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def played(made: Sketch) -> set[str]:
    """The instruments of a piece; all drums are one."""
    parts = made.score.parts
    return {"drums" if part.role == "drums" else part.sound for part in parts}


def downbeats(score: Score) -> list[float]:
    """The first beat of every bar, and the final chord, in seconds."""
    bars = range(score.sections[-1].bar + 1)
    return [score.seconds(bar * score.style.metre) for bar in bars]


def style(prompt: str) -> Style:
    return read(prompt, Random(1))


def level(samples: np.ndarray) -> float:
    """RMS in dBFS."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-12))


def onset_pulse(waveform: np.ndarray) -> np.ndarray:
    """Autocorrelation of the spectral flux, 100 lags a second."""
    frames = np.lib.stride_tricks.sliding_window_view(waveform.mean(axis=0), 1024)[::441]
    spectra = np.log1p(100 * np.abs(np.fft.rfft(frames * np.hanning(1024), axis=1)))
    flux = np.maximum(0, np.diff(spectra, axis=0)).sum(axis=1)
    flux -= flux.mean()
    size = 1 << (2 * len(flux)).bit_length()
    return np.fft.irfft(np.abs(np.fft.rfft(flux, size)) ** 2)[: len(flux)]


def pulse_at(pulse: np.ndarray, bpm: float) -> float:
    lags = 60 / bpm * 100 * np.arange(1, 5)
    return float(np.interp(lags, np.arange(len(pulse)), pulse).sum() / pulse[0])


def chroma(waveform: np.ndarray) -> np.ndarray:
    """How much of each pitch class sounds between 110 and 1500 Hz, C first."""
    size = 16384
    frames = np.lib.stride_tricks.sliding_window_view(waveform.mean(axis=0), size)[:: size // 2]
    spectrum = np.abs(np.fft.rfft(frames * np.hanning(size), axis=1)).sum(axis=0)
    freqs = np.fft.rfftfreq(size, 1 / RATE)
    heard = (freqs > 110) & (freqs < 1500)
    classes = np.round(12 * np.log2(freqs[heard] / 440) + 9).astype(int) % 12
    return np.bincount(classes, spectrum[heard], 12)


class TestSamples:
    @pytest.mark.parametrize("duration", [5.0, 5.01, 7.3, 11.999])
    def test_there_are_exactly_as_many_as_asked(self, duration: float):
        made = piece("happy pop", duration)
        assert made.waveform.shape == (2, round(duration * RATE))
        assert made.waveform.dtype == np.float32
        assert made.sample_rate == RATE

    @pytest.mark.parametrize("prompt", PROMPTS)
    def test_they_are_loud_enough_never_clipped_and_end_in_silence(self, prompt: str):
        waveform = piece(prompt).waveform
        assert np.isfinite(waveform).all()
        assert level(waveform) == pytest.approx(-18, abs=0.5)
        assert np.abs(waveform).max() < 10 ** (-1 / 20)
        assert np.abs(waveform.mean(axis=1)).max() < 1e-3
        assert np.abs(waveform[:, :200]).max() < 0.01
        assert np.abs(waveform[:, -400:]).max() < 1e-3
        assert level(waveform[:, -RATE // 2 :]) < level(waveform) - 12

    @pytest.mark.parametrize("prompt", PROMPTS)
    def test_left_and_right_differ_but_belong_together(self, prompt: str):
        left, right = piece(prompt).waveform
        assert 0.2 < np.corrcoef(left, right)[0, 1] < 0.985

    def test_a_long_piece_is_measured_the_same(self):
        made = piece("disco", 90.0)
        assert made.waveform.shape == (2, 90 * RATE)
        assert level(made.waveform) == pytest.approx(-18, abs=0.5)
        assert {part.name for part in made.score.sections} >= {"intro", "verse", "chorus", "outro"}


class TestSameness:
    def test_the_same_request_is_the_same_piece_in_any_process(self):
        request = ("jazz trio, rainy", 6.0, "la la la", 7)
        here = hashlib.sha256(compose(*request).waveform.tobytes()).hexdigest()
        code = (
            "import hashlib\n"
            f"made = composer.compose(*{request!r})\n"
            "print(hashlib.sha256(made.waveform.tobytes()).hexdigest())"
        )
        assert elsewhere(code, PYTHONHASHSEED="1") == here

    @pytest.mark.parametrize("prompt", ["techno 128 bpm", "piano in D minor, 90 bpm"])
    def test_another_take_is_another_piece_in_the_same_style(self, prompt: str):
        first, second = piece(prompt, take=1), piece(prompt, take=2)
        assert first.score.style.genre.name == second.score.style.genre.name
        assert first.score.style.tempo == second.score.style.tempo
        likeness = np.corrcoef(first.waveform[0], second.waveform[0])[0, 1]
        assert abs(likeness) < 0.6

    def test_other_lyrics_are_sung_otherwise(self):
        first = piece("pop, 100 bpm", 8.0, SONG)
        second = piece("pop, 100 bpm", 8.0, SONG.replace("Walking", "Go"))
        assert not np.array_equal(first.waveform, second.waveform)

    def test_a_composer_needs_nothing_but_numpy(self):
        assert elsewhere("print(*{'scipy', 'torch', 'av'} & set(sys.modules))") == ""


class TestWords:
    @pytest.mark.parametrize("bpm", [84, 128])
    def test_the_tempo_asked_is_heard(self, bpm: int):
        made = piece(f"techno {bpm} bpm", 15.0)
        assert made.score.style.tempo == bpm
        pulse = onset_pulse(made.waveform)
        off_beat = [pulse_at(pulse, bpm * factor) for factor in (0.88, 0.94, 1.06, 1.13)]
        assert pulse_at(pulse, bpm) > max(off_beat) + 0.2

    @pytest.mark.parametrize("key", ["D minor", "F# major", "Eb major"])
    def test_the_key_asked_is_heard(self, key: str):
        made = piece(f"piano ballad in {key}", 15.0)
        assert made.score.style.key.name == key
        tonic, mode = key.split()
        scale = (0, 2, 3, 5, 7, 8, 10) if mode == "minor" else (0, 2, 4, 5, 7, 9, 11)
        heard = np.roll(chroma(made.waveform), -NAMES.index(tonic))
        inside = heard[list(scale)].sum() / heard.sum()
        assert inside > 0.75
        third, other = (3, 4) if mode == "minor" else (4, 3)
        assert heard[third] > heard[other]

    @pytest.mark.parametrize(
        ("prompt", "key"),
        [
            ("ballad in Bb major", "Bb major"),
            ("rock, key of E", "E "),
            ("sad song, F#m", "F# minor"),
            ("c sharp minor sonata", "C# minor"),
            ("A dorian groove", "A dorian"),
            ("D小调 钢琴", "D minor"),
            ("降E大调", "Eb major"),
            ("in a minor key", " minor"),
            ("happy song in a forest", " major"),
        ],
    )
    def test_keys_are_read_as_people_write_them(self, prompt: str, key: str):
        assert key in style(prompt).key.name

    @pytest.mark.parametrize(
        ("prompt", "tempo"),
        [("90 BPM", 90), ("bpm: 140", 140), ("tempo of 72", 72), ("每分钟100拍", 100)],
    )
    def test_tempos_are_read_as_people_write_them(self, prompt: str, tempo: int):
        assert style(prompt).tempo == tempo

    def test_moods_turn_tempo_and_mode(self):
        calm, lively = style("calm sad pop"), style("energetic happy pop")
        assert calm.tempo < lively.tempo
        assert calm.key.minor
        assert not lively.key.minor

    def test_a_waltz_has_three_beats(self):
        assert piece("acoustic guitar folk waltz 3/4").score.style.metre == 3

    @pytest.mark.parametrize(
        ("prompt", "genre"),
        [
            ("lo-fi hip hop, rainy", "lo-fi hip hop"),
            ("energetic synthwave with driving drums", "electronic"),
            ("orchestral epic trailer", "orchestral"),
            ("8-bit chiptune game music", "chiptune"),
            ("dark ambient drone", "ambient"),
            ("funk bass", "pop"),
            ("drum and bass", "electronic"),
            ("heavy metal", "rock"),
            ("爵士", "jazz"),
            ("something", "pop"),
        ],
    )
    def test_a_genre_is_the_nearest_of_eight(self, prompt: str, genre: str):
        assert style(prompt).genre.name == genre

    @pytest.mark.parametrize("name", INSTRUMENTS)
    def test_every_word_of_an_instrument_makes_it_play(self, name: str):
        for word in INSTRUMENTS[name].words.split(", "):
            assert name in style(f"a tune with {word}, please").players.values(), word

    def test_instruments_asked_for_play(self):
        assert {"violin", "harp"} <= set(played(piece("violin and harp")))
        assert played(piece("solo cello")) == {"cello"}
        assert "drums" in played(piece("ambient with drums"))

    def test_a_refused_instrument_does_not_play(self):
        assert "drums" not in played(piece("pop without drums"))
        assert "bass" not in played(piece("rock, no bass"))

    @pytest.mark.parametrize("prompt", ["", " ", "🎹🔥", "?!", "\ud800", "悲", "la " * 1700])
    def test_odd_prompts_make_music_too(self, prompt: str):
        assert level(piece(prompt, 5.0).waveform) == pytest.approx(-18, abs=0.5)


def onsets(waveform: np.ndarray) -> np.ndarray:
    """Spectral flux, 100 frames a second; a frame holds what begins in its 10 ms."""
    padded = np.pad(waveform.mean(axis=0), (512, 512))
    frames = np.lib.stride_tricks.sliding_window_view(padded, 1024)[::441]
    spectra = np.log1p(100 * np.abs(np.fft.rfft(frames * np.hanning(1024), axis=1)))
    return np.maximum(0, np.diff(spectra, axis=0, prepend=0)).sum(axis=1)


def fingerprint(made: Sketch) -> np.ndarray:
    """The audible features of a genre: levels (dB) of eight octaves, and a bar's rhythm."""
    mono = made.waveform.mean(axis=0)
    frames = np.lib.stride_tricks.sliding_window_view(mono, 4096)[::4096] * np.hanning(4096)
    power = (np.abs(np.fft.rfft(frames, axis=1)) ** 2).mean(axis=0)
    freqs = np.fft.rfftfreq(4096, 1 / RATE)
    edges = 44.0 * 2.0 ** np.arange(9)
    bands = [power[(freqs >= a) & (freqs < b)].sum() for a, b in itertools.pairwise(edges)]
    flux = onsets(made.waveform)
    bar = 60 / made.score.style.tempo * made.score.style.metre
    grid = np.array(downbeats(made.score)[:-1])[:, None] + np.arange(16) * bar / 16
    rhythm = np.array([flux[round(t * 100) - 1 : round(t * 100) + 4].max() for t in grid.flat])
    rhythm = rhythm.reshape(-1, 16).mean(axis=0)
    levels = 10 * np.log10(np.array(bands) / sum(bands) + 1e-9)
    return np.concatenate([levels, 5 * rhythm / rhythm.mean()])


class TestScore:
    """A piece as data: other tests judge beat trackers and cuts by it."""

    @pytest.mark.parametrize("kind", KINDS)
    def test_every_downbeat_is_heard_on_an_exact_grid(self, kind: str):
        made = piece(f"{kind}, 100 bpm", 20.0)
        score = made.score
        steps = np.diff(downbeats(score))
        assert steps == pytest.approx(np.full(len(steps), 60 / 100 * score.style.metre))
        flux = onsets(made.waveform)
        for downbeat in downbeats(score):
            frame = round(downbeat * 100)
            assert flux[frame - 2 : frame + 7].max() > 1.5 * np.median(flux)

    @pytest.mark.parametrize("bpm", [60, 97, 190])
    def test_the_tempo_is_the_asked_one_from_60_to_190(self, bpm: int):
        assert piece(f"rock, {bpm} bpm", 20.0).score.style.tempo == bpm
        assert 60 <= piece(f"rock, {bpm * 4} bpm", 5.0).score.style.tempo <= 190

    @pytest.mark.parametrize("kind", KINDS)
    def test_sections_differ_to_the_ear(self, kind: str):
        made = piece(kind, 60.0)
        score, sound = made.score, made.waveform
        levels: dict[str, float] = {}
        for section, after in itertools.pairwise(score.sections):
            part = sound[:, int(score.start(section) * RATE) : int(score.start(after) * RATE)]
            levels.setdefault(section.name, level(part))
        assert {"intro", "verse", "chorus"} <= set(levels)
        assert levels["intro"] < levels["chorus"] - 2
        assert levels["verse"] < levels["chorus"] - 0.7

    @pytest.mark.parametrize("kind", KINDS)
    def test_a_piece_ends_on_a_chord_that_dies_away(self, kind: str):
        made = piece(kind, 60.0)
        score, sound = made.score, made.waveform
        assert score.sections[-1].name == "ending"
        assert 60 - score.final > 3
        final = round(score.final * RATE)
        thirds = np.array_split(sound[:, final:], 3, axis=1)
        falling = [level(third) for third in thirds]
        assert falling[0] > falling[1] > falling[2]
        tonic = score.style.key.tonic
        home = chroma(sound[:, final:])[[tonic, (tonic + 7) % 12]].sum()
        assert home > 0.35 * chroma(sound[:, final:]).sum()
        flux = onsets(sound)[round(score.final * 100) - 3 :]
        assert flux[30:].max() < flux[:30].max()

    def test_sections_follow_each_other_without_a_gap(self):
        sections = piece("pop", 45.0).score.sections
        for section, after in itertools.pairwise(sections):
            assert section.bar + section.bars == after.bar

    def test_genres_are_clearly_different(self):
        heard = {kind: fingerprint(piece(f"{kind} in A minor", 20.0)) for kind in KINDS}
        for one, other in itertools.combinations(KINDS, 2):
            assert np.linalg.norm(heard[one] - heard[other]) > 6, (one, other)


class TestLyrics:
    def test_a_voice_sings_them(self):
        assert "voice" in played(piece("pop", 20.0, SONG))
        assert "voice" not in played(piece("pop"))

    def test_their_tags_are_the_form(self):
        names = [part.name for part in piece("pop", 20.0, SONG).score.sections]
        assert names[:3] == ["intro", "verse", "chorus"]
        assert names[-1] == "ending"

    def test_stanzas_without_tags_are_verse_and_chorus(self):
        assert [block.kind for block in blocks("one\ntwo\n\nthree")] == ["verse", "chorus"]

    @pytest.mark.parametrize(
        "lyrics", ["la " * 2000, "[verse]\n[chorus]\n", "[", "♪", "月亮" * 300]
    )
    def test_odd_lyrics_are_sung_too(self, lyrics: str):
        assert np.isfinite(piece("pop", 5.0, lyrics).waveform).all()

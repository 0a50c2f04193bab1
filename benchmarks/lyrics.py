"""The times of sung words: errors of the starts of words in speech that the network never heard.

The network is the small one of the tests, not one of those that Timed Lyrics loads. The peer is
pocketsphinx's aligner, with `--peer PYTHON`: a Python that has `pocketsphinx`. Without it, the
figures stand beside their goals.

Memory is the peak of a process that hears four minutes, from a file of the first model's form with
random weights. It includes Python, torch and the samples.
"""

from __future__ import annotations

import gc
import json
import multiprocessing
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile
import torch
import torchaudio

from ..audio.arrays import Samples
from ..files.hashed import digest_of
from ..music.ctc_models import MODELS, load_network
from ..music.lyric_words import sung_words
from ..music.word_times import RATE, align, hear, voice_samples
from ..tests.music.ctc.network import LABELS, small_ctc
from ..tests.music.test_word_times import over_music, speech, with_noise
from .report import Row, arguments, compare, report
from .video import peak_memory

_GOALS = {"median": 60.0, "95 of 100": 200.0}
"""Milliseconds."""
_SHARES = {"median": 0.5, "95 of 100": 0.95}
_SOUNDS: dict[str, Callable[[Samples], Samples]] = {
    "alone": np.asarray,
    "noise 10 dB lower": with_noise,
    "music 6 dB lower": over_music,
}
_PEER = """
import json, sys, wave
from pocketsphinx import Decoder
decoder = Decoder(samprate=16000, bestpath=False, loglevel="FATAL")
for path, words in json.load(sys.stdin):
    decoder.set_align_text(words)
    decoder.start_utt()
    with wave.open(path) as file:
        decoder.process_raw(file.readframes(file.getnframes()), full_utt=True)
    decoder.end_utt()
    fillers = ("<", "[", "(")
    found = [s.start_frame / 100 for s in decoder.seg() or () if not s.word.startswith(fillers)]
    print(json.dumps(found))
"""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--peer", metavar="PYTHON", help="a Python that has pocketsphinx")
    parser.add_argument("--seconds", type=float, default=240.0, help="of the sound for the memory")
    options = parser.parse_args()
    rows: list[Row] = []
    if not options.small:
        # Before torch works here: its threads do not survive a fork.
        with multiprocessing.get_context("fork").Pool(1) as pool:
            memory = pool.apply(_memory, (options.seconds,))
        name = f"memory for {options.seconds:g} s, MiB; bound 1430 (1.5 GB)"
        rows.append(compare(name, memory, 1430, 1.0))
    sentences = speech()[:2] if options.small else speech()
    for name, change in _SOUNDS.items():
        changed = [change(samples) for samples, _, _ in sentences]
        texts = [lyrics for _, lyrics, _ in sentences]
        truth = [starts for _, _, starts in sentences]
        ours = _errors(_ours(changed, texts), truth)
        peer = _errors(_peers(options.peer, changed, texts), truth) if options.peer else None
        for what, share in _SHARES.items():
            beside = _GOALS[what] if peer is None else float(np.quantile(peer, share))
            kind = "the goal" if peer is None else "pocketsphinx"
            mine = float(np.quantile(ours, share))
            rows.append(
                compare(f"{name}: {what} of the errors, ms; peer {kind}", mine, beside, 1.0)
            )
    report(rows, options.json)
    return 0


def _memory(seconds: float) -> float:
    """The peak in MiB of hearing and aligning stereo noise of 44.1 kHz."""
    first = next(iter(MODELS.values()))
    bundle = torchaudio.pipelines.WAV2VEC2_ASR_BASE_960H
    noise = np.random.default_rng(1).normal(0, 0.1, (2, round(44_100 * seconds)))
    samples = noise.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / first.file
        state = torchaudio.models.wav2vec2_model(**bundle._params).state_dict()
        # The published file has three rows more, for labels that are never used.
        for name in ("aux.weight", "aux.bias"):
            state[name] = torch.cat([state[name][:1], state[name][:3], state[name][1:]])
        torch.save(state, path)
        del state, noise
        gc.collect()
        peak_memory(reset=True)
        content = path.stat().st_size, digest_of(path)
        network, labels = load_network(
            first._replace(size=content[0], sha256=content[1]), path, "cpu"
        )
        path.unlink()
        hearing = hear(voice_samples(samples, 44_100), network, labels)
    align(hearing, sung_words("\n".join(lyrics for _, lyrics, _ in 5 * speech())))
    return peak_memory()


def _ours(sounds: list[Samples], texts: list[str]) -> list[list[float]]:
    network = small_ctc()
    return [
        [
            word.start
            for word in align(
                hear(voice_samples(samples, RATE), network, LABELS), sung_words(text)
            ).words
        ]
        for samples, text in zip(sounds, texts, strict=True)
    ]


def _peers(python: str, sounds: list[Samples], texts: list[str]) -> list[list[float]]:
    with tempfile.TemporaryDirectory() as folder:
        asked = []
        for number, (samples, text) in enumerate(zip(sounds, texts, strict=True)):
            path = Path(folder) / f"{number}.wav"
            loudest = max(1.0, float(np.abs(samples).max()))
            soundfile.write(path, samples.T / loudest, RATE, subtype="PCM_16")
            asked.append((str(path), " ".join(text.split())))
        done = subprocess.run(
            [python, "-c", _PEER], input=json.dumps(asked), capture_output=True, text=True,
            check=True,
        )  # fmt: skip
    return [json.loads(line) for line in done.stdout.splitlines()]


def _errors(found: list[list[float]], truth: list[list[float | None]]) -> list[float]:
    """Milliseconds. A word that was not found counts as a second."""
    errors = []
    for starts, true in zip(found, truth, strict=True):
        is_whole = len(starts) == len(true)
        for number, at in enumerate(true):
            if at is not None:
                errors.append(1000 * abs(starts[number] - at) if is_whole else 1000.0)
    return errors

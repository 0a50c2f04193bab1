"""Beats, remixes and loops beside others: `python3 benchmarks/run.py music [FOLDER] [--json FILE]`.

FOLDER holds songs in Frets on Fire's layout (Debian's fretsonfire-songs-sectoid has four); without
it the sandbox's composer sketches three. For each: the tempo and the F-measure (70 ms, from 5 s on,
mir_eval's where it is installed) of ours and of librosa's tracker, with and without the true tempo
as a hint; then time and memory of a remix of 60 s, beats included, beside librosa's beat tracking
alone. Both are timed in a process that has run them before, and in a new one with their imports,
which is what the first graph of a ComfyUI server waits for; numba has compiled and stored its code
before. Loops stand beside those of PyMusicLooper, if `--looper` names a Python that has it.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ..audio.arrays import Samples
from ..music.fit import fit
from ..music.follow import follow
from ..music.loop import make_loop
from ..music.track import read_track
from ..scripts.lib import pack
from .loops import print_loops
from .report import Row, arguments, compare, report
from .songs import LATE_CHARTS, Song, composed_songs, read_songs

WINDOW = 0.07
SKIPPED = 5.0
SECONDS = 60
SHARE = 0.75
"""Of its length, what a remix is made to."""

# Run as a process of its own: a file of samples, their rate, and the pack's loader.
_NEW = """
import importlib, runpy, sys, time
import numpy as np
samples, rate = np.load(sys.argv[1]), int(sys.argv[2])
start = time.perf_counter()
{step}
print(time.perf_counter() - start)
"""
_NEW_REMIX = f"""
root = runpy.run_path(sys.argv[3])["load"]().__name__
fit = importlib.import_module(root + ".music.fit").fit
fit(samples, rate, round({SHARE} * samples.shape[1]), method="remix")
"""
_NEW_LIBROSA = """
import librosa
mono = librosa.resample(samples.mean(axis=0), orig_sr=rate, target_sr=22050)
librosa.beat.beat_track(y=mono, sr=22050)
"""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="songs in Frets on Fire's layout")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--looper", type=Path, help="a Python that has pymusiclooper")
    options = parser.parse_args()
    seconds, rounds = (24, 1) if options.small else (SECONDS, options.rounds)
    songs = read_songs(options.folder) if options.folder else composed_songs(seconds)
    if not songs:
        print(f"{options.folder} holds no folders with song.ogg and notes.mid.")
        return 1
    librosa: Any = None
    if options.small:
        songs = songs[:1]
        print("A small run leaves out librosa, which compiles itself for half a minute.")
    elif importlib.util.find_spec("librosa"):
        librosa = importlib.import_module("librosa")
    else:
        print("librosa is not installed: its columns are empty.")
    for song in songs:
        print_beats(song, librosa)
    print_loops(songs, seconds, options.looper)
    report(speed_rows(songs[0], seconds, librosa, rounds), options.json)
    return 0


def print_beats(song: Song, librosa: Any) -> None:
    for hint in (song.tempo, 0.0):
        track = read_track(song.samples, song.rate, hint)
        ours = judged(song, track.beats.bpm, track.beats.times)
        theirs = "-"
        if librosa:
            options = {"start_bpm": hint} if hint else {}
            mono = librosa.resample(song.samples.mean(axis=0), orig_sr=song.rate, target_sr=22050)
            tempo, beats = librosa.beat.beat_track(y=mono, sr=22050, units="time", **options)
            theirs = judged(song, float(np.ravel(tempo)[0]), beats)
        name = "with hint" if hint else "without"
        print(f"{song.name:24} {song.tempo:5.1f} bpm, {name:9}: ours {ours}; librosa {theirs}")


def judged(song: Song, tempo: float, beats: np.ndarray) -> str:
    if song.name in LATE_CHARTS:
        return f"{tempo:6.2f} bpm"
    return f"{tempo:6.2f} bpm, F {f_measure(song.beats, beats):.3f}"


def f_measure(truth: np.ndarray, beats: np.ndarray) -> float:
    """Of beats within 70 ms of each other, each used once, from 5 s on, where both are."""
    truth = truth[(truth >= SKIPPED) & (truth <= beats[-1] + WINDOW)] if beats.size else truth
    beats = beats[beats >= SKIPPED]
    if not truth.size or not beats.size:
        return 0.0
    nearest = np.abs(truth[None, :] - beats[:, None]).argmin(axis=1)
    close = np.abs(truth[nearest] - beats) <= WINDOW
    hits = np.unique(nearest[close]).shape[0]
    return 2 * hits / (truth.shape[0] + beats.shape[0])


def in_new_process(step: str, samples: Samples, rate: int, rounds: int) -> float:
    """Seconds of `step` in a new process, the fastest; its first run fills the caches on disk."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "samples.npy"
        np.save(path, samples)
        code = _NEW.format(step=step)
        command = [sys.executable, "-c", code, str(path), str(rate), str(pack.__file__)]
        runs = [
            subprocess.run(command, capture_output=True, text=True, check=True)
            for _ in range(rounds + 1)
        ]
    return min(float(run.stdout.split()[-1]) for run in runs[1:])


def track_with(librosa: Any, samples: Samples, rate: int) -> None:
    """As users do it: to mono at librosa's rate, then its beat tracker."""
    mono = librosa.resample(samples.mean(axis=0), orig_sr=rate, target_sr=22050)
    librosa.beat.beat_track(y=mono, sr=22050)


def speed_rows(song: Song, seconds: int, librosa: Any, rounds: int) -> list[Row]:
    samples, rate = np.ascontiguousarray(song.samples[:, : seconds * song.rate]), song.rate
    length = round(SHARE * samples.shape[1])
    remix = fastest(rounds, lambda: fit(samples, rate, length, method="remix"))
    beats = fastest(rounds, lambda: follow(read_track(samples, rate), 29.97, what="beat"))
    loop = fastest(rounds, lambda: make_loop(read_track(samples, rate), seconds / 6))
    peer = fastest(rounds, lambda: track_with(librosa, samples, rate)) if librosa else math.nan
    new = in_new_process(_NEW_REMIX, samples, rate, rounds)
    new_peer = in_new_process(_NEW_LIBROSA, samples, rate, rounds) if librosa else math.nan
    megabytes = samples.nbytes / 2**20
    peak = peak_of(lambda: fit(samples, rate, length, method="remix"))
    return [
        compare(f"remix of {seconds} s / librosa's beats, again (s)", remix, peer),
        compare(f"remix of {seconds} s / librosa's beats, new process (s)", new, new_peer, 0.3),
        compare(f"remix of {seconds} s (s, to 2 s)", remix, 2.0, 1.0),
        compare(f"values of {seconds} s (s, to 1 s)", beats, 1.0, 1.0),
        compare(f"loop of {seconds} s (s, to 2 s)", loop, 2.0, 1.0),
        compare("memory of the remix (MiB, to 1.5 audio + 50)", peak, 1.5 * megabytes + 50, 1.0),
    ]


def fastest(rounds: int, step: Callable[[], Any]) -> float:
    best = math.inf
    for _ in range(rounds):
        start = time.perf_counter()
        step()
        best = min(best, time.perf_counter() - start)
    return best


def peak_of(step: Callable[[], Any]) -> float:
    """MiB at the peak, numpy's arrays included, above what was there before."""
    tracemalloc.start()
    step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20

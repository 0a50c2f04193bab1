"""Make Loop beside PyMusicLooper: `python3 benchmarks/run.py loops [FOLDER] [--looper PYTHON]`.

Both loop the same audio, and the same judge listens. FOLDER is that of the benchmark `music`.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from ..audio.arrays import Samples
from ..music.loop import make_loop
from ..music.track import read_track
from .report import arguments
from .seams import Seam, judge
from .songs import Song, composed_songs, read_songs

SHORTEST = 0.35
"""PyMusicLooper's default for the shortest loop, as a share of the track."""

# Runs in a Python of its own: its librosa and numba would replace those of the pack's users.
_PEER = """
import json, sys, time
from pymusiclooper.core import MusicLooper
start = time.perf_counter()
best = MusicLooper(sys.argv[1]).find_loop_pairs(min_loop_duration=float(sys.argv[2]))[0]
took = time.perf_counter() - start
print(json.dumps({"start": int(best.loop_start), "end": int(best.loop_end), "took": took}))
"""


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("folder", type=Path, nargs="?", help="songs in Frets on Fire's layout")
    parser.add_argument("--looper", type=Path, help="a Python that has pymusiclooper")
    options = parser.parse_args()
    seconds = 24 if options.small else 60
    songs = read_songs(options.folder) if options.folder else composed_songs(seconds)
    print_loops(songs[:1] if options.small else songs, seconds, options.looper)
    return 0


def print_loops(songs: Sequence[Song], seconds: int, peer: Path | None) -> None:
    """For each song, the loop and its seam; `peer` is a Python that has pymusiclooper."""
    if peer is None:
        print("Loops: no --looper, so PyMusicLooper is skipped and its figures are missing.")
    for song in songs:
        samples = np.ascontiguousarray(song.samples[:, : seconds * song.rate])
        shortest = SHORTEST * samples.shape[1] / song.rate
        begun = time.perf_counter()
        made = make_loop(read_track(samples, song.rate, song.tempo), shortest)
        took = time.perf_counter() - begun
        ours = made.samples[:, made.start :]
        print(
            f"{song.name:24} ours {_shown(ours, song.rate, judge(ours, samples, song.rate), took)}"
        )
        if peer is not None:
            print(f"{'':24} PyMusicLooper {_peer(samples, song.rate, shortest, peer)}")


def _peer(samples: Samples, rate: int, shortest: float, python: Path) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song.wav"
        soundfile.write(path, samples.T, rate, subtype="FLOAT")
        command = [str(python), "-c", _PEER, str(path), str(shortest)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return "failed: " + (done.stderr.strip().splitlines() or ["no message"])[-1]
    found = json.loads(done.stdout.splitlines()[-1])
    loop = samples[:, found["start"] : found["end"]]
    return _shown(loop, rate, judge(loop, samples, rate), found["took"])


def _shown(loop: Samples, rate: int, seam: Seam, took: float) -> str:
    verdict = "heard" if seam.is_heard else "not heard"
    return (
        f"{loop.shape[1] / rate:6.2f} s, step {seam.step:.2f}, flux {seam.flux:.2f} of the "
        f"source's 95th percentile ({verdict}), in {took:.2f} s"
    )

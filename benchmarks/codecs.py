"""Loudness and true peak behind each codec: `python3 benchmarks/run.py codecs [--small]`.

Music at -14 and -11 LUFS under -1 dBTP is saved in each format and quality, decoded and measured.
“plain” is one encoding, as other nodes save it. The loudness is the difference from the target in
LU, the peak the difference from the ceiling in dB. The goal is 0.1 in both.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

from ..audio.arrays import Samples
from ..audio.decode import decode
from ..audio.encode import encode
from ..audio.formats import QUALITIES, Encoding
from ..music.encoded_level import encode_at_level
from ..music.mastering import level_of, master
from ..sandbox.composer import compose

CEILING = -1.0
GOAL = 0.1
PROMPTS = ("techno 128 bpm", "rock 140 bpm", "slow piano ballad 70 bpm")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--small", action="store_true", help="two qualities of 5 s")
    parser.add_argument("--seconds", type=float, default=20.0)
    arguments = parser.parse_args()
    seconds = 5.0 if arguments.small else arguments.seconds
    encodings = [Encoding(each, quality) for each in QUALITIES for quality in QUALITIES[each]]
    prompts, targets = PROMPTS, (-14.0, -11.0)
    if arguments.small:
        encodings, prompts, targets = encodings[-4::3], PROMPTS[:1], targets[1:]
    met = rows = 0
    print(f"{'':36}{'plain':>16}{'kept':>16}  CPU: plain, kept (s)")
    for prompt in prompts:
        made = compose(prompt, seconds)
        for loudness in targets:
            samples = np.empty_like(made.waveform)
            source = np.ascontiguousarray(made.waveform)
            rate = made.sample_rate
            master(source, rate, samples, loudness=loudness, ceiling=CEILING)
            print(f"{prompt}, {loudness:g} LUFS")
            for encoding in encodings:
                line, is_met = row(samples, rate, loudness, encoding)
                print(line)
                met, rows = met + is_met, rows + 1
    print(f"{met} of {rows} goals met; a star marks a file that is told to be off.")
    return 0


def row(samples: Samples, rate: int, loudness: float, encoding: Encoding) -> tuple[str, bool]:
    """One line of the table, and whether the kept file meets the goal."""
    cells, times, note, is_met = [], [], "", False
    with tempfile.TemporaryDirectory() as folder:
        for name in ("plain", "kept"):
            path, start = Path(folder) / name, time.process_time()
            if name == "plain":
                encode(samples, rate, path, encoding)
            else:
                _, note = encode_at_level(samples, rate, path, encoding)
            times.append(time.process_time() - start)
            with path.open("rb") as file:
                waveform, written = decode(file)
            found = level_of(waveform.numpy(), written)
            over = found.true_peak - CEILING
            off = found.loudness - loudness
            is_met = abs(off) <= GOAL and over <= GOAL
            cells.append(f"{off:+.2f} {over:+.2f}")
    told = " *" if note else ""
    name = f"  {encoding.format.value} {encoding.quality}"
    return f"{name:36}{cells[0]:>16}{cells[1]:>16}  {times[0]:.2f}, {times[1]:.2f}{told}", is_met

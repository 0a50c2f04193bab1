"""The audio path beside ComfyUI's own: `python3 benchmarks/run.py audio [--plot FILE]`.

Ours and the peer's run in turn on the same files. The fastest of the rounds counts: other programs
only make a round slower. With COMFYUI_PATH set to a ComfyUI checkout, and run by a
Python that has ComfyUI's requirements and this pack's, the peers are ComfyUI's `LoadAudio` and
`AudioSaveHelper` and its partner nodes' download and decode. Without it they are the same steps
with PyAV and aiohttp, written here. Times are in seconds, memory in MiB above what was there
before; "the codec alone" decodes and throws away.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import functools
import importlib
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile
import torch

from ..audio.decode import decode
from ..audio.encode import encode
from ..audio.formats import Encoding, Format
from ..audio.retag import retag
from ..audio.samples.resample import resample
from .audio_files import RATE, WORKFLOW, Files, make_files
from .audio_memory import memory_of, memory_rows
from .audio_network import serve, url_rows
from .audio_peers import Peer, find_peer, peer_resample
from .plot import draw
from .report import Row, arguments, compare, report

ENCODED = 60
"""Seconds of the lossy files: their time is in proportion to the length, and a minute is enough."""
ENOUGH_SECONDS = 10


def main() -> int:
    parser = arguments(__doc__)
    parser.add_argument("--plot", type=Path, help="draw the ratios there (PNG)")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="sections whose name contains this")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        asyncio.run(serve(Path(options.serve)))
        return 0
    if options.memory:
        print(memory_of(*options.memory))
        return 0
    lengths, rounds = ((240, 30), options.rounds) if not options.small else ((2, 1), 1)
    in_memory = ("mp3",) if options.small else ("mp3", "wav", "flac", "opus")
    peer = find_peer()
    print(f"The peer is {peer.name}.")
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > 0.5:
        print(f"The machine is busy (load {load:.1f}): what shares its work between two threads,")
        print("decoding and resampling above all, comes out slower than it is.")
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as folder:
        long, short = (make_files(Path(folder), seconds) for seconds in lengths)
        sections: dict[str, Callable[[], list[Row]]] = {
            "decode": lambda: decode_rows(peer, long, rounds),
            "resample": lambda: resample_rows(peer, long, rounds),
            "memory": lambda: memory_rows(long, in_memory, saves=not options.small),
            "save": lambda: save_rows(peer, long, Path(folder), rounds),
            "url": lambda: url_rows(peer, Path(folder), long, short, rounds),
        }
        for name, section in sections.items():
            if options.only in name:
                rows += section()
    report(rows, options.json)
    if options.plot:
        options.plot.write_bytes(draw(rows))
    return 0


def fastest(rounds: int, **steps: Callable[[], Any]) -> dict[str, float]:
    """Seconds of each step, in turn, the fastest of the rounds after one that warms up.

    Short steps, which a moment's disturbance changes most, get up to three times the rounds.
    """
    best = dict.fromkeys(steps, math.inf)
    end = time.perf_counter() + ENOUGH_SECONDS
    for number in range(3 * rounds + 1):
        if number > rounds and time.perf_counter() > end:
            break
        for name, step in steps.items():
            start = time.perf_counter()
            step()
            if number:
                best[name] = min(best[name], time.perf_counter() - start)
    return best


def ours_from(path: Path) -> tuple[torch.Tensor, int]:
    with open(path, "rb") as file:
        return decode(file)


def decode_rows(peer: Peer, files: Files, rounds: int) -> list[Row]:
    goals = {"mp3": 0.45, "flac": 0.45, "wav": 0.15, "opus": 0.85}
    rows = []
    for name, goal in goals.items():
        path = files.paths[name]
        data = path.read_bytes()
        steps: dict[str, Callable[[], Any]] = {
            "ours": lambda path=path: ours_from(path),
            "load": lambda path=path: peer.load(str(path)),
            "partner": lambda data=data: peer.from_bytes(data),
            "codec": lambda path=path: codec_alone(path),
        }
        with contextlib.suppress(Exception):
            torchaudio = importlib.import_module("torchaudio")
            torchaudio.load(str(path))
            steps["torchaudio"] = functools.partial(torchaudio.load, str(path))
        best = fastest(rounds, **steps)
        label = f"decode {name}, {files.seconds} s"
        rows.append(compare(f"{label}, to LoadAudio", best["ours"], best["load"], goal))
        rows.append(compare(f"{label}, to the partner nodes", best["ours"], best["partner"]))
        if "torchaudio" in best:
            rows.append(compare(f"{label}, to torchaudio.load", best["ours"], best["torchaudio"]))
        rows.append(compare(f"{label}, to the codec alone", best["ours"], best["codec"]))
    return rows


def codec_alone(path: Path) -> None:
    """Decode and throw away, in one thread: libsndfile, or FFmpeg for what that cannot read."""
    if path.suffix == ".opus":
        with av.open(str(path)) as container:
            for _ in container.decode(audio=0):
                pass
        return
    with soundfile.SoundFile(path) as sound:
        buffer = np.empty((1 << 17, sound.channels), np.float32)
        while len(sound.read(out=buffer)):
            pass


def resample_rows(peer: Peer, files: Files, rounds: int) -> list[Row]:
    path = files.paths["mp3"]
    best = fastest(
        rounds,
        ours=lambda: resample(ours_from(path)[0], RATE, 48000),
        peer=lambda: peer_resample(peer.load(str(path))[0], RATE, 48000),
        ours_alone=lambda: resample(files.waveform, RATE, 48000),
        peer_alone=lambda: peer_resample(files.waveform, RATE, 48000),
    )
    moment = torch.arange(48000 * 2, dtype=torch.float64) / 48000
    tone = torch.sin(2 * math.pi * 23000 * moment).float().repeat(2, 1)
    leak, peer_leak = (
        float(method(tone, 48000, RATE)[:, 4000:-4000].abs().max())
        for method in (resample, peer_resample)
    )
    return [
        compare(f"mp3 to 48 kHz, {files.seconds} s", best["ours"], best["peer"], 0.45),
        compare(f"44.1 to 48 kHz alone, {files.seconds} s", best["ours_alone"], best["peer_alone"]),
        compare(
            "alias of a 23 kHz tone, 48 to 44.1 kHz", leak, peer_leak, 10 ** (-110 / 20) / peer_leak
        ),
    ]


def save_rows(peer: Peer, files: Files, folder: Path, rounds: int) -> list[Row]:
    numbers = iter(range(1_000_000))

    def fresh() -> Path:
        return folder / f"saved-{next(numbers)}"

    long, encoded = files.seconds, min(files.seconds, ENCODED)

    def save(seconds: int, format: Format, quality: str, peer_quality: str) -> dict[str, float]:
        waveform = files.waveform[:, : RATE * seconds].contiguous()
        encoding = Encoding(format, quality)
        return fastest(
            rounds if format is Format.FLAC else max(1, rounds // 3),
            ours=lambda: encode(waveform, RATE, fresh(), encoding, tags=WORKFLOW),
            peer=lambda: peer.save(waveform, RATE, fresh(), format.value, peer_quality),
        )

    flac = save(long, Format.FLAC, "16 bit", "")
    opus = save(encoded, Format.OPUS, "128 kbit/s", "128k")
    mp3 = save(encoded, Format.MP3, "V0", "V0")
    encoding = Encoding(Format.MP3, "V0")
    original = fresh()
    encode(files.waveform[:, : RATE * encoded], RATE, original, encoding)
    exact = fastest(rounds, ours=lambda: retag(original, fresh(), WORKFLOW))
    wav = fastest(
        rounds,
        ours=lambda: encode(
            files.waveform, RATE, fresh(), Encoding(Format.WAV, "16 bit"), tags=WORKFLOW
        ),
        peer=lambda: soundfile.write(
            str(fresh()), files.waveform.T.numpy(), RATE, format="WAV", subtype="PCM_16"
        ),
    )
    return [
        compare(f"save flac, {long} s, 200 KB workflow", flac["ours"], flac["peer"], 0.75),
        compare(f"save opus 128k, {encoded} s, 200 KB workflow", opus["ours"], opus["peer"], 0.95),
        compare(f"save mp3 V0, {encoded} s, 200 KB workflow", mp3["ours"], mp3["peer"], 1.0),
        compare(f"save that mp3 unchanged, {encoded} s", exact["ours"], mp3["peer"], 0.02),
        compare(f"save wav, {long} s, to soundfile.write", wav["ours"], wav["peer"]),
    ]

"""Peak memory of the audio path, each step in a fresh process."""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch

from ..audio.decode import decode
from ..audio.encode import encode
from ..audio.formats import Encoding, Format
from .audio_files import RATE, WORKFLOW, Files
from .audio_peers import written_anew
from .report import RUN, Row, compare


def memory_rows(files: Files, names: Sequence[str], *, saves: bool) -> list[Row]:
    """Peaks of fresh processes, to the floor: the tensor, and the encoded file."""
    if not Path("/proc/self/clear_refs").exists():
        print("Peak memory is measured on Linux only: left out.")
        return []
    mebi = 1 << 20
    rows = []
    for name in names:
        path = files.paths[name]
        frames = files.waveform.shape[1] * (48000 if name == "opus" else RATE) // RATE
        floor = (frames * 2 * 4 + path.stat().st_size) / mebi
        for kind, goal in (("decode", 1.05), ("load", None)):
            label = "ours" if kind == "decode" else "LoadAudio's way"
            peak = in_a_process(kind, path)
            rows.append(compare(f"peak memory, {name}, {label}, to the floor", peak, floor, goal))
    kinds = (("save", "ours"), ("core-save", "AudioSaveHelper's way")) if saves else ()
    for kind, label in kinds:
        peak = in_a_process(kind, files.paths["wav"])
        rows.append(
            compare(
                f"save flac, memory above the tensor, {label}, to the tensor",
                peak,
                files.waveform.nbytes / mebi,
                0.05 if kind == "save" else None,
            )
        )
    return rows


def in_a_process(kind: str, path: Path) -> float:
    done = subprocess.run(
        [sys.executable, str(RUN), "audio", "--memory", kind, str(path)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout.split()[-1])


def memory_of(kind: str, name: str) -> float:
    """MiB that one step needs above what the process held before it."""
    path = Path(name)
    data = path.read_bytes()
    anew = written_anew()
    small = io.BytesIO()
    soundfile.write(small, np.zeros((100_000, 2), np.float32), RATE, format="FLAC")
    decode(io.BytesIO(small.getvalue()))
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "song"
        steps: dict[str, Callable[[], Any]] = {
            "decode": lambda: decode(io.BytesIO(data)),
            "load": lambda: anew.from_bytes(data),
        }
        if "save" in kind:
            waveform = decode(io.BytesIO(data))[0]
            silence = torch.zeros(2, 1000)
            encode(silence, RATE, Path(folder) / "first", Encoding(Format.FLAC, "16 bit"))
            steps["save"] = lambda: encode(
                waveform, RATE, out, Encoding(Format.FLAC, "16 bit"), tags=WORKFLOW
            )
            steps["core-save"] = lambda: anew.save(waveform, RATE, out, "flac", "")
        Path("/proc/self/clear_refs").write_text("5")
        before = _status("VmRSS")
        # The encoded file is part of what a load needs, and it is here already.
        held = 0 if "save" in kind else len(data) / (1 << 20)
        steps[kind]()
        return _status("VmHWM") - before + held


def _status(field: str) -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(float(line.split()[1]) / 1024 for line in lines if line.startswith(field))

"""The music of the audio benchmark, in every format."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple, cast

import av
import numpy as np
import soundfile
import torch

RATE = 44100
"""Sample rate of the music in Hz."""
WORKFLOW = {
    "workflow": json.dumps({"nodes": "x" * 200_000}),
    "prompt": json.dumps({"1": "x" * 20_000}),
}
"""The tags of a graph."""


class Files(NamedTuple):
    """One piece of music in every format, and its samples [C, T]."""

    seconds: int
    waveform: torch.Tensor
    paths: dict[str, Path]


def make_files(folder: Path, seconds: int) -> Files:
    """A chord that moves, beats and a little noise, as an encoder meets them in music."""
    random = np.random.default_rng(1)
    moment = np.arange(RATE * seconds) / RATE
    beat = np.exp(-(moment % 0.5) * 12)
    rows = []
    for detune in (1.0, 1.003):
        row = 0.003 * random.standard_normal(moment.shape[0])
        for pitch, level in ((110, 0.2), (220.5, 0.12), (441, 0.1), (1333, 0.05), (5000, 0.02)):
            swell = 0.5 + 0.5 * np.sin(moment * pitch / 37)
            row += level * swell * np.sin(2 * np.pi * pitch * detune * moment)
        rows.append(row + beat * 0.08 * random.standard_normal(moment.shape[0]))
    samples = np.asarray(rows, np.float32)
    paths = {name: folder / f"{seconds}.{name}" for name in ("wav", "flac", "mp3", "opus")}
    for name in ("wav", "flac"):
        soundfile.write(paths[name], samples.T, RATE, subtype="PCM_16")
    for name, codec, bit_rate in (("mp3", "libmp3lame", 192_000), ("opus", "libopus", 128_000)):
        with av.open(str(paths[name]), "w") as container:
            rate = 48000 if name == "opus" else RATE
            stream = cast(av.AudioStream, container.add_stream(codec, rate=rate, layout="stereo"))
            stream.bit_rate = bit_rate
            frame = av.AudioFrame.from_ndarray(samples, "fltp", "stereo")
            frame.sample_rate, frame.pts = RATE, 0
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    return Files(seconds, torch.from_numpy(samples), paths)

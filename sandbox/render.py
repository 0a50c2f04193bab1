"""From a request to the bytes of its sketch."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import NamedTuple

from . import SKETCH_NOTICE


class MusicRequest(NamedTuple):
    """What a submit asked for. `duration` is in seconds, `key` is the idempotency key."""

    prompt: str
    duration: float
    lyrics: str
    format: str
    model: str
    key: str

    @property
    def seed(self) -> int:
        """Another idempotency key is another take: another piece of music."""
        digest = hashlib.sha256("\n".join(map(str, self)).encode()).digest()
        return int.from_bytes(digest[:8], "big")


def sketch(request: MusicRequest) -> bytes:
    """Compose and encode; `duration` long to the sample. Blocks for some seconds at most."""
    import torch

    from ..audio.encode import encode
    from ..audio.formats import Encoding, Format
    from .composer import compose

    piece = compose(request.prompt, request.duration, request.lyrics, request.seed)
    score = piece.score
    encoding = {
        "mp3": Encoding(Format.MP3, "192 kbit/s", quick=True),
        "wav": Encoding(Format.WAV, "16 bit"),
    }[request.format]
    tags = {
        "title": request.prompt[:100],
        "artist": "AIgateway sandbox",
        "comment": f"{SKETCH_NOTICE}. {score.tempo:g} bpm, {score.key.name}, {score.mood}.",
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sketch.{request.format}"
        encode(torch.from_numpy(piece.waveform), piece.sample_rate, path, encoding, tags=tags)
        return path.read_bytes()

"""From a request to the bytes of its scratch track."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path
from typing import NamedTuple

from . import SKETCH_NOTICE


class Order(NamedTuple):
    """What a submit asked for."""

    prompt: str
    duration: float
    lyrics: str
    format: str
    model: str
    key: str

    @property
    def seed(self) -> int:
        """Another idempotency key is another take, and so another piece of music."""
        digest = hashlib.sha256("\n".join(map(str, self)).encode()).digest()
        return int.from_bytes(digest[:8], "big")


def sketch(order: Order) -> bytes:
    """Compose and encode; `order.duration` long to the sample. Blocking, seconds at most."""
    import torch

    from ..audio.encode import encode
    from ..audio.formats import Encoding, Format
    from .composer import Brief, compose

    piece = compose(Brief(order.prompt, order.duration, order.lyrics, order.seed))
    encoding = {
        "mp3": Encoding(Format.MP3, "192 kbit/s"),
        "wav": Encoding(Format.WAV, "16 bit"),
    }[order.format]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"sketch.{order.format}"
        tags = {
            "title": order.prompt[:100],
            "artist": "AIgateway sandbox",
            "comment": f"{SKETCH_NOTICE}. {piece.tempo:g} bpm, {piece.key}, {piece.mood}.",
        }
        encode(torch.from_numpy(piece.waveform), piece.sample_rate, path, encoding, tags=tags)
        return path.read_bytes()

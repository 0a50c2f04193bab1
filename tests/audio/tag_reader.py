"""The tags of a file as FFmpeg reads them: a reader that shares no line with our writers."""

from __future__ import annotations

import io
from pathlib import Path

import av


def read_tags(source: Path | bytes) -> dict[str, str]:
    """The text tags of an audio file, keys in lower case."""
    file = io.BytesIO(source) if isinstance(source, bytes) else str(source)
    with av.open(file) as container:
        found = {**container.metadata, **container.streams.audio[0].metadata}
    return {key.lower(): value for key, value in found.items()}

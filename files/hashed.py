"""Files whose name is the SHA-256 of their bytes."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

from .sniff import SNIFF_BYTES, sniff

_BLOCK = 1 << 20


def hashed_name(content: bytes | memoryview) -> str:
    """The name of a file with the bytes `content`: their hash and their container's extension."""
    return f"{hashlib.sha256(content).hexdigest()}.{sniff(content[:SNIFF_BYTES]).extension}"


def is_whole(path: Path) -> bool:
    """Whether `path` is a regular file, not a link, whose bytes have the hash in its name.

    Raises:
        OSError: the file is missing or cannot be read.
    """
    # Reading a pipe would wait for its writer.
    if not stat.S_ISREG(os.lstat(path).st_mode):
        return False
    return digest_of(path) == path.stem


def digest_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal digits. Raises OSError."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()

"""New files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def new_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what is written there becomes `path` when the block ends.

    Whatever ends the block early (an error, Ctrl+C) leaves neither file. FileExistsError when
    `path` exists, before the block and again, without a gap, when its turn comes.
    """
    if path.exists():
        raise _exists(path)
    with scratch_file(path) as temporary:
        yield temporary
        _publish(temporary, path)


@contextlib.contextmanager
def scratch_file(path: Path) -> Iterator[Path]:
    """A path beside `path` for a file that is gone when the block ends."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _publish(temporary: Path, path: Path) -> None:
    """Give `temporary` the name `path` unless there is a file of that name."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError:
        # No hard links here (FAT, some network shares): take the name first, then fill it.
        try:
            path.touch(exist_ok=False)
        except FileExistsError:
            raise _exists(path) from None
        try:
            os.replace(temporary, path)
        except BaseException:
            path.unlink(missing_ok=True)
            raise


def _exists(path: Path) -> FileExistsError:
    return FileExistsError(f"{path} exists already and is never overwritten; choose another name.")

"""Files that appear whole or not at all.

The content goes into a temporary file beside the target, and the target's name is given to it at
the end. An error, Ctrl+C or a power cut leaves the old file or no file, never half of one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path

PAUSES = (0.01, 0.02, 0.04, 0.08, 0.15, 0.3, 0.6, 0.8)
"""Seconds between the tries to rename a file that another program holds: 2 s in all."""

# ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION: Windows gives one of them
# while a virus scanner reads a new file. Other systems set no `winerror`.
_HELD = (5, 32, 33)
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)
_NAME_LENGTH = 40


def write_file(
    path: Path, content: bytes | memoryview, *, mode: int = 0o666, durable: bool = True
) -> None:
    """Write `content` to `path`, in place of a file of that name. Arguments as `replaced_file`.

    Raises:
        OSError: the disk is full or cannot be written. The old file is as it was.
    """
    with replaced_file(path, mode=mode, durable=durable) as temporary:
        _while_held(lambda: temporary.write_bytes(content))


def write_new_file(
    path: Path, content: bytes | memoryview, *, mode: int = 0o666, durable: bool = True
) -> None:
    """As `write_file`, but a file called `path` is never replaced.

    Raises:
        FileExistsError: `path` exists.
        OSError: the disk is full or cannot be written.
    """
    with new_file(path, mode=mode, durable=durable) as temporary:
        _while_held(lambda: temporary.write_bytes(content))


@contextlib.contextmanager
def replaced_file(path: Path, *, mode: int = 0o666, durable: bool = True) -> Iterator[Path]:
    """An empty temporary file; what is written to it becomes `path` when the block ends.

    A file called `path` is replaced. After an error in the block it stays as it was. The
    temporary file is removed in every case.

    Args:
        mode: permissions of the new file, less the umask. 0o600: only the owner can read it.
        durable: content and name are on the disk when the block has ended. False is faster, and
            fits what can be made again: a power cut may then leave an empty file.

    Raises:
        OSError: the folder is missing, or the disk is full or cannot be written.
    """
    with _temporary_file(path, mode) as temporary:
        yield temporary
        if durable:
            _sync_file(temporary)
        _while_held(lambda: os.replace(temporary, path))
        if durable:
            _sync_folder(path.parent)


@contextlib.contextmanager
def new_file(path: Path, *, mode: int = 0o666, durable: bool = True) -> Iterator[Path]:
    """As `replaced_file`, but a file called `path` is never replaced.

    Raises:
        FileExistsError: `path` exists. Checked before the block, and again in one step with the
            renaming.
        OSError: the folder is missing, or the disk is full or cannot be written.
    """
    if path.exists():
        raise _exists(path)
    with _temporary_file(path, mode) as temporary:
        yield temporary
        if durable:
            _sync_file(temporary)
        rename_to_new(temporary, path)
        if durable:
            _sync_folder(path.parent)


@contextlib.contextmanager
def _temporary_file(path: Path, mode: int) -> Iterator[Path]:
    # A shortened name: the longest one that a folder takes has no room for an addition.
    name = f".{path.name[:_NAME_LENGTH]}.{secrets.token_hex(4)}.tmp"
    temporary = path.with_name(name)
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield temporary
    finally:
        # After a rename it is gone. An error here must not hide the one that ended the block.
        with contextlib.suppress(OSError):
            _while_held(temporary.unlink)


def rename_to_new(temporary: Path, path: Path) -> None:
    """Give `temporary` the name `path`, in the same file system.

    Raises:
        FileExistsError: `path` exists; `temporary` stays.
        OSError: the name cannot be given.
    """
    try:
        if os.name == "nt":
            # Windows renames only to a free name.
            _while_held(lambda: os.rename(temporary, path))
        else:
            os.link(temporary, path)
            temporary.unlink()
        return
    except FileExistsError:
        raise _exists(path) from None
    except OSError:
        if os.name == "nt":
            raise
    # No hard links here (FAT, some network drives): take the name first, then replace the file.
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
    return FileExistsError(f"{path} exists already and is never overwritten: choose another name.")


def _while_held(step: Callable[[], object]) -> None:
    """Run `step`, again after each of PAUSES while Windows says that a program holds the file."""
    for pause in PAUSES:
        try:
            step()
            return
        except PermissionError as error:
            if getattr(error, "winerror", None) not in _HELD:
                raise
        time.sleep(pause)
    step()


def _sync_file(path: Path) -> None:
    def sync() -> None:
        with path.open("rb+") as file:
            os.fsync(file.fileno())

    _while_held(sync)


def _sync_folder(folder: Path) -> None:
    """Put the names in `folder` on the disk too. Windows needs no call for it."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)

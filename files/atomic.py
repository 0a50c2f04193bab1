"""Files that appear whole or not at all.

The content is written to a temporary file beside the target. At the end that file is renamed to
the target's name. An error, Ctrl+C or a power cut leaves the old file or no file, never a part.
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
"""Seconds between the attempts to rename a file that another program holds: 2 s in all."""

# ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION: Windows reports one of them
# while a virus scanner reads a new file. Other systems set no `winerror`.
_HELD = (5, 32, 33)
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)
_NAME_LENGTH = 40


def write_file(
    path: Path, content: bytes | memoryview, *, mode: int = 0o666, durable: bool = True
) -> None:
    """Write `content` to `path`, and replace a file of that name. Arguments as `replaced_file`.

    Raises:
        OSError: the disk is full or cannot be written. The old file is unchanged.
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
    """An empty temporary file, which becomes `path` when the block ends.

    It replaces a file called `path`. After an error in the block, the old file is unchanged. The
    temporary file is removed in every case.

    Args:
        mode: permissions of the new file, less the umask. 0o600: only the owner can read it.
        durable: content and name are on the disk when the block has ended. False is faster, for
            files that can be made again: a power cut may then leave an empty file.

    Raises:
        OSError: the folder is missing, or the disk is full or cannot be written.
    """
    with _temporary_file(path, mode) as temporary:
        yield temporary
        if durable:
            _sync_file(temporary)
        rename_over(temporary, path)
        if durable:
            _sync_folder(path.parent)


@contextlib.contextmanager
def new_file(path: Path, *, mode: int = 0o666, durable: bool = True) -> Iterator[Path]:
    """As `replaced_file`, but a file called `path` is never replaced.

    Raises:
        FileExistsError: `path` exists. The check runs before the block, and again in one step
            with the renaming.
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
    # Shorten the name: the longest name that a folder allows has no room for an addition.
    name = f".{path.name[:_NAME_LENGTH]}.{secrets.token_hex(4)}.tmp"
    temporary = path.with_name(name)
    try:
        os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode))
        yield temporary
    finally:
        # After a rename the file is gone. An error here must not hide the error of the block.
        with contextlib.suppress(OSError):
            _while_held(temporary.unlink)


def rename_over(temporary: Path, path: Path) -> None:
    """Give `temporary` the name `path`, in place of a file of that name, on the same disk.

    Raises:
        OSError: the system cannot rename the file. Both files are unchanged.
    """
    _while_held(lambda: os.replace(temporary, path))


def rename_to_new(temporary: Path, path: Path) -> None:
    """Give `temporary` the name `path`, in the same file system.

    Raises:
        FileExistsError: `path` exists; `temporary` stays.
        OSError: the system cannot rename the file.
    """
    try:
        if os.name == "nt":
            # On Windows a rename fails if the name exists.
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
    # The file system has no hard links (FAT, some network drives): create `path`, then replace it.
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
    """Run `step`. If Windows reports that a program holds the file, retry after each of PAUSES."""
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
    """Write the names in `folder` to the disk too. Windows needs no call for this."""
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

"""A file that may still be arriving, with several readers."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from ..stopping import look

_ID3V1_BYTES = 128
_SPOOL_BYTES = 1 << 20


class Source:
    """One file or download, shared by readers that each have their own position.

    Any seekable binary file will do. A download may have `size` (bytes in all, None while unknown)
    and `complete` (all bytes have arrived); its `read` then blocks until bytes arrive. Native
    decoders ignore exceptions of their callbacks, so an exception of a read is stored in `error`.
    Every later read then returns the end of the file.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._readinto: Callable[[memoryview], int | None] = getattr(
            file, "readinto", self._read_and_copy
        )
        self._lock = threading.Lock()
        self.error: BaseException | None = None
        if getattr(file, "size", None) is None and not getattr(file, "complete", True):
            # The length of a download is known when its first byte has arrived.
            file.seek(0)
            file.read(1)
        size = getattr(file, "size", None)
        if size is None and getattr(file, "complete", True):
            size = file.seek(0, io.SEEK_END)
        elif size is None:
            size = self._drain()
        self.size: int = size

    @property
    def complete(self) -> bool:
        """Whether every byte has arrived, so that no read blocks."""
        return bool(getattr(self._file, "complete", True))

    def read_at(self, position: int, into: memoryview) -> int:
        """Fill `into` from `position`; return the number of bytes, less only at the file's end."""
        done = 0
        with self._lock:
            if self.error is not None:
                return 0
            try:
                self._file.seek(position)
                while done < len(into):
                    look()
                    read = self._readinto(into[done:])
                    if not read:
                        break
                    done += read
            except BaseException as error:
                self.error = error
                return 0
        return done

    def bytes_at(self, position: int, count: int) -> bytes:
        """At most `count` bytes from `position`, fewer only at the end of the file."""
        data = bytearray(max(0, min(count, self.size - position)) if position >= 0 else 0)
        return bytes(data[: self.read_at(position, memoryview(data))]) if data else b""

    def cut(self, size: int) -> None:
        """End the file after `size` bytes, for readers that are created after this call."""
        self.size = min(self.size, size)

    @contextlib.contextmanager
    def as_path(self) -> Iterator[Path]:
        """A path of the complete file, for decoders that are fastest without callbacks.

        A file on disk has a path already. A file in memory is written to a temporary file, which
        is removed when the block ends. OSError if the disk has no room for it.
        """
        name = getattr(self._file, "name", None)
        if isinstance(name, str) and Path(name).is_file():
            yield Path(name)
            return
        descriptor, name = tempfile.mkstemp(prefix="audio-")
        try:
            with open(descriptor, "wb") as spool:
                block = memoryview(bytearray(_SPOOL_BYTES))
                position = 0
                while read := self.read_at(position, block):
                    spool.write(block[:read])
                    position += read
            yield Path(name)
        finally:
            os.unlink(name)

    def raise_error(self) -> None:
        """Raise the exception of an earlier read, unchanged, if there was one."""
        if self.error is not None:
            raise self.error

    def _read_and_copy(self, into: memoryview) -> int:
        data = self._file.read(len(into))
        into[: len(data)] = data
        return len(data)

    def _drain(self) -> int:
        """Wait for the end of a download of unknown length; return its length."""
        self._file.seek(0)
        total = 0
        while data := self._file.read(_SPOOL_BYTES):
            look()
            total += len(data)
        return total


class Reader(io.RawIOBase):
    """A Source as a read-only file, for decoders that read small pieces through callbacks."""

    _AHEAD = 1 << 15

    def __init__(self, source: Source) -> None:
        self._source = source
        self._position = 0
        self._buffer = bytearray(self._AHEAD)
        self._buffered = range(0)
        self.opening = True
        """While True, the last bytes of an arriving file are read as zeros: not an ID3v1 tag."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = (0, self._position, self._source.size)[whence]
        self._position = max(0, start + offset)
        return self._position

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        view = memoryview(buffer).cast("B")
        position, wanted = self._position, len(view)
        done = 0
        while done < wanted:
            if position not in self._buffered and not self._fill(position, wanted - done):
                break
            offset = position - self._buffered.start
            count = min(wanted - done, self._buffered.stop - position)
            view[done : done + count] = memoryview(self._buffer)[offset : offset + count]
            done += count
            position += count
        self._position = position
        return done

    def _fill(self, position: int, wanted: int) -> bool:
        """Buffer the bytes at `position`; False at the end of the file."""
        left = self._source.size - position
        if left <= 0:
            return False
        count = min(self._AHEAD, left)
        if self.opening and not self._source.complete:
            # While a decoder opens the file, it must not wait for bytes that it did not ask for.
            count = min(count, wanted)
            if left <= _ID3V1_BYTES:
                self._buffer[:count] = bytes(count)
                self._buffered = range(position, position + count)
                return True
        read = self._source.read_at(position, memoryview(self._buffer)[:count])
        self._buffered = range(position, position + read)
        return read > 0

    def opened(self) -> None:
        """The decoder has opened the file: later reads return the real end of the file."""
        self.opening = False
        self._buffered = range(0)

"""A file that is read while it arrives.

One side, in an event loop, feeds bytes. The other side, in a worker thread, reads them as a binary
file whose `read` waits for bytes that are not there yet.
"""

from __future__ import annotations

import io
import threading

from ..base.errors import DownloadError

MEGABYTE = 1_000_000


class ArrivingFile(io.RawIOBase):
    """A binary file that `download` fills; one other thread reads it and seeks in it.

    Attributes:
        size: the length in bytes; None until the server tells it.
        complete: whether every byte has arrived.
        paused: why no bytes arrive for a while, for people; "" while they arrive.
    """

    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self.size: int | None = None
        self.complete = False
        self.paused = ""
        self._max_bytes = max_bytes
        self._buffer = bytearray()
        self._position = 0
        self._failure: BaseException | None = None
        self._news = threading.Condition()

    # For the reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Raises OSError for a seek from the end if the length is not known."""
        with self._news:
            if whence == io.SEEK_END:
                if self.size is None:
                    raise OSError("The end is not known while the download goes on.")
                offset += self.size
            elif whence == io.SEEK_CUR:
                offset += self._position
            if offset < 0:
                raise OSError("A position before the beginning of the file.")
            self._position = offset
            return offset

    def readinto(self, buffer) -> int:  # type: ignore[no-untyped-def]
        """Wait for at least one byte or the end. Raises the error that ended the download."""
        target = memoryview(buffer).cast("B")
        with self._news:
            self._news.wait_for(
                lambda: self.received > self._position or self.complete or self._failure
            )
            if self.received <= self._position:
                if self._failure is not None:
                    raise self._failure
                return 0
            count = min(len(target), self.received - self._position)
            target[:count] = memoryview(self._buffer)[self._position : self._position + count]
            self._position += count
            return count

    # For the download

    @property
    def received(self) -> int:
        return len(self._buffer)

    def content(self) -> memoryview:
        """The bytes that have arrived, without a copy. Release them before the next `feed`."""
        return memoryview(self._buffer)

    def expect(self, size: int | None) -> None:
        """Set the whole length; None if the server does not tell it.

        Raises:
            DownloadError: the length is more than allowed.
        """
        with self._news:
            if size is not None:
                self.check(size)
                self.size = size
            self._news.notify_all()

    def feed(self, chunk: bytes) -> None:
        """Add bytes at the end.

        Raises:
            DownloadError: the bytes are more than allowed.
        """
        with self._news:
            self.check(len(self._buffer) + len(chunk))
            # The buffer grows with the bytes that arrive, not with a promised length. Python adds
            # an eighth, so a long file is not copied at each chunk.
            self._buffer += chunk
            self._news.notify_all()

    def finish(self, failure: BaseException | None = None) -> None:
        """Wake the reader for the last time. `failure`: the error that the reader gets."""
        with self._news:
            self._failure = failure
            if failure is None:
                self.size = len(self._buffer)
                self.complete = True
            self._news.notify_all()

    def check(self, size: int) -> None:
        """Raises DownloadError: `size` bytes are more than allowed."""
        if size > self._max_bytes:
            raise DownloadError(
                f"The file is larger than {self._max_bytes / MEGABYTE:g} MB: raise max_download_mb "
                "in the settings if it is meant to be."
            )

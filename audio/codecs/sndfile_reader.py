"""Decoding through libsndfile: MP3, FLAC and AIFF, in two threads once the file is complete."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import numpy as np
import soundfile

from ..arrays import Samples
from ..containers.source import Reader, Source
from ..memory import Bounds
from ..samples.planar import Planar
from ..stopping import look, shared

_BLOCK_SAMPLES = 1 << 17
"""Samples of all channels in one read. The blocks of both threads fit into the CPU's cache."""
_TWO_THREADS_BLOCKS = 4
"""The second thread starts only if at least this many blocks are left."""


class NotForLibsndfile(Exception):  # noqa: N818 - an answer, not a failure
    """libsndfile cannot open this file, or cannot say how long it is."""


class _Sound(soundfile.SoundFile):
    """A file that is read without seeking.

    SoundFile seeks to the current position after every read of a seekable file. libsndfile's MP3
    decoder then drops its bit reservoir, and at low bit rates each block begins with a glitch.
    """

    def seekable(self) -> bool:
        return False


def read_sndfile(
    source: Source,
    bounds: Bounds,
    *,
    expected: int | None = None,
    run_up: int = 0,
    two_threads: bool = True,
) -> tuple[Planar, int]:
    """The samples of `source`, and the number of samples a channel that its header declares.

    A file that ends early gives fewer samples than declared. With `two_threads`, a second thread
    starts when the file is complete; it begins in the middle of the remaining samples.

    Args:
        expected: the length that the header must declare, within `run_up` samples.
        run_up: samples that the second thread decodes before its part and drops, for codecs
            whose frames need earlier ones.

    Raises:
        NotForLibsndfile: libsndfile cannot open it, or finds another length. Nothing was read.
        MediaError: the file holds more than `bounds` allow.
    """
    with contextlib.ExitStack() as stack:
        sound = stack.enter_context(_open(source))
        frames = sound.frames
        if not 0 < frames < 1 << 48:
            raise NotForLibsndfile
        if expected is not None and abs(frames - expected) > run_up:
            raise NotForLibsndfile
        planar = Planar(sound.channels, sound.samplerate, frames, bounds, exact=True)
        planar.integer = sound.subtype.startswith("PCM")
        planar.make_room(_Fill(source, stack, planar.array, run_up, two_threads).run(sound))
    return planar, frames


def _open(source: Source) -> _Sound:
    reader = Reader(source)
    try:
        sound = _Sound(reader)  # type: ignore[arg-type]
    except soundfile.SoundFileError as error:
        source.raise_error()
        raise NotForLibsndfile from error
    reader.opened()
    return sound


class _Fill:
    """Fills one array from its start; a second thread may fill it from a middle too."""

    def __init__(
        self,
        source: Source,
        stack: contextlib.ExitStack,
        out: Samples,
        run_up: int,
        two_threads: bool,
    ) -> None:
        self._source = source
        self._stack = stack
        self._out = out
        self._run_up = run_up
        self._two_threads = two_threads
        self._block = max(1, _BLOCK_SAMPLES // out.shape[0])
        self._stop = False
        self._back_end = 0
        self._back_error: BaseException | None = None

    def run(self, sound: _Sound) -> int:
        """Fill the array; return how many samples of each channel are filled without a gap."""
        end = self._out.shape[1]
        position = 0
        back: threading.Thread | None = None
        buffer = self._buffer()
        try:
            while position < end:
                if back is None and (path := self._path_if_worth_it(end - position)):
                    middle = position + (end - position) // 2
                    fill = shared(self._fill_back)
                    back = threading.Thread(target=fill, args=(path, middle, end))
                    back.start()
                    end = middle
                    if position == 0:
                        sound = self._stack.enter_context(_Sound(path))
                read = self._read(sound, buffer, position, end)
                if not read:
                    break
                position += read
        except BaseException:
            self._stop = True
            raise
        finally:
            if back is not None:
                back.join()
        if self._back_error is not None:
            raise self._back_error
        return self._back_end if back is not None and position == end else position

    def _path_if_worth_it(self, left: int) -> Path | None:
        """A path of the complete file if enough samples are left for two threads.

        libsndfile opens the path itself: with callbacks both threads would wait for Python's lock.
        """
        enough = _TWO_THREADS_BLOCKS * self._block + self._run_up
        if not self._two_threads or left < enough or not self._source.complete:
            return None
        try:
            return self._stack.enter_context(self._source.as_path())
        except OSError:
            return None

    def _fill_back(self, path: Path, start: int, end: int) -> None:
        """Fill from `start` to `end` in the second thread, or to the end of a short file."""
        self._back_end = position = start
        buffer = self._buffer()
        try:
            with _Sound(path) as sound:
                ahead = max(0, start - self._run_up)
                sound.seek(ahead)
                while ahead < start:
                    read = len(sound.read(out=buffer[: min(self._block, start - ahead)]))
                    if not read:
                        return
                    ahead += read
                while position < end and not self._stop:
                    read = self._read(sound, buffer, position, end)
                    if not read:
                        return
                    position += read
                    self._back_end = position
        except soundfile.SoundFileError:
            return
        except BaseException as error:
            self._back_error = error

    def _read(self, sound: _Sound, buffer: Samples, start: int, end: int) -> int:
        look()
        try:
            read = sound.read(out=buffer[: min(self._block, end - start)])
        except soundfile.SoundFileError:
            return 0
        self._out[:, start : start + len(read)] = read.T
        return len(read)

    def _buffer(self) -> Samples:
        return np.empty((self._block, self._out.shape[0]), np.float32)

"""Audio and audio files, made for the tests."""

from __future__ import annotations

import io
import struct
import threading
from collections.abc import Mapping

import av
import numpy as np
import numpy.typing as npt
import soundfile
import torch

from ...audio.containers import mpeg
from ...audio.containers.source import Source
from ...files.sniff import id3v2_size

Samples = npt.NDArray[np.float32]


def music(seconds: float, *, channels: int = 2, sample_rate: int = 44100, seed: int = 1) -> Samples:
    """Float32 [C, T]: tones that change, with a little noise, different in each channel."""
    frames = max(1, round(seconds * sample_rate))
    time = np.arange(frames) / sample_rate
    random = np.random.default_rng(seed)
    rows = []
    for channel in range(channels):
        pitch = 110 * (channel + 2)
        tone = np.sin(2 * np.pi * pitch * time) * (0.3 + 0.1 * np.sin(3 * time))
        high = 0.05 * np.sin(2 * np.pi * min(2500, sample_rate / 5) * time)
        rows.append(tone + high + 0.01 * random.standard_normal(frames))
    return np.asarray(rows, np.float32)


def on_grid(samples: Samples, bits: int = 16) -> Samples:
    """`samples` rounded to what `bits` hold."""
    scale = 2.0 ** (bits - 1)
    return (np.rint(samples.astype(np.float64) * scale).clip(-scale, scale - 1) / scale).astype(
        np.float32
    )


def sound_file(
    samples: Samples, sample_rate: int, format: str, subtype: str | None = None
) -> bytes:
    out = io.BytesIO()
    soundfile.write(out, samples.T, sample_rate, format=format, subtype=subtype)
    return out.getvalue()


def av_file(
    samples: Samples,
    sample_rate: int,
    format: str,
    codec: str,
    *,
    bit_rate: int | None = None,
    options: Mapping[str, str] | None = None,
    vbr: bool = False,
) -> bytes:
    out = io.BytesIO()
    layout = "mono" if len(samples) == 1 else "stereo"
    with av.open(out, "w", format=format, options=dict(options or {})) as container:
        stream = container.add_stream(codec, rate=sample_rate, layout=layout)
        assert isinstance(stream, av.AudioStream)
        if vbr:
            stream.codec_context.qscale = True  # type: ignore[attr-defined]
        elif bit_rate:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", layout)
        frame.sample_rate, frame.pts = sample_rate, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def mp3(samples: Samples, sample_rate: int = 44100, *, vbr: bool = False) -> bytes:
    return av_file(samples, sample_rate, "mp3", "libmp3lame", bit_rate=128_000, vbr=vbr)


def without_xing(data: bytes) -> bytes:
    """An MP3 without its ID3v2 tag and first frame, which says how long it is."""
    start = id3v2_size(data)
    header = mpeg.find_first_frame(Source(io.BytesIO(data)), start)
    assert header is not None
    assert b"Xing" in data[header.start :][:64] or b"Info" in data[header.start :][:64]
    return data[header.start + header.size :]


def frame_count(data: bytes) -> tuple[int, int]:
    """Frames in an MP3 without tags, and samples in each: the walk that cannot be wrong."""
    position = count = samples = 0
    while header := mpeg.parse_header(data[position : position + 4], position):
        position += header.size
        if position > len(data):
            break
        count, samples = count + 1, header.samples
    return count, samples


def id3_with_cover(picture: bytes) -> bytes:
    """An ID3v2.3 tag with a title and cover art, as stores sell it."""

    def frame(name: bytes, content: bytes) -> bytes:
        return name + struct.pack(">I", len(content)) + b"\0\0" + content

    body = frame(b"TIT2", b"\0Old title") + frame(b"APIC", b"\0image/jpeg\0\x03\0" + picture)
    size = bytes(len(body) >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x03\x00\x00" + size + body


def wav(
    data: bytes,
    *,
    channels: int = 2,
    sample_rate: int = 44100,
    bits: int = 16,
    tag: int = 1,
    form: bytes = b"RIFF",
    declared: int | None = None,
    before: bytes = b"",
    after: bytes = b"",
    extensible: bool = False,
) -> bytes:
    """A WAV file by hand: any header, true or not, around `data`."""
    align = channels * bits // 8
    outer = 0xFFFE if extensible else tag
    fmt = struct.pack("<HHIIHH", outer, channels, sample_rate, sample_rate * align, align, bits)
    if extensible:
        guid = struct.pack("<H", tag) + bytes.fromhex("000000001000800000aa00389b71")
        fmt += struct.pack("<HHI", 22, bits, 0) + guid
    size = len(data) if declared is None else declared
    body = (
        b"WAVE"
        + before
        + chunk(b"fmt ", fmt)
        + b"data"
        + struct.pack("<I", size)
        + data
        + b"\0" * (len(data) % 2)
        + after
    )
    return form + struct.pack("<I", min(len(body), 0xFFFFFFFF)) + body


def chunk(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def tensor(samples: Samples) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(samples))


class Arriving(io.RawIOBase):
    """A download in a test's hands: reads wait until the bytes were let through.

    `waiting` is set whenever a read has to wait, `read_up_to` is the furthest byte ever returned.
    """

    def __init__(self, data: bytes, *, size: int | None = -1) -> None:
        self._data = data
        self.size = len(data) if size == -1 else size
        self._here = 0
        self._position = 0
        self._failure: Exception | None = None
        self._news = threading.Condition()
        self.waiting = threading.Event()

    @property
    def complete(self) -> bool:
        return self._here == len(self._data)

    def let_through(self, count: int) -> None:
        with self._news:
            self._here = min(len(self._data), self._here + count)
            self.waiting.clear()
            self._news.notify_all()

    def fail(self, failure: Exception) -> None:
        with self._news:
            self._failure = failure
            self._news.notify_all()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_END:
            if self.size is None:
                raise OSError("the end is not known yet")
            offset += self.size
        elif whence == io.SEEK_CUR:
            offset += self._position
        self._position = offset
        return offset

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        with self._news:
            while self._here <= self._position and not self.complete:
                if self._failure:
                    raise self._failure
                self.waiting.set()
                self._news.wait()
            data = self._data[self._position : min(self._here, self._position + len(buffer))]
            buffer[: len(data)] = data
            self._position += len(data)
            return len(data)

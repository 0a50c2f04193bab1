"""Clips and sounds for the tests: small, real, made by PyAV."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

RATES = [
    Fraction(24000, 1001),
    Fraction(24),
    Fraction(25),
    Fraction(30000, 1001),
    Fraction(30),
    Fraction(50),
    Fraction(60000, 1001),
    Fraction(60),
]
CODECS = {".mp4": "libx264", ".mov": "libx264", ".mkv": "libx264", ".webm": "libvpx-vp9"}


def make_clip(
    path: Path,
    frames: int = 30,
    fps: Fraction | int = 30,
    *,
    stamps: Sequence[int] | None = None,
    sound: np.ndarray | None = None,
    sound_rate: int = 48000,
    sound_start: float = 0.0,
    codec: str = "",
    code: str = "",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """A clip of 64 x 48; `code` is its track's; `stamps` in ms for a variable frame rate; B-frames
    where the codec has."""
    base = 1 / Fraction(fps) if stamps is None else Fraction(1, 1000)
    with av.open(str(path), "w", container_options=container_options or {}) as output:
        stream: Any = output.add_stream(codec or CODECS.get(path.suffix, "mpeg4"), rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, pixels
        if code:
            stream.codec_context.codec_tag = code
        stream.options = options or {}
        stream.codec_context.time_base = base
        track: Any = None
        if sound is not None:
            name = "libopus" if path.suffix == ".webm" else "aac"
            track = output.add_stream(name, rate=sound_rate)
            track.codec_context.layout = "mono" if len(sound) == 1 else "stereo"
        for number in range(frames):
            shade = np.full((48, 64, 3), number * 9 % 255, np.uint8)
            frame = av.VideoFrame.from_ndarray(shade, format="rgb24")
            frame.pts = number if stamps is None else stamps[number]
            frame.time_base = base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            layout = "mono" if len(sound) == 1 else "stereo"
            heard = av.AudioFrame.from_ndarray(sound, format="fltp", layout=layout)
            heard.sample_rate, heard.pts = sound_rate, round(sound_start * sound_rate)
            heard.time_base = Fraction(1, sound_rate)
            output.mux(track.encode(heard))
            output.mux(track.encode(None))
    return path


def with_box(path: Path, entry: bytes, *boxes: bytes) -> Path:
    """Append `boxes` to the sample entry (such as b"avc1") of the picture of an MP4."""
    data, more = bytearray(path.read_bytes()), b"".join(boxes)
    at = 0
    for kind in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", entry):
        at = data.index(kind, at)
        size = struct.unpack_from(">I", data, at - 4)[0]
        struct.pack_into(">I", data, at - 4, size + len(more))
    data[at - 4 + size : at - 4 + size] = more
    assert data.index(b"mdat") < at
    path.write_bytes(data)
    return path


def box(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(content), kind) + content


def ending_at(path: Path, seconds: float) -> Path:
    """Write `seconds` into the edit list of an MP4 whose first track is the picture."""
    data = bytearray(path.read_bytes())
    at = data.index(b"elst") + 4
    scale = struct.unpack_from(">I", data, data.index(b"mvhd") + 16)[0]
    assert struct.unpack_from(">II", data, at) == (0, 1)
    struct.pack_into(">I", data, at + 8, round(seconds * scale))
    path.write_bytes(data)
    return path


def noise(seconds: float, rate: int = 48000, channels: int = 2, seed: int = 0) -> np.ndarray:
    """Soft noise, which has one place only where it fits."""
    rng = np.random.default_rng(seed)
    white = rng.standard_normal((channels, round(seconds * rate) + 7)) * 0.1
    return np.stack([np.convolve(row, np.ones(8) / 4, "valid") for row in white]).astype(np.float32)


def tone(seconds: float, hertz: float, rate: int = 48000, level: float = 0.2) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * hertz * time))[None].repeat(2, 0).astype(np.float32)


def picture_hashes(path: Path) -> list[str]:
    with av.open(str(path)) as container:
        packets = container.demux(video=0)
        return [hashlib.md5(bytes(packet)).hexdigest() for packet in packets if packet.size]


def picture_stamps(path: Path) -> list[Fraction]:
    with av.open(str(path)) as container:
        packets = container.demux(video=0)
        return [time_of(packet) for packet in packets if packet.pts is not None]


def time_of(timed: av.Packet | av.VideoFrame | av.AudioFrame) -> Fraction:
    """When a packet or a frame begins, in seconds."""
    assert timed.pts is not None
    assert timed.time_base is not None
    return timed.pts * timed.time_base


def sound_of(path: Path) -> tuple[np.ndarray, int]:
    """The decoded sound, from the picture's time 0 on, and its rate."""
    with av.open(str(path)) as container:
        frames = list(container.decode(audio=0))
        rate = container.streams.audio[0].rate
    offset = round(float(time_of(frames[0])) * rate)
    samples = np.concatenate([frame.to_ndarray() for frame in frames], axis=1)
    if offset < 0:
        return samples[:, -offset:], rate
    return np.pad(samples, ((0, 0), (offset, 0))), rate


def sound_end(path: Path) -> float:
    """When the last packet of the sound ends, in seconds."""
    with av.open(str(path)) as container:
        packets = [packet for packet in container.demux(audio=0) if packet.pts is not None]
    return max(
        float(time_of(packet) + (packet.duration or 0) * (packet.time_base or 0))
        for packet in packets
    )


def lag(heard: np.ndarray, wanted: np.ndarray) -> int:
    """By how many samples `heard` comes after `wanted`, by cross-correlation."""
    size = 2 * max(heard.size, wanted.size)
    product = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    best = int(np.argmax(np.fft.irfft(product)))
    return best if best < size // 2 else best - size

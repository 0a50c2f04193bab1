"""Damaged files end in audio or in an MediaError: no crash, no hang, no memory out of bounds."""

from __future__ import annotations

import contextlib
import functools
import io
import tempfile
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ...audio.arrays import MediaError
from ...audio.decode import decode
from ...audio.retag import retag
from . import make

SECONDS = 0.5
NAMES = ["wav", "float wav", "flac", "aiff", "mp3", "bare mp3", "cover", "vorbis", "opus", "m4a"]


class Damaged(bytes):
    """Bytes whose repr fits on a screen."""

    def __repr__(self) -> str:
        return f"<{len(self)} bytes, beginning {bytes(self[:80])!r}>"


@functools.cache
def valid(name: str) -> bytes:
    samples = make.on_grid(make.music(SECONDS, sample_rate=48000))
    if name == "float wav":
        return make.sound_file(samples, 48000, "WAV", "FLOAT")
    if name in ("wav", "flac", "aiff"):
        return make.sound_file(samples, 48000, name.upper())
    if name == "vorbis":
        return make.sound_file(samples, 48000, "OGG")
    if name == "opus":
        return make.av_file(samples, 48000, "opus", "libopus")
    if name == "m4a":
        return make.av_file(samples, 48000, "ipod", "aac")
    mp3 = make.mp3(samples, 48000)
    if name == "cover":
        return make.id3_with_cover(bytes(range(256)) * 8) + mp3
    return make.without_xing(mp3) if name == "bare mp3" else mp3


@st.composite
def damaged(draw: st.DrawFn) -> Damaged:
    """A valid file with bytes changed, parts cut out or doubled, or its end missing."""
    data = bytearray(valid(draw(st.sampled_from(NAMES))))
    # Headers are where damage does the most harm.
    places = st.one_of(st.integers(0, 200), st.integers(0, len(data) - 1))
    for _ in range(draw(st.integers(1, 6))):
        start = min(draw(places), max(0, len(data) - 1))
        stop = start + draw(st.integers(1, 40))
        match draw(st.sampled_from(["change", "ones", "cut", "double", "end"])):
            case "change":
                patch = draw(st.binary(min_size=1, max_size=8))
                data[start : start + len(patch)] = patch
            case "ones":
                data[start : start + 4] = b"\xff" * 4
            case "cut":
                del data[start:stop]
            case "double":
                data[start:start] = data[start:stop]
            case _:
                del data[max(1, start) :]
    return Damaged(data)


bounded = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


@pytest.mark.slow
@bounded
@given(damaged())
def test_decoding_damaged_files(data: Damaged) -> None:
    with contextlib.suppress(MediaError):
        waveform, sample_rate = decode(io.BytesIO(data), max_minutes=0.2)
        assert waveform.ndim == 2
        assert waveform.is_contiguous()
        assert waveform.dtype == torch.float32
        assert waveform.isfinite().all()
        assert 0 < waveform.shape[1] <= 0.2 * 60 * sample_rate


@pytest.mark.slow
@bounded
@given(damaged(), st.dictionaries(st.sampled_from(["title", "prompt", "x"]), st.text(max_size=50)))
def test_tagging_damaged_files(data: Damaged, tags: dict[str, str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tagged"
        try:
            retag(data, path, tags)
        except MediaError:
            assert not list(Path(folder).iterdir())
        else:
            assert list(Path(folder).iterdir()) == [path]


@pytest.mark.slow
@bounded
@given(
    st.binary(max_size=300), st.sampled_from([b"", b"RIFF\xff\xff\xff\xffWAVE", b"fLaC", b"OggS"])
)
def test_decoding_noise(data: bytes, magic: bytes) -> None:
    with contextlib.suppress(MediaError):
        decode(io.BytesIO(magic + data), max_minutes=0.2)

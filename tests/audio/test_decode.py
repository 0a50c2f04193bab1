"""Any audio file becomes one planar float32 tensor, or one sentence that says why not."""

from __future__ import annotations

import io
import struct
import tracemalloc
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from ...audio.arrays import MediaError
from ...audio.decode import decode
from . import make


def decoded(data: bytes, **options: Any) -> tuple[torch.Tensor, int]:
    return decode(io.BytesIO(data), **options)


# WAV


PCM = {
    8: lambda x: (np.rint(x * 128) + 128).clip(0, 255).astype(np.uint8).tobytes(),
    16: lambda x: np.rint(x * 2**15).astype("<i2").tobytes(),
    24: lambda x: np.rint(x * 2**23).astype("<i4").view("u1").reshape(-1, 4)[:, :3].tobytes(),
    32: lambda x: np.rint(x.astype(np.float64) * 2**31).astype("<i4").tobytes(),
}


@pytest.mark.parametrize("extensible", [False, True])
@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_wav_integers_come_out_exactly(bits: int, extensible: bool) -> None:
    samples = make.on_grid(make.music(0.2), min(bits, 24))
    data = PCM[bits](samples.T.reshape(-1))
    waveform, sample_rate = decoded(make.wav(data, bits=bits, extensible=extensible))
    assert sample_rate == 44100
    assert waveform.dtype == torch.float32
    assert waveform.is_contiguous()
    assert torch.equal(waveform, make.tensor(samples))


@pytest.mark.parametrize("bits", [32, 64])
def test_wav_floats_come_out_exactly_even_above_full_scale(bits: int) -> None:
    samples = make.music(0.1) * 5
    data = samples.T.astype(f"<f{bits // 8}").tobytes()
    waveform, _ = decoded(make.wav(data, bits=bits, tag=3))
    assert torch.equal(waveform, make.tensor(samples))


def pcm16(seconds: float = 0.2) -> tuple[make.Samples, bytes]:
    samples = make.on_grid(make.music(seconds))
    return samples, PCM[16](samples.T.reshape(-1))


def test_wav_chunks_before_and_behind_the_samples_are_no_sound() -> None:
    samples, data = pcm16()
    odd = make.chunk(b"LIST", b"INFOINAM" + struct.pack("<I", 5) + b"title")
    waveform, _ = decoded(make.wav(data, before=odd, after=odd))
    assert torch.equal(waveform, make.tensor(samples))


@pytest.mark.parametrize("declared", [0xFFFFFFFF, 0, 0x7FFFFFFF, 0xFFFFFFDB])
def test_wav_headers_of_streams_do_not_know_the_length(declared: int) -> None:
    samples, data = pcm16()
    waveform, _ = decoded(make.wav(data, declared=declared))
    assert torch.equal(waveform, make.tensor(samples))


@pytest.mark.parametrize("form", [b"RF64", b"BW64"])
def test_rf64_has_its_length_in_a_chunk_of_its_own(form: bytes) -> None:
    samples, data = pcm16()
    ds64 = make.chunk(b"ds64", struct.pack("<QQQI", len(data) + 100, len(data), len(data) // 4, 0))
    tail = make.chunk(b"LIST", b"INFO")
    file = make.wav(data, form=form, declared=0xFFFFFFFF, before=ds64, after=tail)
    waveform, _ = decoded(file)
    assert torch.equal(waveform, make.tensor(samples))


def test_a_wav_shorter_than_its_header_says_is_truncated() -> None:
    _, data = pcm16()
    with pytest.raises(MediaError, match="WAV file is truncated"):
        decoded(make.wav(data)[:-100])


def test_an_empty_wav_holds_no_samples() -> None:
    for after in (b"", make.chunk(b"LIST", b"INFO")):
        with pytest.raises(MediaError, match="no samples"):
            decoded(make.wav(b"", after=after))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_and_infinity_in_a_file_are_named(value: float) -> None:
    data = np.array([0, 0.5, value, 0], "<f4").tobytes()
    with pytest.raises(MediaError, match="NaN" if value != value else "infinity"):
        decoded(make.wav(data, bits=32, tag=3))


@pytest.mark.parametrize("subtype", ["ULAW", "ALAW", "MS_ADPCM", "IMA_ADPCM"])
def test_compressed_wav_is_read_too(subtype: str) -> None:
    samples = make.music(0.5)
    waveform, _ = decoded(make.sound_file(samples, 44100, "WAV", subtype))
    assert waveform.shape[1] >= samples.shape[1]
    assert (
        torch.corrcoef(torch.stack([waveform[0, : samples.shape[1]], make.tensor(samples)[0]]))[
            0, 1
        ]
        > 0.99
    )


# Lossless


@pytest.mark.slow
@pytest.mark.parametrize("format", ["FLAC", "AIFF"])
@pytest.mark.parametrize("bits", [16, 24])
@pytest.mark.parametrize("seconds", [0.1, 20])
def test_lossless_formats_come_out_exactly(format: str, bits: int, seconds: float) -> None:
    samples = make.on_grid(make.music(seconds), bits)
    waveform, _ = decoded(make.sound_file(samples, 44100, format, f"PCM_{bits}"))
    assert torch.equal(waveform, make.tensor(samples))


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.3, 0.8, 0.99])
def test_a_flac_that_ends_early_is_truncated(part: float) -> None:
    data = make.sound_file(make.music(20), 44100, "FLAC", "PCM_16")
    with pytest.raises(MediaError, match="truncated"):
        decoded(data[: int(len(data) * part)])


def test_a_flac_of_unknown_length_is_read_to_its_end() -> None:
    samples = make.on_grid(make.music(2))
    data = bytearray(make.sound_file(samples, 44100, "FLAC", "PCM_16"))
    # STREAMINFO's 36 bits of total samples and its MD5, set to "unknown".
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    data[26:42] = bytes(16)
    waveform, _ = decoded(bytes(data))
    assert torch.equal(waveform, make.tensor(samples))


# MP3


@pytest.mark.slow
@pytest.mark.parametrize("vbr", [False, True])
@pytest.mark.parametrize("sample_rate", [44100, 22050, 8000])
def test_an_mp3_is_exactly_as_long_as_what_was_encoded(sample_rate: int, vbr: bool) -> None:
    samples = make.music(8.37, sample_rate=sample_rate)
    waveform, rate = decoded(make.mp3(samples, sample_rate, vbr=vbr))
    assert rate == sample_rate
    assert waveform.shape == samples.shape
    assert (waveform - make.tensor(samples)).square().mean() < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("vbr", [False, True])
def test_an_mp3_without_a_length_is_read_to_its_last_frame(vbr: bool) -> None:
    samples = make.music(5) * np.linspace(0, 1, 5 * 44100, dtype=np.float32)
    data = make.without_xing(make.mp3(samples, vbr=vbr))
    frames, size = make.frame_count(data)
    assert decoded(data)[0].shape == (2, frames * size)


@pytest.mark.slow
@pytest.mark.parametrize("vbr", [False, True])
def test_an_mp3_in_two_threads_is_an_mp3_in_one(vbr: bool) -> None:
    data = make.mp3(make.music(15), vbr=vbr)
    waveform, _ = decoded(data)
    whole = soundfile.SoundFile(io.BytesIO(data)).read(dtype="float32")
    assert np.array_equal(waveform.numpy(), whole.T)


@pytest.mark.slow
@pytest.mark.parametrize("bit_rate", [8_000, 32_000, 320_000])
def test_two_threads_meet_seamlessly_at_any_bit_rate(bit_rate: int) -> None:
    sample_rate = 44100 if bit_rate >= 32_000 else 11025
    samples = make.music(15, sample_rate=sample_rate)
    data = make.av_file(samples, sample_rate, "mp3", "libmp3lame", bit_rate=bit_rate)
    whole = soundfile.SoundFile(io.BytesIO(data)).read(dtype="float32")
    assert np.array_equal(decoded(data)[0].numpy(), whole.T)


@pytest.mark.slow
def test_tags_around_an_mp3_are_no_sound() -> None:
    data = make.mp3(make.music(10))
    expected, _ = decoded(data)
    picture = b"\xff\xd8" + b"\xff\xfb\x90\x64" * 50_000
    apev2 = b"APETAGEX" + struct.pack("<IIIIQ", 2000, 32, 0, 0x80000000, 0) + bytes(24)
    id3v1 = b"TAG" + b"Title".ljust(125, b"\0")
    tagged = make.id3_with_cover(picture) + data + apev2 + id3v1
    assert torch.equal(decoded(tagged)[0], expected)


def test_tags_around_an_mp3_without_a_length_are_no_sound_either() -> None:
    data = make.without_xing(make.mp3(make.music(3)))
    expected, _ = decoded(data)
    id3v1 = b"TAG" + b"Title".ljust(125, b"\0")
    assert torch.equal(decoded(make.id3_with_cover(bytes(9999)) + data + id3v1)[0], expected)


@pytest.mark.slow
@pytest.mark.parametrize("part", [0.5, 0.95])
def test_an_mp3_that_ends_early_is_truncated(part: float) -> None:
    data = make.mp3(make.music(9))
    with pytest.raises(MediaError, match="truncated"):
        decoded(data[: int(len(data) * part)])


@pytest.mark.slow
def test_an_mp3_with_more_behind_the_declared_end_is_read_whole() -> None:
    first, second = make.mp3(make.music(3)), make.without_xing(make.mp3(make.music(9, seed=2)))
    assert decoded(first + second)[0].shape[1] > 11.9 * 44100


# Ogg, M4A, WebM


def test_opus_comes_at_48_khz_without_its_delay() -> None:
    samples = make.music(3.21, sample_rate=48000)
    waveform, rate = decoded(make.av_file(samples, 48000, "opus", "libopus", bit_rate=128_000))
    assert rate == 48000
    assert waveform.shape == samples.shape
    assert (waveform - make.tensor(samples)).square().mean() < 1e-3


def test_vorbis_is_exactly_as_long_as_what_was_encoded() -> None:
    samples = make.music(3.21)
    waveform, _ = decoded(make.sound_file(samples, 44100, "OGG", "VORBIS"))
    assert waveform.shape == samples.shape
    assert (waveform - make.tensor(samples)).square().mean() < 1e-3


def test_m4a_loses_the_padding_that_its_edit_list_declares() -> None:
    samples = make.music(3.21)
    waveform, _ = decoded(make.av_file(samples, 44100, "ipod", "aac", bit_rate=128_000))
    assert waveform.shape == samples.shape
    assert (waveform - make.tensor(samples)).square().mean() < 1e-3


def test_webm_is_read() -> None:
    samples = make.music(2, sample_rate=48000)
    waveform, rate = decoded(make.av_file(samples, 48000, "webm", "libopus", bit_rate=96_000))
    assert rate == 48000
    assert abs(waveform.shape[1] - samples.shape[1]) < 48000 * 0.02


# Everything


@pytest.mark.parametrize("sample_rate", [8000, 11025, 16000, 22050, 32000, 48000, 96000, 192000])
@pytest.mark.parametrize("channels", [1, 2, 3, 6, 8])
def test_any_rate_and_channel_count(sample_rate: int, channels: int) -> None:
    samples = make.on_grid(make.music(0.1, channels=channels, sample_rate=sample_rate))
    for format in ("WAV", "FLAC", "AIFF"):
        waveform, rate = decoded(make.sound_file(samples, sample_rate, format, "PCM_16"))
        assert rate == sample_rate
        assert torch.equal(waveform, make.tensor(samples))


@pytest.mark.parametrize("frames", [1, 2, 576, 1152, 1153])
@pytest.mark.parametrize("format", ["WAV", "FLAC", "AIFF", "OGG"])
def test_any_length(frames: int, format: str) -> None:
    samples = make.on_grid(make.music(frames / 44100))
    waveform, _ = decoded(make.sound_file(samples, 44100, format))
    assert waveform.shape == (2, frames)


@pytest.mark.slow
def test_twenty_minutes_take_their_own_memory_and_little_more() -> None:
    minute = make.on_grid(make.music(60, channels=1, sample_rate=16000))
    data = make.sound_file(np.tile(minute, 20), 16000, "FLAC", "PCM_16")
    decoded(make.sound_file(minute, 16000, "FLAC", "PCM_16"))
    tracemalloc.start()
    waveform, _ = decoded(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert waveform.shape == (1, 20 * 60 * 16000)
    assert torch.equal(waveform[:, -minute.shape[1] :], make.tensor(minute))
    assert peak < waveform.numel() * 4 * 1.05 + 2_000_000


# What is no audio, and what is too much


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "a web page, not audio"),
        (b'{"error": {"message": "expired"}}', "text, not audio"),
        ("Zugriff verweigert: läuft ab".encode() * 200, "text, not audio"),
        ("nope".encode("utf-16"), "text, not audio"),
        (bytes(range(256)) * 20, "cannot be decoded"),
        (b"RIFF\x10\0\0\0WAVEfmt ", "no 'data' chunk"),
        (make.wav(bytes(8), channels=0), "0 channels"),
        (b"fLaC\0\0\0\x22" + bytes(34), "cannot be decoded|no sound"),
        (b"OggS" + bytes(100), "cannot be decoded|no sound"),
        (b"ID3\x04\0\0\0\0\0\0", "no audio|empty"),
    ],
)
def test_what_is_no_audio_is_named(data: bytes, says: str) -> None:
    with pytest.raises(MediaError, match=says) as refused:
        decoded(data)
    # What the file says may be somebody's secret.
    assert not any(word in str(refused.value) for word in ("Sign in", "Zugriff", "nope", "message"))


def test_a_quoted_page_is_one_short_line() -> None:
    page = b"<html>\n\n\t<h1>Error</h1>\r\n" + b"x" * 3000
    with pytest.raises(MediaError) as refused:
        decoded(page)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG"])
def test_what_is_longer_than_allowed_is_refused(format: str) -> None:
    data = make.sound_file(make.music(7, channels=1, sample_rate=8000), 8000, format)
    assert decoded(data, max_minutes=0.12)[0].shape == (1, 56000)
    with pytest.raises(MediaError, match=r"longer than 0\.1 minutes"):
        decoded(data, max_minutes=0.1)


@pytest.mark.slow
@pytest.mark.parametrize("tagged", [True, False])
def test_a_long_mp3_is_refused_with_or_without_a_length(tagged: bool) -> None:
    data = make.mp3(make.music(9))
    with pytest.raises(MediaError, match=r"longer than 0\.1 minutes"):
        decoded(data if tagged else make.without_xing(data), max_minutes=0.1)


@pytest.mark.slow
def test_a_small_file_of_many_hours_ends_early_in_little_memory() -> None:
    data = make.sound_file(np.zeros((1, 8000 * 3600 * 2), np.float32), 8000, "FLAC", "PCM_16")
    assert len(data) < 500_000
    unknown = bytearray(data)
    unknown[21] &= 0xF0
    unknown[22:26] = bytes(4)
    for file in (data, bytes(unknown)):
        tracemalloc.start()
        with pytest.raises(MediaError, match="longer than 10 minutes"):
            decoded(file, max_minutes=10)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        # While an array grows in place, numpy 2.5 counts its old and its new memory.
        assert peak < 10 * 60 * 8000 * 4 * 2.1 + 4_000_000


def test_a_wav_header_cannot_ask_for_memory_that_its_file_does_not_fill() -> None:
    tracemalloc.start()
    with pytest.raises(MediaError, match="truncated"):
        decoded(make.wav(bytes(1000), declared=0x70000000))
    assert tracemalloc.get_traced_memory()[1] < 1_000_000
    tracemalloc.stop()

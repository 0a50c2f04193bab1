"""A waveform becomes a file that holds what was asked, whole, or there is no file."""

from __future__ import annotations

import builtins
import io
import math
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from ...audio.arrays import MediaError
from ...audio.decode import decode
from ...audio.encode import encode
from ...audio.formats import DEFAULT_QUALITY, QUALITIES, Encoding, Format, Peaks
from ...audio.samples.outgoing import Outgoing
from . import make

ALL = [
    *(Encoding(format, quality) for format in Format for quality in QUALITIES[format]),
    Encoding(Format.MP3, "192 kbit/s", quick=True),
]
TAGS = {"workflow": '{"nodes": []}', "title": "Übung"}


def names(encoding: Encoding) -> str:
    return f"{encoding.format.value} {encoding.quality}{' quick' * encoding.quick}"


def default(format: Format) -> Encoding:
    return Encoding(format, DEFAULT_QUALITY[format])


def load(path: Path) -> tuple[torch.Tensor, int]:
    with open(path, "rb") as file:
        return decode(file)


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ALL, ids=names)
def test_what_was_written_is_what_is_read(encoding: Encoding, tmp_path: Path) -> None:
    waveform = make.tensor(make.music(2, sample_rate=48000))
    path = tmp_path / f"song{encoding.format.extension}"
    assert encode(waveform, 48000, path, encoding, tags=TAGS) == (0, 1.0, ())
    assert list(tmp_path.iterdir()) == [path]
    again, rate = load(path)
    assert rate == 48000
    assert again.shape == waveform.shape
    error = float((again - waveform).abs().max())
    if encoding.quality == "32 bit float":
        assert error == 0
    elif encoding.quality == "24 bit":
        assert error <= 2**-24
    elif encoding.quality == "16 bit":
        assert error <= 1.5 * 2**-15
    else:
        assert float((again - waveform).square().mean()) < 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("format", [Format.FLAC, Format.WAV])
@pytest.mark.parametrize("channels", range(1, 9))
@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
def test_16_bit_material_survives_16_bit_files_exactly(
    format: Format, channels: int, sample_rate: int, tmp_path: Path
) -> None:
    samples = make.music(0.1, channels=channels, sample_rate=sample_rate)
    waveform = make.tensor(make.on_grid(samples))
    waveform[0, 0], waveform[0, 1] = -1.0, 32767 / 32768
    encode(waveform, sample_rate, tmp_path / "song", Encoding(format, "16 bit"))
    again, rate = load(tmp_path / "song")
    assert rate == sample_rate
    assert torch.equal(again, waveform)


@pytest.mark.parametrize("encoding", ALL, ids=names)
@pytest.mark.parametrize("sample_rate", [11025, 44100, 48000])
def test_a_file_is_as_loud_as_its_samples(
    encoding: Encoding, sample_rate: int, tmp_path: Path
) -> None:
    time = np.arange(2 * sample_rate) / sample_rate
    sine = 0.25 * np.sin(2 * np.pi * 997 * time)
    waveform = make.tensor(np.asarray([sine, sine], np.float32))
    encode(waveform, sample_rate, tmp_path / "song", encoding)
    again, rate = load(tmp_path / "song")
    loudness = 10 * torch.log10(again[:, rate // 2 : -rate // 2].square().mean() * 32)
    assert abs(float(loudness)) < 0.15, "dB"  # Vorbis is 0.1 dB too loud with a tone


@pytest.mark.parametrize("format", Format)
@pytest.mark.parametrize("frames", [1, 2, 100, 1153])
def test_any_length(format: Format, frames: int, tmp_path: Path) -> None:
    encode(torch.zeros(1, frames), 48000, tmp_path / "song", default(format))
    assert load(tmp_path / "song")[0].shape == (1, frames)


@pytest.mark.slow
@pytest.mark.parametrize("quality", QUALITIES[Format.MP3])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("sample_rate", "written"),
    [
        (6000, 8000),
        (8000, 8000),
        (11025, 11025),
        (16000, 16000),
        (22050, 22050),
        (24001, 32000),
        (37800, 44100),
        (88200, 44100),
        (96000, 48000),
        (192000, 48000),
    ],
)
def test_mp3_takes_any_rate(
    quality: str, channels: int, sample_rate: int, written: int, tmp_path: Path
) -> None:
    waveform = make.tensor(make.music(0.3, channels=channels, sample_rate=sample_rate))
    encode(waveform, sample_rate, tmp_path / "song", Encoding(Format.MP3, quality))
    again, rate = load(tmp_path / "song")
    assert rate == written
    frames = math.ceil(waveform.shape[1] * written / sample_rate)
    assert again.shape == (channels, frames)
    assert again.abs().max() > 0.1


@pytest.mark.slow
@pytest.mark.parametrize("quality", QUALITIES[Format.OPUS])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize(
    ("sample_rate", "written"), [(8000, 8000), (11025, 12000), (44100, 48000), (96000, 48000)]
)
def test_opus_takes_any_rate(
    quality: str, channels: int, sample_rate: int, written: int, tmp_path: Path
) -> None:
    waveform = make.tensor(make.music(0.3, channels=channels, sample_rate=sample_rate))
    encode(waveform, sample_rate, tmp_path / "song", Encoding(Format.OPUS, quality))
    header = (tmp_path / "song").read_bytes().partition(b"OpusHead")[2]
    assert int.from_bytes(header[4:8], "little") == written
    again, rate = load(tmp_path / "song")
    assert rate == 48000
    assert abs(again.shape[1] - 0.3 * 48000) <= 48000 / written


# Quantizing


def test_silence_stays_silence(tmp_path: Path) -> None:
    encode(torch.zeros(2, 5000), 44100, tmp_path / "song", default(Format.FLAC))
    assert not load(tmp_path / "song")[0].any()


def test_reducing_to_16_bits_leaves_noise_not_distortion(tmp_path: Path) -> None:
    # A tone of less than one step: without dither it would come out as silence.
    time = torch.arange(44100) / 44100
    tone = (0.4 * 2**-15 * torch.sin(2 * math.pi * 441 * time))[None]
    encode(tone, 44100, tmp_path / "song", default(Format.WAV))
    again, _ = load(tmp_path / "song")
    spectrum = torch.fft.rfft(again[0]).abs()
    assert spectrum[441] > 0.6 * torch.fft.rfft(tone[0]).abs()[441]
    for harmonic in (882, 1323, 2205):
        assert spectrum[harmonic] < spectrum[441] / 10


def test_equal_audio_gives_equal_files(tmp_path: Path) -> None:
    waveform = make.tensor(make.music(3))
    for name in ("a", "b"):
        encode(waveform, 44100, tmp_path / name, default(Format.FLAC), tags=TAGS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


# Peaks


def loud() -> torch.Tensor:
    waveform = make.tensor(make.music(1))
    return waveform / waveform.abs().max() * 2


@pytest.mark.slow
@pytest.mark.parametrize("format", Format)
def test_clipping_is_counted(format: Format, tmp_path: Path) -> None:
    waveform = loud()
    report = encode(waveform, 44100, tmp_path / "song", default(format))
    assert report.clipped == int((waveform.abs() > 1).sum()) > 0
    assert report.gain == 1
    if format in (Format.FLAC, Format.WAV):
        assert load(tmp_path / "song")[0].abs().max() == 1


def test_normalizing_keeps_the_shape(tmp_path: Path) -> None:
    waveform = loud()
    report = encode(
        waveform, 44100, tmp_path / "song", Encoding(Format.FLAC, "24 bit"), peaks=Peaks.NORMALIZE
    )
    assert (report.clipped, report.gain) == (0, pytest.approx(0.5))
    assert torch.allclose(load(tmp_path / "song")[0], waveform / 2, atol=2**-22)


def test_normalizing_leaves_quiet_audio_alone(tmp_path: Path) -> None:
    waveform = make.tensor(make.on_grid(make.music(0.1)))
    report = encode(waveform, 44100, tmp_path / "song", default(Format.FLAC), peaks=Peaks.NORMALIZE)
    assert report.gain == 1
    assert torch.equal(load(tmp_path / "song")[0], waveform)


@pytest.mark.parametrize("format", Format)
def test_refusing_writes_nothing(format: Format, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"exceed full scale, the highest by 6\.0 dB"):
        encode(loud(), 44100, tmp_path / "song", default(format), peaks=Peaks.REFUSE)
    assert not list(tmp_path.iterdir())


def test_float_files_keep_what_exceeds_full_scale(tmp_path: Path) -> None:
    waveform = loud()
    encoding = Encoding(Format.WAV, "32 bit float")
    report = encode(waveform, 44100, tmp_path / "song", encoding, peaks=Peaks.REFUSE)
    assert report.clipped == 0
    assert torch.equal(load(tmp_path / "song")[0], waveform)


# Whole or not at all


@pytest.mark.parametrize(
    ("waveform", "encoding", "says"),
    [
        (torch.zeros(3, 9), default(Format.MP3), "3 channels: mp3 is written with at most 2"),
        (torch.zeros(3, 9), default(Format.OPUS), "3 channels: opus"),
        (torch.zeros(9, 9), default(Format.FLAC), "9 channels: flac"),
        (torch.zeros(1, 0), default(Format.FLAC), r"shape \[1, 0\]"),
        (torch.zeros(1, 2, 5), default(Format.FLAC), r"shape \[1, 2, 5\]"),
        (torch.tensor([[0.0, math.nan]]), default(Format.FLAC), "NaN"),
        (torch.tensor([[0.0, math.inf]]), default(Format.OPUS), "infinity"),
        (torch.zeros(1, 9), Encoding(Format.MP3, "V9"), "no quality 'V9'"),
    ],
)
def test_what_a_format_cannot_hold_is_refused_before_anything_is_written(
    waveform: torch.Tensor, encoding: Encoding, says: str, tmp_path: Path
) -> None:
    with pytest.raises(MediaError, match=says):
        encode(waveform, 44100, tmp_path / "song", encoding)
    assert not list(tmp_path.iterdir())


def test_a_flac_cannot_hold_every_rate(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="flac holds at most 655350"):
        encode(torch.zeros(1, 9), 700_000, tmp_path / "song", default(Format.FLAC))


@pytest.mark.parametrize("tags", [{}, TAGS])
@pytest.mark.parametrize("format", Format)
def test_an_existing_file_is_never_overwritten(
    format: Format, tags: dict[str, str], tmp_path: Path
) -> None:
    path = tmp_path / "song"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        encode(torch.zeros(1, 100), 44100, path, default(format), tags=tags)
    assert path.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_appears_meanwhile_is_not_overwritten_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "song"
    original = Outgoing.blocks

    def blocks(outgoing: Outgoing):
        path.write_text("theirs")
        return original(outgoing)

    monkeypatch.setattr(Outgoing, "blocks", blocks)
    with pytest.raises(FileExistsError):
        encode(torch.zeros(1, 100), 44100, path, default(Format.WAV))
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.parametrize("tags", [{}, TAGS])
@pytest.mark.parametrize("failure", [KeyboardInterrupt, RuntimeError, MemoryError])
@pytest.mark.parametrize("format", Format)
def test_an_interrupted_save_leaves_nothing(
    format: Format,
    failure: type[BaseException],
    tags: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = Outgoing.blocks

    def blocks(outgoing: Outgoing):
        yield next(original(outgoing))
        raise failure

    monkeypatch.setattr(Outgoing, "blocks", blocks)
    with pytest.raises(failure):
        encode(torch.zeros(2, 200_000), 48000, tmp_path / "song", default(format), tags=tags)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format", Format)
def test_a_folder_that_does_not_exist_is_an_error(format: Format, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="could not be written"):
        encode(torch.zeros(1, 100), 48000, tmp_path / "no" / "song", default(format))


@pytest.mark.slow
@pytest.mark.parametrize("tags", [{}, TAGS])
@pytest.mark.parametrize("format", Format)
def test_a_full_disk_is_an_error_and_leaves_nothing(
    format: Format, tags: dict[str, str], tmp_path: Path
) -> None:
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))
    try:
        with pytest.raises(MediaError, match="check the free space"):
            encode(make.tensor(make.music(5)), 44100, tmp_path / "a", default(format), tags=tags)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("format", Format)
def test_a_tagged_save_writes_the_audio_once(
    format: Format, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    plain_open = builtins.open

    class Counting(io.FileIO):
        def write(self, data: Any) -> int:
            nonlocal written
            written += len(data)
            return super().write(data)

    def open_counting(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        if Path(path).parent != tmp_path or "b" not in mode:
            return plain_open(path, mode, *arguments, **options)
        return io.BufferedRandom(Counting(path, "r+"))

    monkeypatch.setattr("builtins.open", open_counting)
    encode(make.tensor(make.music(20)), 44100, tmp_path / "song", default(format), tags=TAGS)
    size = (tmp_path / "song").stat().st_size
    assert size <= written < size + 20_000


@pytest.mark.slow
@pytest.mark.parametrize("format", [Format.FLAC, Format.WAV, Format.OPUS])
def test_memory_does_not_grow_with_the_length(format: Format, tmp_path: Path) -> None:
    peaks = []
    for number, seconds in enumerate((5, 5, 40)):
        waveform = torch.from_numpy(np.tile(make.music(1, channels=1), seconds))
        tracemalloc.start()
        encode(waveform, 44100, tmp_path / f"{number}", default(format), tags=TAGS)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < peaks[1] + 1_000_000

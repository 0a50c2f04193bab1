"""Loop points, read back as engines read them: from the bytes, and by programs not ours."""

from __future__ import annotations

import json
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from ...audio.arrays import MediaError
from ...audio.containers.loop_points import LoopPoints
from ...audio.encode import encode
from ...audio.formats import DEFAULT_QUALITY, HOLDS_LOOP, QUALITIES, Encoding, Format
from ...audio.retag import retag
from . import make

LOOP = LoopPoints(10_001, 60_000)
RATE = 48_000
looping = pytest.mark.parametrize("format", HOLDS_LOOP)
WORKFLOW = json.dumps({"nodes": ["x" * 3000]})


def default(format: Format) -> Encoding:
    return Encoding(format, DEFAULT_QUALITY[format])


def saved(path: Path, format: Format, loop: LoopPoints = LOOP, **tags: str) -> Path:
    path = path / f"loop{format.extension}"
    waveform = make.tensor(make.music(2, sample_rate=RATE))
    encode(waveform, RATE, path, default(format), tags=tags, loop=loop)
    return path


def engine_numbers(data: bytes) -> dict[str, int]:
    """As engines do that look for a name in the header's bytes and read all digits behind it."""
    found = re.findall(rb"(LOOP[A-Z_]+)=(\d+)", data[:8192])
    return {name.decode(): int(number) for name, number in found}


def smpl(data: bytes) -> tuple[int, int, int]:
    """The period, and the first and the last sample of the only loop of a WAV."""
    position = 12
    while data[position : position + 4] != b"smpl":
        (size,) = struct.unpack_from("<I", data, position + 4)
        position += 8 + size + size % 2
    fields = struct.unpack_from("<9I6I", data, position + 8)
    assert fields[7] == 1
    assert (fields[10], fields[14]) == (0, 0), "forward, and for ever"
    return fields[2], fields[11], fields[12]


def probed(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    tags = {**found["format"].get("tags", {}), **found["streams"][0].get("tags", {})}
    return {key.upper(): value for key, value in tags.items()}


@looping
def test_the_file_ends_where_the_loop_ends(format: Format, tmp_path: Path) -> None:
    assert soundfile.info(saved(tmp_path, format)).frames == LOOP.end


def test_an_engine_finds_the_loop_of_an_ogg(tmp_path: Path) -> None:
    data = saved(tmp_path, Format.OGG, title="x").read_bytes()
    assert engine_numbers(data) == {"LOOPSTART": 10_001, "LOOPLENGTH": 60_000}


def test_an_engine_finds_the_loop_of_a_flac_before_its_graph(tmp_path: Path) -> None:
    data = saved(tmp_path, Format.FLAC, workflow=WORKFLOW).read_bytes()
    expected = {"LOOPSTART": 10_001, "LOOPLENGTH": 60_000, "LOOPEND": 70_001}
    assert engine_numbers(data) == expected
    assert data.index(b"LOOPEND") < data.index(b"workflow=")


def test_the_end_in_a_wav_is_its_last_sample(tmp_path: Path) -> None:
    data = saved(tmp_path, Format.WAV, title="x").read_bytes()
    assert smpl(data) == (round(1e9 / RATE), 10_001, 70_000)
    assert int.from_bytes(data[4:8], "little") == len(data) - 8


@looping
def test_a_file_without_other_tags_has_a_loop_too(format: Format, tmp_path: Path) -> None:
    data = saved(tmp_path, format).read_bytes()
    found = smpl(data)[1:] if format is Format.WAV else tuple(engine_numbers(data).values())[:2]
    assert found == ((10_001, 70_000) if format is Format.WAV else (10_001, 60_000))


@pytest.mark.slow
@pytest.mark.parametrize("title", range(30, 70))
def test_no_length_of_the_next_tag_reads_as_a_digit(title: int, tmp_path: Path) -> None:
    # "LOOPLENGTH=60000" and the length 49, "1", would be 600001.
    for format in (Format.OGG, Format.FLAC):
        path = saved(tmp_path, format, title="t" * title)
        assert engine_numbers(path.read_bytes())["LOOPLENGTH"] == 60_000
        path.unlink()


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
@pytest.mark.parametrize("format", [Format.OGG, Format.FLAC])
def test_ffprobe_reads_the_same(format: Format, tmp_path: Path) -> None:
    tags = probed(saved(tmp_path, format, title="Ünder"))
    assert (tags["LOOPSTART"], tags["LOOPLENGTH"]) == ("10001", "60000")
    assert tags["TITLE"].strip() == "Ünder"


@looping
def test_a_file_that_is_passed_on_gets_the_loop_and_keeps_its_audio(
    format: Format, tmp_path: Path
) -> None:
    first = saved(tmp_path, format, LoopPoints(5, 70_000), title="once")
    second = tmp_path / "second"
    whole = LoopPoints(1000, soundfile.info(first).frames - 1000)
    retag(first, second, {"title": "twice"}, whole)
    data = second.read_bytes()
    if format is Format.WAV:
        assert smpl(data)[1:] == (1000, whole.end - 1)
        assert data.count(b"smpl") == 1
    else:
        assert engine_numbers(data)["LOOPSTART"] == 1000
        assert data.count(b"LOOPSTART") == 1
    assert np.array_equal(soundfile.read(first)[0], soundfile.read(second)[0])


@looping
def test_loop_points_of_a_passed_on_file_stay_where_none_are_given(
    format: Format, tmp_path: Path
) -> None:
    retag(saved(tmp_path, format), tmp_path / "second", {"title": "twice"})
    data = (tmp_path / "second").read_bytes()
    assert b"smpl" in data if format is Format.WAV else engine_numbers(data)["LOOPSTART"] == 10_001


@pytest.mark.parametrize(
    ("format", "says"), [(Format.MP3, "adds samples"), (Format.OPUS, "changes the sample rate")]
)
def test_a_format_without_loops_refuses_one(format: Format, says: str, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=says):
        saved(tmp_path, format)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("loop", [(-1, 5), (0, 0), (0, -3), (0, 96_001), (96_000, 1)])
def test_a_loop_that_cannot_be_is_named(loop: tuple[int, int], tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="and the audio has 96000"):
        saved(tmp_path, Format.WAV, LoopPoints(*loop))
    assert not list(tmp_path.iterdir())


# Ogg Vorbis


@pytest.mark.slow
@pytest.mark.parametrize("frames", [1, 63, 64, 65, 1023, 1024, 44_100, 65_536, 65_537, 200_001])
@pytest.mark.parametrize("quality", QUALITIES[Format.OGG])
def test_an_ogg_has_every_sample(frames: int, quality: str, tmp_path: Path) -> None:
    waveform = make.tensor(make.music(5)[:, :frames])
    encode(waveform, 44_100, tmp_path / "a.ogg", Encoding(Format.OGG, quality), tags={"title": "x"})
    assert soundfile.info(tmp_path / "a.ogg").frames == frames
    assert soundfile.info(tmp_path / "a.ogg").subtype == "VORBIS"


@pytest.mark.parametrize("rate", [6000, 8000, 22_050, 96_000, 192_000, 200_000])
@pytest.mark.parametrize("channels", [1, 2])
def test_an_ogg_keeps_its_rate(rate: int, channels: int, tmp_path: Path) -> None:
    waveform = make.tensor(make.music(0.3, channels=channels, sample_rate=rate))
    encode(waveform, rate, tmp_path / "a.ogg", default(Format.OGG))
    found = soundfile.info(tmp_path / "a.ogg")
    assert (found.samplerate, found.channels, found.frames) == (rate, channels, waveform.shape[1])


def test_a_better_quality_is_closer(tmp_path: Path) -> None:
    waveform = make.tensor(make.music(3, sample_rate=RATE))
    errors = []
    for quality in QUALITIES[Format.OGG]:
        path = tmp_path / quality
        encode(waveform, RATE, path, Encoding(Format.OGG, quality))
        errors.append(float(np.square(soundfile.read(path)[0].T - waveform.numpy()).mean()))
    assert errors == sorted(errors, reverse=True)


@pytest.mark.parametrize(
    ("waveform", "rate", "says"),
    [
        (torch.zeros(3, 9), 44_100, "3 channels: ogg is written with at most 2"),
        # libvorbis ends the process for such a rate.
        (torch.zeros(1, 9), 220_000, "ogg holds at most 200000"),
    ],
)
def test_what_an_ogg_cannot_hold_is_refused(
    waveform: torch.Tensor, rate: int, says: str, tmp_path: Path
) -> None:
    with pytest.raises(MediaError, match=says):
        encode(waveform, rate, tmp_path / "a.ogg", default(Format.OGG))

"""Tags in broken text: the file opens, its other tags are read, and a copy keeps their bytes."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest

from ...audio.decode import decode
from ...audio.ffmpeg import AUDIO, VIDEO, open_input, open_output, tags_of
from ...audio.tags import read_tags
from ...video.length import picture_length
from ...video.soundtrack import add_soundtrack
from ..video.make import make_clip
from . import make

LATIN = "Café Ñandú".encode("latin-1")
JAPANESE = "春の海 ソナタ".encode("shift-jis")
BROKEN = {"Latin-1": LATIN, "Shift-JIS": JAPANESE, "cut UTF-8": "für Elise é".encode()[:-1]}


def escaped(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


def shown(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def tagged(format: str, codec: str, raw: bytes) -> bytes:
    """A second of sound whose title is `raw` and whose artist is readable."""
    out = io.BytesIO()
    with open_output(out, format, {"id3v2_version": "0"} if format == "mp3" else {}) as container:
        container.metadata.update({"title": escaped(raw), "artist": "Zoë"})
        stream = container.add_stream(codec, rate=48000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        samples = make.music(1.0, channels=1, sample_rate=48000)
        frame = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    if format == "mp3":
        out.write(b"TAG" + raw[:30].ljust(30, b"\0") + "Zoë".encode().ljust(94, b"\0") + b"\xff")
    return out.getvalue()


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize(
    ("format", "codec"),
    [
        ("mp3", "libmp3lame"),
        ("ogg", "libopus"),
        ("mp4", "aac"),
        ("matroska", "aac"),
        ("wav", "pcm_s16le"),
    ],
)
def test_a_file_with_broken_tags_is_read(
    tmp_path: Path, format: str, codec: str, raw: bytes
) -> None:
    data = tagged(format, codec, raw)
    (tmp_path / "file").write_bytes(data)
    assert raw in data
    waveform, _ = decode(io.BytesIO(data))
    assert waveform.abs().max() > 0.1
    tags = read_tags(tmp_path / "file")
    assert tags["title"] == shown(raw)
    assert tags["artist"] == "Zoë"


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_clip_with_broken_tags_gets_music_and_keeps_their_bytes(
    tmp_path: Path, suffix: str, raw: bytes
) -> None:
    clip = make_clip(tmp_path / f"plain{suffix}", options={"bf": "0"})
    tagged_clip = tmp_path / f"tagged{suffix}"
    format = "mp4" if suffix == ".mp4" else "matroska"
    with (
        clip.open("rb") as file,
        open_input(file, VIDEO) as container,
        open_output(tagged_clip, format) as output,
    ):
        output.metadata.update({"title": escaped(raw), "artist": "Zoë"})
        copy = output.add_stream_from_template(container.streams.video[0], opaque=True)
        for packet in container.demux(video=0):
            if packet.dts is not None:
                packet.stream = copy
                output.mux(packet)
    assert picture_length(tagged_clip).frames == 30
    music = np.zeros((2, 48000), np.float32)
    made = add_soundtrack(tagged_clip, tmp_path / f"made{suffix}", music, 48000)
    assert raw in made.path.read_bytes()
    with made.path.open("rb") as file, open_input(file, AUDIO) as container:
        tags = {key.lower(): value for key, value in tags_of(container.metadata).items()}
    assert (tags["title"], tags["artist"]) == (shown(raw), "Zoë")

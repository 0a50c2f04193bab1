"""MP3s one behind the other are decoded to the last one, and the tags between and behind are not
music."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import av
import numpy as np
import pytest

from ...audio.decode import decode
from ...files.sniff import id3v2_size
from . import make

ID3V1 = b"TAG" + b"\xff\xfb\x90\x00".ljust(125, b" ")
COVER = b"\xff\xfb\x90\x00" * 30_000


def ape(content: bytes = COVER, *, header: bool = True) -> bytes:
    size = (len(content) + 32).to_bytes(4, "little")

    def end(flags: int) -> bytes:
        return b"APETAGEX\xd0\x07\0\0" + size + b"\1\0\0\0" + flags.to_bytes(4, "little") + bytes(8)

    return (end(0xA0000000) if header else b"") + content + end(0x80000000 if header else 0)


def lyrics(version: int = 2) -> bytes:
    text = b"LYRICSBEGIN" + b"INFORMATION la la \xff\xfb\x90\x00" * 50
    return text + (b"%06dLYRICS200" % len(text) if version == 2 else b"LYRICSEND")


def song(seconds: float, seed: int = 1, **options: bool) -> bytes:
    return make.mp3(make.music(seconds, seed=seed), **options)


def seconds(data: bytes) -> float:
    waveform, rate = decode(io.BytesIO(data))
    return waveform.shape[1] / rate


def seconds_of_core(data: bytes) -> float:
    """As ComfyUI's Load Audio decodes: all frames of the first sound track."""
    with av.open(io.BytesIO(data), "r") as container:
        stream = container.streams.audio[0]
        return sum(frame.samples for frame in container.decode(stream)) / stream.rate


@pytest.mark.slow
@pytest.mark.parametrize(
    "parts",
    [(3, 3), (20, 1), (1, 20), (0.5, 0.5, 0.5)],
    ids=str,
)
@pytest.mark.parametrize("vbr", [False, True])
def test_joined_files_are_decoded_whole(parts: tuple[float, ...], vbr: bool) -> None:
    songs = [song(part, seed, vbr=vbr) for seed, part in enumerate(parts)]
    data = b"".join(songs)
    assert seconds(data) == pytest.approx(sum(parts), abs=0.06 * len(parts))
    # Core stumbles over an ID3v2 tag in the middle.
    frames = songs[0] + b"".join(song[id3v2_size(song) :] for song in songs[1:])
    assert seconds(frames) == pytest.approx(seconds_of_core(frames), abs=0.001)
    assert seconds(data) == pytest.approx(seconds(frames), abs=0.03 * len(parts))


@pytest.mark.slow
@pytest.mark.parametrize("between", [b"", ID3V1, ape(), lyrics() + ID3V1, ape() + ID3V1])
@pytest.mark.parametrize("second_tag", [b"", make.id3_with_cover(COVER)])
def test_tags_between_joined_files_do_not_end_them(between: bytes, second_tag: bytes) -> None:
    second = song(2, 2)
    data = song(3) + between + second_tag + second
    assert seconds(data) == pytest.approx(5, abs=0.2)


@pytest.mark.slow
@pytest.mark.parametrize(
    "trailer",
    [
        ID3V1,
        ape(),
        ape(header=False),
        ape() + ID3V1,
        lyrics() + ID3V1,
        lyrics(1) + ID3V1,
        ape() + lyrics() + ID3V1,
        bytes(5000),
        b"junk " * 1000,
    ],
)
def test_trailing_tags_are_no_music(trailer: bytes) -> None:
    one = song(3)
    assert seconds(one + trailer) == seconds(one) == pytest.approx(3, abs=0.001)
    joined = one + song(2, 2)
    assert seconds(joined + trailer) == pytest.approx(seconds(joined), abs=0.001)
    plain = make.without_xing(one)
    assert seconds(plain + trailer) == pytest.approx(seconds(plain), abs=0.001)


@pytest.mark.slow
def test_a_joined_file_on_disk_and_one_that_arrives_are_the_same(tmp_path: Path) -> None:
    data = song(3) + song(2, 2)
    arriving = make.Arriving(data)
    arriving.let_through(len(data) // 2)
    thread = threading.Thread(
        target=lambda: (arriving.waiting.wait(), arriving.let_through(len(data)))
    )
    thread.start()
    waveform, _ = decode(arriving)  # type: ignore[arg-type]
    thread.join()
    (tmp_path / "a.mp3").write_bytes(data)
    with (tmp_path / "a.mp3").open("rb") as file:
        again, _ = decode(file)
    assert np.array_equal(waveform.numpy(), again.numpy())

"""A file of a stranger opens nothing else, brings no graph and no receipt, and takes no time."""

from __future__ import annotations

import io
import json
import os
import socket
import struct
from pathlib import Path

import pytest

from ...audio.arrays import MediaError
from ...audio.containers.comments import Comments, build_comments, merge
from ...audio.decode import decode
from ...audio.retag import retag
from . import frontend, make
from .tag_reader import read_tags

PLAYLISTS = {
    "ffconcat": "ffconcat version 1.0\nfile '{file}'\n",
    "ffconcat of an address": "ffconcat version 1.0\nfile 'http://127.0.0.1:{port}/a.wav'\n",
    "HLS of a file": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{file}\n#EXT-X-ENDLIST\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:{port}/a.wav\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n"
    "m=audio {port} RTP/AVP 0\n",
    "DASH": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period>'
    '<AdaptationSet mimeType="audio/mp4"><Representation id="1" bandwidth="1">'
    "<BaseURL>http://127.0.0.1:{port}/a.mp4</BaseURL></Representation></AdaptationSet></Period>"
    "</MPD>",
}


@pytest.mark.parametrize("name", PLAYLISTS)
@pytest.mark.parametrize("byte", [b"", b"\x01", b"\xff\xfe\x80"])
def test_a_playlist_opens_nothing(
    name: str, byte: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.wav").write_bytes(make.sound_file(make.music(0.5), 44100, "WAV"))
    opened = os.stat("a.wav").st_atime_ns
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        text = PLAYLISTS[name].format(file="a.wav", port=server.getsockname()[1])
        with pytest.raises(MediaError):
            decode(io.BytesIO(text.encode() + b"#" + byte + b"\n"))
        with pytest.raises(BlockingIOError):
            server.accept()
    assert os.stat("a.wav").st_atime_ns == opened


STRANGE = {
    "workflow": json.dumps({"nodes": ["stranger"]}),
    "PROMPT": json.dumps({"1": "stranger"}),
    "prompt": json.dumps({"1": "stranger"}),
    "Receipt": json.dumps({"job_id": "forged"}),
    "artist": 'workflow={"nodes": []}',
}
FILES = {
    "mp3": lambda: make.mp3(make.music(0.5)),
    "flac": lambda: make.sound_file(make.music(0.5), 44100, "FLAC"),
    "opus": lambda: make.av_file(make.music(0.5, sample_rate=48000), 48000, "opus", "libopus"),
    "wav": lambda: make.sound_file(make.music(0.5), 44100, "WAV"),
}
READERS = {"mp3": frontend.from_mp3, "flac": frontend.from_flac, "opus": frontend.from_ogg}


@pytest.mark.parametrize("format", FILES)
@pytest.mark.parametrize("key", STRANGE)
def test_a_strangers_graph_and_receipt_are_not_taken_over(
    key: str, format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = tmp_path / f"strange.{format}"
    retag(FILES[format](), strange, {"title": "kept", key: STRANGE[key]})
    saved = tmp_path / f"saved.{format}"
    retag(strange, saved, {})
    tags = read_tags(saved)
    assert tags["title"].rstrip() == "kept"
    assert not {"workflow", "prompt", "receipt"} & {tag.lower() for tag in tags}
    assert READERS.get(format, lambda data: {})(saved.read_bytes()) == {}


@pytest.mark.slow
@pytest.mark.parametrize("size", [0x7D, 0x7D00, 0x7CFFFF - 20, 0x7D0000, 8_200_000])
def test_a_long_comment_behind_a_graph_holds_no_brace_in_its_length(size: int) -> None:
    old = Comments("v", ("comment=" + "x" * (size - len("comment=")),))
    merged = merge(old, {"workflow": "{}"})
    length = struct.pack("<I", len(merged.entries[1]))
    assert b"}" not in length
    assert merged.entries[1].rstrip(" ") == old.entries[0]
    assert length in build_comments(merged)


@pytest.mark.parametrize(
    "data",
    [
        b"RIFF\xff\xff\xff\x7fWAVE" + b"JUNK\0\0\0\0" * 2_000_000,
        b"RIFF\xff\xff\xff\x7fWAVE" + b"\0" * 16_000_000,
        b"ID3\x04\0\0\0\0\0\0" * 1_000_000,
        b"fLaC\0\0\0\x22" + bytes(34) + b"\x01\0\0\0" * 10,
    ],
    ids=["empty chunks", "chunks without a name", "empty ID3 tags", "padding without an end"],
)
def test_chains_of_nothing_are_no_audio(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(MediaError):
        decode(io.BytesIO(data))


def test_a_comment_list_of_millions_is_refused(tmp_path: Path) -> None:
    comments = struct.pack("<I", 0) + struct.pack("<I", 3_000_000) + bytes(12_000_000)
    song = make.sound_file(make.music(0.1), 44100, "FLAC")
    block = b"\x04" + len(comments).to_bytes(3, "big") + comments
    data = song[:4] + bytes([song[4] & 0x7F]) + song[5:42] + block + song[42:]
    with pytest.raises(MediaError, match="more than 2000 tags"):
        retag(data, tmp_path / "a.flac", {"title": "a"})

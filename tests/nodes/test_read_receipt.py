"""Read Receipt: what a file says of its track, and the track; files of others say anything."""

from __future__ import annotations

import importlib
import json
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import soundfile
import torch

from ...api.base.errors import InputError
from ...audio.arrays import MediaError
from ...audio.retag import retag
from ...sandbox.server import Sandbox
from ..audio import make
from ..audio.test_hostile_files import PLAYLISTS
from .test_nodes import Node, run
from .test_saved_loops import bought, save

UNKNOWN = ("", 0, "", "", 0.0)


@pytest.fixture
def folder(nodes: ModuleType) -> Path:
    return Path(importlib.import_module("folder_paths").get_input_directory())


async def read(node: Node, file: Any) -> Any:
    return await run(node, "ReadReceipt", file=file)


@pytest.mark.slow
@pytest.mark.parametrize("format", ["flac", "wav", "mp3", "opus", "ogg"])
async def test_a_saved_file_leads_back_to_its_track(
    format: str, node: Node, sandbox: Sandbox, tmp_path: Path
) -> None:
    track = await bought(node, take=3)
    saved = await save(node, track, format)
    prompt, take, job_id, model, price, audio, tags = await read(node, str(saved))
    assert (prompt, take) == ("electronic, 120 bpm", 3)
    assert model == "ace-step/ace-step-prompt-to-audio"
    assert job_id == json.loads(tags.split("receipt: ")[1].splitlines()[0])["job_id"]
    assert price > 0
    # Whatever the file was encoded as, the track is the one that was delivered.
    assert torch.equal(audio["waveform"], track["waveform"])


@pytest.mark.slow
async def test_a_loop_leads_back_to_the_whole_track(node: Node, sandbox: Sandbox) -> None:
    track = await bought(node, duration=20.0)
    made, start, length, _ = await run(node, "MakeLoop", audio=track, min_seconds=4.0)
    saved = await save(node, made, loop_start=start, loop_length=length)
    *_, audio, tags = await read(node, str(saved))
    assert torch.equal(audio["waveform"], track["waveform"])
    assert f"loopstart: {start}" in tags


FORMS = [
    "audio/x_00001_.flac",
    " audio/x_00001_.flac [output]\n",
    "{}",
    '"{}"',
    ' "audio/x_00001_.flac" [output]\n',
    '"audio/x_00001_.flac [output]"',
]


@pytest.mark.slow
@pytest.mark.parametrize("form", FORMS)
async def test_a_file_is_named_as_comfyui_names_it(form: str, node: Node, sandbox: Sandbox) -> None:
    saved = await save(node, await bought(node), "flac")
    prompt, *_ = await read(node, form.format(saved))
    assert prompt == "electronic, 120 bpm"


@pytest.mark.slow
async def test_a_track_that_is_read_again_is_saved_byte_for_byte(
    node: Node, sandbox: Sandbox
) -> None:
    saved = await save(node, await bought(node), "mp3")
    *_, audio, _ = await read(node, str(saved))
    again = await save(node, audio, "mp3")
    assert again.read_bytes() == saved.read_bytes()


@pytest.mark.slow
async def test_a_track_of_another_machine_has_the_audio_of_the_file(
    node: Node, sandbox: Sandbox, session: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    saved = await save(node, await bought(node, take=2), "flac")
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "elsewhere"))
    prompt, take, job_id, model, price, audio, _ = await read(node, str(saved))
    assert (prompt, take) == ("electronic, 120 bpm", 2)
    assert job_id
    assert model.startswith("ace-step")
    assert price > 0
    assert audio["waveform"].shape[-1] == soundfile.info(saved).frames


@pytest.mark.slow
async def test_a_stored_track_that_was_removed_is_replaced_by_the_file(
    node: Node, sandbox: Sandbox, session: Any
) -> None:
    saved = await save(node, await bought(node), "flac")
    for path in files(session.host.data_directory() / "tracks"):
        path.unlink()
    *_, audio, _ = await read(node, str(saved))
    assert audio["waveform"].shape[-1] == soundfile.info(saved).frames


def files(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("*") if path.is_file()]
    assert found
    return found


# Files of others


def tagged(folder: Path, **tags: str) -> str:
    retag(make.sound_file(make.music(0.5), 44100, "FLAC"), folder / "theirs.flac", tags)
    return "theirs.flac"


async def test_a_file_of_others_says_what_its_tags_say(node: Node, folder: Path) -> None:
    tags = {"title": "Night\x1b[31m ride\u202e", "artist": "Somebody", "workflow": '{"nodes": []}'}
    *known, audio, said = await read(node, tagged(folder, **tags))
    assert tuple(known) == UNKNOWN
    assert audio["waveform"].shape == (1, 2, 22_050)
    lines = said.splitlines()
    assert {"artist: Somebody", "title: Night ride", "workflow: a graph of 13 characters"} <= {
        *lines
    }


@pytest.mark.slow
@pytest.mark.parametrize(
    "receipt",
    [
        "",
        "no JSON",
        "[]",
        "null",
        "[" * 100_000,
        '{"prompt": 5, "take": "7", "job_id": [], "price_usd": "free", "model": null}',
        '{"take": -1, "price_usd": -0.5}',
        '{"take": true, "price_usd": NaN}',
        '{"take": 1e400, "price_usd": Infinity}',
        '{"take": ' + "9" * 4000 + "}",
    ],
)
async def test_a_receipt_that_cannot_be_is_none(receipt: str, node: Node, folder: Path) -> None:
    known = (await read(node, tagged(folder, receipt=receipt)))[:5]
    assert known == UNKNOWN


async def test_a_forged_receipt_gets_no_foreign_track(
    node: Node, folder: Path, sandbox: Sandbox
) -> None:
    job = {"job_id": "job_\u202e\n../../x", "service": "sandbox\n", "prompt": "mine\x00"}
    prompt, _, job_id, *_, audio, _ = await read(node, tagged(folder, receipt=json.dumps(job)))
    assert (prompt, job_id) == ("mine\ufffd", "job_ ../../x")
    assert audio["waveform"].shape[-1] == 22_050


@pytest.mark.parametrize("name", PLAYLISTS)
async def test_a_playlist_opens_nothing(name: str, node: Node, folder: Path) -> None:
    (folder / "list.m3u8").write_text(PLAYLISTS[name].format(file="a.wav", port=9))
    with pytest.raises(MediaError, match="cannot be read as audio"):
        await read(node, "list.m3u8")


@pytest.mark.parametrize(
    ("file", "says"),
    [
        ("", "The file is empty"),
        (" \n ", "The file is empty"),
        (None, "of the type NoneType"),
        ("missing.flac", "“missing.flac” is not in ComfyUI's output or input folder"),
        ("../secret.flac", "is not in ComfyUI's output or input folder"),
        ("/etc/hostname", "is not in ComfyUI's output or input folder"),
        (".", "is not in ComfyUI's output"),
        ("x" * 5000, "is not in ComfyUI's output"),
        ("a\0b", "is not in ComfyUI's output"),
    ],
)
async def test_a_file_that_cannot_be_is_named(
    file: Any, says: str, node: Node, folder: Path
) -> None:
    (folder.parent / "secret.flac").write_bytes(make.sound_file(make.music(0.1), 44100, "FLAC"))
    with pytest.raises(InputError, match=says):
        await read(node, file)


@pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="needs symbolic links")
async def test_a_link_out_of_the_folder_is_not_followed(node: Node, folder: Path) -> None:
    secret = folder.parent / "secret.flac"
    secret.write_bytes(make.sound_file(make.music(0.1), 44100, "FLAC"))
    (folder / "link.flac").symlink_to(secret)
    with pytest.raises(InputError, match="is not in ComfyUI's output or input folder"):
        await read(node, "link.flac")


async def test_a_file_without_sound_is_named(node: Node, folder: Path) -> None:
    (folder / "notes.txt").write_text("no sound")
    with pytest.raises(MediaError, match=r"notes\.txt cannot be read as audio"):
        await read(node, "notes.txt")


async def test_a_file_that_changed_is_read_again(node: Node, folder: Path) -> None:
    kind = node["AIGatewayReadReceipt"]
    before = kind.fingerprint_inputs(file=tagged(folder, title="one"))
    (folder / "theirs.flac").unlink()
    assert kind.fingerprint_inputs(file=tagged(folder, title="longer")) != before
    assert kind.fingerprint_inputs(file="missing") == ""


# A receipt that names a track of this machine, in a file of another sound


@pytest.mark.slow
@pytest.mark.parametrize("forged", [make.music(5.0), make.music(0.5), make.music(8.0) * 0])
async def test_a_receipt_over_another_sound_is_named(
    forged: Any, node: Node, sandbox: Sandbox, folder: Path, lines: list[Any]
) -> None:
    track = await bought(node)
    saved = await save(node, track, "mp3")
    *_, tags = await read(node, str(saved))
    assert str(lines[-1]).endswith(": the audio is the bought track")
    receipt = tags.split("receipt: ")[1].splitlines()[0]
    retag(make.sound_file(forged, 44100, "FLAC"), folder / "f.flac", {"receipt": receipt})
    *_, audio, _ = await read(node, "f.flac")
    assert "this file says that it is of job" in str(lines[-1])
    assert "its sound is not the bought track" in str(lines[-1])
    assert torch.equal(audio["waveform"], track["waveform"])

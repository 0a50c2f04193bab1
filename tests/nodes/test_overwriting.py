"""Save Audio writes over its own named file, so that its path stays, and over no other file."""

from __future__ import annotations

import errno
import importlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from .test_nodes import Node
from .test_saved_loops import beside, save

pytestmark = pytest.mark.slow

LOOP = {"loop_start": 0, "loop_length": 4800}


def tone(pitch: float, items: int = 1) -> dict[str, Any]:
    moment = torch.arange(9600) / 48_000
    wave = 0.3 * torch.sin(2 * torch.pi * pitch * moment)
    return {"waveform": wave.expand(items, 2, -1).contiguous(), "sample_rate": 48_000}


async def saved(node: Node, pitch: float = 440, **inputs: Any) -> Path:
    given = {"format": "wav", "name": "town", "overwrite": True, **inputs}
    return await save(node, tone(pitch), **given)


def crossings(path: Path) -> int:
    samples = soundfile.read(path)[0][:, 0]
    return int((samples[:-1] * samples[1:] < 0).sum())


def listed(folder: Path) -> list[str]:
    return [each["file"] for each in json.loads((folder / "manifest.json").read_text())["files"]]


@pytest.mark.parametrize("format", ["wav", "ogg", "flac", "mp3"])
async def test_a_named_file_keeps_its_path(node: Node, output: Path, format: str) -> None:
    first = await saved(node, format=format)
    low = crossings(first)
    again = await saved(node, 880, format=format)
    assert again == first
    assert crossings(again) > 1.5 * low
    assert listed(first.parent) == [first.name]


async def test_without_overwrite_each_run_has_a_file_of_its_own(node: Node, output: Path) -> None:
    first = await saved(node, overwrite=False)
    assert await saved(node, overwrite=False) != first


async def test_without_a_name_nothing_is_written_over(node: Node, output: Path) -> None:
    first = await saved(node, name="")
    assert await saved(node, name="") != first


async def test_another_name_or_format_is_another_file(node: Node, output: Path) -> None:
    first = await saved(node)
    others = [await saved(node, name="cave"), await saved(node, format="flac")]
    assert first not in others
    assert await saved(node) == first
    assert [await saved(node, name="cave"), await saved(node, format="flac")] == others


async def test_the_files_beside_it_change_with_it(node: Node, output: Path) -> None:
    first = await saved(node, format="ogg", **LOOP)
    assert beside(first, ".loop.json")["loop_length"] == 4800
    await saved(node, format="ogg", loop_start=100, loop_length=6000)
    assert beside(first, ".loop.json")["loop_length"] == 6000
    await saved(node, format="ogg")
    names = sorted(path.name for path in first.parent.iterdir())
    assert names == sorted(["manifest.json", first.name])


@pytest.mark.parametrize("how", ["changed", "never listed", "manifest of another program"])
async def test_a_file_of_another_program_is_kept(node: Node, output: Path, how: str) -> None:
    first = await saved(node)
    manifest = first.parent / "manifest.json"
    if how == "changed":
        first.write_bytes(first.read_bytes() + b"edited")
    elif how == "never listed":
        manifest.unlink()
    else:
        manifest.write_text('{"generator": "mine", "files": [{"file": "town_00001_.wav"}]}')
    before = first.read_bytes()
    again = await saved(node, 880)
    assert again != first
    assert first.read_bytes() == before


async def test_a_changed_file_beside_it_is_kept(node: Node, output: Path) -> None:
    first = await saved(node, **LOOP)
    notes = first.with_suffix(".loop.json")
    notes.write_text("mine")
    assert await saved(node, 880, **LOOP) == first
    assert notes.read_text() == "mine"


async def test_a_removed_file_comes_back_at_its_path(node: Node, output: Path) -> None:
    first, _ = await saved(node), await saved(node, name="cave")
    first.unlink()
    assert await saved(node, 880) == first


async def test_a_manifest_that_leads_out_of_its_folder_is_not_followed(
    node: Node, output: Path
) -> None:
    first = await saved(node)
    outside = output / "victim.wav"
    outside.write_bytes(b"mine")
    manifest = first.parent / "manifest.json"
    content = json.loads(manifest.read_text())
    content["files"][0] |= {"file": "../victim.wav", "sha256": {"../victim.wav": [""]}}
    manifest.write_text(json.dumps(content))
    await saved(node, 880)
    assert outside.read_bytes() == b"mine"


async def test_a_batch_of_one_name_keeps_each_path(node: Node, output: Path) -> None:
    io = importlib.import_module("comfy_api.latest").io
    kind = node["AIGatewaySaveAudio"].PREPARE_CLASS_CLONE(
        {"hidden_inputs": {io.Hidden.prompt: {}, io.Hidden.extra_pnginfo: {}}}
    )

    async def run(pitch: float) -> list[str]:
        answer = await kind.EXECUTE_NORMALIZED_ASYNC(
            audio=tone(pitch, items=3),
            filename_prefix="audio/x",
            format={"format": "wav"},
            name="town",
            overwrite=True,
        )
        return answer.result[1].splitlines()

    first = await run(440)
    assert len(set(first)) == 3
    assert sorted(await run(880)) == sorted(first)


@pytest.mark.parametrize("step", ["write", "replace"])
async def test_a_full_disk_leaves_the_old_files(
    node: Node, output: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    first = await saved(node, **LOOP)
    before = {path: path.read_bytes() for path in first.parent.iterdir()}
    full = OSError(errno.ENOSPC, "No space left on device")

    def fails(*_: object, **__: object) -> None:
        raise full

    if step == "write":
        level = importlib.import_module("aigateway_music.music.encoded_level")
        monkeypatch.setattr(level, "encode_at_level", fails)
    else:
        replace = os.replace
        monkeypatch.setattr(
            os, "replace", lambda a, b: fails() if Path(b) == first else replace(a, b)
        )
    with pytest.raises(Exception, match=r"full|space"):
        await saved(node, 880, **LOOP)
    monkeypatch.undo()
    manifest = first.parent / "manifest.json"
    after = {path: path.read_bytes() for path in first.parent.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[path] == before[path] for path in before if path != manifest)
    # The file is still known as the pack's own.
    assert await saved(node, 880, **LOOP) == first


async def test_a_kill_between_the_audio_and_its_manifest_costs_no_path(
    node: Node, output: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await saved(node, **LOOP)
    saving = importlib.import_module("aigateway_music.nodes.saving")

    def killed(*_: object) -> None:
        raise SystemError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(saving, "add_to_manifest", killed)
        with pytest.raises(SystemError):
            await saved(node, 660, loop_start=0, loop_length=6000)
    assert await saved(node, 880, loop_start=0, loop_length=7000) == first
    assert beside(first, ".loop.json")["loop_length"] == 7000

"""What the programs of a farm return of a run, and what the pages in docs/farm.md promise."""

from __future__ import annotations

import base64
import importlib
import json
import re
import sys
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
import torch

from ...sandbox.server import Sandbox
from ...scripts.lib import pack
from ..audio import make
from ..nodes.conftest import node, nodes, output, sandbox, session
from ..nodes.test_nodes import Node, load, submit
from . import rules
from .table import PREFIX, played, returned, table

__all__ = ["node", "nodes", "output", "sandbox", "session"]

PAGE = (pack.ROOT / "docs" / "farm.md").read_text("utf-8")
LOOP = {"loop_start": 0, "loop_length": 24000}


@pytest.fixture(autouse=True)
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "ledger"))


async def test_the_table_of_the_page_is_what_they_return(tmp_path: Path) -> None:
    assert await table(tmp_path) in PAGE


async def test_every_entry_has_the_three_fields_and_no_null(tmp_path: Path) -> None:
    run = await played(tmp_path, name="forest", **LOOP)
    entries = [*run.items()]
    assert {kind for kind, _ in entries} == {"audio", "files"}
    assert all(set(entry) == {"filename", "subfolder", "type"} for _, entry in entries)
    assert all(run.path(entry).is_file() for _, entry in entries)
    assert all(entry for shown in run.outputs.values() for each in shown.values() for entry in each)
    listed = {run.path(entry) for _, entry in entries}
    assert listed == {path for path in run.output.rglob("*") if path.is_file()}


async def test_a_file_without_others_beside_it_lists_none(tmp_path: Path) -> None:
    run = await played(tmp_path, format={"format": "flac"})
    assert [kind for kind, _ in run.items()] == ["audio"]


@pytest.mark.parametrize(
    ("prefix", "name", "stem"),
    [
        (PREFIX, "", "audio_AIgateway"),
        (PREFIX, "forest", "audio_AIgateway_forest"),
        ("3e2c", "forest", "3e2c_forest"),
        ("3e2c", "", "3e2c"),
        ("a/b/c/", "x/y", "a_b_c_x_y"),
    ],
)
async def test_a_flat_output_has_no_subfolders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefix: str, name: str, stem: str
) -> None:
    monkeypatch.setenv("AIGATEWAY_FLAT_OUTPUT", "true")
    run = await played(tmp_path, filename_prefix=prefix, name=name)
    assert all(path.parent == run.output for path in run.output.rglob("*"))
    assert (run.output / f"{stem}_00001_.wav").is_file()


async def test_a_long_flat_name_is_one_that_a_disk_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_FLAT_OUTPUT", "1")
    run = await played(tmp_path, filename_prefix="\u591c" * 70 + "/" + "y" * 200, name="forest")
    (file,) = run.output.glob("*.wav")
    assert file.name.endswith("_forest_00001_.wav")


async def test_a_mistake_in_the_settings_loses_no_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_FLAT_OUTPUT", "perhaps")
    run = await played(tmp_path)
    assert len(list(run.output.rglob("*.wav"))) == 1


async def test_a_prefix_that_a_runner_sets_returns_the_audio(tmp_path: Path) -> None:
    run = await played(tmp_path, filename_prefix="3e2c0b1c-0a4d-4b9e-9d0b-2a6f5a3c1f10")
    assert returned("comfyui-api (Salad)", run) == "the audio"


async def test_one_file_has_a_path_of_one_line(node: Node, output: Path) -> None:
    clone = node["AIGatewaySaveAudio"].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    audio = {"waveform": torch.zeros(1, 1, 4800), "sample_rate": 48000}
    saved = await clone.EXECUTE_NORMALIZED_ASYNC(
        audio=audio, filename_prefix="audio/x", format={"format": "wav"}
    )
    assert saved.result[1].splitlines() == [saved.result[1]]
    assert Path(saved.result[1]).is_relative_to(output)


async def test_the_path_that_a_runner_puts_in_place_of_an_address_is_loaded(
    node: Node, sandbox: Sandbox, output: Path
) -> None:
    folder = output.parent / "host" / "input"
    (folder / "song.flac").write_bytes(make.sound_file(make.music(0.5), 44100, "FLAC"))
    inputs = rules.local_inputs({"url": "https://music.example/a/song.flac"}, folder)
    audio, seconds, rate = await load(node, inputs["url"])
    assert (seconds, rate) == (0.5, 44100)
    assert audio["waveform"].shape == (1, 2, 22050)


@pytest.mark.parametrize("prompt", ["music for clip.mp4", "a cover of song.wav", "still.png"])
async def test_a_prompt_that_ends_like_a_file_is_a_prompt(
    node: Node, sandbox: Sandbox, prompt: str
) -> None:
    await submit(node, prompt)
    assert [job["prompt"] for job in sandbox.bill()["jobs"]] == [prompt]


@pytest.mark.parametrize("name", ["a.wav", "a.mp3"])
def test_media_types_of_pythons_own_table(name: str) -> None:
    assert rules.is_audio(name)


# The pages' own programs


class Host:
    """ComfyUI's three routes over a run that has ended."""

    def __init__(self, run: rules.Run, *, fails: bool = False) -> None:
        self.run = run
        self.asked: list[str] = []
        self._polls = 0
        state = {"status_str": "error", "messages": ["no credit"]} if fails else {}
        self._entry = {"outputs": run.outputs, "status": state}

    def ask(self, path: str, body: Any = None) -> bytes:
        self.asked.append(path)
        if path == "/prompt":
            assert body == {"prompt": {"1": {}}}
            return b'{"prompt_id": "p1"}'
        if path.startswith("/history/"):
            self._polls += 1
            return json.dumps({} if self._polls == 1 else {"p1": self._entry}).encode()
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        return self.run.path(query).read_bytes()


def program(name: str, monkeypatch: pytest.MonkeyPatch, **modules: Any) -> ModuleType:
    """The program of the page whose first line names a file, with stand-ins for its service."""
    found = re.search(rf"^```python\n(# {name}:.*?)^```", PAGE, re.S | re.M)
    assert found
    for module, content in modules.items():
        monkeypatch.setitem(sys.modules, module, content)
    made = ModuleType(name)
    exec(compile(found[1], name, "exec"), made.__dict__)  # noqa: S102
    waits: Callable[[float], None] = lambda seconds: None  # noqa: E731
    clock = importlib.import_module("time").monotonic
    monkeypatch.setattr(made, "time", SimpleNamespace(sleep=waits, monotonic=clock))
    return made


@pytest.fixture
async def run(tmp_path: Path) -> rules.Run:
    made = await played(tmp_path, name="forest", **LOOP)
    made.outputs["1"]["aigateway_track"] = ["local-1"]  # type: ignore[index]
    return made


async def test_the_handler_for_runpod_returns_every_file_and_the_ledgers_ids(
    run: rules.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    handler = program("handler.py", monkeypatch, runpod=SimpleNamespace())
    for fails in (False, True):
        host = Host(run, fails=fails)
        monkeypatch.setattr(handler, "ask", host.ask)
        answer = handler.handler({"input": {"workflow": {"1": {}}}})
        given = {file["filename"]: base64.b64decode(file["data"]) for file in answer["files"]}
        assert given == {path.name: path.read_bytes() for path in map(run.path, items(run))}
        assert answer["tracks"] == ["local-1"]
        assert ("error" in answer) is fails


async def test_the_app_for_modal_returns_every_file_and_the_ledgers_ids(
    run: rules.Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def as_it_is(*_: Any, **__: Any) -> Callable[[Any], Any]:
        return lambda decorated: decorated

    app = SimpleNamespace(cls=as_it_is)
    modal = SimpleNamespace(
        App=lambda *_, **__: app,
        Image=SimpleNamespace(from_registry=lambda name: name),
        Secret=SimpleNamespace(from_name=lambda name: name),
        enter=as_it_is,
        method=as_it_is,
    )
    made = program("app.py", monkeypatch, modal=modal)
    host = Host(run)
    monkeypatch.setattr(made, "ask", host.ask)
    answer = made.ComfyUI().run({"1": {}})
    assert answer["tracks"] == ["local-1"]
    wanted = {path.relative_to(run.output).as_posix(): path for path in map(run.path, items(run))}
    assert answer["files"] == {name: path.read_bytes() for name, path in wanted.items()}


def items(run: rules.Run) -> list[rules.Item]:
    return [entry for _, entry in run.items()]

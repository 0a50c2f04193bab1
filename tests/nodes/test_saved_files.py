"""What Save Audio writes for files that are not what their name says, and beside them."""

from __future__ import annotations

import asyncio
import importlib
import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import av
import pytest
import soundfile
import torch

from ...audio.decode import decode
from ...audio.samples.origin import remember
from ...sandbox.server import Sandbox
from ...scripts.lib import pack
from ..audio import make
from ..audio.tag_reader import read_tags
from ..audio.test_passed_on import ENCODED
from .test_nodes import Node, load, run, submit

CODECS = {"flac": "flac", "wav": "pcm_s16le", "mp3": "mp3float", "opus": "opus"}
PLAYABLE = [name for name in ENCODED if not name.startswith(("trunc", "text", "nothing"))]
NAN = float("nan")


async def save(node: Node, audio: Any, format: str, prompt: Any = None, graph: Any = None) -> Path:
    io = importlib.import_module("comfy_api.latest").io
    clone = node["AIGatewaySaveAudio"].PREPARE_CLASS_CLONE(
        {"hidden_inputs": {io.Hidden.prompt: prompt, io.Hidden.extra_pnginfo: graph}}
    )
    answer = await clone.EXECUTE_NORMALIZED_ASYNC(
        audio=audio, filename_prefix="audio/x", format={"format": format}
    )
    return Path(answer.result[1])


def codec(path: Path) -> str:
    with av.open(str(path)) as container:
        return container.streams.audio[0].codec_context.name.removeprefix("lib")


@pytest.mark.slow
@pytest.mark.parametrize("format", CODECS)
@pytest.mark.parametrize("name", PLAYABLE)
async def test_a_saved_file_is_of_the_chosen_format(
    name: str, format: str, node: Node, tmp_path: Path
) -> None:
    # The name lies: the extension is that of the chosen format.
    path = tmp_path / f"track.{format}"
    path.write_bytes(ENCODED[name]())
    with path.open("rb") as file:
        waveform, rate = decode(file)
    remember(waveform, path, rate)
    audio = {"waveform": waveform[None], "sample_rate": rate}
    saved = await save(node, audio, format, {"1": {}}, {"workflow": {"nodes": []}})
    assert codec(saved) == CODECS[format]
    with saved.open("rb") as file:
        again, _ = decode(file)
    assert abs(again.shape[1] - waveform.shape[1]) <= 1 or format in ("mp3", "opus")
    assert again.shape[1] / waveform.shape[1] == pytest.approx(1, abs=0.05)
    assert json.loads(read_tags(saved)["workflow"]) == {"nodes": []}


async def test_a_file_with_broken_tags_is_encoded(node: Node, tmp_path: Path) -> None:
    data = make.sound_file(make.music(0.2), 44100, "FLAC")
    path = tmp_path / "a.flac"
    broken = bytes([0x04]) + (8).to_bytes(3, "big") + b"\xff" * 8
    path.write_bytes(data[:4] + bytes([data[4] & 0x7F]) + data[5:42] + broken + data[42:])
    waveform = make.tensor(make.music(0.2))
    remember(waveform, path, 44100)
    saved = await save(node, {"waveform": waveform[None], "sample_rate": 44100}, "flac")
    assert soundfile.info(saved).frames == waveform.shape[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rate", "channels"), [("48000", "original"), ("original", "stereo"), ("48000", "stereo")]
)
async def test_the_receipt_follows_samples_that_were_resampled(
    rate: str, channels: str, node: Node, sandbox: Sandbox
) -> None:
    job, job_id = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url, rate, channels)
    saved = await save(node, audio, "wav")
    tags = read_tags(saved)
    assert (json.loads(tags["receipt"])["job_id"], tags["title"]) == (job_id, "piano")
    assert soundfile.info(saved).channels == audio["waveform"].shape[1]
    audio["waveform"][0, 0].numpy()[1234] += 0.01
    assert "receipt" not in read_tags(await save(node, audio, "wav"))


@pytest.mark.slow
async def test_one_edited_sample_is_saved(node: Node, sandbox: Sandbox) -> None:
    job, _ = await submit(node)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url)
    audio["waveform"].numpy()[0, 0, 34_321] = 0.5
    saved = await save(node, audio, "wav")
    assert soundfile.read(saved)[0][34_321] == pytest.approx(0.5, abs=1e-4)


SOUND = {"waveform": torch.from_numpy(make.music(0.2))[None], "sample_rate": 44100}
LARGE = {"nodes": [{"text": "é" * 20_000}]}
SMALL = {"nodes": []}
SCRIPT = {"1": {"class_type": "X", "inputs": {}}}


@pytest.mark.parametrize(
    ("format", "prompt", "graph", "expected"),
    [
        ("opus", SCRIPT, {"workflow": LARGE}, LARGE),
        ("opus", {"1": LARGE}, {"workflow": LARGE}, LARGE),
        ("opus", {"1": LARGE}, None, {"1": LARGE}),
        ("wav", SCRIPT, None, SCRIPT),
        ("wav", SCRIPT, {}, SCRIPT),
        ("wav", SCRIPT, {"workflow": SMALL}, SMALL),
        ("opus", SCRIPT, {"workflow": SMALL}, None),
        ("flac", {"1": LARGE}, {"workflow": LARGE}, None),
        ("wav", None, None, None),
    ],
)
async def test_a_graph_that_the_file_does_not_show_lies_beside_it(
    format: str, prompt: Any, graph: Any, expected: Any, node: Node
) -> None:
    saved = await save(node, SOUND, format, prompt, graph)
    sidecar = saved.with_suffix(".json")
    found = json.loads(sidecar.read_text()) if sidecar.exists() else None
    assert found == expected


def strict(text: str) -> Any:
    def refuse(name: str) -> None:
        raise ValueError(name)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.slow
@pytest.mark.parametrize("format", CODECS)
@pytest.mark.parametrize("value", [NAN, [float("inf")], {"a": (1.5, -float("inf"))}])
async def test_embedded_json_is_strict(value: Any, format: str, node: Node) -> None:
    prompt = {"1": {"class_type": "X", "is_changed": value}}
    saved = await save(node, SOUND, format, prompt, {"workflow": {"extra": value}})
    tags = await asyncio.to_thread(read_tags, saved)
    written = strict(tags["prompt"])["1"]["is_changed"]
    assert written in (None, [None], {"a": [1.5, None]})
    assert strict(tags["workflow"])["extra"] == written


@pytest.fixture
def files(nodes: ModuleType) -> ModuleType:
    return importlib.import_module(f"{nodes.__name__}.host.files")


@pytest.mark.parametrize("is_there", [True, False])
def test_the_templates_clip_is_put_beside_a_persons_own(files: ModuleType, is_there: bool) -> None:
    folder = Path(importlib.import_module("folder_paths").get_input_directory())
    if not is_there and folder.is_dir():
        shutil.rmtree(folder)
    files.offer_sample_clip()
    sample = folder / "aigateway-clip.mp4"
    assert sample.read_bytes() == (pack.ROOT / "example_workflows" / "clip.mp4").read_bytes()
    sample.write_bytes(b"a person's own")
    files.offer_sample_clip()
    assert sample.read_bytes() == b"a person's own"
    assert [path.name for path in folder.iterdir() if "aigateway" in path.name] == [sample.name]


def test_a_folder_that_takes_no_clip_stops_nothing(
    files: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    folders = importlib.import_module("folder_paths")
    monkeypatch.setattr(folders, "get_input_directory", lambda: str(tmp_path / "file" / "input"))
    files.offer_sample_clip()


async def test_markers_lie_beside_the_audio_for_editors_of_video(node: Node, output: Path) -> None:
    audio = {"waveform": torch.zeros(1, 1, 96_000), "sample_rate": 48_000}
    entries = [{"time": 0.5, "kind": "hit", "name": "Hit 1"}]
    markers = json.dumps({"seconds": 2.0, "fps": "25", "markers": entries})
    choice = {"filename_prefix": "cut", "format": {"format": "flac"}}
    _, path = await run(node, "SaveAudio", audio=audio, markers=markers, **choice)
    files = [file for file in Path(path).parent.iterdir() if file != Path(path)]
    beside = {file.name: file.read_text() for file in files}
    stem = Path(path).stem
    assert set(beside) == {
        f"{stem}.edl",
        f"{stem}.markers.csv",
        f"{stem}.ffmetadata",
    }
    assert f"TITLE: {stem}" in beside[f"{stem}.edl"]
    assert "0.5000,12,01:00:00:12,hit,Hit 1" in beside[f"{stem}.markers.csv"]
    assert "title=Hit 1" in beside[f"{stem}.ffmetadata"]

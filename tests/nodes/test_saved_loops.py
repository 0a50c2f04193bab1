"""Save Audio for games: loop points, notes for engines, titles, and a manifest of named files."""

from __future__ import annotations

import asyncio
import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from ...api.base.errors import InputError
from ...audio.arrays import MediaError
from ...audio.samples.origin import remember
from ...sandbox.composer import compose
from ...sandbox.server import Sandbox
from ...scripts.lib import headless
from ..audio.tag_reader import read_tags
from ..audio.test_loop_points import engine_numbers, smpl
from .test_nodes import Node, load, run, submit

pytestmark = pytest.mark.slow

GRAPH = {"workflow": {"nodes": []}}


@pytest.fixture(scope="module")
def music() -> dict[str, Any]:
    piece = compose("electronic, 120 bpm", 20.0)
    waveform = torch.as_tensor(piece.waveform, dtype=torch.float32).reshape(1, 2, -1)
    return {"waveform": waveform, "sample_rate": piece.sample_rate}


async def save(node: Node, audio: Any, format: str = "ogg", **inputs: Any) -> Path:
    io = importlib.import_module("comfy_api.latest").io
    clone = node["AIGatewaySaveAudio"].PREPARE_CLASS_CLONE(
        {"hidden_inputs": {io.Hidden.prompt: {"1": {}}, io.Hidden.extra_pnginfo: GRAPH}}
    )
    given = {"filename_prefix": "audio/x", "format": {"format": format}, **inputs}
    answer = await clone.EXECUTE_NORMALIZED_ASYNC(audio=audio, **given)
    return Path(answer.result[1])


def beside(path: Path, suffix: str) -> Any:
    return json.loads(path.with_suffix(suffix).read_text("utf-8"))


def files(folder: Path) -> list[Path]:
    return list(folder.rglob("*.*"))


async def bought(node: Node, prompt: str = "electronic, 120 bpm", **inputs: Any) -> Any:
    job, _ = await submit(node, prompt, **inputs)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url)
    return audio


@pytest.mark.parametrize("format", ["ogg", "flac", "wav"])
async def test_a_loop_of_make_loop_is_written_for_engines(
    format: str, node: Node, music: Any
) -> None:
    audio, start, length, _ = await run(node, "MakeLoop", audio=music, tempo=120.0, min_seconds=6.0)
    saved = await save(node, audio, format, loop_start=start, loop_length=length)
    assert soundfile.info(saved).frames == start + length == audio["waveform"].shape[-1]
    data = saved.read_bytes()
    if format == "wav":
        assert smpl(data)[1:] == (start, start + length - 1)
    else:
        numbers = engine_numbers(data)
        assert (numbers["LOOPSTART"], numbers["LOOPLENGTH"]) == (start, length)
    notes = beside(saved, ".loop.json")
    assert (notes["loop_start"], notes["loop_length"]) == (start, length)
    assert notes["loop_length_seconds"] == pytest.approx(length / music["sample_rate"])
    assert notes["bpm"] == pytest.approx(120, abs=0.5)
    assert notes["beats"] * 60 / notes["bpm"] == pytest.approx(notes["loop_length_seconds"])
    assert notes["godot"]["loop_offset"] == pytest.approx(start / music["sample_rate"])
    assert notes["file"] == saved.name


@pytest.mark.parametrize(("format", "inside"), [("ogg", False), ("flac", True)])
async def test_the_graph_of_a_looped_ogg_lies_beside_it(
    format: str, inside: bool, node: Node, music: Any
) -> None:
    saved = await save(node, music, format, loop_start=0, loop_length=48_000)
    assert ("workflow" in read_tags(saved)) == inside
    assert saved.with_suffix(".json").exists() != inside
    if not inside:
        assert beside(saved, ".json") == GRAPH["workflow"]


async def test_an_ogg_without_a_loop_has_its_graph_inside(node: Node, music: Any) -> None:
    saved = await save(node, music)
    assert json.loads(read_tags(saved)["workflow"]) == GRAPH["workflow"]
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


@pytest.mark.parametrize("format", ["mp3", "opus"])
async def test_a_format_without_loops_refuses_one_before_anything_else(
    format: str, node: Node, output: Path
) -> None:
    with pytest.raises(MediaError, match=f"cannot be saved as {format}: .* Choose wav, flac, ogg"):
        await save(node, None, format, loop_start=0, loop_length=100)
    assert not files(output)


@pytest.mark.parametrize(
    ("start", "length", "error", "says"),
    [
        (5, 0, InputError, "loop_start is 5, and loop_length is 0"),
        (-1, 5, InputError, "loop_start is -1"),
        (0, -5, InputError, "loop_length is -5"),
        (0, 1.5, InputError, "loop_length is 1.5: a whole number"),
        (None, 5, InputError, "loop_start is None: a whole number"),
        (0, 10**9, MediaError, "and the audio has 882000"),
    ],
)
async def test_loop_points_that_cannot_be_are_named(
    start: Any, length: Any, error: type[Exception], says: str, node: Node, music: Any, output: Path
) -> None:
    with pytest.raises(error, match=says):
        await save(node, music, loop_start=start, loop_length=length)
    assert not files(output)


@pytest.mark.parametrize("format", ["wav", "flac", "ogg"])
async def test_unchanged_audio_keeps_its_bytes_unless_the_loop_ends_before(
    format: str, node: Node, music: Any, tmp_path: Path
) -> None:
    first = await save(node, music, format)
    samples, rate = soundfile.read(first, dtype="float32", always_2d=True)
    waveform = torch.from_numpy(samples.T.copy())
    remember(waveform, first, rate)
    audio = {"waveform": waveform[None], "sample_rate": rate}
    whole = await save(node, audio, format, loop_start=100, loop_length=len(samples) - 100)
    again, _ = soundfile.read(whole, dtype="float32", always_2d=True)
    assert (again == samples).all()
    cut = await save(node, audio, format, loop_start=100, loop_length=50_000)
    assert soundfile.info(cut).frames == 50_100


async def test_a_row_that_is_no_loop_passes_make_loop_unchanged(node: Node, music: Any) -> None:
    audio, start, length, report = await run(node, "MakeLoop", audio=music, loop=False)
    assert audio is music
    assert (start, length) == (0, 0)
    assert "unchanged" in report
    assert (
        not (await save(node, audio, "mp3", loop_start=start, loop_length=length))
        .with_suffix(".loop.json")
        .exists()
    )


# Titles, credits and tokens


async def test_the_receipt_goes_with_the_music_into_its_loop(node: Node, sandbox: Sandbox) -> None:
    audio = await bought(node, duration=20.0)
    made, start, length, _ = await run(node, "MakeLoop", audio=audio, min_seconds=4.0)
    saved = await save(node, made, "wav", loop_start=start, loop_length=length)
    receipt = json.loads(read_tags(saved)["receipt"])
    assert receipt["prompt"] == "electronic, 120 bpm"
    assert receipt["measured_duration"] == pytest.approx((start + length) / made["sample_rate"])


async def test_the_receipt_goes_with_the_music_into_a_fitted_piece(
    node: Node, sandbox: Sandbox
) -> None:
    fitted, *_ = await run(node, "FitMusic", audio=await bought(node, duration=10.0), seconds=7.0)
    assert "receipt" in read_tags(await save(node, fitted, "wav"))


async def test_a_track_says_that_ai_made_it(node: Node, sandbox: Sandbox) -> None:
    tags = read_tags(await save(node, await bought(node)))
    receipt = json.loads(tags["receipt"])
    assert receipt["digital_source_type"] == (
        "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
    )
    assert tags["credit"] == receipt["credit"]
    assert re.match(r"Music generated by AI: ace-step/\S+ through AIgateway$", tags["credit"])


async def test_a_sketch_says_that_no_model_made_it(
    node: Node, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")
    tags = read_tags(await save(node, await bought(node, duration=5.0)))
    assert json.loads(tags["receipt"])["digital_source_type"].endswith("/algorithmicMedia")
    assert "not by an AI model" in tags["credit"]


async def test_a_title_is_the_users_or_the_prompts(node: Node, sandbox: Sandbox) -> None:
    audio = await bought(node)
    assert read_tags(await save(node, audio))["title"] == "electronic, 120 bpm"
    mine = await save(node, audio, title=" Mine \n", filename_prefix="%title%-%bpm%-%take%")
    assert read_tags(mine)["title"] == "Mine"
    assert mine.name == "Mine-120-1_00001_.ogg"


async def test_a_tempo_that_nobody_asked_for_is_measured(node: Node, music: Any) -> None:
    saved = await save(node, music, filename_prefix="at %bpm% bpm")
    assert saved.name == "at 120 bpm_00001_.ogg"


# The manifest


async def test_named_files_are_listed_in_a_manifest(node: Node, sandbox: Sandbox) -> None:
    audio = await bought(node, duration=20.0)
    made, start, length, _ = await run(node, "MakeLoop", audio=audio, min_seconds=4.0)
    inputs = {"filename_prefix": "game", "loop_start": start, "loop_length": length}
    saved = await save(node, made, name="cave / deep", **inputs)
    assert saved.parent.name == "game"
    assert saved.name == "cave _ deep_00001_.ogg"
    await save(node, audio, "mp3", name="town", filename_prefix="game", title="Town")
    cave, town = beside(saved.with_name("manifest"), ".json")["files"]
    assert (cave["file"], cave["name"], cave["take"]) == (saved.name, "cave / deep", 1)
    assert cave["prompt"] == "electronic, 120 bpm"
    assert cave["model"].startswith("ace-step")
    assert cave["price_usd"] > 0
    assert "terms" in cave["licence"]
    assert cave["loop"]["loop_start"] == start
    assert (town["file"], town["loop"], town["title"]) == ("town_00001_.mp3", None, "Town")


async def test_the_items_of_a_list_name_their_manifest_once(node: Node, sandbox: Sandbox) -> None:
    audio = await bought(node, duration=5.0)
    kind = node["AIGatewaySaveAudio"].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    given = {"audio": audio, "filename_prefix": "game", "format": {"format": "flac"}}
    headless.executing.set(headless.Executing("a run", "1"))
    runs = (kind.EXECUTE_NORMALIZED_ASYNC(**given, name=name) for name in ("a", "b", "c"))
    listed = [
        file["filename"]
        for ended in await asyncio.gather(*runs)
        for file in ended.ui.get("files", [])
    ]
    assert listed.count("manifest.json") == 1
    assert len(set(listed)) == len(listed)


async def test_a_manifest_forgets_files_that_are_gone(node: Node, music: Any) -> None:
    first = await save(node, music, name="a")
    first.unlink()
    second = await save(node, music, name="b")
    listed = beside(second.with_name("manifest"), ".json")["files"]
    assert [each["name"] for each in listed] == ["b"]


@pytest.mark.parametrize("theirs", ["{}", "[1]", "not JSON", '{"files": []}', "\x00"])
async def test_a_manifest_of_somebody_else_is_left_alone(
    theirs: str, node: Node, music: Any, output: Path
) -> None:
    folder = output / "audio" / "x"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text(theirs)
    saved = await save(node, music, name="a")
    assert (folder / "manifest.json").read_text() == theirs
    assert beside(saved.with_name("manifest_2"), ".json")["files"][0]["name"] == "a"


async def test_without_a_name_there_is_no_manifest(node: Node, music: Any) -> None:
    saved = await save(node, music, name="  ")
    assert not saved.with_name("manifest.json").exists()


PREFIXES = ["", " ", '""', "audio/", '"{}"', '"{}/audio/"', "%title%", "./"]


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("name", ["forest", "..night", "a/b", ""])
async def test_every_prefix_saves_a_named_track(
    prefix: str, name: str, node: Node, music: dict[str, Any], output: Path
) -> None:
    path = await save(
        node, music, "flac", filename_prefix=prefix.format(output), name=name, title=".."
    )
    assert path.is_file()
    assert path.is_relative_to(output)
    assert not name or name.replace("/", "_").strip(".") in path.name

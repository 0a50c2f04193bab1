"""Where music comes from: marks in files as other programs read them, credits, disclosures."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ...api.base.errors import InputError
from ...audio.containers.xmp import facts_of, read_xmp
from ...sandbox.server import Sandbox
from .. import videos
from ..audio.tag_reader import read_tags
from ..video.make import make_clip
from .test_nodes import Node, run
from .test_saved_loops import bought, save
from .test_videos import content_of

pytestmark = pytest.mark.slow

IPTC = "http://cv.iptc.org/newscodes/digitalsourcetype/"
TRAINED = IPTC + "trainedAlgorithmicMedia"
MODEL = "ace-step/ace-step-prompt-to-audio"
TYPE = "Iptc4xmpExt:DigitalSourceType"
FORMATS = ["flac", "wav", "mp3", "opus", "ogg"]
HOLD_XMP = ["wav", "mp3"]
needs_exiftool = pytest.mark.skipif(
    shutil.which("exiftool") is None, reason="exiftool is not installed"
)
needs_ffprobe = pytest.mark.skipif(
    shutil.which("ffprobe") is None, reason="ffprobe is not installed"
)


def facts(path: Path) -> dict[str, str]:
    with path.open("rb") as file:
        return facts_of(read_xmp(file))


def exiftool(path: Path) -> dict[str, Any]:
    done = subprocess.run(["exiftool", "-j", "-G1", str(path)], capture_output=True, check=True)
    return json.loads(done.stdout)[0]


def ffprobe(path: Path) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-show_format", "-show_streams", "-of", "json", str(path)]
    shown = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    parts = [shown["format"], *shown["streams"]]
    return {key.lower(): value for part in parts for key, value in part.get("tags", {}).items()}


def manifest(path: Path) -> dict[str, Any]:
    return json.loads((path.parent / "manifest.json").read_text("utf-8"))


@pytest.fixture
def sketches(session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")


# Marks in files


@pytest.mark.parametrize("format", FORMATS)
async def test_a_bought_track_names_its_origin(format: str, node: Node, sandbox: Sandbox) -> None:
    saved = await save(node, await bought(node), format)
    tags = read_tags(saved)
    assert tags["model"] == MODEL
    assert tags["gateway"] == sandbox.base_url
    assert tags["digital_source_type"] == TRAINED
    assert len(tags["date"].split("-")) == 3
    found = facts(saved)
    assert found.get(TYPE) == (TRAINED if format in HOLD_XMP else None)
    if format in HOLD_XMP:
        assert found["Iptc4xmpExt:AISystemUsed"].startswith(MODEL)
        assert found["xmp:CreateDate"] == tags["date"]
        assert "120 bpm" not in str(found)


@needs_exiftool
@pytest.mark.parametrize("format", FORMATS)
async def test_exiftool_reads_the_origin(format: str, node: Node, sandbox: Sandbox) -> None:
    shown = exiftool(await save(node, await bought(node), format))
    if format in HOLD_XMP:
        assert shown["XMP-iptcExt:DigitalSourceType"] == TRAINED
        assert MODEL in shown["XMP-iptcExt:AISystemUsed"]
    else:
        assert TRAINED in shown.values()
        assert MODEL in shown.values()


@needs_ffprobe
@pytest.mark.parametrize("format", FORMATS)
async def test_ffprobe_reads_the_origin(format: str, node: Node, sandbox: Sandbox) -> None:
    tags = ffprobe(await save(node, await bought(node), format))
    assert (tags["model"], tags["digital_source_type"]) == (MODEL, TRAINED)


@pytest.mark.parametrize("format", FORMATS)
async def test_mutagen_reads_the_origin(format: str, node: Node, sandbox: Sandbox) -> None:
    mutagen = pytest.importorskip("mutagen", reason="mutagen is not installed")
    tags = mutagen.File(await save(node, await bought(node), format)).tags
    inside = "TXXX:{}" if format in HOLD_XMP else "{}"
    assert str(tags[inside.format("model")][0]) == MODEL
    assert str(tags[inside.format("digital_source_type")][0]) == TRAINED
    if format == "mp3":
        assert TRAINED.encode() in tags.getall("PRIV")[0].data


async def test_a_delivered_file_keeps_its_audio_to_the_byte(
    node: Node, sandbox: Sandbox, session: Any
) -> None:
    saved = await save(node, await bought(node), "wav", name="a")
    library = await session.library()
    job = await library.job_of_id(sandbox.base_url, manifest(saved)["files"][0]["job_id"])
    delivered = (await library.stored_track(job, session.settings())).read_bytes()
    assert facts(saved)
    assert delivered[36:] in saved.read_bytes()


async def test_the_mark_stays_with_music_that_was_cut(node: Node, sandbox: Sandbox) -> None:
    fitted, *_ = await run(node, "FitMusic", audio=await bought(node, duration=10.0), seconds=7.0)
    assert facts(await save(node, fitted, "wav"))[TYPE] == TRAINED


@pytest.mark.parametrize("format", FORMATS)
async def test_a_sketch_never_says_that_a_model_made_it(
    format: str, node: Node, sketches: None
) -> None:
    saved = await save(node, await bought(node, duration=5.0), format, name="a")
    assert b"trainedAlgorithmicMedia" not in saved.read_bytes()
    tags = read_tags(saved)
    assert "model" not in tags
    assert tags["digital_source_type"] == IPTC + "algorithmicMedia"
    assert "sandbox" in tags["gateway"]
    if format in HOLD_XMP:
        assert facts(saved)["dc:description"].startswith("Sketch by the sandbox")
    assert "disclosure" not in manifest(saved)
    assert "Sketch by the sandbox" in (saved.parent / "CREDITS.md").read_text("utf-8")


async def test_music_of_an_unknown_maker_says_nothing(node: Node, session: Any) -> None:
    import torch

    own = {"waveform": torch.zeros(1, 2, 48_000), "sample_rate": 48_000}
    saved = await save(node, own, "wav", name="a")
    assert not facts(saved)
    assert "digital_source_type" not in read_tags(saved)
    assert not (saved.parent / "CREDITS.md").exists()


async def test_the_prompt_stands_where_the_person_wants_it(node: Node, sandbox: Sandbox) -> None:
    saved = await save(node, await bought(node), "mp3", name="a", origin="with prompt")
    assert facts(saved)["Iptc4xmpExt:AIPromptInformation"] == "electronic, 120 bpm"
    assert facts(saved)["dc:title"] == "electronic, 120 bpm"
    assert "| electronic, 120 bpm |" in (saved.parent / "CREDITS.md").read_text("utf-8")


async def test_off_leaves_marks_and_credits_out(node: Node, sandbox: Sandbox) -> None:
    saved = await save(node, await bought(node), "mp3", name="a", origin="off", licence="CC0")
    assert not facts(saved)
    assert not {"model", "gateway", "license"} & set(read_tags(saved))
    assert "receipt" in read_tags(saved)
    assert not (saved.parent / "CREDITS.md").exists()


async def test_files_without_a_workflow_have_the_marks_and_no_receipt(
    node: Node, sandbox: Sandbox, nodes: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    track = await bought(node)
    monkeypatch.setattr(nodes.host, "writes_metadata", lambda: False)
    saved = await save(node, track, "mp3")
    assert facts(saved)[TYPE] == TRAINED
    assert not {"receipt", "workflow", "prompt", "title"} & set(read_tags(saved))
    assert b"120 bpm" not in saved.read_bytes()


async def test_a_choice_that_does_not_exist_is_named(node: Node, sandbox: Sandbox) -> None:
    with pytest.raises(InputError, match="The origin is “yes”: choose one of on, with prompt, off"):
        await save(node, await bought(node), origin="yes")


# Read Receipt


@pytest.mark.parametrize("format", FORMATS)
async def test_read_receipt_shows_the_marks(format: str, node: Node, sandbox: Sandbox) -> None:
    saved = await save(node, await bought(node), format, licence="CC BY 4.0")
    *_, tags = await run(node, "ReadReceipt", file=str(saved))
    lines = tags.splitlines()
    assert f"model: {MODEL}" in lines
    assert f"digital_source_type: {TRAINED}" in lines
    assert "license: CC BY 4.0" in lines
    assert (f"xmp {TYPE}: {TRAINED}" in lines) == (format in HOLD_XMP)


# Credits and the manifest


async def test_a_row_for_each_file(node: Node, sandbox: Sandbox) -> None:
    track = await bought(node, duration=20.0)
    made, start, length, _ = await run(node, "MakeLoop", audio=track, min_seconds=4.0)
    loop = {"loop_start": start, "loop_length": length}
    await save(node, made, "ogg", name="cave", filename_prefix="g", licence="CC | BY", **loop)
    saved = await save(node, track, "wav", name="town", filename_prefix="g", title="Town")
    cave, town = manifest(saved)["files"]
    assert cave["changes"] == ["edited in ComfyUI", "encoded as ogg, quality 6"]
    assert town["changes"] == ["only tags added"]
    assert (cave["licence"], cave["digital_source_type"]) == ("CC | BY", TRAINED)
    lines = (saved.parent / "CREDITS.md").read_text("utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line.startswith("| ")][2:]
    assert [row[0] for row in rows] == [f"| {cave['file']}", f"| {town['file']}"]
    assert [row[1] for row in rows] == ["cave", "Town"]
    assert not any("120 bpm" in line for line in lines)
    assert all(MODEL in row and cave["date"] in row for row in rows)
    assert "CC \\| BY" in rows[0]
    assert f"Music generated by AI: {MODEL} through AIgateway" in lines


async def test_steam_is_told_of_the_files_by_a_model(node: Node, sandbox: Sandbox) -> None:
    track = await bought(node)
    await save(node, track, "mp3", name="a")
    saved = await save(node, track, "mp3", name="b")
    told = manifest(saved)["disclosure"]["steam"]
    assert told.startswith("Pre-generated content: 2 audio files were generated by AI")
    assert MODEL in told


async def test_credits_follow_the_files(node: Node, sandbox: Sandbox) -> None:
    track = await bought(node)
    first = await save(node, track, "mp3", name="a")
    credits = first.parent / "CREDITS.md"
    assert first.name in credits.read_text("utf-8")
    first.unlink()
    await save(node, track, "mp3", name="b", origin="off")
    assert not credits.exists()


async def test_credits_of_somebody_else_are_kept(
    node: Node, sandbox: Sandbox, output: Path
) -> None:
    folder = output / "audio" / "x"
    folder.mkdir(parents=True)
    (folder / "CREDITS.md").write_text("# mine")
    saved = await save(node, await bought(node), "mp3", name="a")
    assert (folder / "CREDITS.md").read_text() == "# mine"
    assert saved.name in (folder / "CREDITS_2.md").read_text("utf-8")


# Videos


@pytest.fixture(params=videos.GENERATIONS)
def clip(
    request: pytest.FixtureRequest,
    nodes: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Any:
    kinds = videos.classes(request.param)
    monkeypatch.setattr(importlib.import_module("comfy_api.latest"), "InputImpl", kinds)
    return kinds.VideoFromFile(make_clip(tmp_path / "clip.mp4", 24, 24))


async def scored(node: Node, clip: Any, audio: Any, **inputs: Any) -> Any:
    made, _ = await run(node, "AddSoundtrack", video=clip, audio=audio, **inputs)
    return made


async def test_a_video_says_that_its_music_is_by_a_model(
    node: Node, sandbox: Sandbox, clip: Any, tmp_path: Path
) -> None:
    made = await scored(node, clip, await bought(node))
    saved = tmp_path / "saved.mp4"
    made.save_to(str(saved))
    for path in (Path(made.get_stream_source()), saved):
        found = facts(path)
        assert found[TYPE] == IPTC + "compositeWithTrainedAlgorithmicMedia"
        with path.open("rb") as file:
            assert f"<{TYPE}>{TRAINED}<" in read_xmp(file)
        tags = read_tags(path)
        assert tags["music_model"] == MODEL
        assert tags["music_digital_source_type"] == TRAINED


@needs_exiftool
async def test_exiftool_reads_the_music_of_a_video(node: Node, sandbox: Sandbox, clip: Any) -> None:
    shown = exiftool((await scored(node, clip, await bought(node))).get_stream_source())
    assert shown["XMP-iptcExt:DigitalSourceType"].endswith("/compositeWithTrainedAlgorithmicMedia")
    assert shown["XMP-xmpMM:IngredientsDigitalSourceType"] == TRAINED
    assert MODEL in shown.values()


async def test_the_sound_of_a_video_names_its_origin(
    node: Node, sandbox: Sandbox, clip: Any
) -> None:
    track = await bought(node, duration=5.0)
    _, sound = await run(node, "AddSoundtrack", video=clip, audio=track)
    assert read_tags(await save(node, sound, "mp3"))["digital_source_type"] == TRAINED


@pytest.mark.parametrize("origin", ["off", "sketch", "unknown"])
async def test_a_video_of_other_music_makes_no_claim(
    origin: str, node: Node, sandbox: Sandbox, clip: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    if origin == "sketch":
        monkeypatch.delenv("AIGATEWAY_BASE_URL")
        monkeypatch.setenv("AIGATEWAY_MODE", "sandbox")
    track = await bought(node, duration=5.0)
    if origin == "unknown":
        track = {**track, "waveform": track["waveform"].clone()}
    made = await scored(node, clip, track, origin="off" if origin == "off" else "on")
    content = content_of(made).getvalue()
    assert b"rainedAlgorithmicMedia" not in content
    assert (b"Sketch by the sandbox" in content) == (origin == "sketch")

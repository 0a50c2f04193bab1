"""Music for a picture in ComfyUI, between core's own nodes: the picture's packets stay."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ...scripts.lib import graph
from ..video.make import make_clip, picture_hashes, picture_stamps, sound_end, tone
from .client import Browser, Outcome
from .conftest import Host
from .test_running import save_video_values, succeeded

pytestmark = pytest.mark.xdist_group("comfyui")

RATE = Fraction(30000, 1001)
FRAMES = 150
AUDIO_FRAME = 1024 / 48000
Nodes = Mapping[str, tuple[str, Mapping[str, Any]]]


@pytest.fixture
async def info(browser: Browser) -> Mapping[str, Any]:
    return await browser.node_info()


@pytest.fixture
async def clip(browser: Browser, tmp_path: Path) -> Path:
    """A clip with sound, in ComfyUI's input folder."""
    seconds = FRAMES / float(RATE)
    path = make_clip(
        tmp_path / "clip.mp4", FRAMES, RATE, sound=tone(seconds, 440), options={"g": "15"}
    )
    await browser.upload(path.name, path.read_bytes())
    return path


def prompt_of(nodes: Nodes, info: Mapping[str, Any]) -> graph.Prompt:
    """A prompt with the defaults of each node where nothing else is given."""
    prompt = {}
    for name, (kind, given) in nodes.items():
        values = save_video_values(info[kind]) if kind == "SaveVideo" else {}
        prompt[name] = {"class_type": kind, "inputs": {**values, **given}}
    return prompt


async def text_of(browser: Browser, nodes: Nodes, name: str, slot: int, info: Any) -> str:
    shown = {**nodes, "shown": ("PreviewAny", {"source": [name, slot]})}
    outcome = succeeded(await browser.run(prompt_of(shown, info)))
    return outcome.outputs["shown"]["text"][0]


async def saved(browser: Browser, outcome: Outcome, node: str, folder: Path) -> list[Path]:
    """The files that a node saved, in their order."""
    paths = []
    for number, file in enumerate(outcome.outputs[node]["images"]):
        path = folder / f"{node}_{number}{Path(file['filename']).suffix}"
        path.write_bytes(await browser.view(file))
        paths.append(path)
    return paths


REQUEST = {"prompt": "electronic, 120 bpm", "duration": 6.0, "format": "wav"}
# All but one test have the same track, which is bought once.
SCORE: Nodes = {
    "clip": ("LoadVideo", {"file": "clip.mp4"}),
    "length": ("AIGatewayMusicLength", {"picture": ["clip", 0]}),
    "ask": ("AIGatewayPromptToMusic", REQUEST),
    "poll": ("AIGatewayPollJob", {"job": ["ask", 0]}),
    "load": (
        "AIGatewayLoadAudioURL",
        {"url": ["poll", 0], "sample_rate": "48000", "channels": "original"},
    ),
    "fit": ("AIGatewayFitMusic", {"audio": ["load", 0], "picture": ["clip", 0]}),
    "mix": ("AIGatewayAddSoundtrack", {"video": ["clip", 0], "audio": ["fit", 0]}),
    "save": ("SaveVideo", {"video": ["mix", 0], "filename_prefix": "video/scored"}),
}


async def test_a_clip_is_scored_without_a_change_of_its_picture(
    browser: Browser, info: Any, clip: Path, tmp_path: Path
):
    request = {**REQUEST, "duration": ["length", 0]}
    nodes: Nodes = {**SCORE, "ask": ("AIGatewayPromptToMusic", request)}
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    assert picture_hashes(made) == picture_hashes(clip)
    assert picture_stamps(made) == picture_stamps(clip)
    assert abs(sound_end(made) - FRAMES / float(RATE)) <= AUDIO_FRAME


async def test_a_trimmed_clip_is_measured_and_scored_as_core_trims_it(
    browser: Browser, info: Any, clip: Path, tmp_path: Path
):
    if "Video Slice" not in info:
        pytest.skip("this ComfyUI cannot trim a video")
    nodes: Nodes = {
        "whole": SCORE["clip"],
        "clip": (
            "Video Slice",
            {"video": ["whole", 0], "start_time": 1.0, "duration": 2.0, "strict_duration": False},
        ),
        **{name: node for name, node in SCORE.items() if name != "clip"},
        "core": ("SaveVideo", {"video": ["clip", 0], "filename_prefix": "video/core"}),
    }
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    (core,) = await saved(browser, outcome, "core", tmp_path)
    assert picture_hashes(made) == picture_hashes(core)
    frames = len(picture_hashes(made))
    assert await text_of(browser, nodes, "length", 2, info) == str(frames)
    assert abs(frames - 2 * float(RATE)) <= 1
    assert abs(sound_end(made) - frames / float(RATE)) <= AUDIO_FRAME


@pytest.mark.parametrize(
    ("core", "inputs", "number"),
    [
        (
            "ImageBlend",
            {"image1": ["a", 0], "image2": ["b", 0], "blend_mode": "normal"},
            "blend_factor",
        ),
        ("ImageSharpen", {"image": ["a", 0], "sharpen_radius": 1, "alpha": 1.0}, "sigma"),
        ("ImageScaleBy", {"image": ["a", 0], "upscale_method": "area"}, "scale_by"),
    ],
)
async def test_nodes_of_core_run_once_for_each_value_of_beats(
    browser: Browser, info: Any, tmp_path: Path, core: str, inputs: Any, number: str
):
    picture = {"width": 32, "height": 32, "batch_size": 1}
    beats = {"audio": ["load", 0], "frames": 7, "low": 0.5}
    nodes: Nodes = {
        **{name: SCORE[name] for name in ("ask", "poll", "load")},
        "beats": ("AIGatewayBeats", beats),
        "a": ("EmptyImage", {**picture, "color": 0}),
        "b": ("EmptyImage", {**picture, "color": 0xFFFFFF}),
        "core": (core, {**inputs, number: ["beats", 7]}),
        "save": ("SaveImage", {"images": ["core", 0], "filename_prefix": "frames"}),
    }
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    assert len(await saved(browser, outcome, "save", tmp_path)) == 7


async def test_stills_of_a_clip_change_on_the_beat(
    browser: Browser, info: Any, clip: Path, tmp_path: Path
):
    nodes: Nodes = {
        **{name: SCORE[name] for name in ("clip", "ask", "poll", "load")},
        "frames": ("GetVideoComponents", {"video": ["clip", 0]}),
        "shots": (
            "AIGatewayShots",
            {"audio": ["load", 0], "fps": ["frames", 2], "every": "beats", "min_seconds": 0.9},
        ),
        "still": (
            "ImageFromBatch",
            {"image": ["frames", 0], "batch_index": ["shots", 7], "length": 1},
        ),
        "shot": ("RepeatImageBatch", {"image": ["still", 0], "amount": ["shots", 1]}),
        "film": ("RebatchImages", {"images": ["shot", 0], "batch_size": 4096}),
        "video": (
            "CreateVideo",
            {"images": ["film", 0], "fps": ["frames", 2], "audio": ["load", 0]},
        ),
        "save": ("SaveVideo", {"video": ["video", 0], "filename_prefix": "video/stills"}),
        "parts": ("SaveAudio", {"audio": ["shots", 2], "filename_prefix": "audio/parts"}),
    }
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    hashes = picture_hashes(made)
    assert abs(len(hashes) - 6.0 * float(RATE)) <= 1
    assert len(outcome.outputs["parts"]["audio"]) == 6


async def test_frames_of_core_are_a_picture(
    browser: Browser, info: Any, clip: Path, tmp_path: Path
):
    """Create Video keeps sound in memory: the video has no file yet."""
    nodes: Nodes = {
        **SCORE,
        "clip": ("CreateVideo", {"images": ["images", 0], "fps": 24.0}),
        "images": ("EmptyImage", {"width": 64, "height": 64, "batch_size": 60, "color": 0}),
    }
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    assert len(picture_hashes(made)) == 60
    assert abs(sound_end(made) - 2.5) <= AUDIO_FRAME
    assert await text_of(browser, nodes, "length", 1, info) == "2.5"


async def test_create_video_ends_with_music_that_was_fitted(
    browser: Browser, info: Any, clip: Path, tmp_path: Path
):
    nodes: Nodes = {
        **{name: SCORE[name] for name in ("ask", "poll", "load")},
        "images": ("EmptyImage", {"width": 64, "height": 64, "batch_size": 73, "color": 0}),
        "fit": ("AIGatewayFitMusic", {"audio": ["load", 0], "picture": ["images", 0], "fps": 24.0}),
        "film": ("CreateVideo", {"images": ["images", 0], "audio": ["fit", 0], "fps": 24.0}),
        "save": ("SaveVideo", {"video": ["film", 0], "filename_prefix": "video/created"}),
    }
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    assert len(picture_hashes(made)) == 73
    assert abs(sound_end(made) - 73 / 24) <= AUDIO_FRAME


async def test_the_clips_own_sound_lies_over_the_music(
    browser: Browser, info: Any, clip: Path, tmp_path: Path
):
    video, audio = ["clip", 0], ["fit", 0]
    mix = {"video": video, "audio": audio, "mix": "duck", "level": -12.0, "loudness": "-16 LUFS"}
    nodes: Nodes = {**SCORE, "mix": ("AIGatewayAddSoundtrack", mix)}
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    assert picture_hashes(made) == picture_hashes(clip)


def takes(prompt: str, count: int) -> Nodes:
    values = {"format": "flac", "format.quality": "16 bit"}
    return {
        "takes": ("AIGatewayTakes", {**REQUEST, "prompt": prompt, "count": count}),
        "save": (
            "AIGatewaySaveAudio",
            {"audio": ["takes", 0], "filename_prefix": "audio/take", "peaks": "clip", **values},
        ),
    }


async def test_takes_are_a_list_for_the_next_nodes(
    host: Host, browser: Browser, info: Any, clip: Path, tmp_path: Path
):
    nodes: Nodes = {
        **takes("three takes of calm piano", 3),
        **{name: SCORE[name] for name in ("clip", "mix")},
        "fit": ("AIGatewayFitMusic", {"audio": ["takes", 0], "picture": ["clip", 0]}),
        "film": ("SaveVideo", {"video": ["mix", 0], "filename_prefix": "video/take"}),
    }
    before = len(host.gateway.bill()["jobs"])
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    assert len(outcome.outputs["save"]["audio"]) == 3
    films = await saved(browser, outcome, "film", tmp_path)
    assert len(films) == 3
    assert all(picture_hashes(film) == picture_hashes(clip) for film in films)
    assert len(host.gateway.bill()["jobs"]) == before + 3


async def test_only_a_failed_take_is_made_anew(host: Host, browser: Browser, info: Any):
    prompt = prompt_of(takes("bells sandbox:fail-nth", 3), info)
    first = succeeded(await browser.run(prompt))
    assert len(first.outputs["save"]["audio"]) == 2
    before = len(host.gateway.seen)
    again = succeeded(await browser.run(prompt))
    assert len(again.outputs["save"]["audio"]) == 3
    # The files of the good takes are those of the first run.
    names = [{file["filename"] for file in run.outputs["save"]["audio"]} for run in (first, again)]
    assert names[0] < names[1]
    sent = [seen.method for seen in host.gateway.seen[before:]]
    assert sent.count("POST") == 1
    third = succeeded(await browser.run(prompt))
    assert third.executed == []


async def test_a_clip_without_sound_gets_the_music_alone(
    browser: Browser, info: Any, tmp_path: Path
):
    silent = make_clip(tmp_path / "silent.mp4", 60, 24)
    await browser.upload(silent.name, silent.read_bytes())
    mix = {"video": ["clip", 0], "audio": ["fit", 0], "mix": "under"}
    nodes: Nodes = {
        **SCORE,
        "clip": ("LoadVideo", {"file": "silent.mp4"}),
        "mix": ("AIGatewayAddSoundtrack", mix),
    }
    outcome = succeeded(await browser.run(prompt_of(nodes, info)))
    (made,) = await saved(browser, outcome, "save", tmp_path)
    assert abs(sound_end(made) - 2.5) <= AUDIO_FRAME


SOUND = ("EmptyAudio", {"duration": 600.0, "sample_rate": 44100, "channels": 2})
DRAWN = {"fps": 60.0, "width": 2048, "height": 1152}
STOPPED: dict[str, Nodes] = {
    "AIGatewayVisualize": {
        "work": ("AIGatewayVisualize", {"audio": ["sound", 0], **DRAWN}),
    },
    "AIGatewayAddSoundtrack": {
        "clip": ("LoadVideo", {"file": "long.mp4"}),
        "work": (
            "AIGatewayAddSoundtrack",
            {"video": ["clip", 0], "audio": ["sound", 0], "mix": "duck"},
        ),
    },
}


@pytest.mark.parametrize("kind", STOPPED)
async def test_an_interrupt_ends_the_work_and_the_next_prompt_runs(
    kind: str, host: Host, browser: Browser, info: Any, tmp_path: Path
):
    """To its end the drawing takes longer than a test waits for the next prompt."""
    path = make_clip(tmp_path / "clip.mp4", 600, 1, sound=tone(600.0, 440))
    await browser.upload("long.mp4", path.read_bytes())
    temporary = host.server.log.parent / "temp" / "aigateway"
    before = set(temporary.glob("*"))
    nodes = {**STOPPED[kind], "sound": SOUND}
    nodes["save"] = ("SaveVideo", {"video": ["work", 0], "filename_prefix": "video/stopped"})
    outcome = await browser.run(
        prompt_of(nodes, info), lambda event: event.data.get("node") == "work"
    )
    assert outcome.ending.kind == "execution_interrupted"
    small: Nodes = {
        "sound": ("EmptyAudio", {"duration": 1.0, "sample_rate": 44100, "channels": 2}),
        "shown": ("PreviewAudio", {"audio": ["sound", 0]}),
    }
    succeeded(await browser.run(prompt_of(small, info)))
    assert set(temporary.glob("*")) == before

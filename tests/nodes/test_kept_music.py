"""A recut clip is scored with the music that it had."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ...api.base.errors import InputError
from ...sandbox.server import Sandbox
from ..gateway import SAMPLE_RATE
from .test_nodes import load, run

Node = dict[str, Any]


class Score(NamedTuple):
    """What a run of the graph made: the job, and how many samples the fitted music has."""

    job_id: str
    samples: int
    duration: float
    words: str


async def score(node: Node, frames: int, prompt: str = "calm piano", **keep: Any) -> Score:
    """The graph of the example "Score My Clip", on a clip of `frames` frames at 24 fps."""
    length = {"frames": frames, "fps": 24.0}
    given = await run(node, "MusicLength", **length, **keep)
    (duration, seconds), (tempo, words) = given[:2], given[4:6]
    assert seconds == frames / 24
    request = {"prompt": f"{prompt}, {words}", "duration": duration, "format": "wav"}
    job, job_id = await run(node, "PromptToMusic", **request)
    url, *_ = await run(node, "PollJob", job=job)
    audio, *_ = await load(node, url)
    fitted, *_ = await run(node, "FitMusic", audio=audio, tempo=tempo, **length)
    return Score(job_id, fitted["waveform"].shape[2], duration, words)


async def given_length(node: Node, **inputs: Any) -> str:
    """What Music Length tells the page to keep."""
    kind = node["AIGatewayMusicLength"].PREPARE_CLASS_CLONE({"hidden_inputs": {}})
    return (await kind.EXECUTE_NORMALIZED_ASYNC(**inputs)).ui["aigateway_length"][0]


@pytest.fixture
async def kept(node: Node, sandbox: Sandbox) -> str:
    """What a run of a clip of 8 s leaves behind."""
    await score(node, 192)
    assert len(sandbox.bill()["jobs"]) == 1
    return await given_length(node, frames=192, fps=24.0)


@pytest.mark.slow
@pytest.mark.parametrize("frames", [180, 191, 193, 480, 1200])
async def test_a_recut_clip_keeps_its_music(
    node: Node, sandbox: Sandbox, kept: str, frames: int
) -> None:
    first = await score(node, 192)
    again = await score(node, frames, keep=True, kept=kept)
    assert (again.job_id, again.duration, again.words) == (first.job_id, 8.0, first.words)
    assert again.samples == round(frames / 24 * SAMPLE_RATE)
    assert len(sandbox.bill()["jobs"]) == 1
    # The page goes on to keep the same music.
    assert await given_length(node, frames=frames, fps=24.0, keep=True, kept=kept) == kept


@pytest.mark.slow
async def test_without_keep_a_recut_clip_orders_anew(node: Node, sandbox: Sandbox, kept: str):
    again = await score(node, 180, keep=False, kept=kept)
    assert again.duration == 7.5
    assert len(sandbox.bill()["jobs"]) == 2


@pytest.mark.slow
async def test_other_words_are_another_order(node: Node, sandbox: Sandbox, kept: str):
    again = await score(node, 180, "wild drums", keep=True, kept=kept)
    assert again.samples == round(7.5 * SAMPLE_RATE)
    assert len(sandbox.bill()["jobs"]) == 2


async def test_kept_words_stay_whatever_the_clip_gives(node: Node):
    clip = {"frames": 192, "fps": 24.0}
    kept = await given_length(node, **clip, words="Calm piano: 8 s, dark.")
    first = (await run(node, "MusicLength", **clip, words="Calm piano: 8 s, dark."))[8]
    assert first == "Calm piano: 8 s, dark, 90 bpm"
    assert kept == "8.000 s, 90.000 bpm: Calm piano: 8 s, dark"
    again = {"frames": 180, "fps": 24.0, "words": "wild drums", "kept": kept}
    assert (await run(node, "MusicLength", keep=True, **again))[8] == first
    assert (await run(node, "MusicLength", keep=False, **again))[8].startswith("wild drums, ")


async def test_words_are_joined_with_the_tempo(node: Node):
    clip = {"frames": 180, "fps": 24.0, "near_tempo": 96.0, "keep": True}
    assert (await run(node, "MusicLength", **clip, words="soft"))[8] == "soft, 96 bpm"
    assert (await run(node, "MusicLength", **clip))[8] == "96 bpm"
    # Music that was ordered without words keeps its length and its tempo.
    kept = "8.000 s, 92.308 bpm"
    assert (await run(node, "MusicLength", **clip, kept=kept, words="soft"))[8] == "soft, 92 bpm"


@pytest.mark.slow
async def test_nothing_is_kept_before_the_first_order(node: Node, sandbox: Sandbox):
    assert (await score(node, 180, keep=True, kept=" ")).duration == 7.5


@pytest.mark.slow
async def test_on_another_machine_the_kept_music_is_ordered(
    node: Node, sandbox: Sandbox, kept: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("AIGATEWAY_DATA_DIR", str(tmp_path / "elsewhere"))
    again = await score(node, 180, keep=True, kept=kept)
    assert (again.duration, again.samples) == (8.0, round(7.5 * SAMPLE_RATE))


@pytest.mark.parametrize(
    "text", ["8", "8 s", "1.0 s, 92 bpm", "300 s, 92 bpm", "8 s, 0 bpm", "8 s, 92 bpm calm", 8]
)
async def test_a_text_that_names_no_length_is_refused(node: Node, text: Any):
    with pytest.raises(InputError, match="kept"):
        await run(node, "MusicLength", frames=180, fps=24.0, keep=True, kept=text)
    # Without keep nobody reads it.
    await run(node, "MusicLength", frames=180, fps=24.0, keep=False, kept=text)

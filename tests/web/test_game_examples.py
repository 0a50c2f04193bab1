"""In a real browser: the examples of a music video and of game loops, as graphs and as Apps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest
import soundfile

from ...scripts.lib import pack
from ..audio.test_loop_points import engine_numbers, smpl
from .conftest import Host, Open

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect

EXAMPLES = pack.ROOT / "example_workflows"
BOTH = pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2.0"])


def played(open_canvas: Open, host: Host, name: str, nodes_2: bool) -> Any:
    canvas = open_canvas(nodes_2=nodes_2)
    # Nodes that ComfyUI has in its cache are not run, and have nothing to show in a new page.
    canvas.page.request.post(f"{host.server.url}/api/free", data={"free_memory": True})
    canvas.page.set_default_timeout(180_000)
    canvas.load(EXAMPLES / f"{name}.json")
    canvas.run()
    canvas.succeeded()
    return canvas


def written(host: Host, *folders: str) -> Path:
    return (host.server.log.parent / "output").joinpath(*folders)


@BOTH
def test_a_prompt_becomes_a_music_video_by_both_routes(
    open_canvas: Open, nodes_2: bool, host: Host
):
    canvas = played(open_canvas, host, "Music Video", nodes_2)
    # Load Audio URL and Add Soundtrack.
    expect(canvas.players.filter(visible=True)).to_have_count(2)
    for stem in ("music_video_0*", "music_video_frames_*"):
        newest = sorted(written(host, "video").glob(stem))[-1]
        with av.open(str(newest)) as container:
            frames = sum(1 for packet in container.demux(video=0) if packet.size)
            assert frames == 192
            assert len(container.streams.audio) == 1


@BOTH
def test_a_cue_sheet_becomes_loops_for_engines(open_canvas: Open, nodes_2: bool, host: Host):
    canvas = played(open_canvas, host, "Game Loops", nodes_2)
    # Load Audio URL, Make Loop and two Save Audio.
    expect(canvas.players.filter(visible=True)).to_have_count(4)
    for format in ("ogg", "wav"):
        folder = written(host, "audio", "game", format)
        listed = json.loads((folder / "manifest.json").read_text("utf-8"))["files"][-4:]
        assert [each["name"] for each in listed] == ["town", "battle", "cave", "arcade"]
        for each in listed:
            path, loop = folder / each["file"], each["loop"]
            assert soundfile.info(path).frames == loop["loop_end"]
            assert json.loads(path.with_suffix(".loop.json").read_text())["file"] == path.name
            assert each["price_usd"] > 0
            if format == "ogg":
                assert engine_numbers(path.read_bytes())["LOOPLENGTH"] == loop["loop_length"]
            else:
                assert smpl(path.read_bytes())[1] == loop["loop_start"]


def test_a_cue_sheet_becomes_two_families(open_canvas: Open, host: Host):
    played(open_canvas, host, "Game Family", False)
    folder = written(host, "audio", "family")
    listed = json.loads((folder / "manifest.json").read_text("utf-8"))["files"][-6:]
    names = [each["name"] for each in listed]
    assert names == [f"forest {word}" for word in ("calm", "tense", "battle")] + [
        f"arcade {word}" for word in ("easy", "hard", "boss")
    ]
    frames = [soundfile.info(folder / each["file"]).frames for each in listed]
    assert len(set(frames[:3])) == len(set(frames[3:])) == 1
    for each, count in zip(listed, frames, strict=True):
        assert (each["loop"]["loop_start"], each["loop"]["loop_length"]) == (0, count)

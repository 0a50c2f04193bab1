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
NAMES = ["music_video", "game_loops"]
BOTH = pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2.0"])
# What an App shows is found by the ids and widgets that the file names.
MISSING = """() => {
  const { inputs, outputs } = window.app.graph.extra.linearData;
  const node = (id) => window.app.graph.getNodeById(Number(id));
  const widget = ([id, name]) => node(id)?.widgets?.some((each) => each.name === name);
  return [...inputs.filter((input) => !widget(input)), ...outputs.filter((id) => !node(id))];
}"""


def graph(name: str) -> Any:
    return json.loads((EXAMPLES / f"{name}.json").read_text("utf-8"))


def played(open_canvas: Open, host: Host, name: str, nodes_2: bool) -> Any:
    canvas = open_canvas(nodes_2=nodes_2)
    # Nodes that ComfyUI has in its cache are not run, and have nothing to show in a new page.
    canvas.page.request.post(f"{host.server.url}/api/free", data={"free_memory": True})
    canvas.page.set_default_timeout(180_000)
    canvas.load(EXAMPLES / f"{name}.json")
    assert canvas.page.evaluate(MISSING) == []
    canvas.run()
    canvas.succeeded()
    return canvas


def written(host: Host, *folders: str) -> Path:
    return (host.server.log.parent / "output").joinpath(*folders)


@BOTH
def test_a_prompt_becomes_a_music_video_by_both_routes(
    open_canvas: Open, nodes_2: bool, host: Host
):
    canvas = played(open_canvas, host, "music_video", nodes_2)
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
    canvas = played(open_canvas, host, "game_loops", nodes_2)
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


@pytest.mark.parametrize("name", NAMES)
def test_an_app_shows_inputs_that_a_person_sets(name: str):
    workflow = graph(name)
    ids = {str(node["id"]): node for node in workflow["nodes"]}
    chosen = workflow["extra"]["linearData"]
    assert len(chosen["inputs"]) >= 3
    for node, widget in chosen["inputs"]:
        slot = next(each for each in ids[node]["inputs"] if each["name"] == widget)
        assert slot["link"] is None, "a value that comes from another node cannot be set"
    assert all(ids[node]["type"] in OUTPUTS for node in chosen["outputs"])


OUTPUTS = ("SaveVideo", "PreviewImage", "PreviewAny", "AIGatewaySaveAudio")


@pytest.mark.parametrize("name", NAMES)
def test_no_node_lies_on_another(name: str):
    boxes = []
    for node in graph(name)["nodes"]:
        (x, y), (width, height) = node["pos"], node["size"]
        boxes.append((x, y - 40, x + width, y + height))
    for number, a in enumerate(boxes):
        for b in boxes[number + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]

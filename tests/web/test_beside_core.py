"""In a real browser: the pack beside ComfyUI's own nodes, panels and counts."""

from __future__ import annotations

import re
import time
from pathlib import PurePath
from typing import Any

import pytest

from .canvas import LOAD, PROMPT, SAVE, Canvas
from .conftest import Open
from .test_canvas import BOTH, fresh

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)

# Core's Preview Audio has a later id than our Save Audio: what stops there never comes to it.
ADD_PREVIEW = """(count) => {
  const { graph } = window.app;
  const load = graph.nodes.find((node) => node.comfyClass === "AIGatewayLoadAudioURL");
  for (let index = 0; index < count; index++) {
    const preview = window.LiteGraph.createNode("PreviewAudio");
    graph.add(preview);
    preview.pos = [40 + 260 * index, 620];
    load.connect(0, preview, 0);
  }
}"""
CORE_PLAYERS = """() => window.app.graph.nodes
  .filter((node) => node.comfyClass === "PreviewAudio")
  .map((node) => node.widgets.find((widget) => widget.name === "audioUI").element.src)"""
SELECT = """(types) => {
  const { canvas, graph } = window.app;
  canvas.selectNodes(graph.nodes.filter((node) => types.includes(node.comfyClass)));
}"""
UNDO = "() => window.app.extensionManager.workflow.activeWorkflow.changeTracker.undo()"


def saved(canvas: Canvas, prefix: str) -> list[PurePath]:
    """The files that Save Audio makes under a prefix."""
    canvas.set(SAVE, filename_prefix=prefix)
    canvas.run()
    canvas.succeeded()
    return [PurePath(file["subfolder"], file["filename"]) for file in outputs(canvas)[SAVE]]


def outputs(canvas: Canvas) -> dict[str, list[dict[str, str]]]:
    """The files of the last run by the types of their nodes."""
    return canvas.page.evaluate(
        """() => Object.fromEntries(window.app.graph.nodes
            .map((node) => [node.comfyClass, window.app.nodeOutputs[node.id]?.audio])
            .filter(([, files]) => files))"""
    )


@BOTH
@pytest.mark.parametrize("count", [1, 3])
def test_players_of_core_come_back_with_ours(open_canvas: Open, nodes_2: bool, count: int):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    canvas.page.evaluate(ADD_PREVIEW, count)
    canvas.run()
    canvas.succeeded()
    filled = f"() => ({CORE_PLAYERS})().filter((src) => src.includes('filename=')).length === "
    canvas.page.wait_for_function(f"{filled}{count}")
    canvas.command("Comfy.NewBlankWorkflow")
    expect(canvas.players).to_have_count(0)
    canvas.page.get_by_text("Unsaved Workflow (2)").click()
    expect(canvas.players).to_have_count(2)
    canvas.page.wait_for_function(f"{filled}{count}")
    # A step that is taken back loads the whole graph again.
    canvas.set(PROMPT, duration=7)
    canvas.page.evaluate(
        "() => window.app.extensionManager.workflow.activeWorkflow.changeTracker"
        "[window.app.extensionManager.workflow.activeWorkflow.changeTracker.captureCanvasState"
        " ? 'captureCanvasState' : 'checkState']()"
    )
    canvas.page.evaluate(UNDO)
    canvas.page.wait_for_function(
        f"""() => window.app.graph.nodes.find((node) => node.comfyClass === "{PROMPT}")
            .widgets.find((widget) => widget.name === "duration").value === 6"""
    )
    expect(canvas.players).to_have_count(2)
    canvas.page.wait_for_function(f"{filled}{count}")


@BOTH
def test_the_properties_panel_shows_no_widget_of_ours(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    canvas.run()
    canvas.succeeded()
    expect(canvas.players).to_have_count(2)
    if nodes_2 and not canvas.has_error_box:
        pytest.skip("this ComfyUI's panel leaves out only what the classic canvas draws")
    panel = canvas.properties(shown=True)
    for type, field in ((PROMPT, "duration"), (SAVE, "filename_prefix")):
        canvas.page.evaluate(SELECT, [type])
        expect(panel.get_by_text(field).first).to_be_visible()
        expect(panel).not_to_contain_text("aigateway_")
        expect(panel).not_to_contain_text("audioUI")
    # The App builder leaves these out.
    private = canvas.page.evaluate(
        """() => window.app.graph.nodes.flatMap((node) => node.widgets ?? [])
            .filter(({ name }) => name.startsWith("aigateway_"))
            .map(({ options }) => [options.hideInPanel, options.canvasOnly, options.disabled])"""
    )
    assert len(private) > 3
    assert private == [[True, not nodes_2, True]] * len(private)


# The sizes of nodes, and the widths of what the canvas shows on them, in pixels of the graph.
SIZES = """() => {
  const { scale } = window.app.canvas.ds;
  return window.app.graph.nodes.filter(({ comfyClass }) => comfyClass).map((node) => [
    node.id,
    ...[...node.size].map(Math.round),
    ...(node.widgets ?? []).filter(({ element }) => element?.isConnected).map(
      ({ name, element }) => [name, Math.round(element.getBoundingClientRect().width / scale)]),
  ]).sort();
}"""
TITLE = """(type) => {
  const { pos } = window.app.graph.nodes.find((node) => node.comfyClass === type);
  const { scale, offset } = window.app.canvas.ds;
  const { left, top } = window.app.canvas.canvas.getBoundingClientRect();
  return [(pos[0] + 80 + offset[0]) * scale + left, (pos[1] - 12 + offset[1]) * scale + top];
}"""
STILL = f"""() => {{
  const [before, now] = [window.sizesBefore, JSON.stringify(({SIZES})())];
  window.sizesBefore = now;
  return now === before;
}}"""
SELECTED = """(type) => Object.values(window.app.canvas.selected_nodes)
  .some((node) => node.comfyClass === type)"""


def sizes(canvas: Canvas) -> Any:
    """Once the canvas moves no more: what it shows follows a moment after its scale."""
    canvas.page.wait_for_function(STILL, polling=200)
    return canvas.page.evaluate(SIZES)


@BOTH
def test_a_click_with_the_properties_panel_open_makes_nothing_wider(
    open_canvas: Open, nodes_2: bool
):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.needs_late_rows(nodes_2)
    fresh(canvas)
    canvas.page.evaluate(ADD_PREVIEW, 1)
    canvas.run()
    canvas.succeeded()
    expect(canvas.players).to_have_count(2)
    canvas.command("Comfy.Canvas.FitView")
    canvas.durations()
    before = sizes(canvas)
    canvas.shot(f"before-the-panel-{nodes_2}")
    panel = canvas.properties(shown=True)
    for type, field in ((SAVE, "filename_prefix"), (LOAD, "url"), (PROMPT, "duration")):
        canvas.page.mouse.click(*canvas.page.evaluate(TITLE, type))
        canvas.page.wait_for_function(SELECTED, arg=type)
        expect(panel.get_by_text(field).first).to_be_visible()
        assert sizes(canvas) == before
    canvas.properties(shown=False)
    canvas.shot(f"after-the-panel-{nodes_2}")
    assert sizes(canvas) == before


@BOTH
def test_the_jobs_panel_counts_saved_files_only(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    canvas.run()
    canvas.succeeded()
    jobs = canvas.page.evaluate("async () => (await window.app.api.getHistory(1))")
    jobs = jobs.get("History", jobs) if isinstance(jobs, dict) else jobs
    if "outputs_count" not in jobs[0]:
        pytest.skip("this ComfyUI does not count a job's files")
    assert jobs[0]["outputs_count"] == 1
    assert jobs[0]["preview_output"]["mediaType"] == "audio"


@BOTH
def test_tokens_of_a_prefix_are_replaced_as_core_does(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="a/b: slow?", duration=6)
    # Both days, where the run begins before midnight.
    days = {time.strftime("%Y-%m-%d")}
    (dated,) = saved(canvas, "tokens/%date:yyyy-MM-dd%/song")
    days.add(time.strftime("%Y-%m-%d"))
    assert dated.parts[:1] == ("tokens",)
    assert dated.parts[1] in days
    (named,) = saved(canvas, f"tokens/%{PROMPT}.prompt%_%{PROMPT}.duration%s")
    assert named.name.startswith("a_b_ slow_")
    assert re.fullmatch(r".*_6s_\d{5}_\.flac", named.name)
    canvas.page.evaluate(
        """(type) => {
            window.app.graph.nodes.find((node) => node.comfyClass === type).title = "My music";
        }""",
        PROMPT,
    )
    (titled,) = saved(canvas, "tokens/%My music.duration%-%take%")
    assert re.fullmatch(r"6-\d+_\d{5}_\.flac", titled.name)
    # The workflow keeps what was typed.
    assert canvas.get(SAVE, "filename_prefix") == "tokens/%My music.duration%-%take%"


# Texts become one list, and another list of as many texts as a node finds while it runs.
LISTS = """(texts) => {
  const { graph } = window.app;
  const make = (type) => {
    const node = window.LiteGraph.createNode(type);
    graph.add(node);
    return node;
  };
  const music = graph.nodes.find((node) => node.comfyClass === "AIGatewayPromptToMusic");
  const list = make("CreateList");
  texts.forEach((text, index) => {
    const source = make("PrimitiveString");
    source.widgets[0].value = text;
    source.connect(0, list, index);
  });
  list.connect(0, music, music.findInputSlot("prompt"));
}"""


@BOTH
def test_the_price_counts_a_list(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    if not canvas.page.evaluate("() => 'CreateList' in window.LiteGraph.registered_node_types"):
        pytest.skip("this ComfyUI has no node that makes a list")
    fresh(canvas, duration=30)
    expect(canvas.price).to_have_text("$0.006")
    canvas.page.evaluate(LISTS, ["calm", "wild", "slow"])
    expect(canvas.price).to_have_text("3 \N{MULTIPLICATION SIGN} $0.006 = $0.018")
    # The same text twice is one track.
    canvas.page.evaluate(LISTS, ["calm", "calm", "slow"])
    expect(canvas.price).to_have_text("3 tracks: $0.012")
    known = canvas.page.evaluate(
        """() => {
            const { nodeData } = window.LiteGraph.registered_node_types.CreateList;
            return [nodeData.is_input_list, nodeData.output_is_list];
        }"""
    )
    assert known == [True, [True]]
    # What stands behind other nodes is counted, too.
    canvas.page.evaluate(
        """() => {
            const { graph } = window.app;
            const find = (type) => graph.nodes.findLast((node) => node.comfyClass === type);
            const join = window.LiteGraph.createNode("StringConcatenate");
            graph.add(join);
            find("CreateList").connect(0, join, join.findInputSlot("string_a"));
            const music = find("AIGatewayPromptToMusic");
            join.connect(0, music, music.findInputSlot("prompt"));
        }"""
    )
    expect(canvas.price).to_have_text("3 \N{MULTIPLICATION SIGN} $0.006 = $0.018")

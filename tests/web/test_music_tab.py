"""In a real browser: tracks are heard, saved, copied and dragged; where new nodes appear."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from .canvas import LOAD, POLL, SAVE, TAKES, Canvas
from .conftest import Open
from .test_canvas import BOTH, fresh

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=10_000)

VIEW = "() => [window.app.canvas.ds.scale, ...window.app.canvas.ds.offset]"
ADDED = f"""() => window.app.graph.nodes
  .filter((node) => node.comfyClass === "{POLL}").at(-1).pos.map(Math.round)"""

SAVED = """([type, save]) => {
  const { graph } = window.app;
  const node = graph.nodes.find((node) => node.comfyClass === type);
  const last = window.LiteGraph.createNode(save);
  graph.add(last);
  const output = node.outputs.findIndex((output) => output.type === "AUDIO");
  node.connect(output, last, last.inputs.findIndex((input) => input.name === "audio"));
}"""
"""Puts a node that saves the audio of the first node of a type."""


def made(canvas: Canvas, seconds: float) -> tuple[str, Any]:
    """A track that was just made, and its row in the Music tab."""
    prompt = f"heard {uuid.uuid4().hex[:8]}: a/b"
    fresh(canvas, prompt=prompt, duration=seconds, take=3)
    canvas.run()
    canvas.succeeded()
    return prompt, shown(canvas, prompt)


def shown(canvas: Canvas, prompt: str) -> Any:
    tab = canvas.open_music()
    tab.get_by_role("searchbox").fill(prompt)
    expect(tab.locator(".aigateway-track")).to_have_count(1)
    return tab.locator(".aigateway-track")


@BOTH
def test_one_track_plays_at_a_time_and_goes_on_without_the_tab(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    prompt, row = made(canvas, 40)
    time = canvas.page.locator(".aigateway-dock .aigateway-time")
    row.get_by_role("button", name=f"Play: {prompt}").click()
    pause = row.get_by_role("button", name=f"Pause: {prompt}")
    expect(pause).to_be_visible()
    expect(row).to_have_class("aigateway-track aigateway-playing")
    canvas.shot(f"playing-{nodes_2}")
    canvas.command("Workspace.ToggleSidebarTab.aigateway-music")
    expect(time).to_have_count(0)
    row = shown(canvas, prompt)
    expect(pause).to_be_visible()
    expect(time).not_to_have_text("0:00 / 0:40")
    # A player on a node is the one that plays now.
    canvas.page.evaluate("() => document.querySelector('.aigateway-player audio').play()")
    expect(row.get_by_role("button", name=f"Play: {prompt}")).to_be_visible()


@BOTH
def test_a_track_is_saved_under_its_name_and_its_prompt_copied(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    prompt, row = made(canvas, 6)
    name = f"{prompt.replace(': a/b', ' a b')} - take 3.wav"
    row.hover()
    with canvas.page.expect_download() as download:
        row.get_by_role("link", name=f"Download: {prompt}").click()
    assert download.value.suggested_filename == name
    canvas.command("Comfy.Canvas.FitView")
    expect(canvas.players.first).to_contain_text("take 3")
    # The buttons of the row cover the end of its prompt.
    row.get_by_role("button", name=prompt, exact=True).click(position={"x": 10, "y": 6})
    assert canvas.page.evaluate("() => navigator.clipboard.readText()") == prompt


def test_the_volume_is_remembered(open_canvas: Open):
    canvas = open_canvas()
    prompt, row = made(canvas, 6)
    row.get_by_role("button", name=f"Play: {prompt}").click()
    canvas.page.get_by_role("slider", name="Volume").fill("0.5")
    canvas.open({})
    row = shown(canvas, prompt)
    row.get_by_role("button", name=f"Play: {prompt}").click()
    expect(canvas.page.get_by_role("slider", name="Volume")).to_have_value("0.5")


@BOTH
def test_a_row_that_is_dropped_on_the_canvas_is_picked_up_there(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    _, row = made(canvas, 6)
    canvas.command("Comfy.NewBlankWorkflow")
    graph = canvas.page.locator("#graph-canvas")
    row.drag_to(graph, target_position={"x": 700, "y": 500})
    assert canvas.types() == [POLL, LOAD, SAVE]
    scale, left, top = canvas.page.evaluate(VIEW)
    x, y = canvas.page.evaluate(ADDED)
    assert (x, y) == pytest.approx((700 / scale - left, 500 / scale - top), abs=2)


@BOTH
def test_nodes_appear_where_they_are_seen(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    _, row = made(canvas, 6)
    canvas.command("Comfy.NewBlankWorkflow")
    row.get_by_role("button", name="Pick up").click()
    row.get_by_role("button", name="Pick up").click()
    boxes = canvas.page.evaluate(
        "() => window.app.graph.nodes.map(({ pos, size }) => [...pos, ...size])"
    )
    first, second = boxes[0], boxes[3]
    # The second row leaves the height of a title free.
    assert second[1] - 30 >= first[1] + first[3]
    scale, left, _ = canvas.page.evaluate(VIEW)
    panel = canvas.page.locator(".side-bar-panel").first.bounding_box()
    middle = (first[0] + boxes[2][0] + boxes[2][2]) / 2
    assert (middle + left) * scale == pytest.approx((panel["x"] + panel["width"] + 1600) / 2, abs=3)
    canvas.shot(f"placed-{nodes_2}")


@BOTH
def test_the_wheel_and_the_middle_button_move_the_canvas_over_our_rows(
    open_canvas: Open, nodes_2: bool
):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    price = canvas.price.bounding_box()
    mouse = canvas.page.mouse
    mouse.move(price["x"] + 20, price["y"] + 10)
    before = canvas.page.evaluate(VIEW)
    mouse.wheel(0, -100)
    canvas.page.wait_for_function("(old) => window.app.canvas.ds.scale > old", arg=before[0])
    price = canvas.price.bounding_box()
    mouse.move(price["x"] + 20, price["y"] + 10)
    before = canvas.page.evaluate(VIEW)
    mouse.down(button="middle")
    mouse.move(price["x"] + 120, price["y"] + 60, steps=4)
    mouse.up(button="middle")
    canvas.page.wait_for_function("(old) => window.app.canvas.ds.offset[0] > old", arg=before[1])


@BOTH
def test_takes_are_one_row_that_opens_and_closes(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    prompt = f"grouped {uuid.uuid4().hex[:8]}"
    canvas.add(TAKES, prompt=prompt, duration=5, count=4)
    canvas.page.evaluate(SAVED, [TAKES, SAVE])
    canvas.run()
    canvas.succeeded()
    row = shown(canvas, prompt)
    rows = canvas.page.locator(".aigateway-track")
    group = row.get_by_role("button", name="Show all 4 takes")
    expect(group).to_have_text("4 takes")
    expect(group).to_have_attribute("aria-expanded", "false")
    group.click()
    expect(rows).to_have_count(4)
    expect(canvas.page.locator(".aigateway-member")).to_have_count(3)
    canvas.shot(f"takes-open-{nodes_2}")
    rows.first.get_by_role("button", name="Show the first of 4 takes only").click()
    expect(rows).to_have_count(1)
    canvas.shot(f"takes-closed-{nodes_2}")

"""In a real browser: a stranger's workflow with hostile text, as an App and beside the help."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ...scripts.lib import comfyui
from .canvas import PROMPT, Canvas
from .conftest import Host, Open
from .test_apps import App
from .test_canvas import BOTH, EXAMPLES, next_take

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)

MARK = "window.hit = (window.hit ?? 0) + 1"
HOSTILE = {
    "script": f'<script>{MARK}</script><img src="x" onerror="{MARK}" data-hit>',
    "markdown": f'# a <b data-hit>b</b> ![x](x" onerror="{MARK}) [link](javascript:{MARK}) `</p>`',
    "right to left": "\u202e\u2066gnp.exe\u2069 \u200f\u061c \u200b\ufeff piano",
    "100 kB": f'<svg onload="{MARK}" data-hit>' * 2700,
}


def workflow(text: str) -> dict[str, Any]:
    """An App whose every text of a stranger is `text`."""
    graph = json.loads((EXAMPLES / "Text to Music.json").read_text("utf-8"))
    for node in graph["nodes"]:
        node["title"] = text
        if node["type"] == PROMPT:
            node["widgets_values"][:3] = [f"{text} sandbox:fail {next_take()}", 5, text]
        elif node["type"] == "MarkdownNote":
            node["widgets_values"] = [text]
    graph["groups"] = [{"title": text, "bounding": [0, 0, 100, 100]}]
    data = graph["extra"]["linearData"]
    data["inputs"] = [
        [id, name, {**(rest[0] if rest else {}), "name": text, "say": text}]
        for id, name, *rest in data["inputs"]
    ]
    return graph


def check_harmless(canvas: Canvas) -> None:
    """No text ran, and none became an element of ours; ComfyUI's own notes draw safe HTML."""
    assert canvas.page.evaluate("() => window.hit ?? 0") == 0
    expect(canvas.page.locator("[class*=aigateway] [data-hit]")).to_have_count(0)
    expect(canvas.page.locator(".node-help-content [data-hit]")).to_have_count(0)


@BOTH
@pytest.mark.parametrize("name", HOSTILE)
def test_a_strangers_app_shows_text_as_text(open_canvas: Open, name: str, nodes_2: bool) -> None:
    canvas = open_canvas(nodes_2=nodes_2)
    if not canvas.knows_apps():
        pytest.skip("this ComfyUI has no App mode")
    canvas.page.evaluate("(graph) => window.app.loadGraphData(graph)", workflow(HOSTILE[name]))
    app = App(canvas)
    expect(app.fields.first).to_be_visible()
    check_harmless(canvas)
    canvas.run()
    assert canvas.ended()["kind"] == "execution_error"
    card = canvas.page.locator(".aigateway-card")
    expect(card).to_be_visible()
    # Our own elements show no character that turns the direction of a line or hides in it.
    for shown in (card, canvas.page.locator(".aigateway-app-status")):
        for text in shown.all_inner_texts():
            assert not set(text) & set("\u202e\u2066\u2069\u200b\ufeff")
            assert len(text) < 3000
    check_harmless(canvas)
    canvas.shot(f"hostile-app-{name}-{nodes_2}")


def test_help_is_that_of_the_pack_beside_hostile_names(open_canvas: Open, host: Host) -> None:
    inputs = host.server.log.parent / "input"
    hostile = f'<img src=x onerror="{MARK}" data-hit>.flac'.replace("/", "")
    (inputs / hostile).write_bytes(b"fLaC")
    canvas = open_canvas(nodes_2=True)
    if not canvas.knows_apps():
        pytest.skip("this ComfyUI has no tab for help")
    docs = comfyui.pack.ROOT / "web" / "docs"
    for page in sorted(docs.glob("*/en.md")):
        title = page.read_text("utf-8").splitlines()[0].removeprefix("# ")
        canvas.add(page.parent.name)
        canvas.page.evaluate(
            """(text) => {
              const [node] = window.app.graph.nodes;
              node.title = text;
              window.app.canvas.selectNode(node);
            }""",
            HOSTILE["script"],
        )
        panel = canvas.properties(shown=True)
        panel.get_by_role("tab", name="Info").click()
        expect(panel.locator(".node-help-content h1").first).to_have_text(title)
        check_harmless(canvas)
    (inputs / hostile).unlink()

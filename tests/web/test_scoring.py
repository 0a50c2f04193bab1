"""In a real browser: clips that are scored, as a graph, as an App and as one node; and takes."""

from __future__ import annotations

from typing import Any

import pytest

from ...scripts.lib import pack
from .canvas import TAKES
from .conftest import Open
from .test_canvas import APPS, BOTH, EXAMPLES, next_take

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)


@pytest.mark.parametrize("name", APPS)
def test_an_example_runs_as_an_app(open_canvas: Open, name: str):
    canvas = open_canvas(nodes_2=True)
    if not canvas.knows("Comfy.ToggleLinear"):
        pytest.skip("this ComfyUI has no App mode")
    canvas.load(EXAMPLES / f"{name}.json")
    canvas.command("Comfy.ToggleLinear")
    label = canvas.page.get_by_text("music", exact=True).filter(visible=True)
    expect(label).to_have_count(1)
    canvas.run()
    canvas.succeeded()
    film = canvas.page.locator("video").filter(visible=True).first
    expect(film).to_be_visible()
    assert film.evaluate("(video) => new URL(video.src).searchParams.get('type')") == "output"


@BOTH
def test_the_blueprint_scores_a_clip(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.load(pack.ROOT / "subgraphs" / "Score My Video.json")
    canvas.page.evaluate(
        """(take) => {
            const [node] = window.app.graph.nodes;
            node.widgets.find((widget) => widget.name === "take").value = take;
        }""",
        next_take(),
    )
    # Only the run measures the clip.
    expect(canvas.price).to_have_text("$0.0002 per second")
    canvas.run()
    canvas.succeeded()
    expect(canvas.price).to_have_text("Paid $0.0032")
    expect(canvas.players.filter(visible=True)).to_have_count(1)
    assert set(map(round, canvas.durations())) >= {12}


@BOTH
def test_takes_are_priced_together(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.add(TAKES, prompt="calm piano", duration=6, take=next_take(), count=3)
    expect(canvas.price).to_have_text("3 \N{MULTIPLICATION SIGN} $0.0012 = $0.0036")
    canvas.set(TAKES, count=2)
    expect(canvas.price).to_have_text("2 \N{MULTIPLICATION SIGN} $0.0012 = $0.0024")

"""In a real browser: a clip that is scored by one node, and takes."""

from __future__ import annotations

from typing import Any

import pytest

from ...scripts.lib import pack
from .canvas import TAKES
from .conftest import Open
from .test_canvas import BOTH, next_take

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)


@BOTH
def test_the_blueprint_scores_a_clip(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.load(pack.ROOT / "subgraphs" / "Score My Video (AIgateway).json")
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

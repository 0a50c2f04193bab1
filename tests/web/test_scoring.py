"""In a real browser: a clip that is scored by one node, and takes."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from ...scripts.lib import pack
from ..video.make import make_clip
from .canvas import PROMPT, TAKES, Canvas
from .conftest import Host, Open
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
    expect(canvas.price).to_have_text("Paid $0.0034")
    expect(canvas.players.filter(visible=True)).to_have_count(1)
    assert set(map(round, canvas.durations())) >= {12}


@BOTH
def test_takes_are_priced_together(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.add(TAKES, prompt="calm piano", duration=6, take=next_take(), count=3)
    expect(canvas.price).to_have_text("3 \N{MULTIPLICATION SIGN} $0.0012 = $0.0036")
    canvas.set(TAKES, count=2)
    expect(canvas.price).to_have_text("2 \N{MULTIPLICATION SIGN} $0.0012 = $0.0024")


DESCRIBE, LENGTH = "AIGatewayDescribeClip", "AIGatewayMusicLength"


def upload_film(canvas: Canvas, folder: Path, frames: int) -> str:
    """Put a film of `frames` frames at 24 fps into ComfyUI's input folder; returns its name."""
    path = make_clip(folder / f"film-{frames}.mp4", frames, Fraction(24))
    canvas.upload(path)
    return path.name


@BOTH
def test_a_film_is_recut_and_keeps_its_music(
    open_canvas: Open, host: Host, nodes_2: bool, tmp_path: Path
):
    canvas = open_canvas(nodes_2=nodes_2)
    wish = f"calm piano, take {next_take()}"
    film, recut = upload_film(canvas, tmp_path, 192), upload_film(canvas, tmp_path, 180)

    def orders() -> int:
        return sum(job["prompt"].startswith(wish) for job in host.gateway.bill()["jobs"])

    canvas.load(pack.ROOT / "example_workflows" / "Score My Clip.json")
    canvas.set(DESCRIBE, wish=wish)
    canvas.set("LoadVideo", file=film)
    expect(canvas.price).to_have_text("$0.0002 per second")
    canvas.run()
    canvas.succeeded()
    expect(canvas.price).to_contain_text("Paid")
    kept = canvas.get(LENGTH, "kept")
    found = re.match(rf"([\d.]+) s, \d+\.000 bpm: {re.escape(wish)}\. Instrumental", kept)
    assert found, kept
    price = f"${float(found[1]) * 0.0002:.4f}"

    canvas.set("LoadVideo", file=recut)
    canvas.set(LENGTH, keep=True)
    expect(canvas.price).to_have_text("kept, $0.00")
    # The workflow has it, also after a reload.
    canvas.load_again()
    assert (canvas.get(LENGTH, "keep"), canvas.get(LENGTH, "kept")) == (True, kept)
    expect(canvas.price).to_have_text("kept, $0.00")
    canvas.run()
    canvas.succeeded()
    expect(canvas.price).to_have_text("kept, $0.00")
    assert orders() == 1
    assert min(canvas.durations()) == pytest.approx(7.5, abs=0.05)

    # The clip's words are kept too, whatever they are now. Another take has its price.
    canvas.set(DESCRIBE, wish=f"{wish} and drums")
    expect(canvas.price).to_have_text("kept, $0.00")
    take = canvas.get(PROMPT, "take")
    canvas.set(PROMPT, take=take + 1)
    expect(canvas.price).to_have_text(price)
    canvas.set(PROMPT, take=take)
    canvas.set(LENGTH, keep=False)
    expect(canvas.price).to_have_text("$0.0002 per second")
    canvas.run()
    canvas.succeeded()
    assert orders() == 2
    assert canvas.get(LENGTH, "kept") != kept

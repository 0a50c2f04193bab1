"""In a real browser: prices beside the models, the price in a title, and runs without a person."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from ...api.base.request import DEFAULT_MODEL
from ...api.money.prices import FILE_NAME, Catalogue
from ...api.wire.protocol import Model
from .canvas import FIND, PROMPT, Canvas
from .conftest import Host, Open
from .seen import pixels_of
from .test_canvas import BOTH, fresh
from .test_run_total import limit

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)

DEAREST = "elevenlabs/elevenlabs-music"
MAKERS = [Model(f"vendor/song-maker-{number}", 0.01 * number) for number in range(1, 10)]
MODELS = [Model(DEFAULT_MODEL, 0.0002), Model(DEAREST, 0.8), Model("some/song", None), *MAKERS]
# The colors that a price has in a title.
PLAIN, WARNING = (28, 90, 69), (160, 32, 24)

LABEL = f"""(type) => {{
  {FIND}
  const {{ options, value }} = find(type).widgets.find(({{ name }}) => name === "model");
  return options.getOptionLabel(value);
}}"""
# The badges of all nodes, as the classic canvas draws them.
BADGES = """() => window.app.graph.nodes.flatMap(({ badges }) => badges)
  .map((badge) => (typeof badge === "function" ? badge() : badge).text)"""
# Collapse a node, away from what ComfyUI lays over the canvas.
COLLAPSE = f"""(type) => {{
  {FIND}
  find(type).collapse();
  Object.assign(window.app.canvas.ds, {{ scale: 1, offset: [300, 300] }});
  window.app.canvas.setDirty(true, true);
}}"""
SETTINGS = "window.app.extensionManager.queueSettings"


@pytest.fixture
def models(host: Host) -> Iterator[None]:
    """The account has many models."""
    Catalogue(host.data, host.gateway.base_url).replace(MODELS)
    yield
    (host.data / FILE_NAME).unlink()


def open_list(canvas: Canvas, nodes_2: bool) -> Any:
    """The entries of the list of models, once it is open."""
    if nodes_2:
        canvas.needs_named_lists()
        trigger = canvas.page.get_by_test_id("widget-select-default-trigger")
        trigger.filter(has_text=DEFAULT_MODEL).click()
        return canvas.page.get_by_role("option")
    canvas.page.mouse.click(*canvas.place_of(PROMPT, "model"))
    return canvas.page.locator(".litecontextmenu .litemenu-entry")


def shows(canvas: Canvas, nodes_2: bool, text: str) -> None:
    """The title of the only node that buys has this price."""
    if nodes_2:
        expect(canvas.page.locator(".lg-node-header .aigateway-title-price")).to_have_text(text)
    else:
        canvas.page.wait_for_function(f"(text) => ({BADGES})().includes(text)", arg=text)


@BOTH
@pytest.mark.usefixtures("models")
def test_each_model_in_the_list_has_its_price(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, duration=30)
    expect(canvas.price).to_have_text("$0.006")
    entries = open_list(canvas, nodes_2)
    expect(entries).to_have_count(len(MODELS))
    expect(entries.nth(0)).to_have_text(f"{DEFAULT_MODEL} · $0.006")
    expect(entries.nth(1)).to_have_text(f"{DEAREST} · ≤ $24.00")
    expect(entries.nth(2)).to_have_text("some/song · ?")
    canvas.shot(f"models-{nodes_2}")
    # A long list can be searched, by the price too.
    canvas.page.keyboard.type("$24")
    expect(entries.filter(visible=True)).to_have_count(1)
    entries.filter(visible=True).click()
    expect(canvas.price).to_contain_text("at most $24.00")
    # The workflow has the model alone.
    assert canvas.get(PROMPT, "model") == DEAREST
    saved = canvas.page.evaluate("() => JSON.stringify(window.app.graph.serialize())")
    assert DEAREST in saved
    assert "24.00" not in saved
    assert canvas.page.evaluate(LABEL, PROMPT) == f"{DEAREST} · ≤ $24.00"


@BOTH
@pytest.mark.usefixtures("models")
def test_the_prices_of_models_follow_the_length(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, duration=30)
    expect(canvas.price).to_have_text("$0.006")
    canvas.set(PROMPT, duration=60)
    expect(canvas.price).to_have_text("$0.012")
    if nodes_2:
        canvas.needs_named_lists()
        trigger = canvas.page.get_by_test_id("widget-select-default-trigger")
        expect(trigger.filter(has_text=DEFAULT_MODEL)).to_have_text(f"{DEFAULT_MODEL} · $0.012")
    else:
        canvas.page.wait_for_function(f"(type) => ({LABEL})(type).endsWith('$0.012')", arg=PROMPT)
    # Where only the run decides the length, a second has a price.
    canvas.page.evaluate(
        f"""(type) => {{
          {FIND}
          const beats = window.LiteGraph.createNode("AIGatewayMusicLength");
          window.app.graph.add(beats);
          const music = find(type);
          beats.connect(0, music, music.findInputSlot("duration"));
        }}""",
        PROMPT,
    )
    expect(canvas.price).to_have_text("$0.0002 per second")
    canvas.page.wait_for_function(f"(type) => ({LABEL})(type).endsWith('/s')", arg=PROMPT)
    entries = open_list(canvas, nodes_2)
    expect(entries.nth(0)).to_have_text(f"{DEFAULT_MODEL} · $0.0002/s")
    expect(entries.nth(1)).to_have_text(f"{DEAREST} · ≤ $0.80/s")


@pytest.mark.usefixtures("models")
def test_the_arrows_of_the_list_go_on_to_the_next_model(open_canvas: Open):
    canvas = open_canvas()
    fresh(canvas, duration=30)
    expect(canvas.price).to_have_text("$0.006")
    canvas.page.wait_for_function(f"(type) => ({LABEL})(type).endsWith('$0.006')", arg=PROMPT)
    x, y = canvas.place_of(PROMPT, "model")
    width, scale = canvas.page.evaluate(
        f"(type) => {{ {FIND} return [find(type).size[0], window.app.canvas.ds.scale]; }}", PROMPT
    )
    canvas.page.mouse.click(x + (width / 2 - 25) * scale, y)
    canvas.page.wait_for_function(
        f"""([type, model]) => {{
          {FIND}
          return find(type).widgets.find(({{ name }}) => name === "model").value === model;
        }}""",
        arg=[PROMPT, DEAREST],
    )
    expect(canvas.price).to_contain_text("at most $24.00")


@BOTH
def test_a_title_keeps_the_price_when_the_node_is_collapsed(
    open_canvas: Open, nodes_2: bool, host: Host
):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, duration=30)
    shows(canvas, nodes_2, "$0.006")
    canvas.page.evaluate(COLLAPSE, PROMPT)
    expect(canvas.price).to_be_hidden()
    canvas.set(PROMPT, duration=60)
    shows(canvas, nodes_2, "$0.012")
    assert pixels_of(canvas, PLAIN) > 100
    canvas.shot(f"collapsed-{nodes_2}")
    with limit(canvas, host, 0.01):
        canvas.set(PROMPT, duration=61)
        shows(canvas, nodes_2, "$0.0122")
        assert pixels_of(canvas, WARNING) > 100
    canvas.set(PROMPT, model="nobody/knows")
    shows(canvas, nodes_2, "?")
    # Another workflow has none of it.
    canvas.command("Comfy.NewBlankWorkflow")
    expect(canvas.page.locator(".aigateway-title-price")).to_have_count(0)
    assert pixels_of(canvas, PLAIN) == pixels_of(canvas, WARNING) == 0


@BOTH
def test_a_title_says_what_was_paid(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    shows(canvas, nodes_2, "$0.0012")
    canvas.run()
    canvas.succeeded()
    shows(canvas, nodes_2, "✓ $0.0012")
    canvas.page.evaluate("() => window.app.loadGraphData(window.app.graph.serialize())")
    shows(canvas, nodes_2, "$0.00")


@pytest.mark.parametrize("answer", ["Cancel", "Confirm"])
@BOTH
def test_an_instant_run_that_buys_each_time_asks_first(
    open_canvas: Open, nodes_2: bool, host: Host, answer: str
):
    canvas = open_canvas(nodes_2=nodes_2)
    # Each run takes another number, which no other test may ask for.
    fresh(canvas, prompt=f"calm piano {uuid.uuid4().hex}")
    if not canvas.control_takes("increment"):
        pytest.skip("this ComfyUI does not change takes")
    expect(canvas.price).to_have_text("$0.0012")
    bought = len(host.gateway.bill()["jobs"])
    canvas.page.get_by_test_id("queue-mode-menu-trigger").click()
    canvas.page.get_by_role("menuitem", name="Run (Instant)").click()
    expect(canvas.price).to_have_text("$0.0012 · Run (Instant): each run buys other tracks")
    canvas.page.keyboard.press("Escape")
    canvas.page.get_by_test_id("queue-button").click()
    dialog = canvas.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Each run buys other tracks: $0.0012 a run.")
    canvas.shot(f"instant-{nodes_2}")
    assert len(host.gateway.bill()["jobs"]) == bought
    dialog.get_by_role("button", name=answer).click()
    if answer == "Cancel":
        expect(canvas.page.get_by_text("Nothing was bought.")).to_be_visible()
        expect(canvas.price).to_have_text("$0.0012")
        assert canvas.page.evaluate(f"() => {SETTINGS}.mode") == "disabled"
        assert len(host.gateway.bill()["jobs"]) == bought
        return
    # It is asked once, and not before each run.
    canvas.page.wait_for_function("() => window.seen.ends.length >= 2")
    canvas.page.evaluate(f"() => {{ {SETTINGS}.mode = 'disabled'; }}")
    assert {end["kind"] for end in canvas.seen("ends")} == {"execution_success"}
    assert len(host.gateway.bill()["jobs"]) >= bought + 2


@BOTH
def test_a_run_on_change_that_buys_each_time_asks_first(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="calm {piano|harp}")
    expect(canvas.price).to_have_text("$0.0012")
    canvas.page.evaluate(f"() => {{ {SETTINGS}.mode = 'change'; }}")
    expect(canvas.price).to_contain_text("Run (On Change): each run buys other tracks")
    canvas.set(PROMPT, duration=7)
    canvas.graph_has_changed()
    dialog = canvas.page.get_by_role("dialog")
    expect(dialog).to_contain_text("Run (On Change) starts after each change")
    dialog.get_by_role("button", name="Close").click()
    expect(canvas.page.get_by_text("Nothing was bought.")).to_be_visible()
    assert canvas.page.evaluate(f"() => {SETTINGS}.mode") == "disabled"


@BOTH
def test_an_instant_run_of_one_take_is_not_asked_about(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    canvas.control_takes("fixed")
    canvas.page.evaluate(f"() => {{ {SETTINGS}.mode = 'instant-idle'; }}")
    expect(canvas.price).to_have_text("$0.0012")
    canvas.run()
    canvas.succeeded()
    expect(canvas.page.get_by_role("dialog")).to_have_count(0)
    canvas.page.evaluate(f"() => {{ {SETTINGS}.mode = 'disabled'; }}")


@BOTH
def test_the_node_of_a_subgraph_shows_the_prices_within(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, duration=30)
    shows(canvas, nodes_2, "$0.006")
    canvas.page.evaluate(
        f"""(type) => {{
          {FIND}
          window.app.graph.convertToSubgraph(new Set([find(type)]));
        }}""",
        PROMPT,
    )
    saved = canvas.page.evaluate("() => window.app.graph.serialize()")
    assert PROMPT in json.dumps(saved)
    canvas.page.evaluate("(graph) => window.app.loadGraphData(graph)", saved)
    shows(canvas, nodes_2, "$0.006")


MODE = f"""([type, mode]) => {{
  {FIND}
  const node = find(type);
  node.mode = mode;
  node.graph.change?.();
}}"""


@BOTH
def test_a_muted_or_bypassed_node_has_no_price(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, duration=40)
    run, muted, bypassed = 0, 2, 4
    for mode in (muted, bypassed):
        expect(canvas.price).to_have_text("$0.008")
        canvas.page.evaluate(MODE, [PROMPT, mode])
        expect(canvas.price).to_have_text("")
        canvas.shot(f"muted-{mode}-{nodes_2}")
        canvas.run()
        card = canvas.page.locator(".aigateway-card")
        expect(card).to_contain_text("A Prompt to Music that is muted or bypassed gives no job")
        card.get_by_role("button", name="Close").click()
        canvas.page.evaluate(MODE, [PROMPT, run])

"""In a real browser: what nobody waited for, what is not certain, and whose run it is."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from .canvas import PROMPT, UNDER_WAY
from .conftest import Host, Open
from .test_canvas import BOTH, BOUGHT, fresh
from .test_panels import add_rows

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=60_000)

BADGE = ".aigateway-music-tab-button .sidebar-icon-badge"
# Prompt to Music alone, with a node of core that takes its job's id: nobody waits for the track.
ORDER_ONLY = """() => {
  const { graph } = window.app;
  for (const node of [...graph.nodes])
    if (node.comfyClass !== "AIGatewayPromptToMusic") graph.remove(node);
  const music = graph.nodes.find((node) => node.comfyClass === "AIGatewayPromptToMusic");
  const shown = window.LiteGraph.createNode("PreviewAny");
  graph.add(shown);
  shown.pos = [600, 100];
  music.connect(1, shown, 0);
}"""
RELOAD = "() => window.app.loadGraphData(window.app.graph.serialize())"


@BOTH
def test_a_track_that_nobody_waited_for_is_announced(open_canvas: Open, nodes_2: bool, host: Host):
    canvas = open_canvas(nodes_2=nodes_2)
    prompt = f"forgotten <i>tune</i> {uuid.uuid4().hex[:6]}"
    fresh(canvas, prompt=prompt)
    canvas.page.evaluate(ORDER_ONLY)
    canvas.run()
    canvas.succeeded()
    expect(canvas.page.get_by_text(f"The track is ready: {prompt}")).to_be_visible()
    if not canvas.has_error_box:
        pytest.skip("this ComfyUI's tabs show no number that changes")
    badge = canvas.page.locator(BADGE)
    expect(badge).to_have_text("1")
    canvas.shot(f"news-{nodes_2}")
    # Another page, opened later, knows it as well.
    canvas.page.reload()
    expect(canvas.page.locator(BADGE)).to_have_text("1")
    tab = canvas.page.locator(".aigateway-music-tab-button")
    tab.click()
    row = canvas.page.locator(".aigateway-track").first
    expect(row).to_contain_text(prompt)
    expect(row.get_by_role("button", name="Play")).to_be_visible()
    expect(canvas.page.locator(BADGE)).to_have_count(0)


@BOTH
def test_an_uncertain_purchase_is_named_on_the_node(open_canvas: Open, nodes_2: bool, host: Host):
    canvas = open_canvas(nodes_2=nodes_2)
    prompt = f"perhaps <b>bought</b> {uuid.uuid4().hex[:6]} sandbox:drop=2"
    fresh(canvas, prompt=prompt, duration=6)
    canvas.run()
    end = canvas.ended()
    assert end["detail"]["exception_type"] == "aigateway.UncertainSubmitError"
    card = canvas.page.locator(".aigateway-card")
    expect(card.locator("strong")).to_have_text("It is not known whether this track was bought.")
    # The dashboard, which knows, comes before another purchase.
    steps = ["Open the dashboard", "Buy again · $0.0012"]
    expect(card.locator(".aigateway-step")).to_have_text(steps)
    expect(card).to_contain_text("$0.0012 once, or twice where the gateway ignores the key.")
    canvas.shot(f"uncertain-{nodes_2}")
    if not canvas.has_error_box:
        # Its dialog lies over the page.
        canvas.page.keyboard.press("Escape")
    card.get_by_role("button", name="Close").click()
    named = "Perhaps bought for $0.0012"
    expect(canvas.price).to_contain_text(named)
    # It is in the ledger, so another load of the graph says it too.
    canvas.page.evaluate(RELOAD)
    expect(canvas.price).to_contain_text(named)
    expect(canvas.price.locator(".aigateway-next > *")).to_have_text(steps)
    canvas.shot(f"uncertain-price-{nodes_2}")
    canvas.price.get_by_role("button", name="Buy again · $0.0012").click()
    dialog = canvas.page.get_by_role("dialog")
    expect(dialog).to_contain_text("costs $0.0012")
    dialog.get_by_role("button", name="Confirm").click()
    expect(canvas.price).to_have_text(BOUGHT)


@BOTH
def test_what_a_run_shows_stays_on_its_tab(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="calm piano sandbox:slow=20")
    canvas.run()
    expect(canvas.page.get_by_text(UNDER_WAY).first).to_be_visible()
    # Another tab with the same nodes, under the same ids.
    copy = canvas.page.evaluate("() => window.app.graph.serialize()")
    canvas.command("Comfy.NewBlankWorkflow")
    canvas.page.evaluate("(graph) => window.app.loadGraphData(graph)", copy)
    canvas.set(PROMPT, take=1)
    canvas.succeeded()
    expect(canvas.page.locator(".aigateway-status")).to_have_count(0)
    expect(canvas.players).to_have_count(0)
    canvas.shot(f"other-tab-{nodes_2}")
    canvas.page.get_by_text("Unsaved Workflow (2)").click()
    expect(canvas.players).to_have_count(2)
    expect(canvas.price).to_have_text(BOUGHT)


@BOTH
def test_players_and_costs_of_a_cached_run_come_back_after_a_reload(
    open_canvas: Open, nodes_2: bool
):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    canvas.run()
    canvas.succeeded()
    graph = canvas.page.evaluate("() => window.app.graph.serialize()")
    knows = canvas.page.evaluate(
        "(type) => window.LiteGraph.registered_node_types[type].nodeData.has_intermediate_output",
        PROMPT,
    )
    if not knows:
        pytest.skip("this version of ComfyUI does not send what cached nodes made")
    canvas.open({})
    canvas.page.evaluate("(graph) => window.app.loadGraphData(graph)", graph)
    canvas.run()
    canvas.succeeded()
    expect(canvas.players).to_have_count(2)
    expect(canvas.price).to_have_text(re.compile(r"^Paid "))


def test_the_way_out_of_the_sandbox_is_one_click(open_canvas: Open, host: Host):
    canvas = open_canvas()
    fresh(canvas)
    url = f"{host.server.url}/aigateway/settings"
    put = {"headers": {"X-AIgateway-Page": "1"}}
    canvas.page.request.put(url, data={"name": "mode", "value": "sandbox"}, **put)
    try:
        canvas.set(PROMPT, duration=7)
        expect(canvas.price).to_contain_text("Free sketch: Mode is “sandbox”")
        canvas.price.get_by_role("button", name="Change the mode").click()
        mode = canvas.setting("mode").locator("select")
        expect(mode).to_be_focused()
        row = canvas.setting("api_key")
        expect(row).to_contain_text("The mode is “sandbox”: no key is used.")
        away = row.get_by_role("link", name="Get a key")
        expect(away).to_have_attribute("href", "https://aigateway.sh/signin")
        canvas.shot("panel-at-the-mode")
        mode.select_option("auto")
        expect(row).not_to_contain_text("no key is used")
        expect(canvas.price).to_contain_text("$0.0014")
    finally:
        canvas.page.request.put(url, data={"name": "mode", "value": None}, **put)


def test_a_job_that_the_gateway_does_not_know_is_over(open_canvas: Open, host: Host):
    canvas = open_canvas()
    prompt = f"long gone {uuid.uuid4().hex[:6]}"
    created = {"created": 1.0, "submitted": 1.0, "charged": None}
    add_rows(host, 1, prompt=prompt, state="queued", job_id=uuid.uuid4().hex, **created)
    # A page that is opened looks for it.
    canvas.page.reload()
    expect(
        canvas.page.get_by_text(f"The gateway no longer knows the job: {prompt}")
    ).to_be_visible()
    tab = canvas.open_music()
    tab.get_by_role("searchbox").fill(prompt)
    row = tab.locator(".aigateway-track").first
    expect(row.locator(".aigateway-state")).to_have_text("lost")
    expect(row.get_by_role("button", name="Cancel")).to_have_count(0)

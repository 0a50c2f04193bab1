"""In a real browser: a run is priced as a whole, and errors keep their next step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from .canvas import POLL, PROMPT, Canvas
from .conftest import Host, Open
from .seen import TWO_FRAMES
from .test_canvas import BOTH, fresh

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)

# A second chain of the four nodes beside the first, with another take.
SECOND = """() => {
  const { graph } = window.app;
  const make = (type, x) => {
    const node = window.LiteGraph.createNode(type);
    graph.add(node);
    node.pos = [x, 700];
    return node;
  };
  const first = graph.nodes.find((node) => node.comfyClass === "AIGatewayPromptToMusic");
  const music = make("AIGatewayPromptToMusic", 40);
  for (const widget of music.widgets)
    widget.value = first.widgets.find(({ name }) => name === widget.name)?.value ?? widget.value;
  music.widgets.find(({ name }) => name === "take").value += 50000;
  const poll = make("AIGatewayPollJob", 440);
  const load = make("AIGatewayLoadAudioURL", 840);
  const save = make("AIGatewaySaveAudio", 1240);
  music.connect(0, poll, 0);
  poll.connect(0, load, 0);
  load.connect(0, save, 0);
}"""


@contextmanager
def setting(canvas: Canvas, host: Host, name: str, value: object) -> Iterator[None]:
    def put(value: object) -> None:
        body = {"name": name, "value": value}
        url = f"{host.server.url}/aigateway/settings"
        assert canvas.page.request.put(url, data=body, headers={"X-AIgateway-Page": "1"}).ok

    put(value)
    try:
        yield
    finally:
        put(None)


def limit(canvas: Canvas, host: Host, value: float) -> AbstractContextManager[None]:
    return setting(canvas, host, "spend_limit_per_run", value)


@BOTH
def test_two_nodes_over_the_limit_together_buy_nothing(
    open_canvas: Open, nodes_2: bool, host: Host
):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, duration=40)
    with limit(canvas, host, 0.01):
        expect(canvas.price).to_contain_text("$0.008")
        expect(canvas.page.locator(".aigateway-run").first).to_be_empty()
        canvas.page.evaluate(SECOND)
        totals = canvas.page.locator(".aigateway-run")
        for index in range(2):
            expect(totals.nth(index)).to_have_text(
                "this run: $0.016 · over your limit of $0.01 per run"
            )
        bought = len(host.gateway.bill()["jobs"])
        canvas.run()
        card = canvas.page.locator(".aigateway-card")
        expect(card).to_contain_text("This would cost more than your limit.")
        expect(card).to_contain_text("These 2 tracks cost about $0.016.")
        expect(card).to_have_count(1)
        canvas.shot("over-the-limit")
        assert len(host.gateway.bill()["jobs"]) == bought
        card.get_by_role("button", name="Raise the limit").click()
        field = canvas.setting("spend_limit_per_run").locator("input")
        expect(field).to_be_focused()
        expect(card).to_have_count(0)
        canvas.page.keyboard.press("Escape")
    # What is muted buys nothing, so it counts nothing.
    canvas.page.evaluate(
        """(type) => {
            const all = window.app.graph.nodes.filter((node) => node.comfyClass === type);
            all[1].mode = 2;
        }""",
        PROMPT,
    )
    expect(canvas.page.locator(".aigateway-run").first).to_be_empty()


@BOTH
@pytest.mark.parametrize(
    ("words", "sentence", "step"),
    [
        ("sandbox:402", "The account has too little credit.", "Top up"),
        ("sandbox:401", "The gateway does not accept the API key.", "Set a key"),
        ("sandbox:fail", "The job failed. It is not charged.", "Try again"),
    ],
)
def test_an_error_has_one_card_with_its_next_step(
    open_canvas: Open, nodes_2: bool, words: str, sentence: str, step: str
):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt=f"calm <b>piano</b> {words}")
    canvas.run()
    assert canvas.ended()["kind"] == "execution_error"
    card = canvas.page.locator(".aigateway-card")
    expect(card).to_have_count(1)
    expect(card.locator("strong")).to_have_text(sentence)
    expect(card.locator(".aigateway-step")).to_have_text(step)
    # The card says more than ComfyUI's own box, which goes.
    expect(canvas.page.get_by_test_id("error-overlay")).to_have_count(0)
    canvas.shot(f"card-{words[8:]}-{nodes_2}")
    if words == "sandbox:fail":
        card.get_by_role("button", name="Copy the job id").click()
        copied = canvas.page.evaluate("() => navigator.clipboard.readText()")
        expect(card.locator("code")).to_have_text(copied)
    if step == "Top up":
        expect(card.locator(".aigateway-step")).to_have_attribute("target", "_blank")
    card.get_by_role("button", name="Close").click()
    expect(card).to_have_count(0)


@BOTH
def test_an_empty_prompt_is_one_error(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="")
    canvas.run()
    canvas.page.wait_for_function("() => window.app.lastNodeErrors")
    errors = canvas.page.evaluate("() => window.app.lastNodeErrors")
    assert [len(each["errors"]) for each in errors.values()] == [1]
    card = canvas.page.locator(".aigateway-card")
    expect(card).to_contain_text("The prompt is empty")
    card.get_by_role("button", name="Show the node").click()
    selected = (
        "() => Object.values(window.app.canvas.selected_nodes).map((each) => each.comfyClass)"
    )
    assert canvas.page.evaluate(selected) == [PROMPT]
    canvas.shot(f"empty-prompt-{nodes_2}")
    expect(canvas.page.get_by_test_id("error-overlay")).to_have_count(0)
    if not canvas.has_error_box:
        return
    # ComfyUI's box stays where it speaks of other nodes, too.
    canvas.page.evaluate("() => window.app.graph.add(window.LiteGraph.createNode('SaveAudio'))")
    canvas.run()
    expect(canvas.page.get_by_test_id("error-overlay")).to_be_visible()
    canvas.page.evaluate(TWO_FRAMES)
    expect(canvas.page.get_by_test_id("error-overlay")).to_be_visible()


@BOTH
def test_a_card_speaks_chinese(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2, locale="zh")
    fresh(canvas, prompt="calm piano sandbox:402")
    canvas.run()
    card = canvas.page.locator(".aigateway-card")
    expect(card.locator("strong")).to_have_text("账户余额不足。")
    expect(card.locator(".aigateway-step")).to_have_text("充值")
    canvas.shot(f"card-zh-{nodes_2}")


@BOTH
def test_retries_are_named_with_their_time(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.needs_late_rows(nodes_2)
    fresh(canvas, prompt="calm piano sandbox:500=3")
    canvas.run()
    said = re.compile(r"^The gateway has a fault\. · try [2-4] at \d\d:\d\d:\d\d$")
    lines = canvas.page.locator(".aigateway-status")
    expect(lines.filter(has_text=said)).to_have_count(1)
    canvas.shot(f"retry-{nodes_2}")
    canvas.succeeded()


def test_the_card_shows_in_app_mode_and_in_a_small_light_window(open_canvas: Open):
    canvas = open_canvas(nodes_2=True)
    canvas.page.set_viewport_size({"width": 1280, "height": 720})
    canvas.page.evaluate(
        "() => window.app.extensionManager.setting.set('Comfy.ColorPalette', 'light')"
    )
    fresh(canvas, prompt="calm piano sandbox:402")
    canvas.command("Comfy.ToggleLinear")
    canvas.run()
    assert canvas.ended()["kind"] == "execution_error"
    card = canvas.page.locator(".aigateway-card")
    expect(card).to_be_in_viewport(ratio=1)
    # What is in the middle of the card is the card: nothing lies over it.
    covered = card.evaluate(
        """(card) => {
            const { left, top, width, height } = card.getBoundingClientRect();
            return !card.contains(document.elementFromPoint(left + width / 2, top + height / 2));
        }"""
    )
    assert not covered
    canvas.shot("card-app-light")
    canvas.page.evaluate(
        "() => window.app.extensionManager.setting.set('Comfy.ColorPalette', 'dark')"
    )


@BOTH
def test_runs_that_were_queued_together_are_summed(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    if not canvas.control_takes("increment"):
        pytest.skip("this ComfyUI has no control for the take")
    canvas.page.evaluate("() => void window.app.queuePrompt(0, 3)")
    canvas.page.wait_for_function("() => window.seen.ends.length === 3")
    expect(canvas.price).to_have_text("Paid $0.0036 for 3 runs · Takes makes them side by side")
    canvas.shot(f"summed-{nodes_2}")
    # A later run is summed alone.
    canvas.page.evaluate("() => { window.seen.ends.length = 0; }")
    canvas.run()
    canvas.succeeded()
    expect(canvas.price).to_have_text("Paid $0.0012")


@BOTH
def test_the_music_of_queued_runs_is_ordered_ahead_and_outlives_its_run(
    open_canvas: Open, nodes_2: bool, host: Host
):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="calm piano sandbox:slow=6")
    if not canvas.control_takes("increment"):
        pytest.skip("this ComfyUI has no control for the take")
    tab = canvas.open_music()
    with setting(canvas, host, "order_ahead", True):
        canvas.page.evaluate("() => void window.app.queuePrompt(0, 3)")
        ahead = tab.locator(".aigateway-ahead")
        expect(ahead).to_contain_text("Ordered ahead for 2 queued runs: $0.0024")
        canvas.shot(f"ahead-{nodes_2}")
        canvas.page.evaluate("() => void window.app.api.clearItems('queue')")
        canvas.succeeded()
        # The runs of the other canvas may have left tracks too.
        expect(ahead).to_have_text(re.compile(r"^Ordered for runs that .*kept: [24] tracks, \$0\."))
        canvas.shot(f"ahead-kept-{nodes_2}")


LAST_WORDS = """([type, run]) => {
  const node = window.app.graph.nodes.find((each) => each.comfyClass === type);
  const detail = { node: String(node.id), prompt_id: run, text: "composing, 35 s", parts: [] };
  window.app.api.dispatchEvent(new CustomEvent("aigateway_status", { detail }));
}"""


@BOTH
def test_the_last_words_of_a_killed_server_go(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.needs_late_rows(nodes_2)
    fresh(canvas)
    canvas.page.evaluate(LAST_WORDS, [POLL, "a run of the killed server"])
    line = canvas.page.locator(".aigateway-status")
    expect(line).to_have_text("composing, 35 s")
    # The page says this when a server answers again, and this one has no such run.
    canvas.page.evaluate("() => window.app.api.dispatchEvent(new CustomEvent('reconnected'))")
    expect(line).to_have_text("")

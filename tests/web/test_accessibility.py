"""In a real browser: every text can be read, also by a screen reader, and used without a mouse."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

from ...scripts.lib import pack
from .canvas import PROMPT, Canvas
from .conftest import Host, Open
from .seen import axe, contrast
from .test_canvas import BOTH, fresh
from .test_panels import add_rows
from .test_run_total import SECOND, limit

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)

THEMES = pytest.mark.parametrize("theme", ["dark", "light"])
# What WCAG asks for of texts of this size.
ENOUGH = 4.5
KINDS = ["completed", "queued", "running", "submitting", "uncertain", "dead"]
# A badge of each kind, one of them in a row that plays.
SHOW_KINDS = """(kinds) => {
  const badges = document.querySelectorAll(".aigateway-music .aigateway-state");
  for (const [index, kind] of kinds.entries())
    badges[index].className = `aigateway-state aigateway-${kind}`;
}"""
MARK_ROWS = """(isMarked) => document.querySelectorAll(".aigateway-track")
    .forEach((row) => row.classList.toggle("aigateway-playing", isMarked))"""


def clean(canvas: Canvas, *selectors: str) -> None:
    """Nobody is kept from reading or using these elements, and each text of them was measured."""
    found = axe(canvas, *selectors)
    assert found["faults"] == []
    assert found["unmeasured"] == []
    assert found["measured"]


@BOTH
@THEMES
def test_the_settings(open_canvas: Open, nodes_2: bool, theme: str):
    canvas = open_canvas(nodes_2=nodes_2, theme=theme)
    panel = canvas.open_settings()
    names = json.loads((pack.ROOT / "locales" / "en" / "settings.json").read_text("utf-8"))
    for setting in ("spend_limit_per_day", "minimum_balance", "uncertain_limit", "store_limit_gb"):
        name = names[f"AIgateway_{setting}"]["name"]
        expect(panel.get_by_role("spinbutton", name=name)).to_be_visible()
    expect(panel.get_by_role("checkbox", name="Allow models with unknown prices")).to_be_visible()
    amount = panel.get_by_role("spinbutton", name="Limit per run")
    amount.fill("-1")
    amount.press("Enter")
    expect(panel.locator(".aigateway-refused")).to_be_visible()
    canvas.shot(f"settings-{theme}-{nodes_2}")
    clean(canvas, ".aigateway-setting")


@BOTH
@THEMES
def test_the_music_tab(open_canvas: Open, nodes_2: bool, theme: str, host: Host):
    canvas = open_canvas(nodes_2=nodes_2, theme=theme)
    lyrics = f"read aloud {uuid.uuid4().hex[:8]}"
    add_rows(host, 30, lyrics=lyrics)
    tab = canvas.open_music()
    tab.get_by_role("searchbox").fill(lyrics)
    rows = tab.get_by_role("listitem")
    expect(rows.first).to_contain_text("old track 0 of 30")
    expect(rows.first).to_have_attribute("aria-setsize", "30")
    expect(rows.first).to_have_attribute("aria-posinset", "1")
    expect(tab.get_by_role("list", name="Music")).to_be_visible()
    canvas.page.evaluate(SHOW_KINDS, KINDS)
    clean(canvas, ".aigateway-music")
    canvas.page.evaluate(MARK_ROWS, True)
    canvas.shot(f"music-{theme}-{nodes_2}")
    clean(canvas, ".aigateway-music")
    # The place of a row is that among all, not among those that are drawn.
    canvas.page.evaluate("() => document.querySelector('.aigateway-list').scrollTo(0, 1e6)")
    expect(tab.locator('[aria-posinset="30"]')).to_be_visible()
    expect(tab.locator('[aria-posinset="1"]')).to_have_count(0)


@BOTH
@THEMES
def test_the_card_of_an_error(open_canvas: Open, nodes_2: bool, theme: str):
    canvas = open_canvas(nodes_2=nodes_2, theme=theme)
    fresh(canvas, prompt="calm piano sandbox:fail")
    canvas.run()
    card = canvas.page.locator(".aigateway-card")
    expect(card.get_by_role("button", name="Copy the job id")).to_be_visible()
    canvas.shot(f"card-{theme}-{nodes_2}")
    clean(canvas, ".aigateway-card")


@BOTH
@THEMES
def test_the_rows_on_nodes(open_canvas: Open, nodes_2: bool, theme: str, host: Host):
    canvas = open_canvas(nodes_2=nodes_2, theme=theme)
    fresh(canvas, lyrics="[vrese]\nla la", duration=40)
    canvas.run()
    canvas.succeeded()
    canvas.page.evaluate(SECOND)
    canvas.command("Comfy.Canvas.FitView")
    with limit(canvas, host, 0.01):
        canvas.set(PROMPT, duration=61)
        rows = {
            "a price that is refused": ".aigateway-price .aigateway-refused",
            "the next step": ".aigateway-next .aigateway-link",
            "the total of the run": ".aigateway-run",
            "hints": ".aigateway-hints:not([hidden])",
            "a status": ".aigateway-status",
            "a player": ".aigateway-foot span:not(:empty)",
        }
        if nodes_2:
            rows["the price in a title"] = ".aigateway-title-price"
        for selector in rows.values():
            expect(canvas.page.locator(selector).filter(visible=True).first).to_be_visible()
        found = axe(canvas, ".aigateway-price", ".aigateway-status", ".aigateway-player")
        assert found["faults"] == []
        canvas.shot(f"rows-{theme}-{nodes_2}")
        # Nodes lie on a canvas, which axe-core cannot look through.
        contrasts = {
            name: contrast(canvas.page.locator(selector).filter(visible=True).first)
            for name, selector in rows.items()
        }
    assert {name: value for name, value in contrasts.items() if value < ENOUGH} == {}
    canvas.set(PROMPT, duration=41)
    price = canvas.page.locator(".aigateway-price span").first
    expect(price).not_to_have_class("aigateway-refused")
    assert contrast(price) >= ENOUGH

"""In a real browser: the settings panel and the Music tab."""

from __future__ import annotations

import sqlite3
import stat
import sys
import time
import uuid
from contextlib import closing
from typing import Any

import pytest

from ...api.money.journal import Journal
from ...api.money.ledger import Ledger
from ...api.money.rows import searched_text
from ...api.money.sqlite import FILE_NAME
from ...scripts.lib import pack
from .canvas import LOAD, POLL, PROMPT, SAVE
from .conftest import KEY, Host, Open

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)


def add_rows(host: Host, count: int, **values: Any) -> list[str]:
    """Rows of an old ledger, the first the newest, all older than what the tests make."""
    service = host.gateway.base_url
    now = time.time()
    rows = []
    for index in range(count):
        row = {
            "local_id": uuid.uuid4().hex,
            "service": service,
            "fingerprint": uuid.uuid4().hex,
            "model": "ace-step/ace-step-prompt-to-audio",
            "prompt": f"old track {index} of {count}",
            "lyrics": "",
            "duration": 30.0,
            "format": "mp3",
            "take": 1,
            "state": "completed",
            "run": "old",
            "owner": "old",
            "price": 0.006,
            "charged": 0.006,
            "created": now - 40 * 86400 - index,
            "job_id": f"job_old_{index}",
            **values,
        }
        row["searched"] = searched_text(row["prompt"], row["lyrics"], row["model"])
        rows.append(row)
    names = list(rows[0])
    marks = ", ".join("?" * len(names))
    Ledger(host.data).close()
    with closing(sqlite3.connect(host.data / FILE_NAME, timeout=30)) as db, db:
        db.executemany(
            f"INSERT INTO jobs ({', '.join(names)}) VALUES ({marks})",
            [tuple(row.values()) for row in rows],
        )
    return [row["local_id"] for row in rows]


def test_the_settings_round_trip(open_canvas: Open, host: Host):
    canvas = open_canvas()
    answers: list[str] = []
    canvas.page.on(
        "response",
        lambda answer: answers.append(answer.text()) if "/aigateway/" in answer.url else None,
    )
    file = host.data / "aigateway.toml"
    file.write_text("# kept by hand\nmax_download_mb = 300.0 # large ones\n", "utf-8")
    canvas.open_settings()
    setting = canvas.setting
    setting("api_key").locator("input").fill(KEY)
    setting("api_key").get_by_role("button", name="Save").click()
    expect(setting("api_key").get_by_text(f"…{KEY[-4:]}")).to_be_visible()
    expect(setting("api_key").locator("input")).to_have_value("")
    setting("connection").get_by_role("button").click()
    expect(setting("connection").get_by_text("Balance: $")).to_be_visible()
    limit = setting("spend_limit_per_run").locator("input")
    limit.fill("2.5")
    limit.press("Tab")
    expect(setting("spend_limit_per_run").get_by_text("Saved")).to_be_visible()
    text = file.read_text("utf-8")
    assert "# kept by hand\nmax_download_mb = 300.0 # large ones\n" in text
    assert f'api_key = "{KEY}"' in text
    assert "spend_limit_per_run = 2.5" in text
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    limit.fill("-1")
    limit.press("Tab")
    expect(setting("spend_limit_per_run").get_by_text("0 or more")).to_be_visible()
    expect(limit).to_have_value("2.5")
    setting("api_key").get_by_role("button", name="Remove").click()
    expect(setting("api_key").get_by_text("No API key is set.")).to_be_visible()
    limit.fill("")
    limit.press("Tab")
    expect(limit).to_have_value("1")
    assert "api_key" not in file.read_text("utf-8")
    assert answers
    assert not [answer for answer in answers if KEY in answer]


def test_arrow_keys_move_from_row_to_row(open_canvas: Open, host: Host):
    canvas = open_canvas()
    add_rows(host, 60)
    tab = canvas.open_music()
    rows = tab.locator(".aigateway-track")
    rows.first.wait_for()
    focused = """() => {
      const row = document.activeElement.closest(".aigateway-track");
      return [Number(row?.getAttribute("aria-posinset")), document.activeElement.dataset.action];
    }"""
    tab.locator(".aigateway-list").focus()
    canvas.page.keyboard.press("ArrowDown")
    rows.first.locator("[data-action=prompt]").focus()
    for position in [*range(2, 41), *range(39, 1, -1)]:
        previous = canvas.page.evaluate(focused)[0]
        canvas.page.keyboard.press("ArrowDown" if position > previous else "ArrowUp")
        canvas.page.wait_for_function(f"(to) => ({focused})()[0] === to", arg=position)
        assert canvas.page.evaluate(focused) == [position, "prompt"]
    canvas.page.keyboard.press("ArrowUp")
    canvas.page.keyboard.press("ArrowUp")
    assert canvas.page.evaluate(focused) == [1, "prompt"]


def test_ten_thousand_tracks(open_canvas: Open, host: Host):
    canvas = open_canvas()
    add_rows(host, 10_000)
    tab = canvas.open_music()
    rows = tab.locator(".aigateway-track")
    rows.first.wait_for()
    assert rows.count() < 30
    # Frames are counted while the list is dragged from end to end.
    slowest = canvas.page.evaluate(
        """async () => {
            const list = document.querySelector(".aigateway-list");
            let slowest = 0;
            let last = performance.now();
            for (let step = 0; step <= 120; step++) {
                list.scrollTop = (list.scrollHeight * step) / 120;
                await new Promise(requestAnimationFrame);
                slowest = Math.max(slowest, performance.now() - last);
                last = performance.now();
            }
            return slowest;
        }"""
    )
    assert slowest < 500
    expect(tab.get_by_text("old track 9999 of 10000")).to_be_visible()
    assert rows.count() < 30
    tab.get_by_role("searchbox").fill("track 4321")
    expect(rows).to_have_count(1)
    expect(rows.first).to_contain_text("old track 4321 of 10000")
    # In another order, the rows at the end are read as quickly.
    tab.get_by_role("searchbox").fill("of 10000")
    tab.get_by_role("combobox", name="Order").select_option("Prompt, A to Z")
    expect(rows.first).to_contain_text("old track 0 of 10000")
    canvas.page.evaluate(
        "() => document.querySelector('.aigateway-list').scrollTo({ top: 1e9 })",
    )
    expect(tab.get_by_text("old track 9999 of 10000")).to_be_visible()
    assert rows.count() < 30
    tab.get_by_role("searchbox").fill("100% of nothing")
    expect(rows).to_have_count(0)
    expect(tab.get_by_text("No track matches your search.")).to_be_visible()


def test_a_track_is_played_reused_and_picked_up(open_canvas: Open, host: Host):
    canvas = open_canvas()
    canvas.load(pack.ROOT / "example_workflows" / "Text to Music.json")
    prompt = f"a tune to be found {uuid.uuid4().hex}"
    canvas.set(PROMPT, prompt=prompt, duration=7)
    tab = canvas.open_music()
    tab.get_by_role("searchbox").fill(prompt)
    expect(tab.get_by_text("No track matches your search.")).to_be_visible()
    canvas.run()
    canvas.succeeded()
    row = tab.locator(".aigateway-track").first
    expect(row.get_by_text("completed")).to_be_visible()
    expect(row).to_contain_text("0:07 · take 1 · $0.0014 · just now")
    row.get_by_role("button", name="Play").click()
    expect(tab.locator(".aigateway-dock .aigateway-time")).to_contain_text("/ 0:07")
    row.get_by_role("button", name="Copy").click()
    expect(canvas.page.get_by_text("Copied: ")).to_be_visible()
    canvas.command("Comfy.NewBlankWorkflow")
    row.get_by_role("button", name="Reuse").click()
    assert canvas.types() == [PROMPT, POLL, LOAD, SAVE]
    bought = len(host.gateway.bill()["jobs"])
    canvas.run()
    canvas.succeeded()
    assert len(host.gateway.bill()["jobs"]) == bought
    canvas.command("Comfy.NewBlankWorkflow")
    row.get_by_role("button", name="Pick up").click()
    assert canvas.types() == [POLL, LOAD, SAVE]
    canvas.run()
    canvas.succeeded()
    assert len(host.gateway.bill()["jobs"]) == bought


def test_a_queued_job_is_cancelled(open_canvas: Open):
    canvas = open_canvas()
    canvas.load(pack.ROOT / "example_workflows" / "Text to Music.json")
    prompt = f"to be cancelled {uuid.uuid4().hex} sandbox:queue=60"
    canvas.set(PROMPT, prompt=prompt, duration=7)
    canvas.run()
    tab = canvas.open_music()
    tab.get_by_role("searchbox").fill(prompt)
    row = tab.locator(".aigateway-track").first
    row.get_by_role("button", name="Cancel the job").click()
    expect(row.locator(".aigateway-state")).to_have_text("cancelled")
    assert canvas.ended()["kind"] == "execution_error"


def test_an_uncertain_track_is_bought_again_only_after_the_question(open_canvas: Open, host: Host):
    canvas = open_canvas()
    prompt = f"perhaps bought {uuid.uuid4().hex}"
    add_rows(host, 1, prompt=prompt, state="uncertain", job_id=None, charged=None)
    bought = len(host.gateway.bill()["jobs"])
    tab = canvas.open_music()
    tab.get_by_role("searchbox").fill(prompt)
    row = tab.locator(".aigateway-track").first
    row.get_by_role("button", name="Buy again").click()
    dialog = canvas.page.get_by_role("dialog")
    expect(dialog).to_contain_text("costs $0.006")
    assert len(host.gateway.bill()["jobs"]) == bought
    dialog.get_by_role("button", name="Confirm").click()
    expect(canvas.page.get_by_text("Bought again. Click “Pick up”")).to_be_visible()
    expect(row.get_by_text("queued")).to_be_visible()
    assert len(host.gateway.bill()["jobs"]) == bought + 1


def test_what_the_ledger_lost_is_said_until_the_person_goes_on(open_canvas: Open, host: Host):
    journal = Journal(host.data)
    journal.note_loss("The ledger was missing. <b>3</b> tracks were found again.")
    try:
        tab = open_canvas().open_music()
        alert = tab.get_by_role("alert")
        expect(alert).to_contain_text("<b>3</b> tracks were found again.")
        expect(alert).to_contain_text("nothing is bought now")
        alert.get_by_role("button", name="Go on").click()
        expect(alert).to_be_hidden()
        assert journal.loss is None
    finally:
        journal.accept_loss()

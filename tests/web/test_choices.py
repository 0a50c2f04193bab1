"""In a real browser: which tracks the Music tab lists, in which order, and which are marked."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from .canvas import Canvas
from .conftest import Host, Open
from .test_panels import add_rows

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=10_000)


class Listed:
    """Tracks that only these tests have, in the Music tab."""

    def __init__(self, canvas: Canvas, host: Host) -> None:
        self.word = uuid.uuid4().hex[:10]
        self.canvas = canvas
        self._host = host

    def add(self, name: str, **values: Any) -> None:
        add_rows(self._host, 1, prompt=f"{name} {self.word}", **values)

    def open(self) -> None:
        self.tab = self.canvas.open_music()
        self.tab.get_by_role("searchbox").fill(self.word)

    @property
    def rows(self) -> Any:
        return self.tab.locator(".aigateway-track")

    def choose(self, what: str, option: str) -> None:
        # The number of tracks follows the name of a filter.
        choice = self.tab.get_by_role("combobox", name=what)
        choice.select_option(choice.locator("option", has_text=option).first.get_attribute("value"))

    def expect(self, *names: str) -> None:
        expect(self.rows.locator(".aigateway-prompt")).to_have_text(
            [f"{name} {self.word}" for name in names]
        )


@pytest.fixture
def listed(open_canvas: Open, host: Host) -> Listed:
    return Listed(open_canvas(), host)


def test_a_filter_lists_one_kind_and_says_how_many_there_are(listed: Listed) -> None:
    for name, state in (
        ("ready", "completed"),
        ("broken", "failed"),
        ("stopped", "cancelled"),
        ("gone", "lost"),
        ("doubtful", "uncertain"),
    ):
        listed.add(name, state=state)
    listed.open()
    expect(listed.rows).to_have_count(5)
    options = listed.tab.get_by_role("combobox", name="Show").locator("option")
    expect(options).to_have_text(
        [
            "All tracks · 5",
            "Completed · 1",
            "Under way · 0",
            "Failed, cancelled, lost · 3",
            "Uncertain · 1",
            "Favorites · 0",
            "Hidden · 0",
        ]
    )
    listed.choose("Show", "Completed")
    listed.expect("ready")
    listed.choose("Show", "Failed")
    listed.tab.get_by_role("searchbox").fill(f"{listed.word} broken")
    listed.expect("broken")
    listed.tab.get_by_role("searchbox").fill(f"{listed.word} ready")
    expect(listed.tab.get_by_text("No track matches your search.")).to_be_visible()


def test_a_filter_takes_the_search_with_it_that_is_being_typed(listed: Listed) -> None:
    listed.add("ready", state="completed")
    listed.add("broken", state="failed")
    listed.open()
    listed.expect("broken", "ready")
    asked = listed.tab.evaluate(
        """async (tab, word) => {
          const asked = [];
          const { fetchApi } = window.app.api;
          window.app.api.fetchApi = (path, ...rest) => {
            asked.push(String(path));
            return fetchApi.call(window.app.api, path, ...rest);
          };
          const [search, show] = tab.querySelectorAll("input[type=search], select");
          search.value = `${word} ready`;
          search.dispatchEvent(new Event("input"));
          // Later than what the typing has begun.
          const later = new Promise((resolve) => setTimeout(resolve, 1000));
          show.value = "completed";
          show.dispatchEvent(new Event("change"));
          await later;
          window.app.api.fetchApi = fetchApi;
          return asked.filter((path) => path.startsWith("/aigateway/tracks"));
        }""",
        listed.word,
    )
    assert len({path for path in asked if "completed" in path and "ready" in path}) == 1
    assert len([path for path in asked if "ready" in path and "offset=0" in path]) == 1, asked
    listed.expect("ready")


def test_a_favorite_is_marked_with_the_keyboard_and_stays_one(listed: Listed) -> None:
    listed.add("first")
    listed.add("second")
    listed.open()
    listed.expect("second", "first")
    star = listed.tab.get_by_role("button", name=f"Favorite: first {listed.word}")
    expect(star).to_have_attribute("aria-pressed", "false")
    star.focus()
    listed.canvas.page.keyboard.press("Enter")
    expect(star).to_have_attribute("aria-pressed", "true")
    # The row was drawn again under the fingers.
    expect(star).to_be_focused()
    listed.choose("Order", "Favorites first")
    listed.expect("first", "second")
    listed.canvas.open({})
    listed.open()
    # The order is remembered, the filter is not.
    listed.expect("first", "second")
    listed.choose("Show", "Favorites")
    listed.expect("first")
    star.click()
    expect(listed.rows).to_have_count(0)


def test_a_hidden_track_is_gone_until_it_is_shown_again(listed: Listed) -> None:
    listed.add("kept")
    listed.add("tried")
    listed.open()
    listed.rows.first.hover()
    listed.tab.get_by_role("button", name=f"Hide: tried {listed.word}").click()
    listed.expect("kept")
    expect(listed.canvas.page.get_by_text("The track is hidden.")).to_be_visible()
    listed.canvas.open({})
    listed.open()
    listed.expect("kept")
    listed.choose("Show", "Hidden")
    listed.expect("tried")
    listed.rows.first.hover()
    listed.tab.get_by_role("button", name=f"Show again: tried {listed.word}").click()
    expect(listed.rows).to_have_count(0)
    listed.choose("Show", "All tracks")
    expect(listed.rows).to_have_count(2)


@pytest.mark.parametrize(
    ("order", "names"),
    [
        ("Newest first", ("quick", "Alone", "long", "dear")),
        ("Longest first", ("long", "quick", "Alone", "dear")),
        ("Most expensive first", ("dear", "quick", "Alone", "long")),
        ("Prompt, A to Z", ("Alone", "dear", "long", "quick")),
    ],
)
def test_tracks_are_put_into_order(listed: Listed, order: str, names: tuple[str, ...]) -> None:
    listed.add("quick", created=1e9 + 4)
    listed.add("Alone", created=1e9 + 3)
    listed.add("long", created=1e9 + 2, result_duration=200.0)
    listed.add("dear", created=1e9 + 1, duration=10.0, charged=2.5)
    listed.open()
    listed.choose("Order", order)
    listed.expect(*names)


def test_ten_rows_are_seen_in_a_small_window(listed: Listed) -> None:
    for number in range(12):
        listed.add(f"track {number}")
    listed.canvas.page.set_viewport_size({"width": 1280, "height": 720})
    listed.open()
    expect(listed.rows).to_have_count(12)
    view = listed.tab.locator(".aigateway-list").bounding_box()
    boxes = [row.bounding_box() for row in listed.rows.all()]
    whole = [box for box in boxes if box["y"] + box["height"] <= view["y"] + view["height"]]
    assert len(whole) >= 10
    # What a row cuts off is read in its title.
    title = listed.rows.first.get_attribute("title")
    assert listed.word in title
    assert "0:30 · take 1 · $0.006 · 40 d ago" in title
    listed.canvas.shot("music-720")

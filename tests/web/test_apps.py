"""In a real browser: the templates as Apps, as somebody uses them who has never seen a graph."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ...scripts.lib import pack
from ..comfyui.server import running, supported
from .canvas import Canvas
from .conftest import Host, Open
from .test_canvas import BOTH, EXAMPLES, next_take

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)

TITLES = sorted((path.stem for path in EXAMPLES.glob("*.json")), key=str.casefold)
# What is seen first, and how many results there are.
RESULTS = {
    "Cut to the Beat": ("video", 1),
    "Four Takes for One Clip": ("video", 4),
    "Game Family": ("audio", 6),
    "Game Loops": ("audio", 8),
    "Lyric Video": ("video", 1),
    "Music Video": ("video", 2),
    "Music under Speech": ("video", 1),
    "Pick Up a Job": ("audio", 1),
    "Score My Clip": ("video", 1),
    "Song with Lyrics": ("audio", 1),
    "Takes Side by Side": ("audio", 4),
    "Text to Music": ("audio", 1),
}


class App:
    """The page of a template that was opened as an App."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas, self.page = canvas, canvas.page
        self.fields = self.page.get_by_test_id("app-mode-widget-item")
        self.results = self.page.get_by_test_id("linear-center-panel")
        self.history = self.page.get_by_test_id("linear-history-item")

    def field(self, label: str) -> Any:
        return self.fields.filter(has=self.page.get_by_text(label, exact=True))

    def set(self, label: str, value: str) -> None:
        box = self.field(label).locator("textarea, input").first
        box.fill(value)
        box.press("Tab")

    @property
    def price(self) -> Any:
        return self.fields.locator(".aigateway-price")

    def run(self) -> None:
        self.page.get_by_test_id("linear-run-button").get_by_role("button", name="Run").click()

    def download(self, to: Path) -> Path:
        with self.page.expect_download() as begun:
            self.results.get_by_role("button", name="Download").click()
        file = to / begun.value.suggested_filename
        begun.value.save_as(file)
        return file


def opened(open_canvas: Open, title: str, **settings: Any) -> App:
    canvas = open_canvas(**settings)
    if not canvas.knows_apps():
        pytest.skip("this ComfyUI has no App mode")
    canvas.open_template(title)
    app = App(canvas)
    expect(app.fields.first).to_be_visible()
    return app


def labels(title: str, language: str) -> list[str]:
    """What the fields of a template are called in a language."""
    folder = pack.ROOT / "locales" / language
    words = json.loads((folder / "main.json").read_text("utf-8"))["aigateway"]
    ours = json.loads((folder / "nodeDefs.json").read_text("utf-8"))
    graph = json.loads((EXAMPLES / f"{title}.json").read_text("utf-8"))
    types = {node["id"]: node["type"] for node in graph["nodes"]}

    def label(id: int, name: str, shown: dict[str, Any]) -> str:
        if "say" in shown:
            return words[shown["say"]].replace("{n}", str(shown.get("n")))
        return (
            words["price"] if name == "aigateway_price" else ours[types[id]]["inputs"][name]["name"]
        )

    inputs = graph["extra"]["linearData"]["inputs"]
    return [label(id, name, rest[0] if rest else {}) for id, name, *rest in inputs]


def test_text_to_music_is_the_first_template(open_canvas: Open):
    canvas = open_canvas()
    cards = canvas.open_templates().locator('[data-testid^="template-workflow-"]')
    if not canvas.knows_apps():
        pytest.skip("this ComfyUI names its cards otherwise")
    expect(cards).to_have_count(len(TITLES))
    first = "Text to Music"
    shown = [first, *(title for title in TITLES if title != first)]
    titles = cards.locator("h3")
    expect(titles).to_have_text([re.compile(rf"^\s*{title}\s*$") for title in shown])
    pictures = "all => all.every((image) => image.complete && image.naturalWidth === 640)"
    canvas.page.wait_for_function(
        f"""() => ({pictures})([...document.querySelectorAll(
            '[data-testid^="template-workflow-"] img')])"""
    )
    canvas.shot("templates")


@BOTH
def test_words_become_a_file_on_a_persons_disk(open_canvas: Open, nodes_2: bool, tmp_path: Path):
    app = opened(open_canvas, "Text to Music", nodes_2=nodes_2)
    app.set("prompt", f"A music box in a garden {next_take()}")
    app.set("duration", "7")
    expect(app.price).to_have_text("$0.0014")
    app.run()
    app.canvas.succeeded()
    sound = app.results.locator("audio")
    expect(sound).to_be_visible()
    app.page.wait_for_function(
        "() => document.querySelector('#linearCenterPanel audio').duration > 0"
    )
    assert sound.evaluate("(audio) => audio.duration") == pytest.approx(7, abs=0.1)
    assert sound.evaluate("(audio) => audio.play().then(() => !audio.paused)")
    expect(app.price).to_have_text("Paid $0.0014")
    app.canvas.shot(f"app-text-to-music-{nodes_2}")
    file = app.download(tmp_path)
    assert file.name.startswith("A music box in a garden")
    assert soundfile.info(file).duration == pytest.approx(7, abs=0.1)


def documents(page: Any, host: Host, title: str) -> list[dict[str, str]]:
    """The files beside sounds that the nodes which the App shows list after the last run."""
    (run,) = page.request.get(f"{host.server.url}/history?max_items=1").json().values()
    shown = json.loads((EXAMPLES / f"{title}.json").read_text("utf-8"))["extra"]["linearData"]
    nodes = [run["outputs"].get(str(node), {}) for node in shown["outputs"]]
    return [file for node in nodes for file in node.get("files", [])]


@pytest.mark.parametrize("title", TITLES)
def test_a_template_runs_as_an_app(open_canvas: Open, title: str, host: Host):
    app = opened(open_canvas, title, nodes_2=True)
    app.page.set_default_timeout(180_000)
    app.page.request.post(f"{host.server.url}/api/free", data={"free_memory": True})
    names = app.fields.get_by_test_id("builder-widget-label")
    expect(names).to_have_text(labels(title, "en"))
    if title == "Pick Up a Job":
        tracks = app.canvas.tracks()
        app.set("job_id", next(track["job_id"] for track in tracks if track["stored"]))
    else:
        expect(app.price).to_contain_text("$")
    app.run()
    kind, count = RESULTS[title]
    app.canvas.succeeded()
    # The App lists the notes beside the sounds too, each once.
    expect(app.history).to_have_count(count + len(documents(app.page, host, title)))
    expect(app.results.locator(kind).filter(visible=True).first).to_be_visible()
    app.canvas.shot(f"app-{title}")


@pytest.mark.parametrize("title", ["Takes Side by Side", "Score My Clip"])
def test_an_app_speaks_the_language_of_the_page(open_canvas: Open, title: str):
    app = opened(open_canvas, title, nodes_2=True, locale="ja")
    names = app.fields.get_by_test_id("builder-widget-label")
    expect(names.filter(has_text=re.compile("."))).to_have_text(labels(title, "ja"))


@BOTH
def test_an_app_says_what_the_run_waits_for(open_canvas: Open, nodes_2: bool):
    app = opened(open_canvas, "Text to Music", nodes_2=nodes_2)
    app.set("prompt", f"calm piano {next_take()} sandbox:500=3")
    app.run()
    line = app.page.locator(".aigateway-app-status")
    expect(line).to_have_text(
        re.compile(r"The gateway has a fault\. · try [2-4] at \d\d:\d\d:\d\d")
    )
    app.canvas.shot(f"app-retry-{nodes_2}")
    # It belongs to the App of its run.
    app.canvas.command("Comfy.ToggleLinear")
    expect(line).to_be_hidden()
    app.canvas.command("Comfy.ToggleLinear")
    expect(line).to_be_visible()
    app.canvas.succeeded()
    # The music is there: the line says where all tracks are, until a person knows it.
    expect(line).to_have_text("All tracks stand in the Music tab, beside the graph.")
    app.canvas.shot(f"app-tab-{nodes_2}")
    line.get_by_role("button", name="Show the graph and open the Music tab").click()
    expect(app.page.locator(".aigateway-music .aigateway-track").first).to_be_visible()
    assert not app.canvas.is_app()
    app.canvas.command("Comfy.ToggleLinear")
    app.set("prompt", f"calm piano {next_take()}")
    app.page.evaluate("() => { window.seen.ends.length = 0; }")
    app.run()
    app.canvas.succeeded()
    expect(line).to_have_count(0)


@BOTH
def test_an_app_goes_on_saying_whether_its_loops_are_good(
    open_canvas: Open, nodes_2: bool, host: Host
):
    app = opened(open_canvas, "Game Loops", nodes_2=nodes_2)
    app.page.set_default_timeout(180_000)
    app.page.request.post(f"{host.server.url}/api/free", data={"free_memory": True})
    app.run()
    app.canvas.succeeded()
    line = app.page.locator(".aigateway-app-status")
    expect(line).to_contain_text(re.compile(r"\d\.\d\d s · (a|no) good loop"))
    app.canvas.shot(f"app-loops-{nodes_2}")
    line.get_by_role("button", name="Close").click()
    expect(line).to_have_count(0)


def test_an_app_goes_on_saying_which_take_failed(open_canvas: Open):
    app = opened(open_canvas, "Four Takes for One Clip", nodes_2=True)
    app.set("music", f"calm piano {next_take()} sandbox:fail-nth")
    app.run()
    app.canvas.succeeded()
    line = app.page.locator(".aigateway-app-status")
    expect(line).to_contain_text("3 of 4 takes are loaded")
    expect(line).to_contain_text("failed")
    app.canvas.shot("app-take-failed")
    line.get_by_role("button", name="Close").click()
    expect(line).to_have_count(0)


@BOTH
def test_an_app_leads_to_the_field_that_is_wrong(open_canvas: Open, nodes_2: bool):
    app = opened(open_canvas, "Text to Music", nodes_2=nodes_2)
    app.set("prompt", "")
    app.run()
    card = app.page.locator(".aigateway-card")
    expect(card).to_contain_text("The prompt is empty")
    app.canvas.shot(f"app-error-{nodes_2}")
    card.get_by_role("button", name="Show the field").click()
    expect(app.field("prompt").locator("textarea")).to_be_focused()
    expect(card).to_have_count(0)


@BOTH
def test_the_price_is_on_the_node_again_when_the_graph_is_shown(open_canvas: Open, nodes_2: bool):
    app = opened(open_canvas, "Text to Music", nodes_2=nodes_2)
    app.set("prompt", f"A music box in a garden {next_take()}")
    expect(app.price).to_have_text("$0.006")
    app.canvas.show_graph()
    app.canvas.command("Comfy.Canvas.FitView")
    expect(app.fields).to_have_count(0)
    expect(app.canvas.price).to_be_visible()
    expect(app.canvas.price).to_have_text("$0.006")


CLIPS = ["Score My Clip", "Four Takes for One Clip", "Music under Speech"]


@pytest.mark.parametrize("title", CLIPS)
def test_a_template_for_a_clip_begins_with_one(open_canvas: Open, title: str, host: Host):
    app = opened(open_canvas, title)
    expect(app.price).to_contain_text("$")
    missing = app.page.evaluate(
        """() => window.app.graph.nodes
            .filter(({ comfyClass }) => comfyClass === "LoadVideo")
            .flatMap(({ widgets }) => widgets.filter(({ name }) => name === "file"))
            .filter(({ value, options }) => !options.values.includes(value))
            .map(({ value }) => value)"""
    )
    assert missing == []
    expect(app.page.get_by_text(re.compile("missing", re.IGNORECASE))).to_have_count(0)
    app.canvas.shot(f"app-clip-{title}")


@BOTH
def test_an_app_of_a_forced_sandbox_says_what_forces_it(
    chromium: Any, nodes_2: bool, tmp_path: Path
):
    settings = {"AIGATEWAY_MODE": "sandbox", "AIGATEWAY_DATA_DIR": str(tmp_path / "data")}
    with running(supported(), tmp_path, settings) as server:
        page = chromium.new_page(viewport={"width": 1600, "height": 900})
        canvas = Canvas(page, server.url)
        canvas.open({"Comfy.VueNodes.Enabled": nodes_2, "Comfy.Locale": "en"})
        if not canvas.knows_apps():
            pytest.skip("this ComfyUI has no App mode")
        canvas.open_template("Text to Music")
        price = App(canvas).price
        expect(price).to_contain_text("Free sketch: AIGATEWAY_MODE is “sandbox”")
        expect(price).not_to_contain_text("Set a key")
        # The whole sentence is seen.
        assert price.evaluate("({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth")
        text = price.locator("span").first
        assert text.evaluate("({ scrollWidth, clientWidth }) => scrollWidth <= clientWidth")
        canvas.shot(f"app-forced-{nodes_2}")
        price.get_by_role("button", name="Change the mode").click()
        for name in ("api_key", "mode"):
            expect(canvas.setting(name)).to_contain_text("Start scripts/demo.py with --live")
        canvas.shot(f"settings-forced-{nodes_2}")
        page.close()

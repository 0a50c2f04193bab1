"""In a real browser: examples, price, progress, status, player, interrupt, errors, blueprint."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ...scripts.lib import pack
from .canvas import POLL, PROMPT, READY, SAVE, UNDER_WAY, Canvas
from .conftest import Host, Open

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=20_000)

APPS = ["Score My Clip", "Music under Speech", "Four Takes for One Clip"]
EXAMPLES = pack.ROOT / "example_workflows"
# A language of the alphabet, and one of signs whose code has a hyphen; test_locales.py reads all.
LANGUAGES = ("es", "zh-TW")
BOTH = pytest.mark.parametrize("nodes_2", [False, True], ids=["classic", "nodes-2.0"])
BLUEPRINT, SCORING = "Music (AIgateway)", "Score My Video (AIgateway)"
BOUGHT = "Already bought: running it again costs nothing"
_TAKES = iter(range(1000, 100_000))


def next_take() -> int:
    """A take that no test has asked for."""
    return next(_TAKES)


def fresh(canvas: Canvas, **values: Any) -> None:
    """The example with a request that nobody made before."""
    canvas.load(EXAMPLES / "Text to Music.json")
    values = {"prompt": "calm piano", "duration": 6, "take": next_take(), **values}
    canvas.set(PROMPT, **values)


@BOTH
@pytest.mark.parametrize(
    ("name", "players"),
    [
        ("Text to Music", 2),
        ("Song with Lyrics", 2),
        ("Takes Side by Side", 4),
        *((name, 3) for name in APPS),
    ],
)
def test_an_example_opens_from_the_templates_runs_and_can_be_heard(
    open_canvas: Open, name: str, players: int, nodes_2: bool, host: Host
):
    canvas = open_canvas(nodes_2=nodes_2)
    # Nodes that ComfyUI has in its cache are not run, and have nothing to show in a new page.
    canvas.page.request.post(f"{host.server.url}/api/free", data={"free_memory": True})
    canvas.open_template(name)
    canvas.show_graph()
    canvas.run()
    canvas.succeeded()
    canvas.command("Comfy.Canvas.FitView")
    shown = canvas.players.filter(visible=True)
    expect(shown).to_have_count(players)
    assert all(seconds > 10 for seconds in canvas.durations())
    expect(shown.locator("img")).to_have_count(players)
    canvas.page.wait_for_function(
        """() => [...document.querySelectorAll(".aigateway-player img")]
            .every((picture) => picture.complete && picture.naturalWidth === 800)"""
    )
    expect(canvas.price).to_have_text(re.compile(r"^Paid \$0\.\d+$"))


@BOTH
def test_a_job_is_picked_up_by_its_id(open_canvas: Open, nodes_2: bool, host: Host):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    canvas.run()
    canvas.succeeded()
    bought = len(host.gateway.bill()["jobs"])
    tracks = canvas.tracks()
    canvas.load(EXAMPLES / "Pick Up a Job.json")
    canvas.set(POLL, job_id=tracks[0]["job_id"])
    canvas.run()
    canvas.succeeded()
    assert canvas.durations() == pytest.approx([6, 6], abs=0.1)
    assert len(host.gateway.bill()["jobs"]) == bought


@BOTH
def test_the_price_follows_length_takes_and_limit(open_canvas: Open, nodes_2: bool, host: Host):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, duration=30)
    expect(canvas.price).to_have_text("$0.006")
    canvas.set(PROMPT, duration=60)
    expect(canvas.price).to_have_text("$0.012")
    canvas.page.evaluate("() => { window.app.extensionManager.queueSettings.batchCount = 3 }")
    if canvas.control_takes("increment"):
        expect(canvas.price).to_have_text("3 \N{MULTIPLICATION SIGN} $0.012 = $0.036")
    canvas.control_takes("fixed")
    expect(canvas.price).to_have_text("$0.012")

    def set_limit(value: float | None) -> None:
        body = {"name": "spend_limit_per_run", "value": value}
        answer = canvas.page.request.put(
            f"{host.server.url}/aigateway/settings", data=body, headers={"X-AIgateway-Page": "1"}
        )
        assert answer.ok

    set_limit(0.01)
    try:
        canvas.set(PROMPT, duration=61)
        refused = canvas.price.locator(".aigateway-refused")
        expect(refused).to_have_text("$0.0122 · over your limit of $0.01 per run")
        expect(refused).to_be_visible()
        canvas.set(PROMPT, duration=40)
        expect(canvas.price).to_have_text("$0.008")
    finally:
        set_limit(None)


@BOTH
def test_progress_and_status_while_it_runs(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="calm piano sandbox:slow=20")
    canvas.run()
    expect(canvas.page.get_by_text(UNDER_WAY).first).to_be_visible()
    canvas.succeeded()
    percents = [each["value"] for each in canvas.seen("progress") if each["max"] == 100]
    polled = percents[: percents.index(100) + 1]
    assert polled == sorted(polled)
    assert len(polled) > 3


@BOTH
def test_an_interrupt_is_no_error(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="calm piano sandbox:slow=60")
    canvas.run()
    expect(canvas.page.get_by_text(UNDER_WAY).first).to_be_visible()
    canvas.command("Comfy.Interrupt")
    assert canvas.ended()["kind"] == "execution_interrupted"
    expect(canvas.page.get_by_text(re.compile("goes on, queue again")).first).to_be_visible()


@BOTH
def test_an_error_says_what_to_do(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas, prompt="calm piano sandbox:402")
    canvas.run()
    end = canvas.ended()
    assert end["kind"] == "execution_error"
    sentence = end["detail"]["exception_message"].splitlines()[0]
    assert sentence.startswith("The account has too little credit: top up")
    assert end["detail"]["exception_type"] == "aigateway.CreditsError"
    expect(canvas.page.get_by_text(sentence).first).to_be_visible()


@BOTH
def test_players_come_back_with_the_tab_of_the_workflow(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    fresh(canvas)
    canvas.run()
    canvas.succeeded()
    expect(canvas.players).to_have_count(2)
    canvas.command("Comfy.NewBlankWorkflow")
    expect(canvas.players).to_have_count(0)
    canvas.page.get_by_text("Unsaved Workflow (2)").click()
    expect(canvas.players).to_have_count(2)


DROP = """async (audio) => {
  const answer = await fetch(new URL(audio, location.href));
  const name = new URL(audio, location.href).searchParams.get("filename");
  const type = answer.headers.get("content-type");
  const dataTransfer = new DataTransfer();
  dataTransfer.items.add(new File([await answer.blob()], name, { type }));
  const event = { dataTransfer, bubbles: true, cancelable: true, clientX: 800, clientY: 400 };
  document.querySelector("#graph-canvas").dispatchEvent(new DragEvent("drop", event));
}"""


@BOTH
@pytest.mark.parametrize("format", ["flac", "wav", "mp3", "opus", "ogg"])
def test_a_dropped_file_restores_its_graph(open_canvas: Open, format: str, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.needs_late_rows(nodes_2)
    fresh(canvas, prompt=f"to be dropped as {format}")
    canvas.set(SAVE, format=format)
    canvas.run()
    canvas.succeeded()
    audio = canvas.players.locator('audio[src*="filename="]').last.get_attribute("src")
    assert f".{format}&" in audio
    canvas.command("Comfy.NewBlankWorkflow")
    canvas.page.wait_for_function("() => !window.app.graph.nodes.length")
    canvas.page.evaluate(DROP, audio)
    canvas.page.wait_for_function("() => window.app.graph.nodes.length")
    assert canvas.get(PROMPT, "prompt") == f"to be dropped as {format}"
    assert canvas.get(SAVE, "format") == format


@BOTH
def test_the_blueprint_makes_music(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    canvas.needs_late_rows(nodes_2)
    canvas.command("Comfy.NewBlankWorkflow")
    canvas.command("Workspace.ToggleSidebarTab.node-library")
    search = canvas.page.locator(".sidebar-content-container input").first
    search.fill(BLUEPRINT)
    entry = canvas.page.locator(".sidebar-content-container").get_by_text(BLUEPRINT).first
    entry.click()
    box = canvas.page.locator("#graph-canvas").bounding_box()
    canvas.page.mouse.click(box["x"] + 900, box["y"] + 300)
    canvas.page.wait_for_function("() => window.app.graph.nodes.length === 1")
    canvas.page.evaluate(
        """(take) => {
            const [node] = window.app.graph.nodes;
            const set = (name, value) => {
                node.widgets.find((widget) => widget.name === name).value = value;
            };
            set("prompt", "calm piano sandbox:slow=20");
            set("duration", 6);
            set("take", take);
        }""",
        next_take(),
    )
    # What the nodes within show is seen from outside as well.
    expect(canvas.price).to_have_text("$0.0012")
    canvas.run()
    status = canvas.page.locator(".aigateway-status").filter(has_text=UNDER_WAY)
    expect(status.filter(visible=True)).to_have_count(1)
    canvas.succeeded()
    expect(canvas.price).to_have_text("Paid $0.0012")
    expect(canvas.players.filter(visible=True)).to_have_count(1)
    assert set(map(round, canvas.durations())) == {6}
    canvas.page.evaluate("() => window.app.loadGraphData(window.app.graph.serialize())")
    expect(canvas.page.locator(".aigateway-price").filter(visible=True)).to_have_text(BOUGHT)


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        ("AIgateway", [BLUEPRINT, SCORING]),
        ("music", [BLUEPRINT]),
        ("text to music", ["Prompt to Music (AIgateway)"]),
        ("score my video", [SCORING]),
    ],
)
def test_blueprints_are_found_in_the_search_for_nodes(
    open_canvas: Open, typed: str, found: list[str]
):
    canvas = open_canvas()
    canvas.command("Workspace.SearchBox.Toggle")
    canvas.page.get_by_role("combobox").first.fill(typed)
    for name in found:
        # Fit Music's name ends with the blueprint's.
        whole = re.compile(rf"(?<!\w )\b{re.escape(name)}")
        expect(canvas.page.get_by_role("option").filter(has_text=whole)).to_have_count(1)
    ours = canvas.page.get_by_role("option").filter(has_text="(AIgateway)")
    if typed == "music":
        expect(ours.first).to_contain_text(BLUEPRINT)
    canvas.shot(f"search-{typed}")


@BOTH
def test_no_message_of_the_pack_is_logged_as_unknown(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2)
    logged: list[str] = []
    canvas.page.on("console", lambda message: logged.append(message.text))
    prompt = f"messages {next_take()} sandbox:slow=20"
    fresh(canvas, prompt=prompt)
    canvas.run()
    # Messages come while the page is still loading, too.
    canvas.page.reload()
    canvas.page.wait_for_function(READY)
    for _ in range(240):
        if any(track["prompt"] == prompt and track["stored"] for track in canvas.tracks()):
            break
        canvas.page.wait_for_timeout(500)
    else:
        pytest.fail("the track did not come")
    assert not [text for text in logged if "Unknown message" in text]


@BOTH
def test_chinese(open_canvas: Open, nodes_2: bool):
    canvas = open_canvas(nodes_2=nodes_2, locale="zh")
    fresh(canvas, duration=30)
    titles = canvas.page.evaluate("() => window.app.graph.nodes.map((node) => node.title)")
    assert {"提示词生成音乐 (AIgateway)", "等待任务 (AIgateway)"} <= set(titles)
    canvas.run()
    canvas.succeeded()
    expect(canvas.price).to_have_text("已付 $0.006")
    tab = canvas.open_music()
    expect(tab.locator(".aigateway-track").get_by_text("已完成").first).to_be_visible()
    panel = canvas.open_settings()
    expect(panel.get_by_text("每次运行的上限")).to_be_visible()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_language(open_canvas: Open, language: str):
    folder = pack.ROOT / "locales" / language
    words = json.loads((folder / "main.json").read_text("utf-8"))["aigateway"]
    nodes = json.loads((folder / "nodeDefs.json").read_text("utf-8"))
    settings = json.loads((folder / "settings.json").read_text("utf-8"))
    canvas = open_canvas(nodes_2=True, locale=language)
    fresh(canvas)
    titles = canvas.page.evaluate("() => window.app.graph.nodes.map((node) => node.title)")
    assert {nodes[PROMPT]["display_name"], nodes[POLL]["display_name"]} <= set(titles)
    canvas.run()
    canvas.succeeded()
    expect(canvas.price).to_have_text(words["cost_paid"].replace("{price}", "$0.0012"))
    tab = canvas.open_music()
    expect(tab.get_by_text(words["state_completed"], exact=True).first).to_be_visible()
    canvas.shot(f"music-{language}")
    panel = canvas.open_settings()
    limit = settings["AIgateway_spend_limit_per_run"]["name"]
    expect(panel.get_by_text(limit)).to_be_visible()
    canvas.shot(f"settings-{language}")


def test_the_help_page_of_a_node(open_canvas: Open):
    canvas = open_canvas(nodes_2=True)
    fresh(canvas)
    canvas.page.evaluate(
        """(type) => {
            const node = window.app.graph.nodes.find((node) => node.comfyClass === type);
            window.app.canvas.selectNodes([node]);
        }""",
        POLL,
    )
    canvas.command("Comfy.Canvas.FitView")
    canvas.page.locator('[data-testid="info-button"]').click()
    expect(canvas.page.get_by_text("Waiting costs nothing, and stopping the wait")).to_be_visible()

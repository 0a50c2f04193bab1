"""What a person does with ComfyUI's page, and what the page then says."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

PROMPT = "AIGatewayPromptToMusic"
POLL = "AIGatewayPollJob"
LOAD = "AIGatewayLoadAudioURL"
SAVE = "AIGatewaySaveAudio"
TAKES = "AIGatewayTakes"

# The status line of a job, until it has ended. Its first poll comes when it is expected to end.
UNDER_WAY = re.compile("waiting for the first answer|in the queue, |composing, ")

READY = """() =>
  window.app?.extensionManager?.getSidebarTabs().some((tab) => tab.id === "aigateway-music") &&
  window.app.graph && !document.querySelector("#splash-loader")"""
# What happens is noted from the beginning, so that nothing is missed by looking late.
LISTEN = """() => {
  const seen = (window.seen = { ends: [], texts: [], progress: [] });
  for (const kind of ["execution_success", "execution_error", "execution_interrupted"])
    window.app.api.addEventListener(kind, ({ detail }) => seen.ends.push({ kind, detail }));
  window.app.api.addEventListener("aigateway_status", ({ detail }) => seen.texts.push(detail.text));
  window.app.api.addEventListener("progress", ({ detail }) => seen.progress.push(detail));
}"""
MODE = """() => {
  const tab = window.app.extensionManager.workflow.activeWorkflow;
  return tab?.activeMode ?? tab?.initialMode;
}"""
# ComfyUI 0.8 has the command of Apps, and no Apps.
KNOWS_APPS = """() =>
  "initialMode" in (window.app.extensionManager.workflow.activeWorkflow ?? {})"""
SETTING = "window.app.extensionManager.setting"
PANEL_OPEN = "Comfy.RightSidePanel.IsOpen"
FIND = """const find = (type) =>
  (window.app.canvas.graph ?? window.app.graph).nodes.find((node) => node.comfyClass === type);"""
SET = f"""([type, name, value]) => {{
  {FIND}
  const widget = find(type).widgets.find((each) => each.name === name);
  widget.value = value;
  widget.callback?.(value);
}}"""


class Canvas:
    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self._url = url
        page.set_default_timeout(60_000)

    def open(self, settings: Mapping[str, Any]) -> None:
        known = {
            "Comfy.TutorialCompleted": True,
            "Comfy.InstalledVersion": "9.9.9",
            "Comfy.OnboardingCoachmarks.Seen": ["appMode"],
        }
        self.page.request.post(f"{self._url}/api/settings", data={**known, **settings})
        self.page.goto(self._url)
        self.page.wait_for_function(READY)
        self.page.evaluate(LISTEN)

    def tracks(self) -> list[dict[str, Any]]:
        """The newest tracks of the ledger, as the Music tab reads them."""
        url, headers = f"{self._url}/aigateway/tracks", {"X-AIgateway-Page": "1"}
        return self.page.request.get(url, headers=headers).json()["tracks"]

    def is_app(self) -> bool:
        return self.page.evaluate(MODE) == "app"

    def knows_apps(self) -> bool:
        """Whether this ComfyUI opens a template as an App."""
        return self.page.evaluate(KNOWS_APPS)

    def show_graph(self) -> None:
        """Show the nodes of a template, which opens as an App where ComfyUI has that."""
        if self.knows_apps():
            self.page.wait_for_function(f"() => ({MODE})() === 'app'")
            self.command("Comfy.ToggleLinear")

    def shot(self, name: str) -> None:
        """Keep a picture of the page, where CANVAS_SHOTS names a folder for them."""
        folder = os.environ.get("CANVAS_SHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png")

    # The graph

    def load(self, workflow: Path) -> None:
        """Open a workflow as a graph, also where its file says that it is an App."""
        graph = json.loads(workflow.read_text("utf-8"))
        graph.setdefault("extra", {})["linearMode"] = False
        self.page.evaluate("(graph) => window.app.loadGraphData(graph)", graph)

    def load_again(self) -> None:
        """Reload the page, and open the graph as it was saved."""
        graph = self.page.evaluate("() => window.app.graph.serialize()")
        self.page.reload()
        self.page.wait_for_function(READY)
        self.page.evaluate(LISTEN)
        self.page.evaluate("(graph) => window.app.loadGraphData(graph)", graph)

    def upload(self, file: Path) -> None:
        """Put a file into ComfyUI's input folder."""
        content = {"name": file.name, "mimeType": "video/mp4", "buffer": file.read_bytes()}
        sent = self.page.request.post(
            f"{self._url}/upload/image", multipart={"image": content, "overwrite": "true"}
        )
        assert sent.ok, sent.text()

    def open_templates(self) -> Any:
        """The template browser, at the templates of the pack."""
        self.command("Comfy.BrowseTemplates")
        dialog = self.page.get_by_role("dialog")
        # Its name follows the page's language.
        dialog.get_by_text("AIgateway").first.click()
        return dialog

    def open_template(self, name: str) -> None:
        dialog = self.open_templates()
        card = dialog.locator(f'[data-testid$="{name}"]').or_(dialog.get_by_text(name, exact=True))
        card.first.click()
        self.page.wait_for_function(
            "() => window.app.graph.nodes.some((node) => node.comfyClass?.startsWith('AIGateway'))"
        )

    def add(self, node: str, **values: Any) -> None:
        """Put a node onto an empty canvas."""
        self.page.evaluate(
            """(type) => {
              window.app.graph.clear();
              window.app.graph.add(window.LiteGraph.createNode(type));
            }""",
            node,
        )
        self.set(node, **values)

    def set(self, node: str, **values: Any) -> None:
        for name, value in values.items():
            self.page.evaluate(SET, [node, name, value])

    def get(self, node: str, name: str) -> Any:
        return self.page.evaluate(
            f"""([type, name]) => {{
              {FIND}
              return find(type).widgets.find((each) => each.name === name).value;
            }}""",
            [node, name],
        )

    def control_takes(self, value: str) -> bool:
        """What happens to `take` after each run; False where ComfyUI has no control for it."""
        return self.page.evaluate(
            f"""(value) => {{
              {FIND}
              const take = find("{PROMPT}").widgets.find((widget) => widget.name === "take");
              if (!take.linkedWidgets?.length) return false;
              take.linkedWidgets[0].value = value;
              return true;
            }}""",
            value,
        )

    def place_of(self, node: str, widget: str) -> tuple[float, float]:
        """The middle of a widget that the classic canvas draws, on the page."""
        x, y = self.page.evaluate(
            f"""([type, name]) => {{
              {FIND}
              const node = find(type);
              const y = node.widgets.find((each) => each.name === name).last_y;
              const {{ scale, offset }} = window.app.canvas.ds;
              const {{ left, top }} = window.app.canvas.canvas.getBoundingClientRect();
              const at = [node.pos[0] + node.size[0] / 2, node.pos[1] + y + 10];
              return [(at[0] + offset[0]) * scale + left, (at[1] + offset[1]) * scale + top];
            }}""",
            [node, widget],
        )
        return x, y

    def types(self) -> list[str]:
        return self.page.evaluate("() => window.app.graph.nodes.map((node) => node.comfyClass)")

    def run(self) -> None:
        self.page.evaluate("() => void window.app.queuePrompt(0, 1)")

    def ended(self) -> dict[str, Any]:
        """How the run ended that was begun last."""
        self.page.wait_for_function("() => window.seen.ends.length")
        return self.page.evaluate("() => window.seen.ends.splice(0)[0]")

    def succeeded(self) -> None:
        end = self.ended()
        assert end["kind"] == "execution_success", end["detail"].get("exception_message")

    def seen(self, what: str) -> list[Any]:
        return self.page.evaluate("(what) => window.seen[what]", what)

    @property
    def has_error_box(self) -> bool:
        """Whether ComfyUI has a box of errors, and a setting that opens the properties panel."""
        return self.page.evaluate(f"() => {SETTING}.get('{PANEL_OPEN}') !== undefined")

    def needs_late_rows(self, nodes_2: bool) -> None:
        """Skips the test where Nodes 2.0 leaves out rows that a node gets after it was made."""
        if nodes_2 and not self.has_error_box:
            pytest.skip("this ComfyUI's Nodes 2.0 leaves out rows that a node gets while it runs")

    def needs_named_lists(self) -> None:
        """Skips the test where the lists of Nodes 2.0 have no name that a test finds."""
        if not self.knows_apps():
            pytest.skip("this ComfyUI's Nodes 2.0 has other lists")

    def graph_has_changed(self) -> None:
        """Say what starts Run (On Change)."""
        event = "autoQueueGraphChanged" if self.knows_apps() else "graphChanged"
        self.page.evaluate(
            "(name) => window.app.api.dispatchEvent(new CustomEvent(name))",
            event,
        )

    def properties(self, *, shown: bool) -> Any:
        """The properties panel, once it is shown or hidden."""
        panel = self.page.get_by_test_id("properties-panel")
        if self.has_error_box:
            self.page.evaluate(f"(shown) => {SETTING}.set('{PANEL_OPEN}', shown)", shown)
        elif panel.is_visible() != shown:
            self.page.get_by_role("button", name="Toggle properties panel").first.click()
        panel.wait_for(state="visible" if shown else "hidden")
        return panel

    def command(self, name: str) -> None:
        self.page.evaluate("(name) => window.app.extensionManager.command.execute(name)", name)

    # The pack's own

    @property
    def price(self) -> Any:
        return self.page.locator(".aigateway-price").first

    @property
    def players(self) -> Any:
        return self.page.locator(".aigateway-player:has(audio[src]):not(.aigateway-dock)")

    def durations(self) -> list[float]:
        """Of all players on the canvas, once each of them knows it."""
        self.page.wait_for_function(
            """() => [...document.querySelectorAll(".aigateway-player audio[src]")]
                .every((audio) => Number.isFinite(audio.duration))"""
        )
        return self.players.locator("audio").evaluate_all("(all) => all.map((a) => a.duration)")

    def open_music(self) -> Any:
        self.command("Workspace.ToggleSidebarTab.aigateway-music")
        tab = self.page.locator(".aigateway-music")
        tab.wait_for()
        return tab

    def open_settings(self) -> Any:
        self.command("Comfy.ShowSettingsDialog")
        self.page.get_by_text("AIgateway", exact=True).first.click()
        panel = self.page.get_by_role("dialog")
        self.setting("api_key").wait_for()
        return panel

    def setting(self, name: str) -> Any:
        """The row of one of our settings, or what it holds where ComfyUI does not mark the row."""
        id = f"AIgateway.{name}"
        return self.page.locator(f'[data-setting-id="{id}"], [id="{id}"]').first

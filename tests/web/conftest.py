"""One gateway, one ComfyUI and one browser for all tests of the group."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ...sandbox.profile import Dialect, Profile
from ...sandbox.server import Sandbox, SandboxThread
from ...scripts.lib import comfyui
from ..comfyui.server import running, supported
from .canvas import Canvas

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome", "chrome")
KEY = "sk-aig-tests-of-the-panel-9f3c"
Open = Callable[..., Canvas]


class Host(NamedTuple):
    server: comfyui.ComfyUI
    gateway: Sandbox
    data: Path


# Playwright keeps an event loop running in its thread, which asynchronous tests cannot share: it
# ends with each module.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    path = next(filter(None, map(shutil.which, CHROMIUMS)), None)
    if path is None:
        pytest.skip("no Chromium on the path")
    supported()
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(
            executable_path=path,
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--autoplay-policy=no-user-gesture-required",
            ],
        )
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """ComfyUI asking a quick gateway that costs money; the key is left to the settings panel."""
    folder = supported()
    data, base = tmp_path_factory.mktemp("data"), tmp_path_factory.mktemp("comfyui")
    # Without lists of use no time is spent on looking for a submit without an answer.
    profile = Profile(dialect=Dialect(usage_routes=())).scaled(0.1)
    gateway = SandboxThread(Sandbox(profile))
    settings = {"AIGATEWAY_BASE_URL": gateway.base_url, "AIGATEWAY_DATA_DIR": str(data)}
    try:
        with running(folder, base, settings) as server:
            yield Host(server, gateway.sandbox, data)
    finally:
        gateway.stop()


@pytest.fixture
def open_canvas(chromium: Any, host: Host) -> Iterator[Open]:
    """Opens ComfyUI as a new visitor would, with the settings given."""
    contexts = []

    def open_one(*, nodes_2: bool = False, locale: str = "en", theme: str = "dark") -> Canvas:
        context = chromium.new_context(viewport={"width": 1600, "height": 900})
        contexts.append(context)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        canvas = Canvas(context.new_page(), host.server.url)
        settings = {"Comfy.Locale": locale, "Comfy.ColorPalette": theme}
        canvas.open({"Comfy.VueNodes.Enabled": nodes_2, **settings})
        return canvas

    yield open_one
    for context in contexts:
        context.close()

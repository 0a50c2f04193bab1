"""The pack in ComfyUI's start-up: its log, its list of nodes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ...scripts.lib import comfyui
from .client import Browser, browse
from .conftest import Host
from .server import OLDEST, checkout, lines_about, running

pytestmark = pytest.mark.xdist_group("comfyui")

# The public contract: node, inputs and outputs in order. Shared workflows depend on it.
CONTRACT = {
    "AIGatewayPromptToMusic": (
        {
            "prompt": "STRING",
            "duration": "FLOAT",
            "lyrics": "STRING",
            "format": "COMBO",
            "model": "COMBO",
            "take": "INT",
        },
        {"job": "AIGATEWAY_JOB", "job_id": "STRING"},
    ),
    "AIGatewayPollJob": (
        {"job": "AIGATEWAY_JOB", "job_id": "STRING", "timeout": "FLOAT", "on_interrupt": "COMBO"},
        {"audio_url": "STRING", "duration": "FLOAT", "job": "AIGATEWAY_JOB", "price": "FLOAT"},
    ),
    "AIGatewayLoadAudioURL": (
        {"url": "STRING", "sample_rate": "COMBO", "channels": "COMBO"},
        {"audio": "AUDIO", "duration": "FLOAT", "sample_rate": "INT"},
    ),
    "AIGatewaySaveAudio": (
        {"audio": "AUDIO", "filename_prefix": "STRING", "format": "COMFY_DYNAMICCOMBO_V3"},
        {"audio": "AUDIO", "path": "STRING"},
    ),
}


def test_the_log_has_an_import_time_and_no_complaint(host: Host):
    log = host.start_log
    assert re.search(rf"\d seconds: .*{host.server.name}", log)
    assert lines_about(log, "traceback", "import failed") == []
    about_the_pack = lines_about(log, "aigateway")
    assert lines_about("\n".join(about_the_pack), "warning", "error", "fail", "skip") == []


@pytest.mark.parametrize("name", CONTRACT)
async def test_the_nodes_keep_the_contract(browser: Browser, name: str):
    node = (await browser.node_info())[name]
    inputs, outputs = CONTRACT[name]
    found = {
        section: {
            name: "COMBO" if isinstance(spec[0], list) else spec[0] for name, spec in specs.items()
        }
        for section, specs in node["input"].items()
        if section != "hidden"
    }
    all_found = {name: kind for specs in found.values() for name, kind in specs.items()}
    assert all_found | inputs == all_found
    # More inputs may come, after these: the canvas keeps a widget's value by its position.
    for specs in found.values():
        kept = [name for name in inputs if name in specs]
        assert list(specs)[: len(kept)] == kept
    assert list(zip(node["output_name"], node["output"], strict=True)) == list(outputs.items())


async def test_an_older_comfyui_says_what_it_needs_and_goes_on(tmp_path: Path):
    folder = checkout()
    if comfyui.version(folder) >= OLDEST:
        pytest.skip("the ComfyUI checkout is new enough for the pack")
    with running(folder, tmp_path, {}) as server:
        said = lines_about(server.log_text(), "0.8.0")
        assert len(said) == 1
        assert "AIgateway" in said[0]
        assert lines_about(server.log_text(), "traceback", "import failed") == []
        async with browse(server.url) as browser:
            assert "KSampler" in await browser.node_info()

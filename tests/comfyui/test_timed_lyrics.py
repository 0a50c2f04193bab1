"""Timed Lyrics in ComfyUI: a network of its models folder, and the gateway's transcription."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from ...scripts.lib import pack
from .client import Browser
from .conftest import Host
from .test_running import succeeded
from .test_video import Nodes, prompt_of

pytestmark = pytest.mark.xdist_group("comfyui")
SPEECH = pack.ROOT / "tests" / "music" / "ctc" / "speech"
SONG = "carry the lantern down\nlet every window shine\nuntil the morning light"


async def texts(browser: Browser, nodes: Nodes, info: Mapping[str, Any]) -> list[str]:
    """LRC, SRT, words and report of the node `timed`."""
    shown: Nodes = {
        **nodes,
        **{f"text{slot}": ("PreviewAny", {"source": ["timed", slot]}) for slot in range(4)},
    }
    outcome = succeeded(await browser.run(prompt_of(shown, info)))
    return [outcome.outputs[f"text{slot}"]["text"][0] for slot in range(4)]


def timed(**inputs: Any) -> tuple[str, dict[str, Any]]:
    defaults = {"language": "auto", "model": "English, 378 MB", "download": False}
    return "AIGatewayTimedLyrics", {**defaults, **inputs}


async def test_a_network_of_the_models_folder_aligns_speech(browser: Browser):
    info = await browser.node_info()
    await browser.upload("lantern.ogg", (SPEECH / "lantern.ogg").read_bytes())
    facts = json.loads((SPEECH / "speech.json").read_text("utf-8"))["lantern"]
    inputs = {"audio": ["sound", 0], "lyrics": ["network", 0], "method": "align"}
    lrc, srt, words, report = await texts(
        browser,
        {
            "sound": ("LoadAudio", {"audio": "lantern.ogg"}),
            "network": ("TestSmallNetwork", {"lyrics": facts["lyrics"], "pack": str(pack.ROOT)}),
            "timed": timed(**inputs),
        },
        info,
    )
    assert report == "100 % of the words were found, in 2 of 2 lines"
    starts = [word["start"] for word in json.loads(words)]
    assert np.median(np.abs(np.subtract(starts, facts["starts"]))) <= 0.06
    assert [len(line) > 10 for line in lrc.splitlines()] == [True, True, False]
    assert " --> " in srt


async def test_a_transcription_of_the_gateway_times_a_song(browser: Browser, host: Host):
    info = await browser.node_info()
    before = len(host.gateway.bill()["answers"])
    request = {"prompt": "slow ballad with voice", "duration": 24.0, "lyrics": SONG}
    inputs = {"audio": ["load", 0], "lyrics": SONG, "method": "ask"}
    lrc, _, words, report = await texts(
        browser,
        {
            "ask": ("AIGatewayPromptToMusic", {**request, "format": "wav"}),
            "poll": ("AIGatewayPollJob", {"job": ["ask", 0]}),
            "load": (
                "AIGatewayLoadAudioURL",
                {"url": ["poll", 0], "sample_rate": "original", "channels": "original"},
            ),
            "timed": timed(**inputs),
        },
        info,
    )
    assert "in 3 of 3 lines" in report
    assert [word["word"] for word in json.loads(words)] == SONG.split()
    assert len([line for line in lrc.splitlines() if len(line) > 10]) == 3
    assert len(host.gateway.bill()["answers"]) == before + 1


async def test_a_missing_model_file_is_named_with_comfyuis_folder(browser: Browser):
    info = await browser.node_info()
    await browser.upload("lantern.ogg", (SPEECH / "lantern.ogg").read_bytes())
    inputs = {"audio": ["sound", 0], "lyrics": SONG, "method": "align"}
    nodes: Nodes = {
        "sound": ("LoadAudio", {"audio": "lantern.ogg"}),
        "timed": timed(**inputs, model="German, 378 MB"),
        "text": ("PreviewAny", {"source": ["timed", 0]}),
    }
    outcome = await browser.run(prompt_of(nodes, info))
    assert outcome.ending.kind == "execution_error"
    assert "audio_encoders" in outcome.ending.data["exception_message"]
    assert "turn on download" in outcome.ending.data["exception_message"]

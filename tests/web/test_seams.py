"""In a real browser: a seam is heard again and again, of a loop, of a join and of a track."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr

from .canvas import Canvas
from .conftest import Host, Open
from .test_game_examples import BOTH, played, written

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect

# Notes what an audio graph of the page plays.
LISTEN = """() => {
  const { start } = AudioBufferSourceNode.prototype;
  window.heard = [];
  AudioBufferSourceNode.prototype.start = function (...rest) {
    const { buffer, loop } = this;
    window.heard.push({ rate: buffer.sampleRate, loop, samples: [...buffer.getChannelData(0)] });
    return start.apply(this, rest);
  };
}"""


def press(canvas: Canvas, player: Any, label: str) -> dict[str, Any]:
    """What is heard after a press on the button of a seam."""
    count = canvas.page.evaluate("() => window.heard.length")
    player.get_by_role("button", name=label).click()
    canvas.page.wait_for_function("(count) => window.heard.length > count", arg=count)
    return canvas.page.evaluate("() => window.heard.at(-1)")


def expected(samples: np.ndarray, rate: int, to: int, leave: float, enter: float) -> np.ndarray:
    mono = soxr.resample(samples, rate, to)
    end, start = round(leave * to), round(enter * to)
    return np.concatenate([mono[max(0, end - 2 * to) : end], mono[start : start + 2 * to]])


def is_heard(heard: dict[str, Any], wanted: np.ndarray) -> bool:
    samples = np.array(heard["samples"])
    assert len(samples) == pytest.approx(len(wanted) + 0.4 * heard["rate"], abs=4)
    length = min(len(samples), len(wanted))
    return bool(heard["loop"]) and np.corrcoef(samples[:length], wanted[:length])[0, 1] > 0.98


@BOTH
def test_the_seam_of_a_loop_is_heard_on_make_loop_and_on_save_audio(
    open_canvas: Open, nodes_2: bool, host: Host
):
    canvas = played(open_canvas, host, "Game Loops", nodes_2)
    canvas.page.evaluate(LISTEN)
    folder = written(host, "audio", "game", "wav")
    entry = json.loads((folder / "manifest.json").read_text("utf-8"))["files"][-4]
    samples, rate = soundfile.read(folder / entry["file"], always_2d=True)
    loop = entry["loop"]
    enter = loop["loop_start"] / rate
    leave = loop["loop_end"] / rate
    players = canvas.players.filter(has=canvas.page.locator(".aigateway-mark"))
    # Make Loop and two Save Audio.
    expect(players).to_have_count(3)
    for index in range(3):
        player = players.nth(index)
        if nodes_2:
            player.scroll_into_view_if_needed()
        canvas.durations()
        heard = press(canvas, player, "Hear the loop point again and again")
        assert is_heard(heard, expected(samples[:, 0], rate, heard["rate"], leave, enter))
        expect(player.locator(".aigateway-mark.aigateway-heard")).to_have_count(2)
        canvas.shot(f"seam-{nodes_2}-{index}")
        player.get_by_role("button", name="Stop the seam").click()
        expect(player.locator(".aigateway-heard")).to_have_count(0)


@BOTH
def test_a_track_of_the_music_tab_is_heard_from_its_end_into_its_beginning(
    open_canvas: Open, nodes_2: bool, host: Host, tmp_path: Path
):
    canvas = played(open_canvas, host, "Text to Music", nodes_2)
    canvas.page.evaluate(LISTEN)
    tab = canvas.open_music()
    tab.locator(".aigateway-track").first.get_by_role("button", name="Play:").click()
    dock = tab.locator(".aigateway-dock")
    track = canvas.tracks()[0]
    url = f"{host.server.url}/aigateway/tracks/{track['local_id']}/audio"
    answer = canvas.page.request.get(url, headers={"X-AIgateway-Page": "1"})
    (tmp_path / "track").write_bytes(answer.body())
    samples, rate = soundfile.read(tmp_path / "track", always_2d=True)
    heard = press(canvas, dock, "Hear the end go into the beginning again and again")
    wanted = expected(samples[:, 0], rate, heard["rate"], len(samples) / rate, 0)
    assert is_heard(heard, wanted)
    # One sound at a time: the track stops for its seam, and the seam for the track.
    expect(dock.get_by_role("button", name="Play")).to_be_visible()
    canvas.shot(f"seam-tab-{nodes_2}")
    dock.get_by_role("button", name="Play").click()
    expect(dock.locator(".aigateway-heard")).to_have_count(0)

"""In a real browser: two tracks are compared by ear."""

from __future__ import annotations

import re
import uuid
from typing import Any

import pytest

from .canvas import Canvas
from .conftest import Open
from .test_canvas import BOTH, fresh

pytestmark = pytest.mark.xdist_group("browser")
expect: Any = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is not installed"
).expect
expect.set_options(timeout=10_000)

# The elements that play are not in the document: they are noted with what measures their sound.
NOTE_SOUNDS = """() => {
  const { connect } = AudioNode.prototype;
  window.sounds = [];
  window.meters = [];
  AudioNode.prototype.connect = function (other, ...more) {
    if (this instanceof MediaElementAudioSourceNode) window.sounds.push(this.mediaElement);
    if (this instanceof GainNode && other instanceof AudioDestinationNode) {
      const meter = new AnalyserNode(this.context);
      connect.call(this, meter);
      window.meters.push(meter);
    }
    return connect.call(this, other, ...more);
  };
  window.isHeard = (meter) => {
    const samples = new Float32Array(meter.fftSize);
    meter.getFloatTimeDomainData(samples);
    return samples.some((sample) => Math.abs(sample) > 1e-3);
  };
}"""
# Both run, at one position, and one of them is heard.
TOGETHER = """(letter) => {
  const [a, b] = window.sounds;
  if (!a || !b || a.paused || b.paused) return false;
  const isNear = Math.abs(a.currentTime - b.currentTime) < 0.03;
  const [hearsA, hearsB] = window.meters.map(isHeard);
  return isNear && hearsA !== hearsB && hearsA === (letter === "A");
}"""


class Compared:
    """Takes of one prompt, in the Music tab."""

    def __init__(self, canvas: Canvas, *seconds: float) -> None:
        self.canvas = canvas
        self.page = canvas.page
        self.prompt = f"compared {uuid.uuid4().hex[:8]}"
        for take, duration in enumerate(seconds, 1):
            fresh(canvas, prompt=self.prompt, duration=duration, take=take)
            canvas.run()
            canvas.succeeded()
        self.page.evaluate(NOTE_SOUNDS)
        self.open()

    def open(self) -> None:
        self.tab = self.canvas.open_music()
        self.tab.get_by_role("searchbox").fill(self.prompt)
        self.group = self.tab.get_by_role("group", name="Comparison of two tracks")

    def row(self, take: int) -> Any:
        # Until the search is answered, other tracks are listed too.
        text = re.compile(f"{self.prompt}.* take {take} ")
        return self.tab.locator(".aigateway-track", has_text=text)

    def pick(self, take: int) -> Any:
        button = self.row(take).get_by_role("button", name="Compare by ear")
        button.focus()
        self.page.keyboard.press("Enter")
        return button

    def side(self, letter: str) -> Any:
        return self.group.locator(".aigateway-side").nth("AB".index(letter))

    def expect_heard(self, letter: str, take: int) -> None:
        text = f"{letter} plays: {self.prompt} · take {take} · "
        expect(self.group.get_by_role("status")).to_contain_text(text)
        for each in "AB":
            pressed = "true" if each == letter else "false"
            expect(self.side(each)).to_have_attribute("aria-pressed", pressed)


@BOTH
def test_two_takes_are_compared_with_the_keyboard(open_canvas: Open, nodes_2: bool) -> None:
    compared = Compared(open_canvas(nodes_2=nodes_2), 40, 40)
    picked = compared.pick(2)
    expect(picked).to_have_attribute("aria-pressed", "true")
    expect(picked).to_be_focused()
    expect(compared.group).to_contain_text("Choose another track with its A/B button.")
    compared.pick(1)
    expect(compared.group.get_by_role("button", name="Play")).to_be_focused()
    compared.page.keyboard.press("Space")
    compared.page.wait_for_function(TOGETHER, arg="A")
    compared.expect_heard("A", 2)
    before = compared.page.evaluate("() => Math.max(...sounds.map((a) => a.currentTime))")
    compared.page.keyboard.press("b")
    compared.page.wait_for_function(TOGETHER, arg="B")
    compared.expect_heard("B", 1)
    after = compared.page.evaluate("() => Math.min(...sounds.map((a) => a.currentTime))")
    assert before <= after
    compared.canvas.shot(f"compared-{nodes_2}")
    compared.page.keyboard.press("a")
    compared.expect_heard("A", 2)
    compared.group.get_by_role("button", name="Hear B").click()
    compared.expect_heard("B", 1)
    # A click into the waveform moves both.
    slider = compared.group.get_by_role("slider", name="Waveform")
    slider.focus()
    compared.page.keyboard.press("ArrowRight")
    compared.page.keyboard.press("ArrowRight")
    compared.page.wait_for_function(TOGETHER, arg="B")
    assert compared.page.evaluate("() => sounds.every((a) => a.currentTime > 10)")
    compared.group.get_by_role("button", name="Pause").click()
    compared.page.wait_for_function("() => sounds.every((audio) => audio.paused)")


def test_a_comparison_goes_on_without_the_tab_until_another_track_plays(open_canvas: Open) -> None:
    compared = Compared(open_canvas(), 40, 40)
    compared.pick(1)
    compared.pick(2)
    compared.page.keyboard.press("Space")
    compared.page.wait_for_function(TOGETHER, arg="A")
    compared.canvas.command("Workspace.ToggleSidebarTab.aigateway-music")
    compared.open()
    compared.page.wait_for_function(TOGETHER, arg="A")
    expect(compared.row(1).locator(".aigateway-letter")).to_have_text("A")
    dock = compared.tab.locator(".aigateway-dock")
    expect(dock).to_be_hidden()
    compared.row(2).get_by_role("button", name="Play").click()
    expect(dock).to_be_visible()
    expect(compared.group.get_by_role("button", name="Play")).to_be_visible()
    compared.group.get_by_role("button", name="Play").click()
    expect(dock).to_be_hidden()
    compared.group.get_by_role("button", name="Close").click()
    expect(compared.group).to_be_hidden()
    expect(compared.tab.locator(".aigateway-thumbnail .aigateway-letter")).to_have_count(0)
    assert compared.page.evaluate("() => sounds.every((audio) => audio.paused)")


def test_the_end_of_the_shorter_track_is_its_end(open_canvas: Open) -> None:
    compared = Compared(open_canvas(), 40, 6)
    compared.pick(1)
    compared.pick(2)
    compared.page.keyboard.press("Space")
    compared.page.wait_for_function(TOGETHER, arg="A")
    compared.group.get_by_role("slider", name="Waveform").focus()
    compared.page.keyboard.press("ArrowRight")
    compared.page.keyboard.press("ArrowRight")
    expect(compared.group.locator(".aigateway-time")).to_contain_text("/ 0:40")
    compared.group.get_by_role("button", name="Hear B").click()
    compared.expect_heard("B", 2)
    expect(compared.group.locator(".aigateway-time")).to_have_text("0:06 / 0:06")
    compared.group.get_by_role("button", name="Play").click()
    compared.page.wait_for_function(TOGETHER, arg="B")


def test_a_third_track_takes_the_place_that_is_not_heard(open_canvas: Open) -> None:
    compared = Compared(open_canvas(), 40, 40, 40)
    compared.pick(1)
    compared.pick(2)
    compared.page.keyboard.press("Space")
    compared.page.wait_for_function(TOGETHER, arg="A")
    compared.pick(3)
    compared.page.wait_for_function(TOGETHER, arg="A")
    expect(compared.side("B")).to_contain_text("take 3")
    compared.expect_heard("A", 1)
    # A track that is picked again leaves, and the other one is heard alone.
    compared.pick(1)
    expect(compared.row(1).locator(".aigateway-letter")).to_have_count(0)
    expect(compared.side("A")).to_contain_text("Choose another track")

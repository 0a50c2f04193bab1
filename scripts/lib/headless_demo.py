"""The demo without ComfyUI: the pack's nodes run the workflow file."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

import soundfile
from platformdirs import user_data_path

from ...api.base.errors import GatewayError
from ...api.money.prices import BUILT_IN_PRICES
from ...audio.arrays import MediaError
from ...audio.draw import draw_waveform
from . import graph, headless

REQUEST = "AIGatewayPromptToMusic"
SAVE = "AIGatewaySaveAudio"
BAR = 30


def play(
    workflow: Path, chosen: Mapping[str, Any], file_format: str | None, output: Path, data: Path
) -> int:
    """Run the workflow with the chosen values of the request, and print the result.

    Files go to `output`. The ledger goes to the platform's folder for user data, so that paid
    tracks outlive this clone. The rest goes to `data`. Returns the process's exit code.
    """
    ledger = user_data_path("aigateway-music", appauthor=False)
    os.environ.setdefault("AIGATEWAY_DATA_DIR", str(ledger))
    screen = Screen()

    async def run() -> None:
        canvas = graph.load(workflow)
        headless.configure(output, data)
        headless.watch(
            lambda node_id, value, total: screen.progress(value, total),
            lambda node_id, text: screen.text(text),
        )
        nodes = await headless.load_nodes()
        info = headless.describe(nodes)
        prompt = graph.to_prompt(canvas, info)
        request = prompt[graph.node_of(prompt, REQUEST)]["inputs"]
        request.update(chosen)
        if file_format is not None:
            graph.choose(prompt, info, SAVE, "format", file_format)
        results = await headless.run(prompt, nodes, canvas, lambda node_id, name: screen.step(name))
        audio, path = results[graph.node_of(prompt, SAVE)]
        _tell(screen, audio, output / path, request["model"])

    try:
        asyncio.run(run())
    except (GatewayError, MediaError, graph.GraphError) as error:
        # These messages are for the user; any other error is a fault and keeps its traceback.
        screen.settle()
        print(error, file=sys.stderr)
        return 1
    return 0


def _tell(screen: Screen, audio: Mapping[str, Any], file: Path, model: str) -> None:
    read = soundfile.info(str(file))
    seconds = read.frames / read.samplerate
    screen.line()
    screen.line(f"File:     {file}")
    screen.line(
        f"Duration: {seconds:.3f} s, {read.frames} samples at {read.samplerate} Hz, "
        f"{read.channels} channels (read back from the file)"
    )
    per_second = BUILT_IN_PRICES.get(model)
    if per_second is None:
        screen.line(f"Live:     the price of {model} is unknown")
    else:
        screen.line(f"Live:     ${per_second * seconds:.4f} (${per_second:g} a second of {model})")
    drawing = file.with_suffix(".png")
    drawing.write_bytes(draw_waveform(audio["waveform"][0], audio["sample_rate"]))
    screen.line(f"Picture:  {drawing}")


class Screen:
    """Prints steps, progress and texts; to a file only their last state."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._live = self._out.isatty()
        self._width = 0
        self._bar = ""
        self._text = ""

    def step(self, name: str) -> None:
        self.settle()
        self._print(name)

    def progress(self, value: float, total: float) -> None:
        done = min(max(value / total, 0.0), 1.0) if total > 0 else 0.0
        filled = round(done * BAR)
        self._bar = f"  [{'#' * filled}{'-' * (BAR - filled)}] {done:4.0%}"
        self._refresh()

    def text(self, text: str) -> None:
        self._text = " | ".join(text.splitlines())
        self._refresh()

    def line(self, text: str = "") -> None:
        self.settle()
        self._print(text)

    def settle(self) -> None:
        """End the changing line; it stays as it is."""
        if self._live and self._width:
            self._out.write("\n")
        elif self._bar or self._text:
            self._print("  ".join(part for part in (self._bar, self._text) if part))
        self._width = 0
        self._bar = self._text = ""

    def _refresh(self) -> None:
        if self._live:
            shown = f"{self._bar}  {self._text}"[:100].rstrip()
            self._out.write(f"\r{shown.ljust(self._width)}")
            self._out.flush()
            self._width = len(shown)

    def _print(self, text: str) -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

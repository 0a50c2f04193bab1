"""The demo's output: one line for each step, and a line below that changes."""

from __future__ import annotations

import sys
from typing import TextIO

BAR = 30


class Screen:
    """Prints steps, progress and texts; to a file only their last state."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = sys.stdout if out is None else out
        self._live = self._out.isatty()
        self._width = 0
        self._bar = ""
        self._said = ""

    def step(self, name: str) -> None:
        self.settle()
        self._print(name)

    def progress(self, value: float, total: float) -> None:
        done = min(max(value / total, 0.0), 1.0) if total > 0 else 0.0
        filled = round(done * BAR)
        self._bar = f"  [{'#' * filled}{'-' * (BAR - filled)}] {done:4.0%}"
        self._refresh()

    def text(self, said: str) -> None:
        self._said = " | ".join(said.splitlines())
        self._refresh()

    def line(self, said: str = "") -> None:
        self.settle()
        self._print(said)

    def settle(self) -> None:
        """End the changing line; it stays as it is."""
        if self._live and self._width:
            self._out.write("\n")
        elif self._bar or self._said:
            self._print("  ".join(part for part in (self._bar, self._said) if part))
        self._width = 0
        self._bar = self._said = ""

    def _refresh(self) -> None:
        if self._live:
            shown = f"{self._bar}  {self._said}"[:100].rstrip()
            self._out.write(f"\r{shown.ljust(self._width)}")
            self._out.flush()
            self._width = len(shown)

    def _print(self, said: str) -> None:
        self._out.write(f"{said}\n")
        self._out.flush()

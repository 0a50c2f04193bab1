"""The table that every benchmark prints: our figure, a peer's from the same run, and the goal."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

RUN = Path(__file__).with_name("run.py")
"""The command that starts a benchmark, also for its own processes."""


def arguments(doc: str | None) -> argparse.ArgumentParser:
    """A parser with what all benchmarks understand, `--json` and `--small`; `doc` describes it."""
    parser = argparse.ArgumentParser(description=(doc or "").splitlines()[0])
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    parser.add_argument(
        "--small", action="store_true", help="a few seconds, to see that it runs: no fair figures"
    )
    return parser


class Row(NamedTuple):
    """One comparison. `ratio` is ours to the peer's, smaller is better; `goal` is its bound."""

    name: str
    ours: float
    peer: float
    ratio: float
    goal: float | None = None

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or an empty string without a goal or without a peer."""
        if self.goal is None or math.isnan(self.ratio):
            return ""
        return "met" if self.ratio <= self.goal else "missed"


def compare(name: str, ours: float, peer: float, goal: float | None = None) -> Row:
    """A row whose ratio is `ours` divided by `peer`; infinite where the peer's figure is 0."""
    return Row(name, ours, peer, ours / peer if peer else float("inf"), goal)


def report(rows: Sequence[Row], json_path: Path | None = None) -> None:
    """Print `rows` as a table, and write them to `json_path` as a list of objects."""
    print(table(rows))
    if json_path is not None:
        json_path.write_text(json.dumps([row._asdict() for row in rows], indent=2) + "\n")


def table(rows: Sequence[Row]) -> str:
    """`rows` as text, one on each line, and how many goals were met."""
    header = ("", "ours", "peer", "ratio", "goal", "")
    lines = [
        (
            row.name,
            _number(row.ours),
            _number(row.peer),
            _number(row.ratio),
            "" if row.goal is None else f"<= {_number(row.goal)}",
            row.verdict,
        )
        for row in rows
    ]
    widths = [max(len(cell) for cell in column) for column in zip(header, *lines, strict=True)]
    texts = [
        "  ".join(
            cell.ljust(width) if index in (0, 5) else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in [header, *lines]
    ]
    goals = [row for row in rows if row.goal is not None]
    met = sum(row.verdict == "met" for row in goals)
    return "\n".join([*texts, f"{met} of {len(goals)} goals met"])


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"

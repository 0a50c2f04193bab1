"""Shared by parent and child processes: the plan of a child, and the files that outlive it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import NamedTuple

SCALE = 1 / 60
"""Factor for every time of the gateway and of the client."""


class Plan(NamedTuple):
    """The work of one child.

    It makes `upto` requests in all; None means no end. It kills itself just before the `left`-th
    `moment`. With "" as the moment it works to the end and writes the number of each moment into
    the file `moments`. With None it watches no moments.
    """

    folder: str
    base_url: str
    at_once: int
    upto: int | None
    moment: str | None = None
    left: int = 0


class Diary:
    """The user's knowledge, in files that outlive a child.

    `asked` has the number of every request. `reported` has the number and the take of each request
    whose submit was reported as uncertain. `given` has the number and the `local_id` of every track
    that was delivered. `answered` has the number and the `local_id` of every answer. `unanswered`
    has the number and the turn of each question that was reported as uncertain.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, name: str, line: str) -> None:
        # One write of a few bytes in append mode is atomic.
        with (self._folder / name).open("ab", buffering=0) as file:
            file.write(f"{line}\n".encode())

    def read(self, name: str) -> list[str]:
        path = self._folder / name
        return path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []

    def asked(self) -> set[int]:
        return {int(line) for line in self.read("asked")}

    def reported(self) -> Counter[int]:
        """The number of reported takes by request."""
        takes = {tuple(map(int, line.split())) for line in self.read("reported")}
        return Counter(number for number, _ in takes)

    def given(self) -> dict[int, str]:
        pairs = (line.split() for line in self.read("given"))
        return {int(number): local_id for number, local_id in pairs}

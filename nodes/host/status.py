"""The status line and the progress bar of the running node.

A status text is a key and values. The page shows it in its own language. The English words are in
`locales/en/main.json`: scripts, and pages without the pack's JavaScript, show them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ...api.base.plain_text import plain
from .prompt_server import running_client, tell
from .running import executing_context, node_id

_WORDS = Path(__file__).resolve().parents[2] / "locales" / "en" / "main.json"
_NO_VALUES: Mapping[str, str] = MappingProxyType({})
_MAX_STATUS = 400


class StatusText(NamedTuple):
    """A sentence by its key in the pack's words.

    Attributes:
        values: replace `{name}` in the words.
        more: sentences that follow it.
        text: the line in English, if it has more facts than the words.
    """

    key: str
    values: Mapping[str, str] = _NO_VALUES
    more: tuple[StatusText, ...] = ()
    text: str = ""

    def __str__(self) -> str:
        """The line in English."""
        if self.text:
            return self.text
        words = _words()[self.key]
        line = re.sub(r"\{(\w+)\}", lambda found: plain(self.values[found[1]]), words)
        return " · ".join([line, *map(str, self.more)])

    def parts(self) -> list[dict[str, object]]:
        """The sentences in the form that the page reads."""
        values = {name: plain(value) for name, value in self.values.items()}
        mine = {"key": self.key, "values": values}
        return [mine, *(part for each in self.more for part in each.parts())]


def status_text(key: str, *more: StatusText | None, **values: object) -> StatusText:
    """The sentence `status_<key>`. Items of `more` that are None are dropped."""
    texts = {name: str(value) for name, value in values.items()}
    return StatusText(f"status_{key}", texts, tuple(each for each in more if each is not None))


def as_is(line: str) -> StatusText:
    """A sentence that the page shows without translation."""
    return status_text("text", text=line)


@functools.cache
def _words() -> dict[str, str]:
    return json.loads(_WORDS.read_text("utf-8"))["aigateway"]


def show_status(line: str | StatusText) -> None:
    """Show a line under the running node, on the page that queued the graph.

    The page gets text, never markup. It shows a `StatusText` in its own language.
    """
    context = executing_context()
    if context is None:
        return
    has_parts = isinstance(line, StatusText)
    status = {
        "node": context.node_id,
        "prompt_id": context.prompt_id,
        "text": plain(str(line), _MAX_STATUS),
        "parts": line.parts() if has_parts else [],
    }
    tell("aigateway_status", status, running_client())


class Display:
    """The status line and the progress bar of the running node. Only changes are sent."""

    def __init__(self) -> None:
        self._line: str | StatusText = ""
        self._percent = -1

    def show(self, line: str | StatusText, fraction: float | None = None) -> None:
        """Show a line and the progress, 0 to 1. The bar never moves backwards."""
        if line != self._line:
            self._line = line
            show_status(line)
        percent = -1 if fraction is None else int(100 * fraction)
        if percent > self._percent:
            import comfy.utils

            self._percent = percent
            comfy.utils.ProgressBar(100, node_id=node_id()).update_absolute(percent, 100)

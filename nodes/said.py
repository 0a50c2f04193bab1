"""What a status line says: a key and values, which the page says in its own language.

The English words are those of `locales/en/main.json`: scripts, and pages without ours, read them.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ..api.plain_text import plain

_WORDS = Path(__file__).resolve().parent.parent / "locales" / "en" / "main.json"
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Said(NamedTuple):
    """A sentence by its key in the pack's words.

    Attributes:
        values: replace `{name}` in the words.
        more: sentences that follow it.
        text: the line in English where it says more than the words.
        step: the next step that the line offers, "" for none: a name in `web/js/next_steps.js`.
    """

    key: str
    values: Mapping[str, str] = _NOTHING
    more: tuple[Said, ...] = ()
    step: str = ""
    text: str = ""

    def __str__(self) -> str:
        """The line in English."""
        if self.text:
            return self.text
        words = _words()[self.key]
        line = re.sub(r"\{(\w+)\}", lambda found: plain(self.values[found[1]]), words)
        return " · ".join([line, *map(str, self.more)])

    def parts(self) -> list[dict[str, object]]:
        """The sentences as the page reads them."""
        values = {name: plain(value) for name, value in self.values.items()}
        mine = {"key": self.key, "values": values}
        return [mine, *(part for each in self.more for part in each.parts())]


def said(key: str, *more: Said | None, step: str = "", **values: object) -> Said:
    """The sentence `status_<key>`; those that are None are left out of `more`."""
    texts = {name: str(value) for name, value in values.items()}
    return Said(f"status_{key}", texts, tuple(each for each in more if each is not None), step)


def as_is(line: str) -> Said:
    """A sentence that the page shows as it is."""
    return said("text", text=line)


@functools.cache
def _words() -> dict[str, str]:
    return json.loads(_WORDS.read_text("utf-8"))["aigateway"]

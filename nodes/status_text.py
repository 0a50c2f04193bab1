"""Text for a node's status line, which frontends up to 1.43 render as HTML and newer ones do not.

The older frontend (`TextPreviewWidget` of 1.35.9) makes links of addresses and of
`[[text|address]]`, and sets all else as HTML. The newer one (`WidgetTextPreview` of 1.49.6) shows
the characters as they are, or as Markdown where the user asks for it. HTML entities would be read
wrong there, so a character that means something to either is replaced by one that looks like it.
"""

from __future__ import annotations

import re

from ..api.errors import DASHBOARD_URL
from ..api.plain_text import plain

MAX_STATUS = 400

_LOOK_ALIKES = str.maketrans({"<": "‹", ">": "›", "`": "ˋ"})  # noqa: RUF001
_ENTITY = re.compile(r"&(?=#|\w+;)")
_BRACKETS = re.compile(r"\[(?=\[)|\](?=[(\[:])")
# The older frontend's own place-holder of a link.
_PLACE_HOLDER = re.compile(r"__(?=LNK)")
# What either makes a link of: a scheme with its slashes, or a host that begins with www.
_LINK = re.compile(r"(?i)(\w+):(?=//)|\b(mailto|xmpp):|\b(www)\.")
# What the older frontend takes for a part of an address.
_ADDRESS = r"[-A-Za-z0-9+&@#/%?=~_|!:,.;]*[-A-Za-z0-9+&@#/%=~_|]"
_OWN_LINK = re.compile(rf"(?<![\w\[|/.-]){re.escape(DASHBOARD_URL)}(?!{_ADDRESS})")


def status_text(text: str) -> str:
    """`text` as one line that every frontend shows as it reads; the only link is our own."""
    line = plain(text, MAX_STATUS)
    parts = _OWN_LINK.split(line)
    return DASHBOARD_URL.join(_inert(part) for part in parts)


def _inert(text: str) -> str:
    text = _ENTITY.sub("＆", text.translate(_LOOK_ALIKES))  # noqa: RUF001
    text = _PLACE_HOLDER.sub("_ _", _BRACKETS.sub(lambda found: f"{found[0]} ", text))
    return _LINK.sub(_without_link, text)


def _without_link(found: re.Match[str]) -> str:
    word = found[1] or found[2]
    return f"{word}：" if word else f"{found[3]}．"  # noqa: RUF001

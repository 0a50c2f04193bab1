"""Detect text that a server sent instead of audio."""

from __future__ import annotations

import re

from ..arrays import MediaError


def refuse_text(head: bytes) -> None:
    """MediaError if `head`, the start of a file, is empty or text.

    The message does not quote the file: perhaps only this machine may read its address.
    """
    if not head:
        raise MediaError(
            "The file is empty: expected audio, got 0 bytes; check that the address is that of "
            "the audio and that it has not expired."
        )
    kind = text_kind(head)
    if kind is not None:
        raise MediaError(
            f"This is {kind}, not audio: check that the address is that of the audio itself and "
            "that it has not expired."
        )


def text_kind(head: bytes) -> str | None:
    """ "a web page" or "text" if `head`, the start of a file, is one; else None."""
    text = _as_text(head)
    if text is None:
        return None
    page = re.match(r"\s*<(!doctype|html|\?xml|head|body)", text, re.I)
    return "a web page" if page else "text"


def _as_text(head: bytes) -> str | None:
    encoding = "utf-16" if head[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = head.decode(encoding)
    except UnicodeDecodeError as error:
        if error.start < len(head) - 4:
            return None
        # The last character of `head` may be incomplete.
        text = head[: error.start].decode(encoding, "ignore")
    readable = all(char.isprintable() or char in "\t\r\n\f" for char in text)
    return text if readable and text else None

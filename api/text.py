"""Text from links, scripts and files, in one form for the same words; and amounts as text."""

from __future__ import annotations

import re
import unicodedata

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Control characters but tab and line feed, and halves of a surrogate pair: no file, database or
# HTTP body can be trusted with them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
# Marks of an encoding and zero-width characters, which some editors leave at an end of a text.
_EDGES = "\ufeff\u200b\u2060"
# Letters and symbols by their category that nevertheless show nothing.
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0" + REPLACEMENT)


def clean(text: str) -> str:
    """`text` in NFC with LF line ends; what cannot be printed becomes U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _PAIR.sub(_joined, text)
    return unicodedata.normalize("NFC", _UNPRINTABLE.sub(REPLACEMENT, text))


def trimmed(text: str) -> str:
    """`text` without blanks and zero-width characters at its ends."""
    before = None
    while text != before:
        before, text = text, text.strip().strip(_EDGES)
    return text


def shortened(text: str, length: int) -> str:
    """The first words of `text` on one line, with at most `length` characters and an ellipsis."""
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[: length + 1]
    # A text without blanks is cut within its only word.
    words = cut.rpartition(" ")[0] or line[:length]
    return f"{words}…"


def is_blank(text: str) -> bool:
    """Whether nothing in `text` can be seen."""
    return not any(map(_is_visible, text))


def _is_visible(character: str) -> bool:
    # C: control, format, surrogate, unassigned. Z: separators. M: marks, which need a letter.
    return unicodedata.category(character)[0] not in "CZM" and character not in _INVISIBLE


def _joined(pair: re.Match[str]) -> str:
    """The character that a surrogate pair stands for; JSON from a script may arrive so."""
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")


def dollars(amount: float | None) -> str:
    """An amount for people: `$0.006`, `$24.00`, `an unknown price`."""
    if amount is None:
        return "an unknown price"
    if amount >= 0.1 or amount == 0:
        return f"${amount:.2f}"
    return f"${amount:.4f}".rstrip("0") if amount >= 5e-5 else "less than $0.0001"

"""Text from elsewhere: as one line for a message, and in one form for the same words.

Texts from workflow files, gateways, web pages, links and scripts reach a log, a terminal, the page
or a request. They may quote an API key, plain or in a usual encoding. The key is kept out of every
text that leaves.
"""

from __future__ import annotations

import base64
import re
import threading
import unicodedata

# A shorter key is an ordinary word, and would be removed from ordinary texts.
_SHORTEST = 8
# A process sees few keys: those of the settings, one after the other.
_MOST_KEYS = 16
# Also hide any text shaped like a key, not only ours.
_ANY_KEY = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")

_hidden: dict[str, tuple[re.Pattern[str], str]] = {}
_lock = threading.Lock()

MAX_MESSAGE = 2000

# Terminal commands (ECMA-48): a control sequence, an operating system command, or any other.
_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b.?",
    re.DOTALL,
)
_BLANKS = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# Scripts and emoji need these two joiners; all other such characters hide or reorder text.
_JOINERS = "\u200c\u200d"
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"

# Control characters but tab and line feed, and halves of a surrogate pair: no file, database or
# HTTP body can be trusted with them.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
# Blanks, and marks of an encoding and zero-width characters, which some editors leave at an end.
_EDGES = "\ufeff\u200b\u2060" + "".join(each for each in map(chr, range(0x3001)) if each.isspace())
# Letters and symbols, by their category, that show nothing on the screen.
_INVISIBLE = frozenset("\u115f\u1160\u2800\u3164\uffa0" + REPLACEMENT)


# API keys


def hide(key: str, hint: str) -> None:
    """From now on, `without_keys` shows `hint` in place of `key`. The last 16 keys are known."""
    if len(key) < _SHORTEST or key in _hidden:
        return
    with _lock:
        _hidden[key] = re.compile("|".join(_forms(key))), hint
        while len(_hidden) > _MOST_KEYS:
            del _hidden[next(iter(_hidden))]


def without_keys(text: str) -> str:
    """`text` without API keys: plain, JSON-escaped, percent-encoded, as HTML, base64 or hex."""
    for pattern, hint in list(_hidden.values()):
        text = pattern.sub(lambda _, hint=hint: hint, text)
    return _ANY_KEY.sub("sk-…", text)


def _forms(key: str) -> list[str]:
    """Patterns of a key. Each of its characters may be escaped in another way."""
    content = key.encode()
    return ["".join(map(_escaped, key)), *_base64(content), f"(?i:{content.hex()})"]


def _escaped(character: str) -> str:
    code = ord(character)
    pair = f"(?:25)*{code:02x}"
    others = rf"%{pair}|\\+u00{code:02x}|\\+x{code:02x}|&#0*{code};|&#x0*{code:x};"
    return rf"(?:{re.escape(character)}|\\+{re.escape(character)}|(?i:{others}))"


def _base64(content: bytes) -> list[str]:
    """The characters of base64 (RFC 4648) that the key alone decides, wherever it begins."""
    forms = []
    for before, skipped in enumerate((0, 2, 3)):
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(bytes(before) + content).decode()
            whole = text.rstrip("=")
            # The last character before the padding also holds bits of the text that follows.
            inner = whole[skipped:] if whole == text else whole[skipped:-1]
            forms.append(re.escape(inner))
    return list(dict.fromkeys(forms))


# For messages


def plain(text: str, limit: int = MAX_MESSAGE) -> str:
    """`text` as one line without keys, terminal commands, control and bidirectional characters.

    A line longer than `limit` characters loses its middle: a message ends with what to do.
    """
    line = _BLANKS.sub(" ", _ANSI.sub("", text))
    line = "".join(
        each for each in line if each in _JOINERS or unicodedata.category(each) not in _HIDDEN
    )
    # Hidden characters may stand within a key, and the cut may leave half of a key.
    line = without_keys(line)
    if len(line) <= limit:
        return line
    tail = limit // 4
    return f"{line[: limit - tail - 3]} … {line[-tail:]}"


def dollars(amount: float | None) -> str:
    """An amount for people: `$0.006`, `$24.00`, `an unknown price`."""
    if amount is None:
        return "an unknown price"
    if amount >= 0.1 or amount == 0:
        return f"${amount:.2f}"
    return f"${amount:.4f}".rstrip("0") if amount >= 5e-5 else "less than $0.0001"


# For requests


def clean(text: str) -> str:
    """`text` in NFC with LF line ends; characters that cannot be printed become U+FFFD."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _PAIR.sub(_joined, text)
    return unicodedata.normalize("NFC", _UNPRINTABLE.sub(REPLACEMENT, text))


def trimmed(text: str) -> str:
    """`text` without blanks and zero-width characters at its ends."""
    return text.strip(_EDGES)


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
    """Whether `text` shows nothing that a person can see."""
    return not any(map(_is_visible, text))


def _is_visible(character: str) -> bool:
    # C: control, format, surrogate, unassigned. Z: separators. M: marks, which need a letter.
    return unicodedata.category(character)[0] not in "CZM" and character not in _INVISIBLE


def _joined(pair: re.Match[str]) -> str:
    """The character that a surrogate pair stands for; JSON from a script may arrive so."""
    return pair[0].encode("utf-16-le", "surrogatepass").decode("utf-16-le")

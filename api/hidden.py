"""Keep API keys out of every text that leaves: messages, logs, the page, files, the ledger.

Gateways, web pages and libraries may quote a key, as it is or in one of the usual encodings.
"""

from __future__ import annotations

import base64
import re
import threading

# A shorter key is an ordinary word, and texts would lose that word.
_SHORTEST = 8
# A process sees few keys: those of the settings, one after the other.
_MOST_KEYS = 16
# What looks like a key is none of anybody's business, whether it is ours or not.
_ANY_KEY = re.compile(r"\bsk-[A-Za-z0-9_-]{16,}")

_hidden: dict[str, tuple[re.Pattern[str], str]] = {}
_lock = threading.Lock()


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
            # The last character before the padding has bits of what follows.
            inner = whole[skipped:] if whole == text else whole[skipped:-1]
            forms.append(re.escape(inner))
    return list(dict.fromkeys(forms))

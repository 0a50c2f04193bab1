"""Text from elsewhere as one line that cannot pretend to be anything else.

Workflow files, gateways and web pages give texts that end in a log, a terminal or the page.
"""

from __future__ import annotations

import re
import unicodedata

from .hidden import without_keys

MAX_MESSAGE = 2000

# Terminal commands (ECMA-48): a control sequence, an operating system command, or any other.
_ANSI = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b\]|\x9d)[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x1b.?",
    re.DOTALL,
)
_BLANKS = re.compile(r"[\t\n\v\f\r\x1c-\x1f\x85\u2028\u2029]+")
# Scripts and emoji need these two joiners; all else of their kind hides or reorders text.
_JOINERS = "\u200c\u200d"
_HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn")


def plain(text: str, limit: int = MAX_MESSAGE) -> str:
    """`text` as one line without keys, terminal commands, control and bidirectional characters.

    A line longer than `limit` characters loses its middle: a message ends with what to do.
    """
    line = _BLANKS.sub(" ", _ANSI.sub("", text))
    line = "".join(
        each for each in line if each in _JOINERS or unicodedata.category(each) not in _HIDDEN
    )
    # Characters that hide could have stood within a key, and the cut could leave half of one.
    line = without_keys(line)
    if len(line) <= limit:
        return line
    tail = limit // 4
    return f"{line[: limit - tail - 3]} … {line[-tail:]}"

"""Hints for a person before a request is bought. A hint never refuses a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .request import MusicRequest


# Seconds that singers need for a line, and that an intro and an outro take together.
_LINE = (3, 5)
_ENDS = 15
# The sentence rounds to this many seconds.
_STEP = 5
# ACE-Step's text encoder cuts the description of the style after this many tokens.
_STYLE_TOKENS = 256
_CUTS_STYLE = ("ace-step", "auto/")
# A sentencepiece model of many languages has about one token for this many letters of a word, and
# one token for each character of Han, kana or hangul.
_LETTERS = 6
_SIGN = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
_TAG = re.compile(r"[\[【]([^\]】]*)[\]】]")
# Names of a song's parts that ACE-Step and similar models know.
_SECTIONS = re.compile(
    r"intro|verse|chorus|hook|refrain|bridge|break|build|drop|solo|inst|interlude|outro|end|coda"
    r"|spoken|rap|vocal|ad.?lib|silence|fade"
    r"|前奏|主歌|副歌|桥|间奏|独奏|尾声|尾奏"
)


class Hint(NamedTuple):
    """One hint.

    Attributes:
        kind: `price`, `short`, `tag`, `style` or `same`.
        values: the values in the hint's sentence.
    """

    kind: str
    values: dict[str, int | float | str]

    @property
    def sentence(self) -> str:
        return _SENTENCES[self.kind].format(**self.values)


_SENTENCES = {
    "price": "the model list has ${listed} a second for {model}; its last track cost ${last} a "
    "second",
    "short": "the lyrics need about {low} to {high} s (lines to sing: {lines}); "
    "the length is {seconds:g} s",
    "tag": "the section tag [{tag}] is unknown; known ones are [verse], [chorus] and [bridge]",
    "style": "the prompt has about {tokens} tokens, and the model reads {limit} of them",
    "same": "the takes {takes} came back as the same file, which is a fault of the gateway",
}


def hints_for(
    request: MusicRequest,
    same_takes: Sequence[int] = (),
    price_fall: tuple[float, float] | None = None,
) -> list[Hint]:
    """The hints on one request.

    Args:
        same_takes: earlier takes of the request whose files are all the same.
        price_fall: see `prices.price_fall`.
    """
    hints = []
    if price_fall is not None:
        listed, last = map(_amount, price_fall)
        hints.append(Hint("price", {"model": request.model, "listed": listed, "last": last}))
    if "lyrics" not in request.ignored_inputs():
        hints += _on_lyrics(request.lyrics, request.duration)
    tokens = _tokens(request.prompt)
    if tokens > _STYLE_TOKENS and any(part in request.model for part in _CUTS_STYLE):
        hints.append(Hint("style", {"tokens": tokens, "limit": _STYLE_TOKENS}))
    if len(same_takes) > 1:
        hints.append(Hint("same", {"takes": ", ".join(map(str, sorted(same_takes)))}))
    return hints


def _amount(dollars: float) -> str:
    """An amount with its first three digits: `0.8`, `0.00001`."""
    return f"{float(f'{dollars:.3g}'):.12f}".rstrip("0").rstrip(".")


def _on_lyrics(lyrics: str, duration: float) -> list[Hint]:
    lines = [line.strip() for line in lyrics.splitlines() if line.strip()]
    tags = [found[1].strip() for line in lines if (found := _TAG.fullmatch(line))]
    sung = len(lines) - len(tags)
    hints = [Hint("tag", {"tag": tag[:30]}) for tag in dict.fromkeys(tags) if not _is_section(tag)]
    low, high = (sung * line + _ENDS for line in _LINE)
    low, high = low - low % _STEP, high + -high % _STEP
    if sung and duration < low:
        values = {"lines": sung, "low": low, "high": high, "seconds": duration}
        hints.insert(0, Hint("short", values))
    return hints


def _is_section(tag: str) -> bool:
    return _SECTIONS.search(tag.lower()) is not None


def _tokens(text: str) -> int:
    """The approximate number of tokens in the style."""
    signs = len(re.findall(_SIGN, text))
    words = re.findall(r"\w+|[^\w\s]", re.sub(_SIGN, " ", text))
    return signs + sum(-(-len(word) // _LETTERS) for word in words)

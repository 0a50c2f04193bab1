"""Lyrics to a song's form: kinds of sections, and the syllables of each line."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

# Tags as ACE-Step and its kin write them: [verse], [Chorus 2], 【副歌】. The first match wins.
TAGS = (
    ("intro", ("intro", "前奏")),
    ("chorus", ("chorus", "hook", "refrain", "drop", "副歌")),
    ("verse", ("verse", "主歌")),
    ("bridge", ("bridge", "break", "build", "桥", "间奏")),
    ("solo", ("solo", "inst", "interlude", "独奏")),
    ("outro", ("outro", "end", "coda", "尾声", "尾奏")),
)

# Kana, Han and hangul: about one syllable each.
SIGNS = r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3]"
# Latin and Cyrillic vowels.
VOWELS = "[aeiouy\u0430\u0435\u0438\u043e\u0443\u044b\u044d\u044e\u044f]+"


class Block(NamedTuple):
    """One part of a song: its kind, and the number of syllables of each line."""

    kind: str
    lines: tuple[int, ...]


def blocks(lyrics: str) -> list[Block]:
    """The parts of the lyrics in order. Without tags, stanzas are verse and chorus in turn."""
    found: list[tuple[str, list[int]]] = []
    tagged = False
    for line in map(str.strip, lyrics.splitlines()):
        tag = re.fullmatch(r"[\[【]([^\]】]*)[\]】]", line)
        if tag:
            found.append((kind_of(tag[1]), []))
            tagged = True
            continue
        if not line and not tagged and found and found[-1][1]:
            found.append(("chorus" if len(found) % 2 else "verse", []))
        count = syllables(re.sub(r"\[[^\]]*\]", " ", line))
        if count:
            if not found:
                found.append(("verse", []))
            found[-1][1].append(count)
    return [Block(kind, tuple(lines)) for kind, lines in found if lines or tagged]


def kind_of(tag: str) -> str:
    lowered = tag.lower()
    return next((kind for kind, words in TAGS if any(w in lowered for w in words)), "verse")


def syllables(line: str) -> int:
    """Syllables of a line: groups of vowels of a word, one for each sign of Han, kana or hangul."""
    count = 0
    for word in re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)*", line.lower()):
        signs = len(re.findall(SIGNS, unicodedata.normalize("NFC", word)))
        if signs:
            count += signs
            continue
        plain = "".join(
            c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c)
        )
        groups = len(re.findall(VOWELS, plain))
        silent_e = re.search(r"[^aeiouyl]es?$(?<!ches)(?<!shes)(?<!ses)", plain)
        if groups > 1 and silent_e:
            groups -= 1
        count += groups or min(3, 1 + len(plain) // 5)
    return count

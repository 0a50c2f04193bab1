"""Lyrics to a song's form: kinds of sections, and the syllables of each line."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

# Tags as ACE-Step and its kin write them: [verse], [Chorus 2], 【副歌】. The first match wins.
TAGS = {
    "intro": "intro|前奏",
    "chorus": "chorus|hook|refrain|drop|副歌",
    "verse": "verse|主歌",
    "bridge": "bridge|break|build|桥|间奏",
    "solo": "solo|inst|interlude|独奏",
    "outro": "outro|end|coda|尾声|尾奏",
}

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
    found: list[Block] = []
    tagged = False
    for line in map(str.strip, lyrics.lower().splitlines()):
        tag = re.fullmatch(r"[\[【]([^\]】]*)[\]】]", line)
        if tag:
            kinds = (kind for kind, words in TAGS.items() if re.search(words, tag[1]))
            found.append(Block(next(kinds, "verse"), ()))
            tagged = True
        elif not line and not tagged and found:
            found.append(Block("chorus" if len(found) % 2 else "verse", ()))
        elif count := syllables(re.sub(r"\[[^\]]*\]", " ", line)):
            kind, lines = found.pop() if found else ("verse", ())
            found.append(Block(kind, (*lines, count)))
    return [block for block in found if block.lines or tagged]


def syllables(line: str) -> int:
    """Syllables of a line: groups of vowels of a word, one for each sign of Han, kana or hangul."""
    count = 0
    for word in re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)*", line.lower()):
        signs = len(re.findall(SIGNS, unicodedata.normalize("NFC", word)))
        # Without accents, which stand behind their letters in this form.
        plain = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFD", word))
        groups = len(re.findall(VOWELS, plain))
        silent_e = re.search(r"[^aeiouyl]es?$(?<!ches)(?<!shes)(?<!ses)", plain)
        groups -= groups > 1 and silent_e is not None
        count += signs or groups or min(3, 1 + len(plain) // 5)
    return count

"""Lyrics to sections, lines and syllables."""

import re
import unicodedata
from typing import NamedTuple

# Tags as ACE-Step and its kin write them: [verse], [Chorus 2], (bridge). First match wins.
TAGS = (
    ("intro", ("intro", "前奏")),
    ("pre-chorus", ("pre-chorus", "prechorus", "pre chorus", "build", "导歌")),
    ("chorus", ("chorus", "hook", "refrain", "drop", "副歌")),
    ("verse", ("verse", "主歌")),
    ("bridge", ("bridge", "break", "桥", "间奏")),
    ("solo", ("solo", "inst", "interlude", "独奏")),
    ("outro", ("outro", "end", "coda", "尾声", "尾奏")),
)

VOWELS = "aeiou"
# Cyrillic vowels, by code point.
CYRILLIC = {0x430: "a", 0x44F: "a", 0x44D: "e", 0x435: "e", 0x438: "i", 0x44B: "i"}
CYRILLIC |= {0x43E: "o", 0x443: "u", 0x44E: "u"}


class Block(NamedTuple):
    """One tagged part of a song: its kind, and for each line the vowel of each syllable."""

    kind: str
    lines: tuple[tuple[str, ...], ...]


def blocks(lyrics: str) -> list[Block]:
    """The parts of the lyrics in order. Without tags, stanzas are verse and chorus in turn."""
    found: list[tuple[str, list[tuple[str, ...]]]] = []
    tagged = False
    for raw in lyrics.splitlines():
        line = raw.strip()
        tag = re.fullmatch(r"[\[【]([^\]】]*)[\]】]", line)
        if tag:
            found.append((kind_of(tag[1]), []))
            tagged = True
            continue
        if not line and not tagged and found and found[-1][1]:
            found.append(("chorus" if len(found) % 2 else "verse", []))
        sung = syllables(re.sub(r"\[[^\]]*\]", " ", line))
        if sung:
            if not found:
                found.append(("verse", []))
            found[-1][1].append(sung)
    return [Block(kind, tuple(lines)) for kind, lines in found if lines or tagged]


def kind_of(tag: str) -> str:
    lowered = tag.lower()
    return next((kind for kind, words in TAGS if any(w in lowered for w in words)), "verse")


def syllables(line: str) -> tuple[str, ...]:
    """The vowel (one of aeiou) of each syllable: vowel groups of a word, one for a CJK sign."""
    vowels: list[str] = []
    for word in re.findall(r"[^\W_]+(?:['\u2019][^\W_]+)*", line.lower()):
        plain = "".join(
            CYRILLIC.get(ord(char), char)
            for char in unicodedata.normalize("NFD", word)
            if not unicodedata.combining(char)
        )
        wide = [c for c in unicodedata.normalize("NFC", word) if is_syllabic(c)]
        if wide:
            vowels += [VOWELS[ord(char) % 5] for char in wide]
            continue
        groups = re.findall(r"[aeiouy]+", plain)
        silent_e = re.search(r"[^aeiouyl]es?$", plain) and not re.search(r"(ches|shes|ses)$", plain)
        if len(groups) > 1 and silent_e:
            groups.pop()
        spoken = groups or ["e"] * min(3, 1 + len(plain) // 5)
        vowels += ["i" if group[0] == "y" else group[0] for group in spoken]
    return tuple(vowels)


def is_syllabic(char: str) -> bool:
    """Han, kana or hangul: about one syllable each."""
    code = ord(char)
    return 0x3040 <= code <= 0x30FF or 0x3400 <= code <= 0x9FFF or 0xAC00 <= code <= 0xD7A3

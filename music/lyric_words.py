"""Rules that turn lyrics into sung words, and words into the letters of a model.

A lyric line is a line with at least one sung word; lines are counted from 0. Section tags, marks of
repeats and stage directions do not count as words. Words in round brackets are ad-libs: they may be
sung.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from ..audio.arrays import MediaError

MOST_CHARACTERS = 20_000
"""The act of an opera has fewer words: refuse a longer text."""

LANGUAGES = ("auto", "en", "de", "es", "fr", "it", "ja", "ko", "pt", "ru", "zh")
"""auto: the language of the model."""


class LyricWord(NamedTuple):
    """A sung word: its text with its punctuation, and its spoken form.

    Attributes:
        spoken: lower-case letters and apostrophes, digits and symbols spelled out.
        line: the lyric line.
        is_ad_lib: it stands in round brackets.
    """

    text: str
    spoken: str
    line: int
    is_ad_lib: bool = False


_SECTIONS = (
    "verse|chorus|pre-?chorus|post-?chorus|bridge|intro|outro|hook|refrain|interlude|break|"
    "instrumental|solo|guitar solo|drop|build-?up|fade-?out|end|strophe|couplet|estribillo|coro|"
    "ritornello|strofa|vers"
)
# A line that names a section: “Verse 2:”, “(Chorus x2)”, “Outro”.
_SECTION_LINE = re.compile(
    rf"\W*(?:repeat\s+)?(?:{_SECTIONS})\s*\d{{0,2}}\s*(?:[x\u00d7]\s*\d+)?\W*", re.IGNORECASE
)
_TAGS = re.compile(r"\[[^\[\]]*\]|\{[^{}]*\}|【[^【】]*】|<[^<>\s][^<>]*>")
_REPEATS = re.compile(r"[(\s][x\u00d7]\s*\d{1,2}\b\)?|\(\s*\d{1,2}\s*[x\u00d7]\s*\)", re.IGNORECASE)
_ROUND = str.maketrans("\uff08\uff09", "()")
_APOSTROPHES = str.maketrans(dict.fromkeys("\u2019\u02bc\u2018\u00b4`\uff07", "'"))
# One kana or Chinese character is a word: these languages write no spaces.
_SINGLE = re.compile(
    "[\u3041-\u3096\u30a1-\u30fa\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    "[\u3083\u3085\u3087\u30e3\u30e5\u30e7\u30fc]?"
)

_DIGITS = {
    "en": "zero one two three four five six seven eight nine",
    "de": "null eins zwei drei vier fünf sechs sieben acht neun",
    "es": "cero uno dos tres cuatro cinco seis siete ocho nueve",
    "fr": "zéro un deux trois quatre cinq six sept huit neuf",
    "it": "zero uno due tre quattro cinque sei sette otto nove",
    "pt": "zero um dois três quatro cinco seis sete oito nove",
    "ru": "nol odin dva tri chetyre pyat shest sem vosem devyat",
    "ja": "zero ichi ni san yon go roku nana hachi kyuu",
    "ko": "yeong il i sam sa o yuk chil pal gu",
    "zh": "ling yi er san si wu liu qi ba jiu",
}
_TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_AND = {"en": "and", "de": "und", "es": "y", "fr": "et", "it": "e", "pt": "e", "ru": "i"}
_PER_CENT = {"en": "percent", "de": "prozent", "fr": "pourcent", "ru": "protsent"}


def sung_words(lyrics: str, language: str = "en") -> list[LyricWord]:
    """The words of `lyrics` in their order. `language`: how digits are spoken; see `LANGUAGES`.

    Raises:
        MediaError: there are no words, too many characters, or half of a character.

    >>> [word.spoken for word in sung_words("[Verse 1]\\nOn 7th & 42nd (oh yeah)")]
    ['on', 'seventh', 'and', 'fortysecond', 'oh', 'yeah']
    """
    if len(lyrics) > MOST_CHARACTERS:
        raise MediaError(
            f"The lyrics have {len(lyrics)} characters: at most {MOST_CHARACTERS} are expected; "
            "connect the lyrics of one track."
        )
    if re.search("[\ud800-\udfff]", lyrics):
        raise MediaError(
            "The lyrics hold half of a character, such as an emoji: type that place again."
        )
    words: list[LyricWord] = []
    line = 0
    for text in _TAGS.sub("\n", lyrics.translate(_ROUND)).splitlines():
        found = [*_words_of(text, line, language)]
        words += found
        line += bool(found)
    if not words:
        what = "only tags and signs" if lyrics.strip() else "no text"
        raise MediaError(
            f"The lyrics have {what}, and no word that can be sung: connect the track's lyrics."
        )
    return words


def line_texts(words: Collection[LyricWord]) -> list[str]:
    """The text of each lyric line."""
    lines: list[list[LyricWord]] = [[] for _ in range(1 + max((w.line for w in words), default=-1))]
    for word in words:
        lines[word.line].append(word)
    return ["".join(_with_space(line)) for line in lines]


def _with_space(line: list[LyricWord]) -> Iterator[str]:
    for number, word in enumerate(line):
        both = number and _SINGLE.match(word.text) and _SINGLE.match(line[number - 1].text)
        yield word.text if not number or both else f" {word.text}"


def spoken_parts(text: str, language: str = "en") -> list[str]:
    """The words of `text` as spoken, without accents: a form in which two spellings are equal.

    >>> spoken_parts("Café 7!")
    ['cafe', 'seven']
    """
    text = unicodedata.normalize("NFC", text)
    parts = (_spoken(part, language) for word in text.split() for part in _parts(word))
    return [without_accents(part) for part in parts if part]


def without_accents(spoken: str) -> str:
    """Letters without their accents and without apostrophes."""
    letters = unicodedata.normalize("NFKD", spoken)
    return "".join(c for c in letters if not unicodedata.combining(c) and c != "'")


def _words_of(text: str, line: int, language: str) -> Iterator[LyricWord]:
    text = unicodedata.normalize("NFC", text)
    if _SECTION_LINE.fullmatch(text):
        return
    depth = 0
    for shown in _REPEATS.sub(" ", text).split():
        opened = depth + shown.count("(")
        is_ad_lib = opened > 0
        depth = max(0, opened - shown.count(")"))
        shown = "".join(c for c in shown if unicodedata.category(c) not in ("Cc", "Cf", "Co", "Cn"))
        for part in _parts(shown.replace("(", "").replace(")", "")):
            spoken = _spoken(part, language)
            if spoken:
                yield LyricWord(part, spoken, line, is_ad_lib)


def _parts(shown: str) -> Iterator[str]:
    """A text without spaces, cut at kana and Chinese characters; signs stay with their word."""
    begin = 0
    marks = [(found.start(), found.end()) for found in _SINGLE.finditer(shown)]
    for start, end in marks:
        if begin < start and any(c.isalnum() for c in shown[begin:start]):
            yield shown[begin:start]
            begin = start
        following = next(
            (place for place in range(end, len(shown)) if shown[place].isalnum()), None
        )
        stop = len(shown) if following is None else end
        while following is not None and stop < following and not shown[stop].isalnum():
            stop += 1
        yield shown[begin:stop]
        begin = stop
    if begin < len(shown):
        yield shown[begin:]


def _spoken(text: str, language: str) -> str:
    text = text.translate(_APOSTROPHES).lower().replace("&", _AND.get(language, "and"))
    text = text.replace("%", _PER_CENT.get(language, "percent"))
    text = re.sub(r"(?<=\d)[.,](?=\d{3}\b)", "", text)
    text = re.sub(r"(\d+)(st|nd|rd|th)?", lambda found: _number(found, language), text)
    return "".join(c for c in text if c.isalpha() or unicodedata.combining(c) or c == "'").strip(
        "'"
    )


def _number(found: re.Match[str], language: str) -> str:
    digits = found[1]
    if language not in ("en", "auto"):
        return _one_by_one(digits, language) + (found[2] or "")
    number = int(digits) if len(digits) <= 4 else 10_000
    if number >= 10_000 or (digits[0] == "0" and len(digits) > 1):
        return _one_by_one(digits, "en")
    if found[2]:
        return _ordinal(_english(number))
    # A number from 1100 to 2099 is usually a year.
    if 1100 <= number <= 1999 or 2010 <= number <= 2099:
        low = f"o{_english(number % 100)}" if number % 100 < 10 else _english(number % 100)
        return _english(number // 100) + (low if number % 100 else "hundred")
    return _english(number)


def _one_by_one(digits: str, language: str) -> str:
    names = _DIGITS.get(language, _DIGITS["en"]).split()
    return "".join(names[int(digit)] for digit in digits)


def _english(number: int) -> str:
    if number < 10:
        return _DIGITS["en"].split()[number]
    if number < 20:
        return _TEENS.split()[number - 10]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = number % size
            return _english(number // size) + name + (_english(rest) if rest else "")
    return _TENS.split()[number // 10 - 2] + (_english(number % 10) if number % 10 else "")


def _ordinal(name: str) -> str:
    odd = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"}
    odd |= {"nine": "ninth", "twelve": "twelfth"}
    for end, other in odd.items():
        if name.endswith(end):
            return name[: -len(end)] + other
    return f"{name[:-1]}ieth" if name.endswith("y") else f"{name}th"


# Letters that a model knows


class Spelling(NamedTuple):
    """Words in the letters of a model, and the characters without a rule."""

    letters: list[str]
    unknown: str


def spelled(words: Collection[LyricWord], alphabet: Collection[str]) -> Spelling:
    """The words in the letters of `alphabet`, in its case. A word may have no letters at all.

    A letter that the alphabet lacks loses its accents, or is written in Latin letters by a table.

    >>> spelled(sung_words("Süße Straße"), "abcdefghijklmnopqrstuvwxyz").letters
    ['susse', 'strasse']
    """
    known = {letter.lower(): letter for letter in alphabet}
    unknown: dict[str, None] = {}
    letters = []
    for word in words:
        out = ""
        for character in word.spoken:
            spelling = _letters_of(character, known)
            if spelling is None:
                unknown[character] = None
            else:
                out += spelling
        letters.append(out)
    return Spelling(letters, "".join(unknown))


def _letters_of(character: str, known: dict[str, str]) -> str | None:
    """One character in known letters; "" for a mark without a sound; None if no rule spells it."""
    if character in known:
        return known[character]
    if character == "'" or unicodedata.combining(character):
        return ""
    bare = [c for c in unicodedata.normalize("NFKD", character) if not unicodedata.combining(c)]
    if bare and all(c in known for c in bare):
        return "".join(known[c] for c in bare)
    # The table has no Korean syllables: look up their parts.
    latin = _latin(character) or "".join(map(_latin, bare))
    return "".join(known[c] for c in latin if c in known) or None


def _latin(character: str) -> str:
    if "ァ" <= character <= "ヶ":
        character = chr(ord(character) - 0x60)
    return _table().get(character, "")


@functools.cache
def _table() -> dict[str, str]:
    """Letters of other scripts in Latin letters."""
    text = Path(__file__).with_name("latin_letters.txt").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(pair.split("=") for pair in " ".join(lines).split())

"""A prompt's words to a style: genre, tempo, key, metre, mood, instruments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from random import Random
from typing import NamedTuple

from .genres import GENRES, PLAIN, Genre, waltz
from .instruments import INSTRUMENTS
from .melody import pick
from .theory import SCALES, Key

SLOWEST, FASTEST = 60.0, 190.0  # beats per minute


class Mood(NamedTuple):
    """A feeling: bright (1) or dark (-1), lively (2) or calm (-2)."""

    name: str
    words: str
    valence: int
    energy: int


MOODS: tuple[Mood, ...] = (
    Mood("calm", "calm, peaceful, gentle, quiet, tender, serene, 平静, 安静, 宁静", 0, -2),
    Mood("relaxed", "relaxed, relaxing, chill, mellow, cozy, warm, 放松, 温暖", 1, -1),
    Mood("sad", "sad, melancholy, melancholic, lonely, nostalgic, rainy, 悲伤, 忧伤, 怀旧", -1, -1),
    Mood(
        "dark", "dark, ominous, horror, scary, eerie, mysterious, gloomy, 黑暗, 恐怖, 神秘", -1, 0
    ),
    Mood("tense", "tense, tension, thriller, chase, angry, aggressive, 紧张, 愤怒", -1, 1),
    Mood("dreamy", "dreamy, floating, hazy, ethereal, romantic, love, 梦幻, 空灵, 浪漫", 1, -1),
    Mood("hopeful", "hopeful, inspiring, uplifting, optimistic, 希望, 励志", 1, 1),
    Mood(
        "happy", "happy, joyful, cheerful, upbeat, sunny, playful, bright, 欢快, 快乐, 开心", 1, 1
    ),
    Mood("epic", "epic, powerful, massive, huge, grand, heroic, 史诗, 宏大, 震撼", -1, 2),
    Mood("energetic", "energetic, driving, intense, exciting, 激昂, 活力, 动感", 0, 2),
)

BASS_WORDS = "bass, bassline, basslines, 低音"
DRUM_WORDS = "drums, drum, drummer, percussion, beat, beats, drum machine, 鼓, 打击乐, 节拍"
SOLO_WORDS = "solo, unaccompanied, alone, 独奏"
WALTZ_WORDS = "waltz, 3/4, 6/8, 三拍, 华尔兹, 圆舞曲"
SLOW_WORDS = "slow, slowly, downtempo, ballad, lullaby, 慢, 缓慢, 抒情"
FAST_WORDS = "fast, quick, uptempo, 快速, 急速"
# Words that are a tempo, in beats per minute.
TEMPOS = {"adagio": 66, "andante": 84, "moderato": 108, "allegro": 132, "presto": 176}
TEMPOS |= {"synthwave": 104, "drum and bass": 174, "dnb": 174, "trap": 140}

# Where a second instrument of one role goes.
PLACES = ("chords", "arp", "lead", "pad")

TONICS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
MODES = {mode: mode for mode in SCALES}
MODES |= {"maj": "major", "大调": "major", "min": "minor", "小调": "minor"}


class Style(NamedTuple):
    """What a prompt asks for. `genre` has the prompt's instruments in its places."""

    genre: Genre
    tempo: float
    tempo_asked: bool
    metre: int
    key: Key
    mood: str
    instruments: tuple[str, ...]


def split(words: str) -> list[str]:
    return [word.strip() for word in words.split(",")]


def positions(text: str, words: str) -> list[tuple[int, int]]:
    """Where the words stand in the text. Latin words match whole, the others anywhere."""
    found: list[tuple[int, int]] = []
    for word in split(words):
        pattern = re.escape(word)
        if word.isascii():
            pattern = rf"(?<![a-z0-9]){pattern}(?![a-z0-9])"
        found += [match.span() for match in re.finditer(pattern, text)]
    return found


def has(text: str, words: str) -> bool:
    return bool(positions(text, words))


def outermost(spans: Iterable[tuple[int, int, str]]) -> list[str]:
    """Names in the order of the text, without those whose words lie inside a longer match."""
    kept: list[tuple[int, int, str]] = []
    for start, end, name in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if not any(start < other[1] and other[0] < end for other in kept):
            kept.append((start, end, name))
    return list(dict.fromkeys(name for _, _, name in sorted(kept)))


def read(prompt: str, rng: Random) -> Style:
    """The style of a prompt; `rng` decides what the words leave open."""
    text, refused = without_refused(prompt.lower())
    genre = pick_genre(text)
    genre = genre._replace(lead=pick(rng, genre.leads))
    moods = [mood for mood in MOODS if has(text, mood.words)]
    mood = min(moods, key=lambda mood: min(positions(text, mood.words))).name if moods else "plain"
    valence = sum(mood.valence for mood in moods)
    energy = max(-2, min(2, sum(mood.energy for mood in moods)))
    asked = instruments(text)
    dressed = dress(genre, text, asked, refused)
    dressed = dressed._replace(density=min(0.95, max(0.05, genre.density + 0.07 * energy)))
    tempo, tempo_asked = pick_tempo(text, genre, energy, rng)
    key = pick_key(prompt, genre, valence, rng)
    metre = 3 if has(text, WALTZ_WORDS) else 4
    dressed = waltz(dressed) if metre == 3 else dressed
    return Style(dressed, tempo, tempo_asked, metre, key, mood, tuple(asked))


def without_refused(text: str) -> tuple[str, str]:
    """The text less what stands after a "no" or "without", and those words by themselves."""
    latin = r"\b(?:no|without|minus)\s+([a-z-]+(?:\s+(?:or|and|nor)\s+[a-z-]+)*)"
    pattern = latin + r"|(?:没有|无|不要)([\u4e00-\u9fff]{1,3})"
    refused = " ".join(a or b for a, b in re.findall(pattern, text))
    return re.sub(pattern, " ", text), refused


def pick_genre(text: str) -> Genre:
    """The genre most of whose words are there; of equals, the one named first."""

    def score(genre: Genre) -> tuple[int, int]:
        spans = positions(text, genre.words)
        covered = {place for start, end in spans for place in range(start, end)}
        return len(covered), -min(covered, default=len(text))

    # Pop where nothing fits: the first of equals wins.
    return max((PLAIN, *GENRES), key=score)


def instruments(text: str) -> list[str]:
    """Names of the instruments asked for, in the prompt's order."""
    spans = [
        (start, end, name)
        for name, instrument in INSTRUMENTS.items()
        for start, end in positions(text, instrument.words)
    ]
    # Words that hold an instrument's name and mean none.
    for mask in (BASS_WORDS, DRUM_WORDS, "drum and bass, drum & bass, drum n bass, big band"):
        spans += [(start, end, "") for start, end in positions(text, mask)]
    return [name for name in outermost(spans) if name]


def dress(genre: Genre, text: str, asked: Sequence[str], refused: str) -> Genre:
    """The genre with the instruments asked for in its places, without those refused."""
    cast: dict[str, str] = {}
    for name in asked:
        role = INSTRUMENTS[name].role
        places = (role,) if role == "bass" else (role, *PLACES)
        place = next((place for place in places if place not in cast), None)
        if place:
            cast[place] = name
    if has(text, SOLO_WORDS) and len(asked) == 1:
        only = {"chords": asked[0], "lead": asked[0], "pad": "", "arp": "", "bass": "", "kit": ""}
        return genre._replace(**only, comping=("0.1.2.3.2.1.2.3.",))
    # A single instrument for chords carries the tune as well.
    if len(cast) == 1 and "chords" in cast:
        cast["lead"] = cast["chords"]
    if has(text, BASS_WORDS) and not genre.bass:
        cast.setdefault("bass", "bass")
    if has(text, DRUM_WORDS) and not genre.kit:
        cast["kit"] = "electronic"
        genre = genre._replace(groove=PLAIN.groove)
    if has(refused, DRUM_WORDS):
        cast["kit"] = ""
    if has(refused, BASS_WORDS):
        cast["bass"] = ""
    genre = genre._replace(**cast)
    playing = {role: genre._asdict()[role] for role in (*PLACES, "bass")}
    silent = [
        role for role, name in playing.items() if name and has(refused, INSTRUMENTS[name].words)
    ]
    return genre._replace(**dict.fromkeys(silent, ""))


def pick_tempo(text: str, genre: Genre, energy: int, rng: Random) -> tuple[float, bool]:
    """Beats per minute, and whether the prompt gave them as a number."""
    number = r"(\d{2,3}(?:\.\d+)?)"
    before, after = r"(?:bpm|tempo)\s*(?:of|[:=])?\s*", r"\s*-?\s*(?:bpm|beats per minute|拍)"
    match = re.search(rf"{number}{after}|{before}{number}", text)
    if match:
        asked = float(match[1] or match[2])
        return min(FASTEST, max(SLOWEST, int(asked) if asked.is_integer() else asked)), True
    for word, tempo in TEMPOS.items():
        if has(text, word):
            return tempo, False
    low, high = genre.tempo
    share = min(1.0, max(0.0, 0.5 + 0.22 * energy + 0.2 * (rng.random() - 0.5)))
    tempo = low + (high - low) * share
    tempo *= 0.75 if has(text, SLOW_WORDS) else 1.2 if has(text, FAST_WORDS) else 1.0
    return min(FASTEST, max(SLOWEST, round(tempo))), False


def pick_key(prompt: str, genre: Genre, valence: int, rng: Random) -> Key:
    """The key in the words ("D minor", "F#m", "降E大调"), else one that suits the mood."""
    tonic, mode = int(rng.random() * 12), pick(rng, genre.modes)
    if valence > 0 and 3 in SCALES[mode]:
        mode = "major"
    elif valence < 0 and 3 not in SCALES[mode]:
        mode = "minor"
    modes = "|".join(mode for mode in MODES if mode.isascii())
    lowered = prompt.lower()
    spoken = re.search(rf"\b({modes})\s+(?:key|chords|scale|mood|feel|mode)\b", lowered)
    spoken = spoken or re.search(rf"(?:in|a|the)\s+({modes})\b|(大调|小调)", lowered)
    if spoken:
        mode = MODES[spoken[spoken.lastindex or 0]]
    sign = r"(?:\s?(#|♯|-?\s?sharp|b|♭|-?\s?flat))?"
    full = re.search(
        rf"\b([A-Ga-g]){sign}[\s-]*({modes})\b(?!\s+(?:key|chords|mood|feel))", prompt, re.I
    )
    # "In a minor key" names no tonic.
    article = (
        full and full[1] == "a" and not re.search(r"(?:in|of|key:?)\s*$", prompt[: full.start()])
    )
    if full and not article:
        return Key(tonic_of(full[1], full[2]), MODES[full[3].lower()])
    chinese = re.search(r"([升降]?)\s*([A-Ga-g])\s*([#♯b♭]?)\s*(大调|小调)", prompt)
    if chinese:
        return Key(tonic_of(chinese[2], chinese[1] or chinese[3]), MODES[chinese[4]])
    short = re.search(r"(?<![A-Za-z])([A-G])([#♯b♭]?)m(?![A-Za-z])", prompt)
    if short:
        return Key(tonic_of(short[1], short[2]), "minor")
    bare = re.search(r"(?:\bin|[Kk]ey of|[Kk]ey:)\s+([A-G])([#♯b♭]?)(?![A-Za-z'])", prompt)
    if bare:
        return Key(tonic_of(bare[1], bare[2]), mode)
    return Key(tonic, mode)


def tonic_of(letter: str, sign: str | None) -> int:
    shift = 0
    if sign:
        shift = 1 if re.search(r"#|♯|sharp|升", sign, re.I) else -1
    return (TONICS[letter.upper()] + shift) % 12

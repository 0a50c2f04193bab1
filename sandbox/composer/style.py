"""Read a style from a prompt's words: genre, tempo, key, metre, mood, instruments."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from .genres import GENRES, INSTRUMENTS, Genre, named, waltz
from .melody import NAMES, SCALES, Key, pick

SLOWEST, FASTEST = 60.0, 190.0  # beats per minute

# Moods: bright (1) or dark (-1), lively (2) or calm (-2), and their words.
MOODS: dict[str, tuple[int, int, str]] = {
    "calm": (0, -2, "calm, peaceful, gentle, quiet, tender, serene, 平静, 安静, 宁静"),
    "relaxed": (1, -1, "relaxed, relaxing, chill, mellow, cozy, warm, 放松, 温暖"),
    "sad": (-1, -1, "sad, melancholy, melancholic, lonely, nostalgic, rainy, 悲伤, 忧伤, 怀旧"),
    "dark": (-1, 0, "dark, ominous, horror, scary, eerie, mysterious, 黑暗, 恐怖, 神秘"),
    "tense": (-1, 1, "tense, tension, thriller, chase, angry, aggressive, 紧张, 愤怒"),
    "dreamy": (1, -1, "dreamy, floating, hazy, ethereal, romantic, love, 梦幻, 空灵, 浪漫"),
    "hopeful": (1, 1, "hopeful, inspiring, uplifting, optimistic, 希望, 励志"),
    "happy": (1, 1, "happy, joyful, cheerful, upbeat, sunny, playful, 欢快, 快乐, 开心"),
    "epic": (-1, 2, "epic, powerful, massive, huge, grand, heroic, 史诗, 宏大, 震撼"),
    "energetic": (0, 2, "energetic, driving, intense, exciting, 激昂, 活力, 动感"),
}

BASS_WORDS = "bass, bassline, basslines, 低音"
DRUM_WORDS = "drums, drum, drummer, percussion, beat, beats, drum machine, 鼓, 打击乐, 节拍"
SOLO_WORDS = "solo, unaccompanied, alone, 独奏"
WALTZ_WORDS = "waltz, 3/4, 6/8, 三拍, 华尔兹, 圆舞曲"
SLOW_WORDS = "slow, slowly, downtempo, ballad, lullaby, 慢, 缓慢, 抒情"
FAST_WORDS = "fast, quick, uptempo, 快速, 急速"
# Words that contain an instrument's name but do not mean the instrument.
MASKS = f"{BASS_WORDS}, {DRUM_WORDS}, drum and bass, drum & bass, drum n bass, big band"
# Words that name a tempo, in beats per minute.
TEMPOS = {"adagio": 66, "andante": 84, "moderato": 108, "allegro": 132, "presto": 176}
TEMPOS |= {"synthwave": 104, "drum and bass": 174, "dnb": 174, "trap": 140}

# If two instruments have the same role, the second one gets one of these roles.
OTHER_ROLES = ("chords", "lead", "pad")

MODES = {mode: mode for mode in SCALES}
MODES |= {"maj": "major", "大调": "major", "min": "minor", "m": "minor", "小调": "minor"}


class Style(NamedTuple):
    """The style of a piece. `players`: the instrument of each role, and the drum kit."""

    genre: Genre
    players: dict[str, str]
    tempo: float
    metre: int
    key: Key
    mood: str


def matches(text: str, words: str) -> list[re.Match[str]]:
    """The matches, long words first. Latin words match only as whole words, others anywhere."""
    longest = sorted(words.split(", "), key=len, reverse=True)
    whole = r"(?<![a-z0-9])%s(?![a-z0-9])"
    patterns = [whole % re.escape(word) if word.isascii() else word for word in longest]
    return list(re.finditer("|".join(patterns), text))


def read(prompt: str, rng: Random) -> Style:
    """The style of a prompt; `rng` chooses all values that the words do not state."""
    text, refused = without_refused(prompt.lower())
    genre = pick_genre(text)
    first = {
        name: found[0].start() for name, row in MOODS.items() if (found := matches(text, row[2]))
    }
    valence = sum(MOODS[name][0] for name in first)
    energy = max(-2, min(2, sum(MOODS[name][1] for name in first)))
    tempo = pick_tempo(text, genre, energy, rng)
    key = pick_key(prompt, genre, valence, rng)
    asked = instruments(text)
    players = cast(genre, text, asked, refused, rng)
    metre = 3 if matches(text, WALTZ_WORDS) else 4
    density = min(0.95, max(0.05, genre.feel.density + 0.07 * energy))
    genre = genre._replace(feel=genre.feel._replace(density=density))
    genre = waltz(genre) if metre == 3 else genre
    mood = min(first, key=first.__getitem__, default="plain")
    return Style(genre, players, tempo, metre, key, mood)


def without_refused(text: str) -> tuple[str, str]:
    """The text without the words after a "no" or "without", and these words."""
    latin = r"\b(?:no|without|minus)\s+([a-z-]+(?:\s+(?:or|and|nor)\s+[a-z-]+)*)"
    pattern = latin + r"|(?:没有|无|不要)([\u4e00-\u9fff]{1,3})"
    refused = " ".join(a or b for a, b in re.findall(pattern, text))
    return re.sub(pattern, " ", text), refused


def pick_genre(text: str) -> Genre:
    """The genre whose words fill most of the text. Pop wins a tie, else the first genre."""
    found = {genre: matches(text, genre.words) for genre in (GENRES[-1], *GENRES)}
    return max(found, key=lambda genre: sum(len(match[0]) for match in found[genre]))


def instruments(text: str) -> list[str]:
    """The names of the requested instruments, in the prompt's order."""
    names = {word: name for name, row in INSTRUMENTS.items() for word in row.words.split(", ")}
    names |= dict.fromkeys(MASKS.split(", "), "")
    found = (names[match[0]] for match in matches(text, ", ".join(names)))
    return list(dict.fromkeys(name for name in found if name))


def cast(
    genre: Genre, text: str, asked: Sequence[str], refused: str, rng: Random
) -> dict[str, str]:
    """The genre's players, with the requested instruments and without the refused ones."""
    if matches(text, SOLO_WORDS) and len(asked) == 1:
        return {"chords": asked[0], "lead": asked[0]}
    players = named(genre.players)
    players["lead"] = pick(rng, players["lead"].split("/"))
    if matches(text, BASS_WORDS):
        players.setdefault("bass", "bass")
    if matches(text, DRUM_WORDS):
        players.setdefault("kit", "electronic")
    taken: dict[str, str] = {}
    for name in asked:
        role = INSTRUMENTS[name].role
        roles = (role,) if role == "bass" else (role, *OTHER_ROLES)
        free = [role for role in roles if role not in taken]
        taken |= dict.fromkeys(free[:1], name)
    # If the only instrument plays chords, it also plays the tune.
    if list(taken) == ["chords"]:
        taken["lead"] = taken["chords"]
    players |= taken
    for role, name in list(players.items()):
        words = INSTRUMENTS[name].words if name in INSTRUMENTS else DRUM_WORDS
        if matches(refused, f"{words}, {BASS_WORDS}" if role == "bass" else words):
            del players[role]
    return players


def pick_tempo(text: str, genre: Genre, energy: int, rng: Random) -> float:
    """Beats per minute: the prompt's number, else the tempo of its words or its genre."""
    number = r"(\d{2,3}(?:\.\d+)?)"
    before, after = r"(?:bpm|tempo)\s*(?:of|[:=])?\s*", r"\s*-?\s*(?:bpm|beats per minute|拍)"
    match = re.search(rf"{number}{after}|{before}{number}", text)
    if match:
        asked = float(match[1] or match[2])
        return min(FASTEST, max(SLOWEST, int(asked) if asked.is_integer() else asked))
    for word, tempo in TEMPOS.items():
        if matches(text, word):
            return tempo
    low, high = genre.tempo
    share = min(1.0, max(0.0, 0.5 + 0.22 * energy + 0.2 * (rng.random() - 0.5)))
    tempo = low + (high - low) * share
    tempo *= 0.75 if matches(text, SLOW_WORDS) else 1.2 if matches(text, FAST_WORDS) else 1.0
    return min(FASTEST, max(SLOWEST, round(tempo)))


def pick_key(prompt: str, genre: Genre, valence: int, rng: Random) -> Key:
    """The key in the words ("D minor", "F#m", "降E大调"), else a key that suits the mood."""
    tonic, mode = int(rng.random() * 12), pick(rng, genre.modes)
    if valence > 0 and 3 in SCALES[mode]:
        mode = "major"
    elif valence < 0 and 3 not in SCALES[mode]:
        mode = "minor"
    modes = f"(?i:({'|'.join(MODES)}))(?![A-Za-z])"
    nouns = r"\s+(?:key|chords|scale|mood|feel|mode)\b"
    spoken = re.search(rf"\b(?:in|a|the)\s+{modes}|\b{modes}{nouns}|(大调|小调)", prompt)
    if spoken:
        mode = MODES[spoken[spoken.lastindex or 0].lower()]
    # "In a minor key" names no tonic.
    letter = r"(?<![A-Za-z])([A-Gb-g]|(?<=in )a|(?<=of )a|a(?=[大小]调))"
    sign = r"\s?(#|♯|b|♭|-?\s?(?i:sharp|flat))?"
    full = re.search(rf"([升降]?)\s*{letter}{sign}[\s-]*{modes}(?!{nouns})", prompt)
    if full:
        return Key(tonic_of(full[2], full[1] or full[3]), MODES[full[4].lower()])
    bare = re.search(r"(?:\bin|[Kk]ey of|[Kk]ey:)\s+([A-G])([#♯b♭]?)(?![A-Za-z'])", prompt)
    return Key(tonic_of(bare[1], bare[2]) if bare else tonic, mode)


def tonic_of(letter: str, sign: str | None) -> int:
    sharp = re.search(r"#|♯|sharp|升", sign or "", re.I)
    shift = 1 if sharp else -1 if sign else 0
    return (NAMES.index(letter.upper()) + shift) % 12

"""A prompt's words to a style: tempo, key, metre, mood, instruments."""

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from numpy.random import Generator

from .genres import GENRES, Genre
from .theory import SCALES, Key


class Mood(NamedTuple):
    """A feeling: bright (1) or dark (-1), lively (2) or calm (-2)."""

    name: str
    words: str
    valence: int
    energy: int


MOODS: tuple[Mood, ...] = (
    Mood(
        "calm", "calm, peaceful, gentle, quiet, tender, serene, soothing, 平静, 安静, 宁静", 0, -2
    ),
    Mood("relaxed", "relaxed, relaxing, chill, mellow, laid-back, cozy, warm, 放松, 温暖", 1, -1),
    Mood(
        "sad", "sad, sorrow, melancholy, melancholic, lonely, heartbreak, 悲伤, 忧伤, 伤感", -1, -1
    ),
    Mood("dark", "dark, ominous, horror, scary, creepy, evil, doom, gloomy, 黑暗, 恐怖", -1, 0),
    Mood("mysterious", "mysterious, mystery, eerie, haunting, suspense, 神秘, 悬疑", -1, -1),
    Mood("tense", "tense, tension, thriller, urgent, chase, dramatic, 紧张, 戏剧", -1, 1),
    Mood("angry", "angry, aggressive, furious, brutal, rage, 愤怒", -1, 2),
    Mood("dreamy", "dreamy, dream, floating, hazy, ethereal, airy, 梦幻, 空灵", 1, -1),
    Mood("nostalgic", "nostalgic, nostalgia, bittersweet, wistful, rainy, 怀旧, 思念", -1, -1),
    Mood("romantic", "romantic, love, intimate, wedding, 浪漫, 爱情", 1, -1),
    Mood(
        "hopeful", "hopeful, inspiring, uplifting, hope, optimistic, motivational, 希望, 励志", 1, 1
    ),
    Mood("playful", "playful, funny, quirky, cute, silly, whimsical, 可爱, 俏皮", 1, 1),
    Mood(
        "happy", "happy, joyful, cheerful, upbeat, sunny, bright, fun, 欢快, 快乐, 开心, 明亮", 1, 1
    ),
    Mood("triumphant", "triumphant, victory, heroic, glorious, proud, 胜利, 英雄", 1, 2),
    Mood("epic", "epic, powerful, massive, huge, grand, majestic, 史诗, 宏大, 震撼", -1, 2),
    Mood("energetic", "energetic, driving, intense, fast-paced, exciting, 激昂, 活力, 动感", 0, 2),
)
PLAIN = Mood("balanced", "", 0, 0)

# Where an instrument plays unless the first place is taken: chords, lead, pad, arp or bass.
INSTRUMENTS: tuple[tuple[str, str, str], ...] = (
    ("piano", "chords", "piano, grand piano, upright piano, pianist, 钢琴"),
    ("electric piano", "chords", "electric piano, rhodes, wurlitzer, e-piano, 电钢琴"),
    ("harpsichord", "chords", "harpsichord, clavichord, 羽管键琴"),
    ("organ", "chords", "organ, hammond, pipe organ, church organ, 管风琴"),
    ("accordion", "chords", "accordion, bandoneon, 手风琴"),
    ("acoustic guitar", "chords", "guitar, acoustic guitar, nylon guitar, 吉他, 木吉他"),
    ("electric guitar", "chords", "electric guitar, clean guitar, guitars, 电吉他"),
    (
        "distorted guitar",
        "chords",
        "distorted guitar, distortion, heavy guitar, power chords, 失真",
    ),
    ("ukulele", "chords", "ukulele, 尤克里里"),
    ("banjo", "chords", "banjo, 班卓琴"),
    ("mandolin", "chords", "mandolin, bouzouki, 曼陀林"),
    ("sitar", "lead", "sitar, 西塔琴"),
    ("harp", "arp", "harp, lyre, 竖琴"),
    ("guzheng", "chords", "guzheng, zither, 古筝"),
    ("pipa", "arp", "pipa, 琵琶"),
    ("koto", "chords", "koto, shamisen, 日本筝"),
    ("bells", "lead", "bells, bell, glockenspiel, chimes, celesta, 钟琴, 铃"),
    ("music box", "lead", "music box, 八音盒"),
    ("vibraphone", "lead", "vibraphone, vibes, 颤音琴"),
    ("marimba", "arp", "marimba, 马林巴"),
    ("xylophone", "lead", "xylophone, 木琴"),
    ("kalimba", "lead", "kalimba, thumb piano, mbira, 拇指琴"),
    ("steel drum", "lead", "steel drum, steel drums, steelpan, 钢鼓"),
    ("violin", "lead", "violin, fiddle, viola, 小提琴"),
    ("cello", "lead", "cello, 大提琴"),
    ("erhu", "lead", "erhu, 二胡"),
    ("strings", "pad", "strings, string section, string quartet, string ensemble, 弦乐"),
    ("brass", "lead", "brass, horns, horn section, 铜管"),
    ("trumpet", "lead", "trumpet, cornet, 小号"),
    ("trombone", "lead", "trombone, tuba, 长号"),
    ("french horn", "lead", "french horn, horn, 圆号"),
    ("saxophone", "lead", "saxophone, sax, 萨克斯"),
    ("clarinet", "lead", "clarinet, 单簧管"),
    ("oboe", "lead", "oboe, bassoon, 双簧管"),
    ("flute", "lead", "flute, recorder, piccolo, 长笛, 笛子"),
    ("pan flute", "lead", "pan flute, panpipes, shakuhachi, 排箫"),
    ("whistle", "lead", "whistle, whistling, tin whistle, 口哨"),
    ("harmonica", "lead", "harmonica, mouth organ, 口琴"),
    ("bagpipes", "lead", "bagpipe, bagpipes, 风笛"),
    ("choir", "pad", "choir, choral, chorus of voices, gregorian, 合唱, 唱诗班"),
    ("voice", "lead", "voice, vocal, vocals, singer, female vocal, male vocal, 人声, 女声, 男声"),
    ("pad", "pad", "pad, pads, synth pad"),
    ("synth lead", "lead", "synth, synths, synthesizer, synth lead, lead synth, 合成器"),
    ("square lead", "lead", "square wave, chip lead, square lead"),
    ("synth pluck", "arp", "arpeggio, arpeggios, arpeggiator, arp, pluck, plucks, 琶音"),
    ("bass guitar", "bass", "bass guitar, electric bass, slap bass, fretless bass, 贝斯"),
    ("upright bass", "bass", "upright bass, double bass, contrabass, 低音提琴"),
    ("synth bass", "bass", "synth bass, acid bass, reese bass, 合成贝斯"),
    ("sub bass", "bass", "sub bass, sub-bass, 808 bass, 808s"),
)

# Words that ask for a role without saying which instrument.
BASS_WORDS = "bass, bassline, basslines, 低音"
DRUM_WORDS = (
    "drums, drum, drummer, percussion, beat, beats, drum machine, drum kit, 鼓, 打击乐, 节拍"
)
SOLO_WORDS = "solo, unaccompanied, alone, 独奏"
NO_DRUM_WORDS = "beatless, drumless"
WALTZ_WORDS = "waltz, 3/4, 6/8, 3/8, 9/8, 三拍, 华尔兹, 圆舞曲"
SLOW_WORDS = "slow, slowly, downtempo, 慢, 缓慢"
FAST_WORDS = "fast, quick, uptempo, up-tempo, 快速, 急速"
TEXTURES = (
    ("rain", "rain, rainy, raining, storm, thunderstorm, 雨, 下雨"),
    ("waves", "ocean, sea, waves, beach, seaside, 海, 海浪"),
    ("wind", "wind, windy, desert, cave, drone, 风声"),
    ("vinyl", "vinyl, crackle, dusty, tape, 黑胶"),
)
TEMPO_WORDS = (
    ("largo", 50),
    ("adagio", 66),
    ("andante", 84),
    ("moderato", 108),
    ("allegro", 132),
    ("presto", 176),
)
SYNTHETIC = ("synthwave", "techno", "house", "drum and bass", "trap", "ambient", "pop")


class Style(NamedTuple):
    """What a prompt asks for. `band` is the genre with the prompt's instruments in its roles."""

    band: Genre
    tempo: float
    tempo_asked: bool
    metre: int
    key: Key
    mood: Mood
    instruments: tuple[str, ...]


def split(words: str) -> list[str]:
    return [word.strip() for word in words.split(",")]


def positions(text: str, words: str) -> list[tuple[int, int]]:
    """Where the words stand in the text. Latin words match whole, the others anywhere."""
    found: list[tuple[int, int]] = []
    for word in split(words):
        start = text.find(word)
        while start >= 0:
            end = start + len(word)
            if not (
                word.isascii()
                and (is_latin(text[start - 1 : start]) or is_latin(text[end : end + 1]))
            ):
                found.append((start, end))
            start = text.find(word, end)
    return found


def is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def has(text: str, words: str) -> bool:
    return bool(positions(text, words))


def outermost(spans: Iterable[tuple[int, int, str]]) -> list[str]:
    """Names in the order of the text, without those whose words lie inside a longer match."""
    kept: list[tuple[int, int, str]] = []
    for start, end, name in sorted(spans, key=lambda span: (span[0] - span[1], span[0])):
        if not any(start < other[1] and other[0] < end for other in kept):
            kept.append((start, end, name))
    names: list[str] = []
    for _, _, name in sorted(kept):
        if name not in names:
            names.append(name)
    return names


def read(prompt: str, rng: Generator) -> Style:
    """The style of a prompt; `rng` decides what the words leave open."""
    text = prompt.lower()
    text, unwanted = without_refused(text)
    genre = pick_genre(text)
    leads = split(genre.lead)
    genre = genre._replace(lead=leads[int(rng.integers(len(leads)))])
    moods = [mood for mood in MOODS if has(text, mood.words)]
    mood = min(moods, key=lambda m: min(positions(text, m.words)), default=PLAIN)
    valence = sum(m.valence for m in moods)
    energy = max(-2, min(2, sum(m.energy for m in moods)))
    mood = mood._replace(valence=valence, energy=energy)
    asked = instruments(text)
    genre = dress(genre, text, asked, mood, unwanted)
    tempo, tempo_asked = pick_tempo(text, genre, mood, rng)
    key = pick_key(prompt, genre, mood, rng)
    metre = 3 if has(text, WALTZ_WORDS) else genre.metre
    return Style(genre, tempo, tempo_asked, metre, key, mood, tuple(asked))


def without_refused(text: str) -> tuple[str, str]:
    """The text less what stands after a "no" or "without", and those words by themselves."""
    latin = r"\b(?:no|without|minus)\s+([a-z-]+(?:\s+(?:or|and|nor)\s+[a-z-]+)*)"
    pattern = latin + r"|(?:没有|无|不要)([\u4e00-\u9fff]{1,3})"
    refused = " ".join(a or b for a, b in re.findall(pattern, text))
    return re.sub(pattern, " ", text), refused


def pick_genre(text: str) -> Genre:
    """The genre most of whose words are there; of equals, the one named first."""
    best, best_score = GENRES[-1], (0, 0)
    for genre in GENRES:
        spans = positions(text, genre.words)
        covered = {place for start, end in spans for place in range(start, end)}
        score = (len(covered), -min((start for start, _ in spans), default=0))
        if spans and score > best_score:
            best, best_score = genre, score
    return best


def instruments(text: str) -> list[str]:
    """Names of the instruments asked for, in the prompt's order."""
    spans: list[tuple[int, int, str]] = []
    for name, _, words in INSTRUMENTS:
        spans += [(start, end, name) for start, end in positions(text, words)]
    masks = (BASS_WORDS, "drum and bass", "drum & bass", "drum n bass", DRUM_WORDS, "big band")
    for mask in masks:
        spans += [(start, end, "") for start, end in positions(text, mask)]
    return [name for name in outermost(spans) if name]


def dress(genre: Genre, text: str, asked: Sequence[str], mood: Mood, unwanted: str) -> Genre:
    """The genre with the instruments asked for in its roles."""
    homes = {name: role for name, role, _ in INSTRUMENTS}
    orders = {
        "chords": ("chords", "arp", "lead", "pad"),
        "lead": ("lead", "arp", "pad", "chords"),
        "pad": ("pad", "chords", "arp", "lead"),
        "arp": ("arp", "chords", "lead", "pad"),
        "bass": ("bass",),
    }
    cast: dict[str, str] = {}
    for name in asked:
        place = next((role for role in orders[homes[name]] if role not in cast), None)
        if place:
            cast[place] = name
    if cast.get("chords") and cast["chords"] != genre.chords:
        plucked = homes[cast["chords"]] == "chords"
        if genre.comping == "hold" and plucked:
            genre = genre._replace(comping="broken")
        if cast["chords"] == "distorted guitar":
            genre = genre._replace(comping="pulse")
        elif genre.comping == "pulse" and plucked:
            genre = genre._replace(comping="strum" if "guitar" in cast["chords"] else "block")
    # A single melodic instrument carries the tune as well.
    if len(cast) == 1 and "chords" in cast and genre.lead in (genre.chords, "synth lead"):
        cast["lead"] = cast["chords"]
    genre = genre._replace(**cast)
    if has(text, SOLO_WORDS) and len(asked) == 1:
        only = asked[0]
        genre = genre._replace(
            chords=only, lead=only, pad="", arp="", bass="", kit="", comping="broken"
        )
    if has(text, BASS_WORDS) and not genre.bass:
        genre = genre._replace(bass="bass guitar")
    if has(text, DRUM_WORDS) and not genre.kit:
        genre = genre._replace(
            kit="electronic" if genre.name in SYNTHETIC else "acoustic",
            groove=genre.groove or "pop",
        )
    if has(text, NO_DRUM_WORDS) or has(unwanted, DRUM_WORDS):
        genre = genre._replace(kit="")
    if has(unwanted, BASS_WORDS):
        genre = genre._replace(bass="")
    for name, _, words in INSTRUMENTS:
        if has(unwanted, words):
            roles = genre._asdict()
            silent = {r: "" for r in ("chords", "lead", "pad", "arp") if roles[r] == name}
            genre = genre._replace(**silent)
    texture = next((name for name, words in TEXTURES if has(text, words)), genre.texture)
    soft = mood.energy < 0 and genre.kit in ("acoustic", "orchestral") and not has(text, DRUM_WORDS)
    return genre._replace(
        texture=texture,
        kit="brushes" if soft and genre.kit else genre.kit,
        dark=genre.dark + (4.0 if mood.valence < 0 and mood.energy < 1 else 0.0),
        density=min(0.95, max(0.05, genre.density + 0.07 * mood.energy)),
    )


def pick_tempo(text: str, genre: Genre, mood: Mood, rng: Generator) -> tuple[float, bool]:
    """Beats per minute, and whether the prompt gave them as a number."""
    number = r"(\d{2,3}(?:\.\d+)?)"
    for pattern in (
        rf"{number}\s*-?\s*bpm",
        rf"bpm\s*[:=]?\s*{number}",
        rf"tempo\s*(?:of|[:=])?\s*{number}",
        rf"每分钟\s*{number}\s*拍",
        rf"{number}\s*(?:beats per minute|拍)",
    ):
        match = re.search(pattern, text)
        if match:
            return min(220.0, max(40.0, float(match[1]))), True
    for word, tempo in TEMPO_WORDS:
        if has(text, word):
            return float(tempo), False
    low, high = genre.bpm
    share = min(1.0, max(0.0, 0.5 + 0.22 * mood.energy + 0.2 * (rng.random() - 0.5)))
    tempo = low + (high - low) * share
    if has(text, SLOW_WORDS):
        tempo *= 0.84
    elif has(text, FAST_WORDS):
        tempo *= 1.2
    return float(round(tempo)), False


def pick_key(prompt: str, genre: Genre, mood: Mood, rng: Generator) -> Key:
    """The key in the words ("D minor", "F#m", "降E大调"), else one that suits the mood."""
    tonic = int(rng.integers(12))
    mode = genre.modes[int(rng.integers(len(genre.modes)))]
    if mood.valence > 0 and 3 in SCALES[mode]:
        mode = "major"
    elif mood.valence < 0 and 3 not in SCALES[mode]:
        mode = "minor"
    modes = "|".join([*SCALES, "maj", "min", "ionian", "aeolian"])
    lowered = prompt.lower()
    spoken = re.search(rf"\b({modes})\s+(?:key|chords|scale|mood|feel|mode)\b", lowered)
    spoken = spoken or re.search(rf"(?:in|a|the)\s+(?:a\s+)?({modes})\b", lowered)
    spoken = spoken or re.search(r"(大调|小调)", prompt)
    if spoken:
        mode = mode_of(spoken[1])
    sign = r"(?:\s?(#|♯|-?\s?sharp|b|♭|-?\s?flat))?"
    full = re.search(
        rf"\b([A-Ga-g]){sign}[\s-]*({modes})\b(?!\s+(?:key|chords|mood|feel))", prompt, re.I
    )
    article = (
        full and full[1] == "a" and not re.search(r"(?:in|of|key:?)\s*$", prompt[: full.start()])
    )
    if full and not article:
        return Key(tonic_of(full[1], full[2]), mode_of(full[3].lower()))
    chinese = re.search(r"([升降]?)\s*([A-Ga-g])\s*([#♯b♭]?)\s*(大调|小调)", prompt)
    if chinese:
        return Key(tonic_of(chinese[2], chinese[1] or chinese[3]), mode_of(chinese[4]))
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
    return ({"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}[letter.upper()] + shift) % 12


def mode_of(word: str) -> str:
    same = {"maj": "major", "ionian": "major", "大调": "major"}
    same |= {"min": "minor", "aeolian": "minor", "小调": "minor"}
    return same.get(word, word)

"""The eight genres and the sixteen instruments, with the words that a prompt may use for them.

A pattern is a bar of sixteenths. `.` holds the last note and `-` ends it. For chords, `X`, `x` and
`o` strike all voices, loud to soft; a digit strikes one voice, counted from the lowest. For basses
a digit is an interval of the chord: `0` root, `3` third, `5` fifth, `8` octave; `a` steps towards
the next root. For drums `X`, `x`, `o` are strokes. Verses and choruses may have two patterns.
"""

from __future__ import annotations

from typing import NamedTuple

# Instruments


class Instrument(NamedTuple):
    """A row states only values that are not default. Levels are linear; pitches are MIDI."""

    words: str  # comma separated, the words in prompts
    role: str  # chords, lead, pad or bass; another role if this one is taken
    centre: int  # the middle of its tunes
    ratios: tuple[float, ...] = tuple(range(1, 41))  # partials as multiples of the pitch
    tilt: float = 1.2  # a partial of ratio r has level r ** -tilt
    decay: float = 0.0  # s to -60 dB of the lowest partial at middle C; 0 sustains
    damp: float = 0.3  # how much faster each higher partial decays
    attack: float = 0.003  # s
    release: float = 0.12  # s
    detune: tuple[float, ...] = (0.0,)  # cents of each of several voices, spread left to right
    drive: float = 0.0  # saturation
    top: float = 7000.0  # Hz of the highest partial


_PIANO = "piano, grand piano, pianist, harpsichord, keys, 钢琴, 羽管键琴"
_RHODES = "electric piano, rhodes, wurlitzer, e-piano, 电钢琴"
_GUITAR = "guitar, guitars, acoustic guitar, electric guitar, ukulele, banjo, mandolin, 吉他"
_HARP = "harp, lyre, guzheng, zither, pipa, koto, 竖琴, 古筝, 琵琶"
_LEAD_GUITAR = "distorted guitar, distortion, heavy guitar, power chords, 失真"
_SQUARE = "square wave, chip lead, square"
_BELLS = "bells, glockenspiel, celesta, music box, vibraphone, marimba, xylophone, kalimba, 八音盒"
_VIOLIN = "violin, fiddle, viola, erhu, 小提琴, 二胡"
_STRINGS = "strings, string section, string quartet, string ensemble, 弦乐"
_BRASS = "brass, horns, horn, trumpet, trombone, saxophone, sax, clarinet, harmonica, 小号, 萨克斯"
_FLUTE = "flute, recorder, oboe, whistle, pan flute, bagpipes, 长笛, 笛子, 口哨"
_PAD = "pad, pads, synth pad, organ, hammond, accordion, 管风琴, 手风琴"
_SYNTH = "synth, synths, synthesizer, synth lead, synth bass, arpeggio, arp, pluck, 合成器, 琶音"
_BASS = "bass guitar, electric bass, slap bass, upright bass, double bass, sub bass, 贝斯"
_VOICE = "voice, vocal, vocals, singer, choir, 人声, 女声, 男声, 合唱"

INSTRUMENTS: dict[str, Instrument] = {
    "piano": Instrument(_PIANO, "chords", 72, decay=7.0, detune=(-1.2, 1.2), release=0.25),
    "electric piano": Instrument(_RHODES, "chords", 72, tilt=2.4, decay=5.0, damp=0.7),
    "guitar": Instrument(_GUITAR, "chords", 69, tilt=0.9, decay=3.6),
    "distorted guitar": Instrument(_LEAD_GUITAR, "chords", 67, tilt=0.8, decay=14.0, drive=7.0),
    "harp": Instrument(_HARP, "lead", 74, tilt=1.6, decay=4.5, damp=0.45, release=0.4),
    "bells": Instrument(_BELLS, "lead", 79, ratios=(1, 2, 2.74, 3.98, 5.4), decay=5.0, release=0.6),
    "violin": Instrument(_VIOLIN, "lead", 76, tilt=1.0, attack=0.07),
    "cello": Instrument("cello, cellos, 大提琴", "lead", 55, attack=0.08, top=4500),
    "strings": Instrument(_STRINGS, "pad", 72, attack=0.05, release=0.4, detune=(-9, -3, 3, 9)),
    "brass": Instrument(_BRASS, "lead", 66, tilt=0.9, attack=0.04, detune=(-5, 5)),
    "flute": Instrument(_FLUTE, "lead", 79, tilt=2.2, attack=0.06),
    "pad": Instrument(_PAD, "pad", 72, decay=12.0, attack=0.1, release=0.7, detune=(-11, 4, 12)),
    "synth": Instrument(_SYNTH, "lead", 74, tilt=0.95, release=0.08, detune=(-8, 7)),
    "square": Instrument(
        _SQUARE, "lead", 76, ratios=tuple(range(1, 41, 2)), release=0.02, detune=(-4, 4)
    ),
    "bass": Instrument(_BASS, "bass", 36, decay=4.5, damp=0.4, release=0.06, top=3000),
    "voice": Instrument(_VOICE, "lead", 67, attack=0.045),
}


# Genres


class Feel(NamedTuple):
    """How the players play a genre, and the reverberation of the room."""

    density: float = 0.5  # of the melody, 0 to 1
    pentatonic: bool = False
    voices: int = 3  # of a chord
    swing: float = 0.5  # where the second of two `swung` notes starts, 0 to 1
    swung: float = 0.5
    room: float = 1.4  # reverberation, s
    wet: float = 1.0
    dark: float = 0.0  # added to every instrument's tilt


class Genre(NamedTuple):
    """A kind of music and its way of playing. A row states only values that are not default."""

    name: str
    words: str  # comma separated, the words in prompts
    tempo: tuple[int, int]  # range in beats per minute, if the prompt has no number
    players: str  # by role; a piece takes one of the instruments between slashes
    groove: str  # the pattern of each drum
    comping: tuple[str, ...] = ("X.......x.......", "0.1.2.3.2.1.2.3.", "X...x.x.-.x.x.o.")
    bassline: tuple[str, ...] = ("0.....--0.....--", "0.........--5...", "0.....0.0.....a.")
    modes: tuple[str, ...] = ("major", "minor")
    progressions: tuple[str, ...] = ()  # used instead of the mode's progressions
    feel: Feel = Feel()


GENRES: tuple[Genre, ...] = (
    Genre(
        "lo-fi hip hop",
        "lo-fi, lofi, lo fi, hip hop, hip-hop, rap, trap, boom bap, r&b, 低保真, 说唱, 嘻哈",
        (72, 88),
        "chords electric piano, bass bass, lead electric piano/bells/flute, kit dusty",
        "kick X..o....o.X....., snare ....X.......X..o, hat x.o.x.o.x.oox.o.",
        comping=("X.........x.....", "X.....o...x.....", "x...--X...--x.o."),
        bassline=("0.....0.-.5...a.", "0...-.0...--3.5.", "0.......-.0.5.a."),
        modes=("dorian", "minor", "major"),
        progressions=("2 5 1 6", "1 6 2 5", "1 4 2 5", "4 3 2 1", "6 2 4 5"),
        feel=Feel(density=0.3, pentatonic=True, voices=4, swing=0.6, swung=0.25, dark=0.45),
    ),
    Genre(
        "electronic",
        "electronic, techno, house, edm, dance, disco, drum and bass, dnb, synthwave, 舞曲, 电子",
        (120, 134),
        "chords synth, bass synth, lead synth/square, pad pad, kit electronic",
        "kick X...X...X...X..., clap ....X.......X..., open ..x...x...x...x., hat o.oo.ooo.ooo.ooo",
        comping=("X-.x-.x-..x-....", "--x-..x-..x-..x-", "x-.x-...x-.x-.x-"),
        bassline=("--0-0-0---0-0-8-", "-000-000-000-008", "--0---0---0---0-"),
        modes=("minor", "phrygian"),
        progressions=("1 1 6 7", "1 1 4 1", "1 6 1 7", "1 1 1 6", "1 7 6 6"),
        feel=Feel(pentatonic=True),
    ),
    Genre(
        "chiptune",
        "chiptune, 8-bit, 8 bit, 8bit, 16-bit, nes, game boy, game, video game, arcade, 像素, 游戏",
        (132, 160),
        "bass square, lead square, kit chip",
        "kick X.....x.X.x....., snare ....X.......X.o., hat x.x.x.x.x.x.x.xx",
        bassline=("0-8-0-8-0-8-0-8-", "0-0-8-0-0-5-8-a-", "0.0-0.8-0.0-5.8-"),
        feel=Feel(density=0.8, wet=0.15),
    ),
    Genre(
        "rock",
        "rock, punk, grunge, garage, metal, heavy metal, blues, 摇滚, 朋克, 金属, 蓝调",
        (118, 150),
        "chords distorted guitar, bass bass, lead distorted guitar, kit acoustic",
        "kick X.....x.X.x....., snare ....X.......X..., hat x.x.x.x.x.x.x.x., open x...x...x...x",
        comping=("X.x.x.x.X.x.x.x.", "X.xxx.xxX.xxx.xx", "X...--x.X.....x."),
        bassline=("0-0-0-0-0-0-0-0-", "0-0-0-0-0-0-5-a-", "0.0-0-0.0-0-3-5-"),
        modes=("minor", "mixolydian", "major"),
        feel=Feel(pentatonic=True, wet=0.7),
    ),
    Genre(
        "jazz",
        "jazz, swing, bebop, big band, jazzy, noir, bossa nova, lounge, 爵士, 波萨诺瓦",
        (112, 152),
        "chords piano, bass bass, lead brass/flute/piano, kit brushes",
        "ride X...x.o.x...x.o., hat ....x.......x..., kick x...o...o...o..., tom ......o",
        comping=("X.....x.--......", "--..x.--..x.--..", "..x.--..x.--..o."),
        bassline=("0...3...5...a...", "0...5...3...a...", "0...8...5...a..."),
        progressions=("2 5 1 6", "1 6 2 5", "1 4 2 5", "1 3 2 5", "4 5 1 6"),
        feel=Feel(voices=4, swing=0.66, wet=0.6),
    ),
    Genre(
        "orchestral",
        "orchestral, orchestra, cinematic, epic, trailer, symphony, march, classical, 交响, 史诗",
        (84, 112),
        "chords strings, bass cello, lead brass/violin, pad strings, kit orchestral",
        "kick X.......X......., tom X..x..x.X..x..xx, snare ............o.oo",
        comping=("X-x-x-x-X-x-x-x-", "X-xxX-xxX-xxX-xx", "X-oxo-X-oxo-X-o-"),
        bassline=("0.......0.......", "0...........5...", "0.....0.5.....a."),
        feel=Feel(density=0.35, room=2.6, wet=1.6),
    ),
    Genre(
        "ambient",
        "ambient, drone, soundscape, meditation, sleep, space, new age, ethereal, 氛围, 冥想",
        (60, 76),
        "chords electric piano, bass pad, lead bells/piano/flute, pad pad",
        "kick X.......x.......",
        comping=("X...............", "0.......2.......", "0...2...1...3..."),
        bassline=("0...............",),
        modes=("major", "minor", "mixolydian"),
        progressions=("1 1 4 4", "1 1 6 6", "4 4 1 1", "1 1 3 4"),
        feel=Feel(density=0.15, pentatonic=True, voices=4, room=3.2, wet=1.8),
    ),
    Genre(
        "pop",
        "pop, indie, folk, country, ballad, lullaby, reggae, latin, funk, soul, 流行, 民谣, 抒情",
        (96, 122),
        "chords piano, bass bass, lead piano/synth/bells, pad strings, kit acoustic",
        "kick X......xX......., snare ....X.......X..., hat x.o.x.o.x.o.x.oo",
    ),
)


def waltz(genre: Genre) -> Genre:
    """The same genre with three beats per bar."""
    return genre._replace(
        groove="kick X..........., snare ....o...o..., hat x...x.o.x.o.",
        comping=("0...x...x...", "0.1.2.3.2.1."),
        bassline=("0...........", "0.......5..."),
        feel=genre.feel._replace(swing=0.5),
    )


def named(text: str) -> dict[str, str]:
    """The parts of a comma-separated text: each part's first word, and the rest of it."""
    return dict(part.split(" ", 1) for part in text.split(", ") if part)

"""The eight genres: words, tempo, harmony, instruments and patterns.

A pattern is a bar of sixteenths. `.` lets the last note sound on and `-` ends it. For chords, `X`,
`x` and `o` strike all voices, loud to soft; a digit strikes one voice, counted from the lowest. For
basses a digit is an interval of the chord: `0` root, `3` third, `5` fifth, `8` octave; `a` steps
towards the next root. For drums `X`, `x` and `o` are strokes. Where there are several patterns, a
piece takes one for its verses and one for its choruses.
"""

from __future__ import annotations

from typing import NamedTuple


class Feel(NamedTuple):
    """How a genre is played, and the room that it is played in."""

    density: float = 0.5  # of the melody, 0 to 1
    pentatonic: bool = False
    voices: int = 3  # of a chord
    swing: float = 0.5  # where the second half of `swung` beats falls
    swung: float = 0.5
    room: float = 1.4  # reverberation, s
    wet: float = 1.0
    dark: float = 0.0  # added to every instrument's tilt


class Genre(NamedTuple):
    """A kind of music and how it is played. A row names only what differs from the defaults."""

    name: str
    words: str  # comma separated, as a prompt may say them
    tempo: tuple[int, int]  # beats per minute, where the prompt has no number
    players: str  # by role; a slash stands between instruments of which a piece takes one
    groove: str  # the pattern of each drum
    comping: tuple[str, ...] = ("X.......x.......", "0.1.2.3.2.1.2.3.", "X...x.x.-.x.x.o.")
    bassline: tuple[str, ...] = ("0.....--0.....--", "0.........--5...", "0.....0.0.....a.")
    running: tuple[str, ...] = ("0.1.2.3.2.1.2.3.", "0.2.1.3.4.3.1.2.")  # the patterns of `arp`
    modes: tuple[str, ...] = ("major", "minor")
    progressions: tuple[str, ...] = ()  # in place of those of the mode
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
        "chords synth, bass synth, lead synth/square, pad pad, arp synth, kit electronic",
        "kick X...X...X...X..., clap ....X.......X..., open ..x...x...x...x., hat o.oo.ooo.ooo.ooo",
        comping=("X-.x-.x-..x-....", "--x-..x-..x-..x-", "x-.x-...x-.x-.x-"),
        bassline=("--0-0-0---0-0-8-", "-000-000-000-008", "--0---0---0---0-"),
        running=("0123432101234321", "0230230230230234", "4321321043213210"),
        modes=("minor", "phrygian"),
        progressions=("1 1 6 7", "1 1 4 1", "1 6 1 7", "1 1 1 6", "1 7 6 6"),
        feel=Feel(pentatonic=True),
    ),
    Genre(
        "chiptune",
        "chiptune, 8-bit, 8 bit, 8bit, 16-bit, nes, game boy, game, video game, arcade, 像素, 游戏",
        (132, 160),
        "bass square, lead square, arp square, kit chip",
        "kick X.....x.X.x....., snare ....X.......X.o., hat x.x.x.x.x.x.x.xx",
        bassline=("0-8-0-8-0-8-0-8-", "0-0-8-0-0-5-8-a-", "0.0-0.8-0.0-5.8-"),
        running=("0120120120120120", "0121012101210121", "0246024602460246"),
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
        "chords strings, bass cello, lead brass/violin, pad strings, arp harp, kit orchestral",
        "kick X.......X......., tom X..x..x.X..x..xx, snare ............o.oo",
        comping=("X-x-x-x-X-x-x-x-", "X-xxX-xxX-xxX-xx", "X-oxo-X-oxo-X-o-"),
        bassline=("0.......0.......", "0...........5...", "0.....0.5.....a."),
        running=("0123432101234321", "0.2.4.2.0.2.4.2."),
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
        "chords piano, bass bass, lead piano/synth/bells, pad strings, arp guitar, kit acoustic",
        "kick X......xX......., snare ....X.......X..., hat x.o.x.o.x.o.x.oo",
    ),
)
PLAIN = GENRES[-1]


def waltz(genre: Genre) -> Genre:
    """The genre in bars of three beats."""
    return genre._replace(
        groove="kick X..........., snare ....o...o..., hat x...x.o.x.o.",
        comping=("0...x...x...", "0.1.2.3.2.1."),
        bassline=("0...........", "0.......5..."),
        running=("0.1.2.3.2.1.", "012343210123"),
        feel=genre.feel._replace(swing=0.5),
    )


def named(text: str) -> dict[str, str]:
    """The first word of each part of a row's text, with what stands after it."""
    return dict(part.split(" ", 1) for part in text.split(", ") if part)

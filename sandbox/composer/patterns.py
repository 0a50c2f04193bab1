"""Grooves as text: drum steps, and where chords and basses strike within a bar."""

from typing import NamedTuple

# General MIDI's percussion numbers.
KICK, RIM, SNARE, CLAP, HAT, TOM, OPEN, CRASH, RIDE, SHAKER = 36, 37, 38, 39, 42, 45, 46, 49, 51, 70
RISER = 100  # no General MIDI sound: noise that swells into the next section

STEP_VELOCITY = {"X": 1.0, "x": 0.7, "o": 0.4}

# Four steps a beat: 16 for a 4/4 bar.
GROOVES: dict[str, dict[int, str]] = {
    "rock": {
        KICK: "X.....x.X.x.....",
        SNARE: "....X.......X...",
        HAT: "x.o.x.o.x.o.x.o.",
    },
    "pop": {
        KICK: "X......xX.......",
        SNARE: "....X.......X...",
        HAT: "x.o.x.o.x.o.x.oo",
        SHAKER: "o.o.o.o.o.o.o.o.",
    },
    "metal": {
        KICK: "XxXxX.XxXxXxX.Xx",
        SNARE: "....X.......X...",
        CRASH: "x...............",
        HAT: "x...x...x...x...",
    },
    "ballad": {
        KICK: "x.......x.o.....",
        RIM: "....x.......x...",
        HAT: "o.o.o.o.o.o.o.o.",
    },
    "synthwave": {
        KICK: "X...X...X...X...",
        SNARE: "....X.......X...",
        HAT: "x.oox.oox.oox.oo",
        TOM: "..............o.",
    },
    "house": {
        KICK: "X...X...X...X...",
        CLAP: "....X.......X...",
        OPEN: "..x...x...x...x.",
        HAT: "o..oo..oo..oo..o",
    },
    "techno": {
        KICK: "X...X...X...X...",
        OPEN: "..x...x...x...x.",
        RIM: "...o..o....o..x.",
        HAT: "o.oo.ooo.ooo.ooo",
        CLAP: "............x...",
    },
    "boombap": {
        KICK: "X..o....o.X.....",
        SNARE: "....X.......X..o",
        HAT: "x.o.x.o.x.oox.o.",
    },
    "trap": {
        KICK: "X.....x...X.....",
        CLAP: "........X.......",
        HAT: "x.x.x.x.x.ooxxx.",
    },
    "dnb": {
        KICK: "X.........X.....",
        SNARE: "....X..o.o..X...",
        HAT: "x.x.x.x.x.x.x.x.",
        SHAKER: "oooooooooooooooo",
    },
    "jazz": {
        RIDE: "x...X.o.x...X.o.",
        HAT: "....x.......x...",
        KICK: "o.......o.......",
        SNARE: "......o.......o.",
    },
    "bossa": {
        KICK: "x..ox..ox..ox..o",
        RIM: "x..x..x...x..x..",
        SHAKER: "x.oox.oox.oox.oo",
    },
    "latin": {
        KICK: "X..x..x.X..x..x.",
        RIM: "x..x..x...x.x...",
        SHAKER: "xoxoxoxoxoxoxoxo",
        TOM: "......o.......xx",
    },
    "funk": {
        KICK: "X.x....o..X..x..",
        SNARE: "....X..o.o..X..o",
        HAT: "xoxoxoxoxoxoxoxo",
    },
    "disco": {
        KICK: "X...X...X...X...",
        SNARE: "....X.......X...",
        HAT: "xoooxoooxoooxooo",
        OPEN: "..x...x...x...x.",
    },
    "reggae": {
        KICK: "........X.......",
        RIM: "........x.....o.",
        HAT: "x.o.x.o.x.o.x.oo",
    },
    "epic": {
        KICK: "X.......X.......",
        TOM: "X..x..x.X..x..xx",
        SNARE: "............o.oo",
    },
    "march": {
        KICK: "X.......X.......",
        SNARE: "x.oox.x.x.ooxoox",
    },
    "folk": {
        KICK: "x.......x.......",
        CLAP: "....o.......o...",
        SHAKER: "x.o.x.o.x.o.x.o.",
    },
    "chip": {
        KICK: "X.....x.X.x.....",
        SNARE: "....X.......X.o.",
        HAT: "x.x.x.x.x.x.x.xx",
    },
}

# Three-beat bars: every groove falls back to one of these.
WALTZES: dict[str, dict[int, str]] = {
    "light": {KICK: "x...........", RIM: "....o...o...", SHAKER: "x.o.x.o.x.o."},
    "full": {KICK: "X...........", SNARE: "....x...x...", HAT: "x.o.x.o.x.o."},
    "jazz": {KICK: "x...........", RIDE: "x...X.o.x...", HAT: "....x......."},
    "epic": {KICK: "X...........", TOM: "X.....x.x.xx", SNARE: "....o...o.oo"},
}


class Strike(NamedTuple):
    """A chord or arpeggio stroke: beat within the bar, beats long, which voices, loudness.

    `voices` is "all", or a number: that voice of the chord, counted from the lowest and going on
    an octave higher past the highest.
    """

    beat: float
    length: float
    voices: int | str
    velocity: float


def _broken(order: str, step: float, length: float) -> tuple[Strike, ...]:
    return tuple(
        Strike(i * step, length, int(voice), 0.72 if i % 2 == 0 else 0.6)
        for i, voice in enumerate(order)
    )


def _blocks(text: str, lengths: float) -> tuple[Strike, ...]:
    return tuple(
        Strike(i / 4, lengths, "all", STEP_VELOCITY[sign] * 0.85)
        for i, sign in enumerate(text)
        if sign != "."
    )


# How chords are played, for bars of four beats and of three; several to choose from.
COMPING: dict[str, tuple[tuple[Strike, ...], ...]] = {
    "hold": (_blocks("x...............", 4.0),),
    "block": (
        _blocks("X.......x.......", 2.0),
        _blocks("X...x...x...x...", 1.0),
        _blocks("X.....x.....x...", 1.25),
    ),
    "broken": (
        _broken("01232123", 0.5, 1.5),
        _broken("02134312", 0.5, 1.5),
        _broken("01324231", 0.5, 1.5),
    ),
    "running": (
        _broken("0123432101234321", 0.25, 0.3),
        _broken("0213243102132431", 0.25, 0.3),
        _broken("0230230230230234", 0.25, 0.3),
        _broken("4321321043213210", 0.25, 0.3),
    ),
    "strum": (
        _blocks("X...x.x...x.x.o.", 0.9),
        _blocks("X...x.o.x.x.x.o.", 0.7),
        _blocks("X..ox.o.o.x.x.o.", 0.7),
    ),
    "pulse": (_blocks("X.x.x.x.X.x.x.x.", 0.45), _blocks("X.xxx.xxX.xxx.xx", 0.24)),
    "stabs": (
        _blocks("X..x..x...x.....", 0.3),
        _blocks("..x...x...x...x.", 0.3),
        _blocks("x..x....x..x..x.", 0.25),
    ),
    "skank": (_blocks("....x.......x...", 0.25), _blocks("..x...x...x...x.", 0.2)),
    "charleston": (
        _blocks("X.....x.........", 1.0),
        _blocks("....x.....x.....", 0.8),
        _blocks("..x.....x.....o.", 0.9),
    ),
    "lofi": (_blocks("X.........x.....", 1.9), _blocks("X.....o...x.....", 1.6)),
    "bossa": (_blocks("X..x..x...x..x..", 0.5), _blocks("X.....x.x...x.x.", 0.5)),
}
COMPING_3: dict[str, tuple[tuple[Strike, ...], ...]] = {
    "hold": (_blocks("x...........", 3.0),),
    "block": (_blocks("X...x...x...", 0.9), _blocks("X.......x...", 1.5)),
    "broken": (_broken("012321", 0.5, 1.5), _broken("021323", 0.5, 1.5)),
    "running": (_broken("012343210123", 0.25, 0.3), _broken("021324310213", 0.25, 0.3)),
    "strum": (_blocks("X...x.o.x.o.", 0.8), _blocks("X...x...x.o.", 0.9)),
}

# Bass lines: beat, length, interval above the root ("a" walks to the next root), velocity.
BassStep = tuple[float, float, int | str, float]
BASSLINES: dict[str, tuple[tuple[BassStep, ...], ...]] = {
    "hold": (((0, 4, 0, 0.7),),),
    "plain": (
        ((0, 1.5, 0, 0.9), (2, 1.5, 0, 0.75)),
        ((0, 2.5, 0, 0.9), (3, 0.9, 7, 0.7)),
        ((0, 1.4, 0, 0.9), (1.5, 0.5, 0, 0.6), (2, 1.5, 0, 0.8), (3.5, 0.4, "a", 0.6)),
    ),
    "eighths": (tuple((i / 2, 0.42, 0, 0.9 if i % 2 == 0 else 0.7) for i in range(8)),),
    "gallop": (
        tuple((i / 4, 0.2, 0, 0.9 if i % 4 == 0 else 0.68) for i in range(16) if i % 4 != 1),
    ),
    "rolling": (
        tuple((i / 4, 0.2, 0, 0.85 if i % 4 == 2 else 0.7) for i in range(16) if i % 4),
        tuple((i / 4, 0.22, 12 if i % 4 == 2 else 0, 0.8) for i in range(16) if i % 4),
    ),
    "octaves": (tuple((i / 2, 0.35, 12 * (i % 2), 0.85) for i in range(8)),),
    "offbeat": (tuple((i + 0.5, 0.4, 0, 0.85) for i in range(4)),),
    "walking": (
        ((0, 0.9, 0, 0.85), (1, 0.9, 4, 0.75), (2, 0.9, 7, 0.8), (3, 0.9, "a", 0.75)),
        ((0, 0.9, 0, 0.85), (1, 0.9, 7, 0.75), (2, 0.9, 4, 0.8), (3, 0.9, "a", 0.75)),
        ((0, 0.9, 0, 0.85), (1, 0.9, 12, 0.7), (2, 0.9, 7, 0.8), (3, 0.9, "a", 0.75)),
    ),
    "funk": (
        (
            (0, 0.4, 0, 1.0),
            (0.75, 0.2, 0, 0.7),
            (1.5, 0.2, 12, 0.85),
            (2.25, 0.2, 10, 0.7),
            (2.5, 0.4, 0, 0.9),
            (3.25, 0.2, 7, 0.7),
            (3.5, 0.3, "a", 0.75),
        ),
        (
            (0, 0.3, 0, 1.0),
            (0.5, 0.2, 0, 0.7),
            (1.25, 0.2, 12, 0.8),
            (1.75, 0.2, 0, 0.7),
            (2.5, 0.3, 7, 0.85),
            (2.75, 0.2, 10, 0.7),
            (3.5, 0.25, 12, 0.8),
        ),
        (
            (0, 0.6, 0, 1.0),
            (1.5, 0.2, 7, 0.75),
            (1.75, 0.2, 10, 0.75),
            (2, 0.3, 12, 0.9),
            (2.75, 0.2, 0, 0.7),
            (3.25, 0.2, 0, 0.7),
            (3.75, 0.2, "a", 0.8),
        ),
    ),
    "bossa": (
        ((0, 1.4, 0, 0.85), (1.5, 0.5, 7, 0.65), (2, 1.4, 7, 0.8), (3.5, 0.5, "a", 0.65)),
        ((0, 1.4, 0, 0.85), (1.5, 0.5, 0, 0.65), (2, 1.4, 7, 0.8), (3.5, 0.5, 7, 0.65)),
    ),
    "dub": (
        ((0, 0.9, 0, 0.95), (1.5, 0.4, 0, 0.8), (2, 0.9, 7, 0.85), (3, 0.4, 4, 0.75)),
        ((0.5, 0.4, 0, 0.85), (1, 0.9, 0, 0.9), (2.5, 0.4, 7, 0.8), (3, 0.9, 0, 0.85)),
    ),
    "sub": (
        ((0, 1.4, 0, 1.0), (1.5, 0.9, 0, 0.8), (2.5, 1.4, 0, 0.9)),
        ((0, 2.3, 0, 1.0), (2.5, 0.9, 0, 0.85), (3.5, 0.5, "a", 0.7)),
    ),
}
BASSLINES_3: dict[str, tuple[tuple[BassStep, ...], ...]] = {
    "hold": (((0, 3, 0, 0.7),),),
    "plain": (((0, 2.6, 0, 0.85),), ((0, 1.8, 0, 0.85), (2, 0.9, 7, 0.7))),
    "walking": (((0, 0.9, 0, 0.85), (1, 0.9, 4, 0.75), (2, 0.9, "a", 0.75)),),
    "eighths": (tuple((i / 2, 0.42, 0, 0.9 if i % 2 == 0 else 0.7) for i in range(6)),),
}

"""The names of the choices for music. It imports little, so that nodes load fast."""

from __future__ import annotations

METHODS = ("auto", "remix", "loop", "stretch", "cut")
"""Methods that bring music to a length."""
ENDINGS = ("keep", "fade", "hard", "last hit")
"""The kinds of ending. With the last one, the last beat falls on the last hit, and the music rings
out."""
FOLLOW = ("energy", "bass", "highs", "onsets", "beat", "bar")
"""Features of the music that a value for each frame follows."""
EVERY = ("beats", "bars", "phrases", "strongest")
"""Moments of the music at which a shot may begin."""
GRIDS = ("none", "4n+1", "8n+1", "17n+5")
"""Numbers of frames that video models make."""
LAYERS = ("drums", "low", "rest")
"""What a track is cut into. The words are the intensities of files for engines."""
CROSSOVER = 200.0
"""Hz: the lowest octaves of a bass are below."""
CROSSOVERS = 40.0, 1000.0
"""The lowest and the highest crossover in Hz."""
TAILS = ("auto", "ending", "hit")
"""What a stinger is cut from: the end of the track, or a strong downbeat and its release."""
STINGER_SECONDS = 2.0, 6.0
"""The shortest and the longest stinger."""

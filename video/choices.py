"""The words for what can be asked of a video; light, so that a node describes itself at once."""

from __future__ import annotations

from enum import Enum


class Mix(str, Enum):
    """What becomes of a clip's own sound."""

    REPLACE = "replace"
    """The music takes its place."""
    UNDER = "under"
    """It stays, and the music is added at `level` dB."""
    DUCK = "duck"
    """It stays, and the music at `level` dB is lowered further while somebody speaks."""


class Look(str, Enum):
    """How music is drawn."""

    WAVES = "waves"
    BARS = "bars"
    SPECTRUM = "spectrum"
    CONSTANT_Q = "constant-Q"

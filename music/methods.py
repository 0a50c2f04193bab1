"""The words for what can be asked of music; light, so that a node describes itself at once."""

from __future__ import annotations

METHODS = ("auto", "remix", "loop", "stretch", "cut")
"""How music comes to a length."""
ENDINGS = ("keep", "fade", "hard")
"""How it ends then."""
FOLLOW = ("energy", "bass", "highs", "onsets", "beat", "bar")
"""What a value for each frame follows."""

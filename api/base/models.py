"""The models of the gateway's list that make music or sound effects from a prompt.

The list also holds other models for sound, such as speech and editing.
"""

from __future__ import annotations

import re
from typing import NamedTuple

DEFAULT_MODEL = "ace-step/ace-step-prompt-to-audio"
AUTO_MODEL = "auto/music"
"""The gateway chooses the model. It never costs more than the `baseline_model` of the request."""
BASELINE_MODEL = DEFAULT_MODEL
SOUND_MODEL = "sony-ai/mmaudio-v2-text-to-audio"
"""A model for sound effects and ambience."""


class Lengths(NamedTuple):
    """The shortest and the longest audio that a model makes, in seconds."""

    least: float
    most: float

    def __contains__(self, seconds: object) -> bool:
        return isinstance(seconds, float | int) and self.least <= seconds <= self.most


# The ranges of the field `duration` at fal.ai, the upstream of both: ace-step/prompt-to-audio, and
# mmaudio-v2/text-to-audio.
MUSIC_LENGTHS = Lengths(5.0, 240.0)
SOUND_LENGTHS = Lengths(1.0, 30.0)
_SOUNDS = re.compile(r"(?<![a-z])(mmaudio|sfx|foley|sound[\W_]?effects?)(?![a-z])")

_SPEAKS = "makes speech"
_EDITS = "changes audio that exists already"
_HEARS = "listens to audio"
# Words in the id of a model that makes no music from a prompt, and the purpose of such a model.
_UNUSABLE = {
    **dict.fromkeys(("tts", "speech", "voice", "voices", "dialogue"), _SPEAKS),
    **dict.fromkeys(("edit", "editing", "remix", "extend", "enhance"), _EDITS),
    **dict.fromkeys(("inpaint", "inpainting", "outpaint", "outpainting"), _EDITS),
    **dict.fromkeys(("separation", "separator", "demucs", "stems"), _EDITS),
    **dict.fromkeys(("stt", "asr", "whisper", "transcribe", "transcription"), _HEARS),
}


def why_unusable(model: str) -> str | None:
    """Why the model cannot make music from a prompt, by the words in its id; None if it can."""
    name = model.lower()
    if re.search(r"\baudio-to-audio\b|\baudio-to-text\b", name):
        return _EDITS if name.endswith("audio") else _HEARS
    if re.search(r"\b(video|image)-to-audio\b", name):
        return "makes the sound of a picture"
    return next((_UNUSABLE[word] for word in re.split(r"[\W_]+", name) if word in _UNUSABLE), None)


def makes_sounds(model: str) -> bool:
    """Whether the model makes sound effects and ambience, and no music, by the words in its id."""
    return _SOUNDS.search(model.lower()) is not None


def lengths_of(model: str) -> Lengths:
    """The lengths that the model makes.

    >>> lengths_of(DEFAULT_MODEL).least, lengths_of(SOUND_MODEL).least
    (5.0, 1.0)
    """
    return SOUND_LENGTHS if makes_sounds(model) else MUSIC_LENGTHS

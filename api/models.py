"""Which models of the gateway's list make music of a prompt.

The list holds everything that sounds: speech and editing, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .request import DEFAULT_MODEL

AUTO_MODEL = "auto/music"
"""The gateway chooses the model. It never costs more than the `baseline_model` of the request."""
BASELINE_MODEL = DEFAULT_MODEL

_SPEAKS = "makes speech"
_EDITS = "changes audio that exists already"
_HEARS = "listens to audio"
# What a word of a model's id says of a model that no prompt for music can use.
_UNUSABLE = {
    **dict.fromkeys(("tts", "speech", "voice", "voices", "dialogue"), _SPEAKS),
    **dict.fromkeys(("edit", "editing", "remix", "extend", "enhance"), _EDITS),
    **dict.fromkeys(("inpaint", "inpainting", "outpaint", "outpainting"), _EDITS),
    **dict.fromkeys(("separation", "separator", "demucs", "stems"), _EDITS),
    **dict.fromkeys(("stt", "asr", "whisper", "transcribe", "transcription"), _HEARS),
}

_MUSIC = "/audio/music"
_ENDPOINTS = {"/audio/speech": _SPEAKS, "/audio/transcriptions": _HEARS}
# Required inputs that hold audio: `audio`, `audio_url`, `input_audio`, `reference_audio_file`.
_AUDIO = re.compile(
    r"((input|init|source|src|reference|ref|prompt|original)_)?(audio|file|song|track|video)"
    r"(_(url|uri|file|path|data|base64|input))?"
)
_VOICE = re.compile(r"voices?(_(id|name))?")


class ModelSchema(NamedTuple):
    """What the gateway says a model takes.

    Attributes:
        endpoints: the paths of its endpoints, for example `/v1/audio/music`; empty: not told.
        required: the names of the fields that a request must have.
    """

    endpoints: Sequence[str] = ()
    required: Sequence[str] = ()

    @property
    def why_unusable(self) -> str | None:
        """Why the model cannot make music of a prompt; None where it can."""
        if self.endpoints and not any(path.endswith(_MUSIC) for path in self.endpoints):
            path = self.endpoints[0]
            known = [why for end, why in _ENDPOINTS.items() if path.endswith(end)]
            return known[0] if known else f"is not for {_MUSIC}, but for {path}"
        if any(_AUDIO.fullmatch(name.lower()) for name in self.required):
            return _EDITS
        return _SPEAKS if any(_VOICE.fullmatch(name.lower()) for name in self.required) else None


def why_unusable(model: str) -> str | None:
    """Why the model cannot make music of a prompt, by the words in its id; None where it can."""
    name = model.lower()
    if re.search(r"\baudio-to-audio\b|\baudio-to-text\b", name):
        return _EDITS if name.endswith("audio") else _HEARS
    return next((_UNUSABLE[word] for word in re.split(r"[\W_]+", name) if word in _UNUSABLE), None)

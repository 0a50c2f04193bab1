"""Which models of the gateway's list make music of a prompt.

The list holds everything that sounds: speech and editing, too.
"""

from __future__ import annotations

import re

DEFAULT_MODEL = "ace-step/ace-step-prompt-to-audio"
AUTO_MODEL = "auto/music"
"""The gateway chooses the model. It never costs more than the `baseline_model` of the request."""
BASELINE_MODEL = DEFAULT_MODEL

_SPEAKS = "makes speech"
_EDITS = "changes audio that exists already"
_HEARS = "listens to audio"
# Words in the id of a model that makes no music of a prompt, and what such a model does.
_UNUSABLE = {
    **dict.fromkeys(("tts", "speech", "voice", "voices", "dialogue"), _SPEAKS),
    **dict.fromkeys(("edit", "editing", "remix", "extend", "enhance"), _EDITS),
    **dict.fromkeys(("inpaint", "inpainting", "outpaint", "outpainting"), _EDITS),
    **dict.fromkeys(("separation", "separator", "demucs", "stems"), _EDITS),
    **dict.fromkeys(("stt", "asr", "whisper", "transcribe", "transcription"), _HEARS),
}


def why_unusable(model: str) -> str | None:
    """Why the model cannot make music of a prompt, by the words in its id; None where it can."""
    name = model.lower()
    if re.search(r"\baudio-to-audio\b|\baudio-to-text\b", name):
        return _EDITS if name.endswith("audio") else _HEARS
    return next((_UNUSABLE[word] for word in re.split(r"[\W_]+", name) if word in _UNUSABLE), None)

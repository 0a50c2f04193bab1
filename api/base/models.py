"""The models of the gateway's list that make music from a prompt.

The list also holds other models for sound, such as speech and editing.
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
    return next((_UNUSABLE[word] for word in re.split(r"[\W_]+", name) if word in _UNUSABLE), None)

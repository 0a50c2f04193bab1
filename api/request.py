"""A request for music: its inputs, what they may be, and the body that is sent."""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, NamedTuple

from .errors import InputError

DEFAULT_MODEL = "ace-step/ace-step-prompt-to-audio"
MIN_DURATION = 5.0
MAX_DURATION = 240.0
FORMATS = ("mp3", "wav")

# The inputs that the models of a family ignore, by a part of the model's id. MiniMax chooses its
# own length; Stable Audio does not sing.
_IGNORED = {"minimax": ("duration",), "stable-audio": ("lyrics",)}


class MusicRequest(NamedTuple):
    """What a person asks for. The same request with the same take is bought once."""

    prompt: str
    duration: float = 30.0
    lyrics: str = ""
    format: str = "mp3"
    model: str = DEFAULT_MODEL
    take: int = 1

    def validated(self) -> MusicRequest:
        """The request without surrounding blanks.

        Raises:
            InputError: an empty prompt or model, a duration outside 5 to 240 s, another format.
        """
        prompt, model = self.prompt.strip(), self.model.strip()
        if not prompt:
            raise InputError(
                "The prompt is empty: describe the music, for example "
                "“warm lo-fi piano, 80 bpm”, and queue again."
            )
        if not math.isfinite(self.duration) or not MIN_DURATION <= self.duration <= MAX_DURATION:
            raise InputError(
                f"The duration is {self.duration:g} s, and the model makes {MIN_DURATION:g} to "
                f"{MAX_DURATION:g} s: set a duration in that range."
            )
        if self.format not in FORMATS:
            raise InputError(
                f"The format is “{self.format}”, and the gateway delivers "
                f"{' or '.join(FORMATS)}: choose one of them."
            )
        if not model:
            raise InputError(f"The model is empty: choose one, for example “{DEFAULT_MODEL}”.")
        return self._replace(
            prompt=prompt,
            model=model,
            lyrics=self.lyrics.strip(),
            duration=round(float(self.duration), 3),
        )

    def body(self) -> dict[str, Any]:
        """The JSON body of the submit. It has no `take`: the gateway knows no seed."""
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": self.prompt,
            "duration": self.duration,
            "format": self.format,
        }
        if self.lyrics:
            body["lyrics"] = self.lyrics
            # The gateway rewrites the words unless it is told not to.
            body["lyrics_optimizer"] = False
        else:
            # Without this, some models write lyrics of their own.
            body["is_instrumental"] = True
        return body

    def fingerprint(self, service: str) -> str:
        """SHA-256 in hex of the service and every field; equal for equal requests."""
        fields = json.dumps([service, *self], ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(fields.encode()).hexdigest()

    def ignored_inputs(self) -> list[str]:
        """The inputs that are set and that the model is known to ignore."""
        ignored = {name for part, names in _IGNORED.items() if part in self.model for name in names}
        given = {"duration": True, "lyrics": bool(self.lyrics)}
        return sorted(name for name in ignored if given[name])

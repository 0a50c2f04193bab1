"""A question to a model that answers at once, without a job: about pictures, or about sound."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from typing import Any, NamedTuple, TypeAlias

from .errors import InputError
from .plain_text import shortened
from .request import AS_GIVEN

DESCRIBE = "describe"
"""The kind of a question about the pictures of a clip."""
TRANSCRIBE = "transcribe"
"""The kind of a question about the words in a sound."""
KINDS = (DESCRIBE, TRANSCRIBE)
"""The kinds of all questions."""
VISION_PRICES = {
    "meta/llama-3.2-11b-vision-instruct": (0.049, 0.680),
    "google/gemini-3.1-flash-lite": (0.05, 0.20),
    "openai/gpt-5.4-nano": (0.20, 1.25),
}
"""Models that see pictures. US dollars for a million tokens that go in, and that come out, as of
the gateway's public model pages in 2026."""
VISION_MODEL = next(iter(VISION_PRICES))
PICTURE_TOKENS = 6500
"""Largest number of tokens of a picture of at most 1024 x 1024 pixels: Llama 3.2 makes 4 tiles of
1601."""
SPEECH_MODEL = "deepgram/nova-3"
"""The one model that the gateway's pages describe with times of words."""
_MINUTE = 0.0052
"""US dollars for a minute of sound, as of the gateway's public model page in 2026."""
_FEE = 1.05
"""The gateway may add 5 % to a price."""
_LABEL = 200


class Question(NamedTuple):
    """What is asked. The same question is bought once.

    Attributes:
        kind: the purpose, one word: the ledger's `kind` of the answer.
        rules: what the model shall do; the pack's own words.
        words: what the question is about; a stranger may have written parts of it.
        pictures: JPEG files.
        most_tokens: the longest answer.
    """

    kind: str
    model: str
    rules: str
    words: str
    pictures: tuple[bytes, ...] = ()
    most_tokens: int = 300

    def validated(self) -> Question:
        """Raises InputError: the model is not known to see pictures."""
        if self.pictures and self.model not in VISION_PRICES:
            raise InputError(
                f"The model {self.model} is not known to see pictures: choose one of "
                f"{', '.join(VISION_PRICES)}. Nothing was sent."
            )
        return self

    @property
    def price(self) -> float | None:
        """US dollars that the answer costs at most; None if the model's price is not known.

        A token has at least one byte of text.
        """
        known = VISION_PRICES.get(self.model)
        if known is None:
            return None
        tokens = len(f"{self.rules}{self.words}".encode()) + 100
        tokens += PICTURE_TOKENS * len(self.pictures)
        return _FEE * (known[0] * tokens + known[1] * self.most_tokens) / 1e6

    @property
    def path(self) -> str:
        """Where the question is sent."""
        return "/chat/completions"

    def content(self) -> dict[str, Any]:
        """The options of the HTTP request."""
        return {"json": self.body()}

    def body(self) -> dict[str, Any]:
        """The JSON body."""
        parts: list[dict[str, Any]] = [{"type": "text", "text": self.words}]
        for picture in self.pictures:
            address = f"data:image/jpeg;base64,{base64.b64encode(picture).decode()}"
            parts.append({"type": "image_url", "image_url": {"url": address}})
        return {
            "model": self.model,
            "messages": [
                {"role": "system", "content": self.rules},
                {"role": "user", "content": parts},
            ],
            "max_tokens": self.most_tokens,
            "temperature": 0,
        }

    def fingerprint(self, service: str) -> str:
        """SHA-256 in hex of the service and every field; of the pictures, their SHA-256."""
        pictures = [hashlib.sha256(picture).hexdigest() for picture in self.pictures]
        fields = json.dumps([service, "answer", *self._replace(pictures=()), pictures])
        return hashlib.sha256(fields.encode()).hexdigest()

    def columns(self) -> dict[str, Any]:
        """The columns of the ledger's row."""
        return {
            "kind": self.kind,
            "model": self.model,
            "prompt": shortened(self.words, _LABEL),
            "lyrics": "",
            "duration": 0.0,
            "format": "",
            "take": 1,
            "words": AS_GIVEN,
        }


class Transcription(NamedTuple):
    """A question for the words in a sound and their times. The same sound is bought once.

    Attributes:
        sound: an Ogg file.
        digest: names the samples, however they were encoded.
        seconds: the length of the sound.
        language: a code such as `en`; "": the model finds it.
    """

    sound: bytes
    digest: str
    seconds: float
    language: str = ""
    model: str = SPEECH_MODEL
    kind: str = TRANSCRIBE

    def validated(self) -> Transcription:
        """Each transcription can be asked for."""
        return self

    @property
    def price(self) -> float:
        """US dollars that the answer costs at most. A started second counts."""
        return _FEE * _MINUTE * (math.ceil(self.seconds) + 1) / 60

    @property
    def path(self) -> str:
        """Where the question is sent."""
        return "/audio/transcriptions"

    def content(self) -> dict[str, Any]:
        """The options of the HTTP request: a form."""
        fields = {
            "model": self.model,
            "response_format": "verbose_json",
            "timestamp_granularities[]": "word",
        }
        fields |= {"language": self.language} if self.language else {}
        return {"data": fields, "files": {"file": ("sound.ogg", self.sound, "audio/ogg")}}

    def fingerprint(self, service: str) -> str:
        """SHA-256 in hex of the service and every field but the file."""
        fields = json.dumps([service, "answer", *self._replace(sound=b"")[1:]])
        return hashlib.sha256(fields.encode()).hexdigest()

    def columns(self) -> dict[str, Any]:
        """The columns of the ledger's row."""
        return {
            "kind": self.kind,
            "model": self.model,
            "prompt": f"the words of {self.seconds:.0f} s of sound",
            "lyrics": "",
            "duration": 0.0,
            "format": "",
            "take": 1,
            "words": AS_GIVEN,
        }


AnyQuestion: TypeAlias = "Question | Transcription"


class Reply(NamedTuple):
    """The reply to a question: one line without hidden characters; `cost` in US dollars.

    The text of a transcription is a JSON list of words with the seconds of their start and end.
    """

    text: str
    cost: float | None = None
    request_id: str | None = None

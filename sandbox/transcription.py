"""Words with times: `POST /v1/audio/transcriptions`.

The sandbox knows the words of its own sketches: it looks for the newest job with lyrics whose
length is that of the file. The voice of a sketch sings vowels; the words stand at its notes. Times
and words get noise, as from a network that hears singing. The cards of `cards` apply to the lyrics.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any, NamedTuple

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from .cards import Cards
from .job_book import SandboxJob, SketchRequest
from .profile import SPEECH_PRICES, Profile

_MOST_BYTES = 25_000_000
_SAME_LENGTH = 0.25
"""Seconds."""
_JITTER, _MOST_JITTER = 0.04, 0.12
"""Seconds: the standard deviation of a time, and its limit."""
_LOST, _MISHEARD = 0.03, 0.06
"""Shares of the words."""


class Word(NamedTuple):
    """A word and its times in seconds."""

    word: str
    start: float
    end: float


def sung_words(request: SketchRequest, lyrics: str) -> list[Word]:
    """The words of `lyrics` at the notes of the voice in the sketch of `request`."""
    from .composer import score_of

    score = score_of(request.prompt, request.duration, request.lyrics, request.seed)
    notes = [note for part in score.parts if part.role == "voice" for note in part.notes]
    words = re.findall(r"\w[\w'\u2019-]*", re.sub(r"\[[^\]]*\]|【[^】]*】", " ", lyrics))
    if not notes:
        return []
    notes.sort(key=lambda note: note.start)
    found = []
    for number, word in enumerate(words):
        # Several words share a note, or a word is held over several notes.
        position = number * len(notes) / len(words)
        following = (number + 1) * len(notes) / len(words)
        note, last = notes[int(position)], notes[min(len(notes) - 1, int(following - 1e-9))]
        share = position - int(position) if len(words) > len(notes) else 0.0
        start = score.seconds(note.start + share * note.length)
        whole = last.start + last.length * (
            following - int(following - 1e-9) if len(words) > len(notes) else 1.0
        )
        end = min(request.duration, score.seconds(whole))
        found.append(Word(word, start, max(start + 0.02, end)))
    return found


class SketchWords(NamedTuple):
    """The words in a file and the cards in them; no words if it is not a sketch."""

    words: list[Word]
    cards: Cards


class TranscriptionRequest(NamedTuple):
    """A file and the options of its transcription. `seconds`: its length."""

    file: bytes
    seconds: float
    model: str
    is_verbose: bool
    key: str

    def sung(self, jobs: Sequence[SandboxJob]) -> SketchWords:
        """The words of the newest job that is as long as the file."""
        for job in reversed(jobs):
            request = job.request
            if request.lyrics and abs(request.duration - self.seconds) < _SAME_LENGTH:
                lyrics = re.sub(r"sandbox:\S*", " ", request.lyrics)
                return SketchWords(sung_words(request, lyrics), Cards.of(request.lyrics))
        return SketchWords([], Cards.of(""))


async def read_transcription(request: web.Request) -> TranscriptionRequest | None:
    """The file and the fields of a form; None if the form is malformed, or the file no sound."""
    import soundfile

    fields: dict[str, bytes] = {}
    try:
        form = await request.multipart()
        # A part may hold parts of its own: no client sends that.
        while isinstance(part := await form.next(), BodyPartReader):
            content = bytearray()
            while chunk := await part.read_chunk():
                content += chunk
                if len(content) > _MOST_BYTES:
                    return None
            fields[part.name or ""] = bytes(content)
        info = soundfile.info(io.BytesIO(fields["file"]))
        return TranscriptionRequest(
            file=fields["file"],
            seconds=info.frames / info.samplerate,
            model=fields["model"].decode(),
            is_verbose=fields.get("response_format") == b"verbose_json",
            key=request.headers.get("Idempotency-Key", ""),
        )
    except (
        ArithmeticError, AssertionError, AttributeError, HttpProcessingError, LookupError,
        RuntimeError, TypeError, ValueError,
    ):  # fmt: skip
        return None


class Transcriptions:
    """The transcriptions of one account, and what they cost."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._answers: dict[str, dict[str, Any]] = {}
        self._charges: list[tuple[str, float]] = []

    @property
    def dollars(self) -> float:
        """US dollars of all transcriptions."""
        return sum(cost for _, cost in self._charges)

    def charged(self) -> list[dict[str, Any]]:
        """The key of each transcription that was charged."""
        return [{"key": key, "words": ""} for key, _ in self._charges]

    def answer(self, asked: TranscriptionRequest, sung: SketchWords) -> dict[str, Any]:
        """The answer. A repeat with the same key costs nothing, if the dialect honours the key."""
        honours = self._profile.dialect.honours_idempotency_key
        known = self._answers.get(asked.key) if asked.key and honours else None
        if known is not None:
            return known
        cost = SPEECH_PRICES[asked.model] * asked.seconds / 60
        self._charges.append((asked.key, cost))
        random = Random(hashlib.sha256(asked.file).digest())  # noqa: S311 - no secret
        words = [*_heard(sung.words, random)]
        made: dict[str, Any] = {
            "text": " ".join(word.word for word in words),
            "usage": {"cost": cost},
        }
        if asked.is_verbose:
            made |= {
                "task": "transcribe",
                "duration": asked.seconds,
                "words": [word._asdict() for word in words],
            }
        self._answers[asked.key] = made
        return made


def _heard(words: Sequence[Word], random: Random) -> Iterator[Word]:
    """The words with noise in their times. Some are lost, and some are wrong."""
    for word, start, end in words:
        shift = max(-_MOST_JITTER, min(_MOST_JITTER, random.gauss(0, _JITTER)))
        start = max(0.0, start + shift)
        text = word.lower()
        fate = random.random()
        if fate < _LOST:
            continue
        if fate < _LOST + _MISHEARD:
            text = f"{text[: max(1, len(text) // 2)]}ah"
        yield Word(text, round(start, 3), round(max(start + 0.02, end), 3))

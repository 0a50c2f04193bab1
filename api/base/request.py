"""A request for music: its inputs, their ranges, and the body that is sent."""

from __future__ import annotations

import hashlib
import json
import math
import operator
from typing import Any, NamedTuple

from .errors import InputError
from .models import AUTO_MODEL, BASELINE_MODEL, MUSIC_LENGTHS, lengths_of, makes_sounds
from .models import DEFAULT_MODEL as DEFAULT_MODEL
from .plain_text import clean, is_blank, shortened, trimmed

MIN_DURATION, MAX_DURATION = MUSIC_LENGTHS
"""Seconds of a piece of music; `lengths_of` knows those of each model."""
FORMATS = ("mp3", "wav")
AS_GIVEN, INSTRUMENTAL, MODEL_WRITES = "as given", "instrumental", "let the model write"
WORDS = (AS_GIVEN, INSTRUMENTAL, MODEL_WRITES)
"""The sung words: the given lyrics, which may be empty; no words; words that the model writes."""
# The ledger stores a take in 64 bits.
MAX_TAKE = 2**63 - 1
MAX_COUNT = 16
"""The most takes that are ordered at once."""

# The inputs that the models of a family ignore, by a part of the model's id. MiniMax chooses its
# own length; Stable Audio does not sing.
_IGNORED = {"minimax": ("duration",), "stable-audio": ("lyrics",)}

# ComfyUI turns a script's null into this text.
_NULL = "None"


class MusicRequest(NamedTuple):
    """A person's wishes for one track. The same request with the same take is bought once."""

    prompt: str
    duration: float = 30.0
    lyrics: str = ""
    format: str = "mp3"
    model: str = DEFAULT_MODEL
    take: int = 1
    words: str = AS_GIVEN

    def validated(self) -> MusicRequest:
        """The standard form of this request: equal for the same words, lengths and choices.

        A link or a script may have sent other types than the fields have. Text comes in NFC, with
        LF line ends, without blanks at its ends. `instrumental` becomes no lyrics, `as given`.
        A request in its standard form returns itself.

        Raises:
            InputError: a value is missing, of another kind, or outside its range.

        >>> MusicRequest("  calm piano ", 30).validated().prompt
        'calm piano'
        """
        prompt = trimmed(_text(self.prompt, "prompt"))
        if is_blank(prompt) or prompt == _NULL:
            raise InputError(
                "The prompt is empty: describe the music, for example "
                "“warm lo-fi piano, 80 bpm”, and queue again."
            )
        lyrics = "" if self.lyrics is None else trimmed(_text(self.lyrics, "lyrics"))
        lyrics = "" if lyrics == _NULL or is_blank(lyrics) else lyrics
        words = _words(self.words)
        if words == INSTRUMENTAL:
            lyrics, words = "", AS_GIVEN
        if words == MODEL_WRITES and lyrics:
            raise InputError(
                f"Lyrics are given, and words is “{MODEL_WRITES}”: remove the lyrics, or set words "
                f"to “{AS_GIVEN}”."
            )
        form = _OneForm(
            prompt=prompt,
            duration=_duration(self.duration, _model(self.model)),
            lyrics=lyrics,
            format=_format(self.format),
            model=_model(self.model),
            take=_take(self.take),
            words=words,
        )
        form.fingerprints = {}
        return form

    def takes(self, count: Any) -> list[MusicRequest]:
        """The standard form of this request, and of the `count` - 1 takes after it.

        Raises:
            InputError: as `validated`; or the count is outside its range.
        """
        first = self.validated()
        whole = _whole(count)
        if whole is None or not 1 <= whole <= MAX_COUNT:
            raise InputError(
                f"The count is {_shown(count)}, and 1 to {MAX_COUNT} takes are expected: set a "
                "whole number in that range."
            )
        return [first._replace(take=first.take + more).validated() for more in range(whole)]

    def body(self) -> dict[str, Any]:
        """The JSON body of the submit. It has no `take`: the gateway knows no seed."""
        body: dict[str, Any] = {
            "model": self.model,
            "prompt": self.prompt,
            "duration": self.duration,
            "format": self.format,
        }
        if self.model == AUTO_MODEL:
            body["baseline_model"] = BASELINE_MODEL
        if self.lyrics:
            body["lyrics"] = self.lyrics
            # The gateway rewrites the words, unless this field forbids it.
            body["lyrics_optimizer"] = False
        else:
            # Without this field, some models write lyrics of their own.
            body["is_instrumental"] = self.words != MODEL_WRITES
        return body

    def columns(self) -> dict[str, Any]:
        """The columns of the ledger's row."""
        return self._asdict()

    def fingerprint(self, service: str) -> str:
        """SHA-256 in hex of the service and every field; equal for equal requests."""
        # Requests from before the choice of words existed keep their fingerprint.
        given = self[:-1] if self.words == AS_GIVEN else self
        fields = json.dumps([service, *given], ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(fields.encode()).hexdigest()

    @property
    def label(self) -> str:
        """The take and the first words of the prompt, to name the track in a sentence."""
        return f"take {self.take}, “{shortened(self.prompt, 40)}”"

    def ignored_inputs(self) -> list[str]:
        """The inputs that are set and that the model is known to ignore."""
        ignored = {name for part, names in _IGNORED.items() if part in self.model for name in names}
        if makes_sounds(self.model):
            ignored.add("lyrics")
        given = {"duration": True, "lyrics": bool(self.lyrics)}
        return sorted(name for name in ignored if given[name])


class _OneForm(MusicRequest):
    """A request that `validated` made. It is checked once, and hashed once for each service.

    A copy with other values, by `_replace`, is checked and hashed again.
    """

    fingerprints: dict[str, str] | None = None

    def validated(self) -> MusicRequest:
        return super().validated() if self.fingerprints is None else self

    def fingerprint(self, service: str) -> str:
        known = {} if self.fingerprints is None else self.fingerprints
        if service not in known:
            known[service] = super().fingerprint(service)
        return known[service]


def _text(value: object, name: str) -> str:
    if not isinstance(value, str):
        verb = "are" if name == "lyrics" else "is"
        raise InputError(
            f"The {name} {verb} {_shown(value)}, and text is expected: connect text, or type it."
        )
    return clean(value)


def _duration(value: Any, model: str) -> float:
    try:
        # ComfyUI accepts true as 1 in the input of a number; no user means a length by it.
        seconds = math.nan if isinstance(value, bool) else round(float(value), 3)
    except (TypeError, ValueError, OverflowError, RuntimeError):
        seconds = math.nan
    lengths = lengths_of(model)
    if seconds in lengths:
        return seconds
    shown = f"{seconds:.9g} s" if math.isfinite(seconds) else _shown(value)
    example = "30 or 6.5" if lengths is MUSIC_LENGTHS else "8 or 2.5"
    raise InputError(
        f"The duration is {shown}, and the model makes {lengths.least:g} to {lengths.most:g} s: "
        f"set a number in that range, for example {example}."
    )


def _format(value: object) -> str:
    format = _text(value, "format").strip().lower()
    if format not in FORMATS:
        raise InputError(
            f"The format is {_shown(value)}, and the gateway delivers {' or '.join(FORMATS)}: "
            "choose one of them."
        )
    return format


def _words(value: object) -> str:
    words = _text(value, "words").strip().lower()
    if words not in WORDS:
        raise InputError(
            f"words is {_shown(value)}, and one of {', '.join(WORDS)} is expected: choose one of "
            "them."
        )
    return words


def _model(value: object) -> str:
    model = trimmed(_text(value, "model"))
    if is_blank(model) or model == _NULL:
        raise InputError(f"The model is empty: choose one, for example “{DEFAULT_MODEL}”.")
    return model


def _take(value: Any) -> int:
    take = _whole(value)
    if take is None or not 0 <= take <= MAX_TAKE:
        raise InputError(
            f"The take is {_shown(value)}, and a whole number from 0 to {MAX_TAKE} is expected: "
            "set one, for example 1."
        )
    return take


def _whole(value: Any) -> int | None:
    """`value` as an integer: 3, 3.0 and "3" are the same; None if it is not one."""
    if isinstance(value, bool):
        return None
    try:
        return int(value) if isinstance(value, str) else operator.index(value)
    except (TypeError, ValueError):
        pass
    try:
        number = float(value)
        return int(number) if number.is_integer() else None
    except (TypeError, ValueError, OverflowError, RuntimeError):
        return None


def _shown(value: object) -> str:
    """A value in a sentence, on one short line."""
    if value is None:
        return "missing"
    if isinstance(value, (bool, int, float)):
        # Python refuses to print a number of more than some thousand digits.
        return str(value) if not isinstance(value, int) or value.bit_length() < 200 else "too large"
    if isinstance(value, str):
        return f"“{shortened(clean(value), 60)}”"
    return f"of the type {type(value).__name__}"

"""The inputs of a request for music, which all nodes that buy tracks have in the same order."""

from __future__ import annotations

from typing import Any

from comfy_api.latest import io

from ..api.request import (
    AS_GIVEN,
    DEFAULT_MODEL,
    FORMATS,
    MAX_DURATION,
    MIN_DURATION,
    WORDS,
)
from . import host, session


def request_inputs() -> list[Any]:
    """The inputs that `MusicRequest` is made of."""
    return [
        io.String.Input(
            "prompt",
            multiline=True,
            placeholder="warm lo-fi piano, 80 bpm, {rainy night|early morning}",
            dynamic_prompts=True,
            tooltip="Describe the music: style, mood, instruments, tempo. Of words in "
            "braces, each run takes one; each choice is a request of its own.",
        ),
        io.Float.Input(
            "duration",
            default=30.0,
            min=MIN_DURATION,
            max=MAX_DURATION,
            step=0.1,
            tooltip="Length in seconds, 5 to 240. ACE-Step costs $0.0002 per second.",
        ),
        io.String.Input(
            "lyrics",
            multiline=True,
            default="",
            placeholder="[verse]\nwords to sing, a line each\n\n[chorus]\nmore words",
            dynamic_prompts=True,
            # A script may leave out what has a default.
            optional=True,
            tooltip="Words that the model is asked to sing; it is not certain that it "
            "does. Tags such as [verse] and [chorus] mark the parts. Leave empty for "
            "instrumental music.",
        ),
        io.Combo.Input(
            "format",
            options=list(FORMATS),
            default=FORMATS[0],
            optional=True,
            **host.ADVANCED,
            tooltip="The format that the gateway is asked for: mp3 is small, wav is "
            "lossless. It may send another one; Load Audio URL reads what comes.",
        ),
        io.Combo.Input(
            "model",
            options=Models(session.model_choices()),
            default=DEFAULT_MODEL,
            optional=True,
            tooltip="The model that makes the music. Prices differ: see the price line.",
        ),
        io.Int.Input(
            "take",
            default=1,
            min=1,
            max=1_000_000,
            optional=True,
            control_after_generate=host.FIXED_AFTER_GENERATE,
            tooltip="A new number makes another track, bought separately. The same number "
            "gives the same track, paid once.",
        ),
        io.Combo.Input(
            "words",
            options=list(WORDS),
            default=AS_GIVEN,
            optional=True,
            tooltip="as given: the lyrics are sent, and no lyrics mean instrumental. "
            "instrumental: the lyrics are not sent. let the model write: the model may "
            "sing words of its own.",
        ),
    ]


class Models(list[str]):
    """The models to choose from. The account may have a model that this machine's list lacks, so
    every id is valid."""

    def __contains__(self, model: object) -> bool:
        return isinstance(model, str) and bool(model.strip())

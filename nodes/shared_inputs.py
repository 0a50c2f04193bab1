"""Inputs that several nodes have, and checks of values that come from a link."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any, cast

from comfy_api.latest import io

from ..api.base.errors import InputError
from ..api.base.models import SOUND_LENGTHS
from ..api.base.request import AS_GIVEN, DEFAULT_MODEL, FORMATS, MAX_DURATION, WORDS
from . import host, session
from .disclosure import OriginMarks

ORIGINS = tuple(marks.value for marks in OriginMarks)
LOUDNESS = ("leave", "-14 LUFS", "-16 LUFS", "-23 LUFS")
"""Loudness of the result (EBU R 128): -14 for web video, -16 for podcasts, -23 for television."""
TIMEOUT = 900.0
"""Default time limit of a wait for a job, in seconds."""
_LARGEST = 2**63


class Models(list[str]):
    """The models to choose from. Every id is valid, because the account may have a model that is
    not in this machine's list."""

    def __contains__(self, model: object) -> bool:
        return isinstance(model, str) and bool(model.strip())


def request_inputs() -> list[Any]:
    """The inputs for a `MusicRequest`. All nodes that buy have them in this order."""
    return [
        io.String.Input(
            "prompt",
            multiline=True,
            placeholder="warm lo-fi piano, 80 bpm, {rainy night|early morning}",
            dynamic_prompts=True,
        ),
        # The request checks the lengths of its model.
        io.Float.Input(
            "duration", default=30.0, min=SOUND_LENGTHS.least, max=MAX_DURATION, step=0.1
        ),
        io.String.Input(
            "lyrics",
            multiline=True,
            default="",
            placeholder="[verse]\nwords to sing, a line each\n\n[chorus]\nmore words",
            dynamic_prompts=True,
            # A script may leave out an input with a default.
            optional=True,
        ),
        choice_input("format", FORMATS, **host.ADVANCED),
        io.Combo.Input(
            "model", options=Models(session.model_choices()), default=DEFAULT_MODEL, optional=True
        ),
        io.Int.Input(
            "take",
            default=1,
            min=1,
            max=1_000_000,
            optional=True,
            control_after_generate=host.FIXED_AFTER_GENERATE,
        ),
        choice_input("words", WORDS, default=AS_GIVEN),
    ]


def choice_input(name: str, options: Any, default: str = "", **more: Any) -> io.Combo.Input:
    """An optional choice; the default is the first option."""
    options = list(options)
    return io.Combo.Input(
        name, options=options, default=default or options[0], optional=True, **more
    )


def timeout_input() -> io.Float.Input:
    # The canvas puts optional inputs last. All are optional, to keep their order.
    return io.Float.Input(
        "timeout",
        default=TIMEOUT,
        min=1.0,
        max=86400.0,
        step=1.0,
        optional=True,
        **host.ADVANCED,
    )


def picture_input() -> io.MultiType.Input:
    return io.MultiType.Input("picture", types=[io.Video, io.Image], optional=True)


def frames_input() -> io.Int.Input:
    """Number of frames; 0 uses the frames of the picture."""
    return io.Int.Input("frames", default=0, min=0, max=10_000_000, optional=True)


def fps_input(default: float = 0.0, low: float = 0.0) -> io.Float.Input:
    """Frames per second; 0 uses the rate of the picture."""
    return io.Float.Input(
        "fps", default=default, min=low, max=1000.0, step=0.001, round=0.001, optional=True
    )


def tempo_input() -> io.Float.Input:
    """A tempo in bpm; 0 lets the node find the tempo."""
    return io.Float.Input("tempo", default=0.0, min=0.0, max=300.0, step=0.1, optional=True)


def hits_input() -> io.String.Input:
    """The moments of the picture that get a beat, as text."""
    return io.String.Input("hits", default="", placeholder="[1.25, 4.5, 9.0]", optional=True)


def fade_input(name: str) -> io.Float.Input:
    """The length of a fade in seconds."""
    return io.Float.Input(name, default=0.0, min=0.0, max=60.0, step=0.1, optional=True)


def loudness_inputs() -> list[Any]:
    """`loudness`, and `true_peak`: the ceiling in dBTP, which a limiter holds."""
    return [
        choice_input("loudness", LOUDNESS),
        io.Float.Input("true_peak", default=-1.0, min=-20.0, max=0.0, step=0.1, optional=True),
    ]


def origin_input() -> io.Combo.Input:
    """Whether the file says where its music comes from."""
    return choice_input("origin", ORIGINS)


def checked(name: str, value: Any, *, is_whole: bool = False) -> float:
    """A finite number as a Python int or float. A link may bring a value of any type.

    Raises:
        InputError: the value is not a finite number.
    """
    if isinstance(value, Real) and not isinstance(value, bool):
        number = cast("float", value)
        # Numbers of music and pictures are smaller.
        if abs(number) <= _LARGEST and not (is_whole and number % 1):
            return int(number) if is_whole or isinstance(value, Integral) else float(number)
        shown = "too large" if _LARGEST < abs(number) < math.inf else f"{float(number):g}"
    else:
        is_plain = value is None or isinstance(value, (bool, str))
        shown = repr(value)[:40] if is_plain else f"of the type {type(value).__name__}"
    kind = "whole number" if is_whole else "number"
    raise InputError(f"{name} is {shown}: a {kind} is expected, so connect or type one.")


def checked_timeout(value: float) -> float:
    """A time limit in seconds. Raises InputError: the value is not above 0."""
    if value <= 0:
        raise InputError(f"timeout is {value!r}: set the seconds to wait, for example {TIMEOUT:g}.")
    return value


def checked_text(name: str, value: Any) -> str:
    """A text. A link may bring a value of any type. Raises InputError: it is not a text."""
    if isinstance(value, str):
        return value
    raise InputError(
        f"The {name} is of the type {type(value).__name__}, and text is expected: connect text, "
        "or type it."
    )


def checked_choice(name: str, value: Any, options: Any) -> Any:
    """One of the options of a choice. Raises InputError: the value is not an option."""
    if value not in options:
        raise InputError(f"The {name} is “{value}”: choose one of {', '.join(options)}.")
    return value


def whole(text: str, name: str, low: int, high: int) -> int:
    """`text` as an integer from `low` to `high`. Raises InputError with the value's `name`."""
    is_number = text.isascii() and text.isdecimal() and len(text) <= len(str(high))
    if not is_number or not low <= int(text) <= high:
        raise InputError(f"The {name} is “{text[:80]}”: set a whole number from {low} to {high}.")
    return int(text)

"""Inputs that several nodes share, and what a number may be."""

from __future__ import annotations

import math
from typing import Any

from comfy_api.latest import io

from ..api.errors import InputError


def picture_input() -> io.MultiType.Input:
    return io.MultiType.Input(
        "picture",
        types=[io.Video, io.Image],
        optional=True,
        tooltip="The video, or its frames. Frames need fps.",
    )


def frames_input(tooltip: str) -> io.Int.Input:
    """Frames of a picture; 0 takes them from it."""
    return io.Int.Input("frames", default=0, min=0, max=10_000_000, optional=True, tooltip=tooltip)


def fps_input() -> io.Float.Input:
    """Frames per second of a picture; 0 takes them from it."""
    return io.Float.Input(
        "fps",
        default=0.0,
        min=0.0,
        max=1000.0,
        step=0.001,
        round=0.001,
        optional=True,
        tooltip="Frames per second, such as 23.976. 0 takes it from the video.",
    )


def tempo_input() -> io.Float.Input:
    return io.Float.Input(
        "tempo",
        default=0.0,
        min=0.0,
        max=300.0,
        step=0.1,
        optional=True,
        tooltip="The tempo that was asked for, in bpm. 0 finds it.",
    )


def checked(name: str, value: Any) -> float:
    """A finite number: a link may bring anything.

    Raises:
        InputError: it is none.
    """
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value):
        raise InputError(f"{name} is {value!r}: a number is expected, so connect or type one.")
    return value

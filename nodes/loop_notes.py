"""The loop points that a saved file gets, and the notes about them beside it."""

from __future__ import annotations

import json
import operator
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ..api.errors import InputError

if TYPE_CHECKING:
    import torch

    from ..audio.containers.loop_points import LoopPoints
    from ..audio.formats import Format

_ASKED = re.compile(r"(?<![\d.])(\d{2,3}(?:\.\d{1,2})?)\s*bpm\b", re.IGNORECASE)
_SLOWEST, _FASTEST = 20, 400
_BEATS_IN_BAR = 4
_WHOLE = 0.1
"""A loop whose length is so close to whole beats, in beats, has whole beats."""


def loop_points(start: Any, length: Any, format: Format) -> LoopPoints | None:
    """The loop of two inputs; None where `length` is 0.

    Raises:
        AudioError: the format holds no loop.
        InputError: an input is no whole number, or there is a start without a length.
    """
    from ..audio.containers.loop_points import LoopPoints, check_holds_loop

    loop = LoopPoints(_samples("loop_start", start), _samples("loop_length", length))
    if not loop.length:
        if loop.start:
            raise InputError(
                f"loop_start is {loop.start}, and loop_length is 0: connect both of Make Loop, or "
                "set both to 0."
            )
        return None
    check_holds_loop(format)
    return loop


def _samples(name: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise InputError(
            f"{name} is of the type {type(value).__name__}, and a number of samples is expected: "
            f"connect {name} of Make Loop."
        ) from None
    if count < 0:
        raise InputError(f"{name} is {count}, and 0 or more samples are expected.")
    return count


class Tempo(NamedTuple):
    """In bpm; 0 where it is not known."""

    asked: float
    measured: float

    @property
    def shown(self) -> str:
        """For a file's name: the tempo that was asked for, else the measured one, else nothing."""
        bpm = self.asked or round(self.measured)
        return f"{bpm:g}" if bpm else ""


def tempo_of(waveform: torch.Tensor, sample_rate: int, prompt: str) -> Tempo:
    """The tempo of a waveform [channels, samples], and the one that the prompt asks for."""
    from ..music.samples import MusicError
    from ..music.track import read_track

    found = _ASKED.search(prompt)
    asked = float(found[1]) if found and _SLOWEST <= float(found[1]) <= _FASTEST else 0.0
    try:
        beats = read_track(waveform.numpy(), sample_rate, asked).beats
    except MusicError:
        return Tempo(asked, 0.0)
    return Tempo(asked, beats.bpm if beats.steady else 0.0)


def loop_facts(loop: LoopPoints, sample_rate: int, bpm: float) -> dict[str, Any]:
    """A loop in samples, seconds and beats; `bpm` 0 where no tempo is known.

    If the loop has whole beats, its bpm is exact: engines that count beats stay in it for ever.
    """
    seconds = loop.length / sample_rate
    beats = seconds * bpm / 60
    whole = round(beats) if beats >= 1 and abs(beats - round(beats)) <= _WHOLE else None
    exact = 60 * whole / seconds if whole else bpm or None
    return {
        "sample_rate": sample_rate,
        "loop_start": loop.start,
        "loop_length": loop.length,
        "loop_end": loop.end,
        "loop_start_seconds": round(loop.start / sample_rate, 9),
        "loop_length_seconds": round(seconds, 9),
        "bpm": None if exact is None else round(exact, 6),
        "beats": whole,
    }


def loop_notes(filename: str, facts: dict[str, Any]) -> bytes:
    """The JSON beside a looped file. `godot` has the options of Godot's import of Ogg and MP3."""
    starts_at_once = facts["loop_start"] == 0 and facts["beats"] is not None
    godot = {
        "loop": True,
        "loop_offset": facts["loop_start_seconds"],
        # Godot counts the beats of the whole file, and 0 lets it play the whole file.
        "bpm": facts["bpm"] or 0,
        "beat_count": facts["beats"] if starts_at_once else 0,
        "bar_beats": _BEATS_IN_BAR,
    }
    return json.dumps({"file": filename, **facts, "godot": godot}, indent=2).encode()

"""Hits: moments of a picture, such as cuts, at which the music has a beat. A text names them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from ..audio.arrays import MediaError

ON_BEAT = 0.040
"""Seconds: a listener hears a hit and a beat that are this close as one event."""
MOST_HITS = 300
_LATEST = 1e9
_SAME = 0.020
"""Seconds: two hits that are this close are one hit."""
_EXPECTED = (
    "expected JSON of seconds such as [1.25, 4.5], frames such as 30f, or timecodes such as "
    "00:00:04:12"
)
_FRAMES = re.compile(r"\d{1,9}f", re.IGNORECASE)
_SECONDS = re.compile(r"(\d{1,9}(?:\.\d*)?|\.\d+)s?", re.IGNORECASE)
_TIMECODE = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})[:;](\d{2,3})")
_CLOCK = re.compile(r"(?:(\d{1,2}):)?(\d{1,2}):(\d{1,2}(?:\.\d+)?)")


class Hit(NamedTuple):
    time: float
    """Seconds from the first frame."""
    strength: float = 1.0
    """Above 0; only its rank among the hits counts."""
    strong: bool = False
    """Whether the hit belongs on a bar."""


class Hits(NamedTuple):
    hits: tuple[Hit, ...]
    """Ascending, inside the picture."""
    notes: tuple[str, ...]
    """Sentences about omitted hits."""


NO_HITS = Hits((), ())


def read_hits(text: str, fps: Fraction | None, seconds: float) -> Hits:
    """The hits that a text names, inside a picture of `seconds`.

    The text is JSON: a list of seconds, or of objects with `time` and `strength`. Or it lists
    seconds with a point, frames, or timecodes with frames. Plain whole numbers are frames, as the
    outputs `beat_frames` and `cut_frames` have them. The strongest third of the hits is strong. If
    all strengths are equal, no hit is strong.

    Raises:
        MediaError: an entry has another form, or is in frames although `fps` is missing.
    """
    given = list(_entries(text.strip(), fps))
    inside = sorted(hit for hit in given if 0 <= hit.time < seconds)
    notes = []
    if len(inside) < len(given):
        notes.append(
            f"{len(given) - len(inside)} of {len(given)} hits lie outside the picture of "
            f"{seconds:.3f} s and are left out."
        )
    single: list[Hit] = []
    # The music begins with the first frame.
    inside = [hit for hit in inside if hit.time >= _SAME]
    for hit in inside:
        if single and hit.time - single[-1].time < _SAME:
            single[-1] = max(single[-1], hit, key=lambda one: one.strength)
        else:
            single.append(hit)
    if len(single) < len(inside):
        notes.append(f"{len(inside) - len(single)} hits lie on another hit and count once.")
    if len(single) > MOST_HITS:
        notes.append(f"{len(single)} hits were given: the {MOST_HITS} strongest are used.")
        single = sorted(sorted(single, key=lambda hit: -hit.strength)[:MOST_HITS])
    return Hits(tuple(_ranked(single)), tuple(notes))


def told(hits: Sequence[Hit], errors: Sequence[float], bars: Sequence[float]) -> list[str]:
    """A sentence on all hits, and one on each: its seconds to the nearest beat and bar."""
    strong = [abs(bar) <= ON_BEAT for hit, bar in zip(hits, bars, strict=True) if hit.strong]
    near = sum(abs(error) <= ON_BEAT for error in errors)
    lines = [f"{near} of {len(hits)} hits are within {1000 * ON_BEAT:.0f} ms of a beat"]
    lines[0] += f", {sum(strong)} of {len(strong)} strong ones of a bar." if strong else "."
    for hit, error, bar in zip(hits, errors, bars, strict=True):
        kind = "Strong hit" if hit.strong else "Hit"
        side = "after" if error > 0 else "before"
        also = ", and so is the bar" if abs(bar) <= ON_BEAT else ""
        lines.append(
            f"{kind} at {hit.time:.3f} s: the beat is {1000 * abs(error):.0f} ms {side} it{also}."
        )
    return lines


def _ranked(hits: Sequence[Hit]) -> Iterator[Hit]:
    strengths = np.array([hit.strength for hit in hits])
    least = float(np.quantile(strengths, 2 / 3)) if strengths.size else 0.0
    weakest = float(strengths.min()) if strengths.size else 0.0
    for hit in hits:
        yield hit._replace(strong=hit.strength >= least and hit.strength > weakest)


def _entries(text: str, fps: Fraction | None) -> Iterator[Hit]:
    if not text:
        return
    if text[0] not in "[{":
        tokens = [token for token in re.split(r"[\s,]+", text) if token]
        whole = all(token.isascii() and token.isdecimal() for token in tokens)
        for token in tokens:
            yield Hit(_moment(f"{token}f" if whole else token, fps))
        return
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise MediaError(f"hits is no valid JSON ({error}): {_EXPECTED}.") from error
    if not isinstance(found, list):
        raise MediaError(f"hits is a JSON object: {_EXPECTED}.")
    for entry in found:
        given = entry if isinstance(entry, dict) else {"time": entry}
        strength = _number(given.get("strength", 1.0), entry)
        yield Hit(_number(given.get("time"), entry), strength)


def _number(value: Any, entry: Any) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if is_number and abs(value) <= _LATEST:
        return float(value)
    raise MediaError(f"hits has the entry {json.dumps(entry)[:60]}: {_EXPECTED}.")


def _moment(token: str, fps: Fraction | None) -> float:
    if match := _SECONDS.fullmatch(token):
        return float(match[1])
    if match := _CLOCK.fullmatch(token):
        return 3600 * int(match[1] or 0) + 60 * int(match[2]) + float(match[3])
    frames, timecode = _FRAMES.fullmatch(token), _TIMECODE.fullmatch(token)
    if frames is None and timecode is None:
        raise MediaError(f"hits has the entry “{token[:60]}”: {_EXPECTED}.")
    if fps is None:
        raise MediaError(
            f"hits has frames (“{token[:60]}”), and no rate is given: connect the picture, or set "
            "frames and fps."
        )
    if timecode is None:
        return float(int(token[:-1]) / fps)
    hours, minutes, seconds, rest = (int(part) for part in timecode.groups())
    # Timecode counts whole frames a second, also at 23.976 and 29.97 fps.
    return float(((3600 * hours + 60 * minutes + seconds) * math.ceil(fps) + rest) / fps)

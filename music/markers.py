"""Markers of a fitted track for video editors: hits, bars, beats and joins."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, NamedTuple

from ..audio.arrays import MediaError
from .fit import Fit

KINDS = ("hit", "bar", "beat", "join")
_COLORS = {"hit": "Red", "bar": "Blue", "beat": "Cyan", "join": "Yellow"}
"""DaVinci Resolve's names of colours; Avid and Premiere know red, blue, cyan and yellow too."""
_HOUR = 3600
"""Timelines of video editors begin at one hour."""
_MOST = 100_000


class Marker(NamedTuple):
    seconds: float
    kind: str
    name: str


class Markers(NamedTuple):
    seconds: float
    fps: Fraction
    markers: tuple[Marker, ...]
    """Ascending by their time."""


def markers_of(fit: Fit, fps: Fraction) -> str:
    """JSON with `seconds`, `fps` and `markers`: each has its `time`, `kind` and `name`."""
    found = [
        *(Marker(hit.time, "hit", f"Hit {n}") for n, hit in enumerate(fit.hits, 1)),
        *(Marker(join.at, "join", f"Join {n}") for n, join in enumerate(fit.joins, 1)),
        *_beats(fit),
    ]
    markers = [
        {"time": round(marker.seconds, 4), "kind": marker.kind, "name": marker.name}
        for marker in sorted(found, key=lambda marker: (marker.seconds, KINDS.index(marker.kind)))
    ]
    seconds = round(fit.samples.shape[1] / fit.sample_rate, 6)
    return json.dumps({"seconds": seconds, "fps": str(fps), "markers": markers})


def _beats(fit: Fit) -> Iterator[Marker]:
    bar, beat = 0, 0
    for time, is_bar in zip(fit.grid.beats.tolist(), fit.grid.downbeats.tolist(), strict=True):
        bar, beat = (bar + 1, 1) if is_bar else (bar, beat + 1)
        yield Marker(time, "bar" if is_bar else "beat", f"Bar {bar}" if is_bar else f"{bar}.{beat}")


def read_markers(text: str) -> Markers:
    """The markers in the text of `markers_of`. MediaError: the text is something else."""
    try:
        found = json.loads(text)
        fps, seconds = Fraction(found["fps"]), float(found["seconds"])
        markers = [_marker(entry) for entry in found["markers"]]
    except (ValueError, LookupError, TypeError, RecursionError, ZeroDivisionError) as error:
        raise MediaError(
            "The markers are not those of Fit Music: connect its output markers, or leave the "
            "input empty."
        ) from error
    is_right = 0 < fps <= 1000 and 0 < seconds < math.inf and len(markers) <= _MOST
    if not is_right or not all(0 <= marker.seconds < math.inf for marker in markers):
        raise MediaError(
            "The markers have a time or a rate that is out of range: connect the output markers of "
            "Fit Music."
        )
    return Markers(seconds, fps, tuple(sorted(markers)))


def _marker(entry: Mapping[str, Any]) -> Marker:
    if entry["kind"] not in KINDS:
        raise ValueError(entry["kind"])
    # A name is one line of plain text in each of the files.
    name = " ".join("".join(c if c.isprintable() else " " for c in str(entry["name"])).split())
    return Marker(float(entry["time"]), entry["kind"], name[:80].replace("|", "/"))


def files_of(markers: Markers, title: str) -> dict[str, str]:
    """The text of each file by its ending: an EDL, a table, and chapters for FFmpeg."""
    return {
        ".edl": _edl(markers, title),
        ".markers.csv": _table(markers),
        ".ffmetadata": _chapters(markers),
    }


def _edl(markers: Markers, title: str) -> str:
    """CMX 3600 with one event a marker.

    DaVinci Resolve reads the line that begins with `|C:` (Import > Timeline Markers from EDL), Avid
    and Premiere Pro the comment `LOC`.
    """
    lines = [f"TITLE: {title}", "FCM: NON-DROP FRAME", ""]
    for number, (seconds, kind, name) in enumerate(_wanted(markers), 1):
        first, after = (_timecode(markers.fps, seconds, more) for more in (0, 1))
        times = f"{first} {after} {first} {after}"
        lines += [
            f"{number:03}  001      V     C        {times}  ",
            f" |C:ResolveColor{_COLORS[kind]} |M:{name} |D:1",
            f"* LOC: {first} {_COLORS[kind].upper():<7} {name}",
            "",
        ]
    return "\n".join(lines) + "\n"


def _wanted(markers: Markers) -> Iterator[Marker]:
    """At most one marker a frame: editors store only one. Hits win."""
    frames: dict[int, Marker] = {}
    for marker in sorted(markers.markers, key=lambda marker: KINDS.index(marker.kind)):
        frames.setdefault(_frame(markers.fps, marker.seconds), marker)
    yield from (frames[frame] for frame in sorted(frames))


def _frame(fps: Fraction, seconds: float) -> int:
    return round(Fraction(seconds) * fps)


def _timecode(fps: Fraction, seconds: float, more: int = 0) -> str:
    """Non-drop timecode from one hour on; it counts whole frames a second, also at 29.97 fps."""
    base = math.ceil(fps)
    frame = _frame(fps, seconds) + more + _HOUR * base
    whole, rest = divmod(frame, base)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}:{rest:02}"


def _table(markers: Markers) -> str:
    out = io.StringIO()
    rows = csv.writer(out, lineterminator="\n")
    rows.writerow(("seconds", "frame", "timecode", "kind", "name"))
    for seconds, kind, name in markers.markers:
        frame, timecode = _frame(markers.fps, seconds), _timecode(markers.fps, seconds)
        rows.writerow((f"{seconds:.4f}", frame, timecode, kind, name))
    return out.getvalue()


def _chapters(markers: Markers) -> str:
    """FFmpeg's metadata: a chapter from each hit to the next, or from each bar without hits."""
    kind = "hit" if any(marker.kind == "hit" for marker in markers.markers) else "bar"
    starts = [(m.seconds, m.name) for m in markers.markers if m.kind == kind]
    if not starts or starts[0][0] > 0:
        starts.insert(0, (0.0, "Start"))
    ends = [*(start for start, _ in starts[1:]), markers.seconds]
    lines = [";FFMETADATA1"]
    for (start, name), end in zip(starts, ends, strict=True):
        times = (f"START={round(1000 * start)}", f"END={round(1000 * end)}")
        lines += ["[CHAPTER]", "TIMEBASE=1/1000", *times, f"title={_escaped(name)}"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    """FFmpeg reads `=`, `;`, `#` and a backslash as syntax."""
    return "".join(f"\\{c}" if c in "=;#\\" else c for c in text)

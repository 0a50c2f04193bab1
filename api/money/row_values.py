"""A row of the ledger from values of any kind: what damage or a stranger left becomes a whole job.

A state that is no state counts as uncertain: such a track is never bought again by itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ..request import AS_GIVEN
from .job import Job, State

_TEXTS = (
    "local_id",
    "service",
    "fingerprint",
    "model",
    "prompt",
    "lyrics",
    "format",
    "run",
    "owner",
)
_OTHER_TEXTS = ("job_id", "result_url", "error", "file", "request_id", "selected")
_NUMBERS = ("price", "charged", "submitted", "finished", "took", "result_duration", "arrived")
_COUNTS = ("take", "repeats", "attempt")


def job_of(values: Mapping[str, Any]) -> Job:
    """The job of a row's values by their names; raises nothing."""
    columns: dict[str, Any] = {
        "state": _state(values.get("state")),
        "duration": _number(values.get("duration")) or 0.0,
        "created": _number(values.get("created")) or 0.0,
        "words": _text(values.get("words")) or AS_GIVEN,
    }
    columns |= {name: _text(values.get(name)) or "" for name in _TEXTS}
    columns |= {name: _text(values.get(name)) for name in _OTHER_TEXTS}
    columns |= {name: _number(values.get(name)) for name in _NUMBERS}
    columns |= {name: int(_number(values.get(name)) or 0) for name in _COUNTS}
    kept = _number(values.get("kept"))
    columns["kept"] = None if kept is None else int(kept)
    return Job(**columns)


def _state(value: object) -> State:
    try:
        return State(value)
    except ValueError:
        return State.UNCERTAIN


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    # No database and no page takes half of a pair of surrogates.
    return value.encode("utf-8", "replace").decode()


def _number(value: object) -> float | None:
    """A number from 0 up to what a count of SQLite holds; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value < 1 << 62 and math.isfinite(value) else None

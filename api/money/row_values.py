"""A row of the ledger from values of any kind: what damage or a stranger left becomes a whole job.

A state that is no state counts as uncertain: such a track is never bought again by itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, get_args, get_type_hints

from ..request import AS_GIVEN
from .job import Job, State


def job_of(values: Mapping[str, Any]) -> Job:
    """The job of a row's values by their names; raises nothing."""
    columns: dict[str, Any] = {}
    for name, (kind, may_be_none) in _COLUMNS.items():
        value = _READERS[kind](values.get(name))
        columns[name] = value if value is not None or may_be_none else kind()
    return Job(**{**columns, "words": columns["words"] or AS_GIVEN})


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


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _column(hint: Any) -> tuple[type, bool]:
    """The type of a column, and whether it may be None."""
    kinds = get_args(hint) or (hint,)
    return next(kind for kind in kinds if kind is not type(None)), type(None) in kinds


_READERS: dict[type, Callable[[object], Any]] = {
    State: _state,
    str: _text,
    float: _number,
    int: _whole,
}
_COLUMNS = {name: _column(hint) for name, hint in get_type_hints(Job).items()}

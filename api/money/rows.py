"""Rows of the ledger as jobs, and the interface of the database that holds them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from enum import Enum
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, get_args, get_type_hints
from unicodedata import normalize

from ..base.request import AS_GIVEN
from .job import MUSIC, Job, State

if TYPE_CHECKING:
    from .journal import Journal

T = TypeVar("T")

_COLUMNS = ", ".join(Job._fields)
# A new row, with the text that a search reads.
_INSERT = f"INSERT INTO jobs ({_COLUMNS}, searched) VALUES ({'?, ' * len(Job._fields)}?)"
# The rows for which a condition holds.
_SELECT = f"SELECT {_COLUMNS} FROM jobs WHERE "
# A further address that leads to a row; it may have led to another row before.
_ADD_URL = """
    INSERT INTO urls (url, local_id) VALUES (?, ?)
    ON CONFLICT (url) DO UPDATE SET local_id = excluded.local_id
"""


class Tables(Protocol):
    """The ledger's tables.

    Attributes:
        journal: the second record of the rows; None for a database that needs no second record.
        bytewise: follows a text in SQL, which is then compared by its bytes.
    """

    @property
    def journal(self) -> Journal | None: ...

    @property
    def bytewise(self) -> str: ...

    def execute(self, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        """Run one statement, with a `?` for each value, and return its rows.

        Raises:
            LedgerError: the database cannot be read or written.
        """
        ...


class Engine(Tables, Protocol):
    """A database with the ledger's tables. Safe to use from several threads.

    Every method raises LedgerError if the database cannot be read or written.

    Attributes:
        owner: the name of this process in the rows that it submits, new in each process.
    """

    @property
    def owner(self) -> str: ...

    def write(self, work: Callable[[], T]) -> T:
        """Run `work` in one write transaction, which is on the disk when this returns.

        `work` may be called again if its first transaction was lost.

        Only one process writes at a time. A nested call joins the outer transaction.
        """
        ...

    def now(self) -> float:
        """Seconds since 1970, by the clock that gives the rows their times."""
        ...

    def is_living(self, owner: str) -> bool:
        """Whether the process of that name runs."""
        ...

    def beat(self) -> None:
        """Make sure that no other process thinks this one dead within `longest_silence`.

        Raises:
            LedgerError: the write failed.
        """
        ...

    def check_usable(self) -> None:
        """
        Raises:
            LedgerError: the ledger would lose a row that is written now, or the answer to it.
        """
        ...

    def close(self) -> None: ...


class Rows:
    """The rows in `tables`. The journal, if there is one, notes each change."""

    def __init__(self, tables: Tables) -> None:
        self.execute = tables.execute
        self.bytewise = tables.bytewise
        self._journal = tables.journal

    def insert(self, job: Job) -> None:
        self.execute(_INSERT, *map(_bound, job), searched_text(job.prompt, job.lyrics, job.model))
        self._add_url(job.local_id, job.result_url)
        self._note(job.local_id, job._asdict())

    def update(self, local_id: str, values: Mapping[str, Any]) -> None:
        assignments = ", ".join(f"{name} = ?" for name in values)
        bound = map(_bound, values.values())
        self.execute(f"UPDATE jobs SET {assignments} WHERE local_id = ?", *bound, local_id)
        self._add_url(local_id, values.get("result_url"))
        self._note(local_id, values)

    def delete(self, local_id: str) -> None:
        self.execute("DELETE FROM urls WHERE local_id = ?", local_id)
        self.execute("DELETE FROM jobs WHERE local_id = ?", local_id)
        self._note(local_id, None)

    def one(self, where: str, *values: Any) -> Job | None:
        """The first row for which the condition `where` holds."""
        found = self.many(f"{where} LIMIT 1", *values)
        return found[0] if found else None

    def many(self, where: str, *values: Any) -> list[Job]:
        """The rows for which the condition `where` holds; an order may follow the condition."""
        rows = self.execute(_SELECT + where, *values)
        return [job_of(dict(zip(Job._fields, row, strict=True))) for row in rows]

    def value(self, statement: str, *values: Any) -> Any:
        """The first column of the first row."""
        return self.execute(statement, *values)[0][0]

    def _add_url(self, local_id: str, url: str | None) -> None:
        if url:
            self.execute(_ADD_URL, url, local_id)

    def _note(self, local_id: str, values: Mapping[str, Any] | None) -> None:
        if self._journal is not None:
            self._journal.note(local_id, values)


def _bound(value: Any) -> Any:
    # SQLite binds an Enum member of type str by its name.
    return value.value if isinstance(value, Enum) else value


# The text that a search reads


def folded(text: str) -> str:
    """`text` without its case, and with one spelling of each letter, for a search.

    Unicode's caseless matching (The Unicode Standard, section 3.13, D146): a database folds the
    case of a few alphabets only.
    """
    return normalize("NFKC", normalize("NFKD", text).casefold())


def searched_text(prompt: str, lyrics: str, model: str) -> str:
    return folded("\n".join((prompt, lyrics, model)))


# Rows that may hold anything: a damaged file, a stranger's file


def job_of(values: Mapping[str, Any]) -> Job:
    """The job of a row's values by their names. A value of a wrong type becomes empty.

    An unknown state counts as uncertain: the pack never buys such a track again by itself.
    """
    columns: dict[str, Any] = {}
    for name, (kind, may_be_none) in _KINDS.items():
        value = _READERS[kind](values.get(name))
        columns[name] = value if value is not None or may_be_none else kind()
    defaults = {"words": columns["words"] or AS_GIVEN, "kind": columns["kind"] or MUSIC}
    return Job(**{**columns, **defaults})


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
    # Databases and pages refuse half of a surrogate pair.
    return value.encode("utf-8", "replace").decode()


def _number(value: object) -> float | None:
    """A number from 0 up to the largest count of SQLite; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return value if 0 <= value < 1 << 62 and math.isfinite(value) else None


def _whole(value: object) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _kind(hint: Any) -> tuple[type, bool]:
    """The type of a column, and whether it may be None."""
    kinds = get_args(hint) or (hint,)
    return next(kind for kind in kinds if kind is not type(None)), type(None) in kinds


_READERS: dict[type, Callable[[object], Any]] = {
    State: _state,
    str: _text,
    float: _number,
    int: _whole,
}
_KINDS = {name: _kind(hint) for name, hint in get_type_hints(Job).items()}

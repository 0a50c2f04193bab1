"""The rows of the ledger that a list shows, and their order: one text of SQL for every engine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import NamedTuple, TypeVar

from ..base.errors import InputError
from ..base.plain_text import clean
from ..base.question import KINDS
from .job import Job, State
from .rows import Rows, folded

E = TypeVar("E", bound=Enum)

# A row whose kind was damaged may be a paid track: it is listed.
_IS_TRACK = f"kind NOT IN ({', '.join(map(repr, KINDS))})"
_HOLDS = "(searched LIKE ? ESCAPE '!' OR lower(job_id) LIKE ? ESCAPE '!')"
MAX_SEARCH = 500
"""Characters of a search."""
_MOST_WORDS = 50
MOST_COMPARED = 1_000_000
"""Words of a search times the rows of the ledger. If every row holds every word at the end of its
2,000 characters, that takes 1.6 s."""
MOST_GROUPED = 5_000
"""A longer list has no groups: all its rows are read for each page."""
_MOST_OPENED = 100
# The beginning of the lyrics stands for the whole: whole lyrics of all rows are slow to read.
_REQUEST = "service, model, prompt, duration, format, words, length(lyrics), substr(lyrics, 1, 100)"
# Only this many characters of a prompt decide its order: whole texts are slow to sort.
_COMPARED = 200


class Show(str, Enum):
    """Which rows a list shows. Only HIDDEN shows rows that a person has hidden.

    OPEN: the job may still end by itself. OVER: the job ended without a track. UNCERTAIN also shows
    rows with a damaged state, which a `Job` reads as uncertain.
    """

    ALL = "all"
    COMPLETED = "completed"
    OPEN = "open"
    OVER = "over"
    UNCERTAIN = "uncertain"
    STARRED = "starred"
    HIDDEN = "hidden"


class Sort(str, Enum):
    """The order of a list. Equal rows follow newest first."""

    NEWEST = "newest"
    LONGEST = "longest"
    DEAREST = "dearest"
    PROMPT = "prompt"
    STARRED = "starred"


class Group(NamedTuple):
    """The takes of one request that one run made; the first of them stands for all.

    Attributes:
        size: how many takes the list has of it.
        is_first: whether the row is the first one.
        opened: the id by which the group was opened; None if only its first row is listed.
    """

    size: int
    is_first: bool
    opened: str | None


class Page(NamedTuple):
    """Some rows of a list.

    Attributes:
        total: how many rows the list has.
        counts: how many rows the same search finds, for each value of `Show`.
        groups: by local id, for a list in groups; rows that stand alone have none.
    """

    rows: list[Job]
    total: int
    counts: Mapping[str, int]
    groups: Mapping[str, Group]


_STATES = {
    Show.COMPLETED: [State.COMPLETED],
    Show.OPEN: [state for state in State if state.is_open],
    Show.OVER: [state for state in State if state.is_dead or state is State.LOST],
}
_SHOW_OF = {state.value: show for show, states in _STATES.items() for state in states}


def page_of(
    rows: Rows,
    search: str,
    show: str,
    sort: str,
    limit: int,
    offset: int,
    opened: Sequence[str] | None,
) -> Page:
    """See `Ledger.page`."""
    shown, first = _one_of(Show, "filter", show), _ORDERS[_one_of(Sort, "order", sort)]
    words = _words(search)
    _check_work(rows, len(words))
    found = " AND ".join([_IS_TRACK, *[_HOLDS] * len(words)])
    values = [pattern for word in words for pattern in [_holding(word)] * 2]
    order = f"ORDER BY {first.format(bytewise=rows.bytewise)}created DESC, local_id DESC"
    counts = _counts(rows, found, values)
    if opened is not None and counts[shown.value] <= MOST_GROUPED:
        where = f"{found} AND {_CONDITIONS[shown]}"
        return _in_groups(rows, where, values, order, opened[:_MOST_OPENED], limit, offset, counts)
    # Sort the ids first: whole rows, with their lyrics, are slow to sort.
    ids = f"SELECT local_id FROM jobs WHERE {found} AND {_CONDITIONS[shown]} {order}"
    chosen = rows.many(f"local_id IN ({ids} LIMIT ? OFFSET ?) {order}", *values, limit, offset)
    return Page(chosen, counts[shown.value], counts, {})


def _in_groups(
    rows: Rows,
    where: str,
    values: Sequence[str],
    order: str,
    opened: Sequence[str],
    limit: int,
    offset: int,
    counts: Mapping[str, int],
) -> Page:
    """A group has the position of its first row. The other rows follow it if the group is
    opened."""
    gathered: dict[object, list[str]] = {}
    for local_id, run, *request in rows.execute(
        f"SELECT local_id, run, {_REQUEST} FROM jobs WHERE {where} {order}", *values
    ):
        # A job that was picked up by its id belongs to no run.
        gathered.setdefault((run, *request) if run else local_id, []).append(local_id)
    listed: list[str] = []
    groups: dict[str, Group] = {}
    for ids in gathered.values():
        by = next((local_id for local_id in opened if local_id in ids), None)
        shown = ids if by else ids[:1]
        listed += shown
        if len(ids) > 1:
            groups |= {one: Group(len(ids), one == ids[0], by) for one in shown}
    page = listed[offset : offset + limit]
    marks = ", ".join("?" * len(page)) or "NULL"
    found = {job.local_id: job for job in rows.many(f"local_id IN ({marks})", *page)}
    chosen = [found[local_id] for local_id in page if local_id in found]
    return Page(chosen, len(listed), counts, {one: groups[one] for one in page if one in groups})


def _words(search: str) -> list[str]:
    """The words that a row must hold, the longest first: the fewest rows hold it.

    Raises:
        InputError: the search is too long.
    """
    search = search.strip()
    words: list[str] = []
    if len(search) <= MAX_SEARCH:
        # Use the form of a request's texts: the ledger stores no other form.
        for word in sorted(set(folded(clean(search)).split()), key=len, reverse=True):
            # A text that holds a word also holds each part of the word.
            if not any(word in longer for longer in words):
                words.append(word)
    if len(search) > MAX_SEARCH or len(words) > _MOST_WORDS:
        raise InputError(
            f"The search has more than {MAX_SEARCH} characters, or {_MOST_WORDS} words: shorten it."
        )
    return words


def _check_work(rows: Rows, words: int) -> None:
    """Raises InputError: the search would look for too many words in too many rows."""
    if words < 2:
        return
    ((count,),) = rows.execute("SELECT count(*) FROM jobs")
    if words * count > MOST_COMPARED:
        raise InputError(
            f"The search has {words} words, and the list has {count} tracks: search for at most "
            f"{max(1, MOST_COMPARED // count)} words."
        )


def _counts(rows: Rows, found: str, values: list[str]) -> dict[str, int]:
    counts = dict.fromkeys(Show, 0)
    for state, seen, starred, hidden in rows.execute(
        "SELECT state, count(CASE WHEN hidden IS NULL THEN 1 END), "
        "count(CASE WHEN hidden IS NULL THEN starred END), count(hidden) "
        f"FROM jobs WHERE {found} GROUP BY state",
        *values,
    ):
        counts[Show.ALL] += seen
        counts[_SHOW_OF.get(state, Show.UNCERTAIN)] += seen
        counts[Show.STARRED] += starred
        counts[Show.HIDDEN] += hidden
    return {show.value: count for show, count in counts.items()}


def _in(states: list[State]) -> str:
    return f"({', '.join(repr(state.value) for state in states)})"


_CONDITIONS = {
    Show.ALL: "hidden IS NULL",
    Show.STARRED: "hidden IS NULL AND starred IS NOT NULL",
    Show.HIDDEN: "hidden IS NOT NULL",
    Show.UNCERTAIN: "hidden IS NULL AND state NOT IN "
    + _in([state for states in _STATES.values() for state in states]),
    **{show: f"hidden IS NULL AND state IN {_in(states)}" for show, states in _STATES.items()},
}
_ORDERS = {
    Sort.NEWEST: "",
    Sort.LONGEST: "coalesce(nullif(result_duration, 0), duration) DESC, ",
    # As `Job.charge`. The two engines put NULL at opposite ends.
    Sort.DEAREST: "coalesce(charged, "
    f"CASE WHEN state IN {_in([state for state in State if state.is_dead])} THEN 0 "
    "ELSE price END, -1) DESC, ",
    # A job that was picked up by its id has no prompt.
    Sort.PROMPT: f"prompt = '', substr(searched, 1, {_COMPARED}) {{bytewise}}, ",
    Sort.STARRED: "starred IS NULL, ",
}


def _one_of(kind: type[E], name: str, value: str) -> E:
    try:
        return kind(value)
    except ValueError:
        names = ", ".join(each.value for each in kind)
        raise InputError(f"The {name} is “{value[:80]}”: set one of {names}.") from None


def _holding(word: str) -> str:
    """The pattern of texts that hold `word`, for `LIKE … ESCAPE '!'`."""
    for special in "!%_":
        word = word.replace(special, f"!{special}")
    return f"%{word}%"

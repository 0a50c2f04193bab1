"""The list of tracks: which rows it shows, in which order, and how many there are of each kind."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ...api.base.errors import InputError
from ...api.base.request import MusicRequest
from ...api.money import listing
from ...api.money.job import Job, State
from ...api.money.ledger import Ledger
from ...api.money.listing import Page, Show, Sort
from ...api.money.sqlite import FILE_NAME
from ..ledgers import Address

KINDS = {
    Show.COMPLETED: {State.COMPLETED},
    Show.OPEN: {State.SUBMITTING, State.QUEUED, State.RUNNING},
    Show.OVER: {State.FAILED, State.CANCELLED, State.LOST},
    Show.UNCERTAIN: {State.UNCERTAIN},
}


@pytest.fixture
def ledger(address: Address) -> Iterator[Ledger]:
    with contextlib.closing(address.ledger()) as ledger:
        yield ledger


def add(ledger: Ledger, prompt: str = "piano", age: float = 0.0, **values: Any) -> Job:
    """A row that is `age` seconds old."""
    request = MusicRequest(prompt, take=ledger.page(limit=1).total + 1)
    job, _ = ledger.create("test", request, run="run", price=0.006)
    return ledger.update(job.local_id, created=1e9 - age, **values)


def prompts(ledger: Ledger, **options: Any) -> list[str]:
    return [job.prompt for job in ledger.page(**{"limit": 100, **options}).rows]


def test_every_state_belongs_to_one_kind() -> None:
    assert sorted(state for states in KINDS.values() for state in states) == sorted(State)


def test_a_filter_shows_the_rows_of_its_kind_and_counts_all_kinds(ledger: Ledger) -> None:
    for state in State:
        add(ledger, state.value, state=state)
    for show, states in KINDS.items():
        page = ledger.page(show=show.value, limit=100)
        assert {job.state for job in page.rows} == states
        assert page.total == len(states)
        assert page.counts[show.value] == len(states)
        assert page.counts["all"] == len(State)


def test_a_state_that_damage_left_is_uncertain_in_the_list_too(ledger: Ledger) -> None:
    job = add(ledger)
    ledger.engine.execute("UPDATE jobs SET state = 'qeued' WHERE local_id = ?", job.local_id)
    page = ledger.page(show="uncertain", limit=10)
    assert [row.local_id for row in page.rows] == [job.local_id]
    assert (page.total, page.counts["all"], page.counts["open"]) == (1, 1, 0)


def test_a_hidden_row_is_in_the_list_of_hidden_rows_and_nowhere_else(ledger: Ledger) -> None:
    add(ledger, "seen", state=State.COMPLETED)
    hidden = add(ledger, "hidden", state=State.COMPLETED)
    ledger.star(hidden.local_id, is_on=True)
    ledger.hide(hidden.local_id, is_on=True)
    shown = {show: prompts(ledger, show=show.value) for show in Show}
    assert shown == {
        **{show: [] for show in Show},
        Show.ALL: ["seen"],
        Show.COMPLETED: ["seen"],
        Show.HIDDEN: ["hidden"],
    }
    counts = ledger.page(limit=1).counts
    assert counts == {show.value: len(rows) for show, rows in shown.items()}
    ledger.hide(hidden.local_id, is_on=False)
    assert ledger.page(limit=1).counts["starred"] == 1
    assert ledger.page(limit=1).counts["hidden"] == 0


def test_a_hidden_row_keeps_its_money_and_is_handed_out_again(ledger: Ledger) -> None:
    job = add(ledger, state=State.COMPLETED, charged=0.005)
    spent = ledger.spent()
    ledger.hide(job.local_id, is_on=True)
    assert ledger.spent() == spent == 0.005
    living = ledger.living("test", job.request)
    assert living is not None
    assert living.local_id == job.local_id


def test_a_search_holds_within_each_filter(ledger: Ledger) -> None:
    add(ledger, "calm piano", state=State.COMPLETED)
    add(ledger, "calm drums", state=State.FAILED)
    add(ledger, "wild piano", state=State.FAILED)
    ledger.hide(add(ledger, "hidden piano", state=State.FAILED).local_id, is_on=True)
    page = ledger.page("PIANO", show="over", limit=10)
    assert [job.prompt for job in page.rows] == ["wild piano"]
    assert page.total == 1
    found = {name: count for name, count in page.counts.items() if count}
    assert found == {"all": 2, "completed": 1, "over": 1, "hidden": 1}


def test_the_longest_track_is_the_one_that_came_longest(ledger: Ledger) -> None:
    add(ledger, "asked 30", duration=30.0)
    add(ledger, "asked 90", duration=90.0)
    add(ledger, "came with 60", duration=30.0, result_duration=60.0)
    add(ledger, "came without", duration=45.0, result_duration=0.0)
    order = ["asked 90", "came with 60", "came without", "asked 30"]
    assert prompts(ledger, sort="longest") == order


def test_the_dearest_track_is_the_one_with_the_highest_price_that_is_shown(ledger: Ledger) -> None:
    add(ledger, "unknown", price=None)
    add(ledger, "expected", price=0.05)
    add(ledger, "charged less", price=0.09, charged=0.01)
    add(ledger, "free", price=0.0)
    assert prompts(ledger, sort="dearest") == ["expected", "charged less", "free", "unknown"]


def test_prompts_are_ordered_without_their_case_and_as_bytes(ledger: Ledger) -> None:
    picked_up = ledger.adopt("test", "job_1")
    # A locale would ignore the space, and put “piano solo” after “pianos”.
    for prompt in ("Zither", "pianos", "Piano solo", "étude", "piano", "ÉTUDE", "b"):
        add(ledger, prompt)
    ledger.update(add(ledger, "piano").local_id, created=2e9)
    order = ["b", "piano", "piano", "Piano solo", "pianos", "Zither", "ÉTUDE", "étude"]
    found = prompts(ledger, sort="prompt")
    assert [prompt.casefold() for prompt in found] == [each.casefold() for each in [*order, ""]]
    rows = ledger.page(sort="prompt", limit=100).rows
    assert rows[1].created == 2e9
    assert rows[-1].local_id == picked_up.local_id


def test_favorites_come_first_and_the_newest_of_them_before_the_others(ledger: Ledger) -> None:
    for age, prompt in enumerate(("newest", "middle", "older", "oldest")):
        job = add(ledger, prompt, age=age)
        if prompt in ("middle", "oldest"):
            ledger.star(job.local_id, is_on=True)
    assert prompts(ledger, sort="starred") == ["middle", "oldest", "newest", "older"]
    assert prompts(ledger, show="starred") == ["middle", "oldest"]


@pytest.mark.parametrize("sort", Sort)
def test_the_pages_of_every_order_have_every_row_once(ledger: Ledger, sort: Sort) -> None:
    # Rows of one moment that are alike in all that a list is ordered by.
    made = {add(ledger).local_id for _ in range(7)}
    pages = [ledger.page(sort=sort.value, limit=2, offset=offset) for offset in range(0, 8, 2)]
    found = [job.local_id for page in pages for job in page.rows]
    assert sorted(found) == sorted(made)
    assert {page.total for page in pages} == {7}


def test_marks_survive_the_process(address: Address) -> None:
    with contextlib.closing(address.ledger()) as ledger:
        job = add(ledger)
        ledger.star(job.local_id, is_on=True)
        before = ledger.hide(job.local_id, is_on=True)
    with contextlib.closing(address.ledger()) as ledger:
        after = ledger.get(job.local_id)
    assert (after.starred, after.hidden) == (before.starred, before.hidden)
    assert after.starred
    assert after.hidden


def test_marks_survive_the_loss_of_the_file(tmp_path: Any) -> None:
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        starred, plain = add(ledger, "starred"), add(ledger, "plain")
        ledger.star(starred.local_id, is_on=True)
        ledger.star(plain.local_id, is_on=True)
        ledger.star(plain.local_id, is_on=False)
    (tmp_path / FILE_NAME).unlink()
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        assert prompts(ledger, show="starred") == ["starred"]


@pytest.mark.parametrize("options", [{"show": "everything"}, {"sort": "random"}, {"show": ""}])
def test_an_unknown_filter_or_order_is_one_sentence(
    ledger: Ledger, options: dict[str, Any]
) -> None:
    with pytest.raises(InputError, match=r"set one of (all|newest), "):
        ledger.page(**options, limit=10)


def test_a_mark_on_a_row_that_is_not_there_is_a_key_error(ledger: Ledger) -> None:
    for mark in (ledger.star, ledger.hide):
        with pytest.raises(KeyError):
            mark("nobody", is_on=True)


def test_a_long_search_finds_the_rows_of_its_words(ledger: Ledger) -> None:
    prompt = " ".join(f"{word}ing" for word in "abcdefghijklmnopqrstuvwxyz") + " calm piano"
    add(ledger, prompt)
    add(ledger, "piano")
    for search in (prompt, prompt.upper(), "g " * 200, "ing i n g " * 50, "piano calm pian cal"):
        assert prompts(ledger, search=search) == [prompt]
    assert sorted(prompts(ledger, search="pian ano piano")) == [prompt, "piano"]
    assert prompts(ledger, search=f"{prompt} violin") == []


@pytest.mark.parametrize(
    "search",
    [
        "a" * 501,
        "word " * 20_000,
        " ".join(f"{number:03}" for number in range(51)),
        " ".join(chr(0x4E00 + number) for number in range(200)),
    ],
)
def test_a_search_has_a_bound(ledger: Ledger, search: str) -> None:
    with pytest.raises(InputError, match="more than 500 characters, or 50 words: shorten it"):
        ledger.page(search, limit=10)


def test_words_times_rows_have_a_bound(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(10):
        add(ledger, f"calm piano in the evening {number}")
    monkeypatch.setattr(listing, "MOST_COMPARED", 30)
    looked: list[str] = []
    execute = type(ledger.engine).execute

    def counting(engine: Any, statement: str, *values: Any) -> Any:
        looked.append(statement)
        return execute(engine, statement, *values)

    monkeypatch.setattr(type(ledger.engine), "execute", counting)
    assert ledger.page("calm piano evening", limit=10).total == 10
    looked.clear()
    with pytest.raises(InputError, match=r"4 words, and .* 10 tracks: .* at most 3 words"):
        ledger.page("calm piano evening the", limit=10)
    # No text was looked at.
    assert not [statement for statement in looked if "LIKE" in statement]
    assert ledger.page("x" * 500, limit=10).total == 0
    ledger.page("", limit=10)


def test_a_page_looks_at_each_row_at_most_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The search's words are looked for by the database: its own function counts them."""
    compared = 0
    connect = sqlite3.connect

    def like(pattern: str, text: str | None, escape: str = "") -> bool:
        nonlocal compared
        compared += 1
        return pattern.strip("%").replace(escape, "") in (text or "")

    def connected(*values: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*values, **options)
        connection.create_function("like", 3, like)
        return connection

    monkeypatch.setattr(sqlite3, "connect", connected)
    with contextlib.closing(Ledger(tmp_path)) as ledger:
        for number in range(20):
            add(ledger, f"calm piano in the evening {number}")
        for sort in Sort:
            compared = 0
            assert ledger.page("calm piano evening", sort=sort.value, limit=5).total == 20
            assert 20 * 3 <= compared <= 2 * 20 * 3


@pytest.mark.parametrize("search", ["a\0b", "\0", "\ud800", "a\0 \x1bb"])
def test_a_search_with_what_no_database_holds_is_a_search(ledger: Ledger, search: str) -> None:
    request = MusicRequest(f"with {search} in it").validated()
    job, _ = ledger.create("test", request, run="run", price=0.006)
    add(ledger, "piano")
    assert [row.local_id for row in ledger.page(search, limit=10).rows] == [job.local_id]


def test_an_id_with_a_nul_is_not_there(ledger: Ledger) -> None:
    add(ledger)
    assert ledger.by_job_id("test", "a\0b") is None
    assert ledger.by_url("http://a\0b") is None
    with pytest.raises(KeyError):
        ledger.get("a\0b")


# Takes of one request that one run made


def takes(ledger: Ledger, run: str, *numbers: int, prompt: str = "piano") -> list[str]:
    """The local ids of new rows, one a take."""
    made = []
    for number in numbers:
        request = MusicRequest(prompt, take=number)
        job, _ = ledger.create("test", request, run=run, price=0.001)
        made.append(job.local_id)
        ledger.update(job.local_id, created=1e9 + ledger.page(limit=1).total)
    return made


def in_groups(ledger: Ledger, *opened: str, **options: Any) -> list[str]:
    return [job.local_id for job in listed_in_groups(ledger, *opened, **options).rows]


def listed_in_groups(ledger: Ledger, *opened: str, **options: Any) -> Page:
    return ledger.page(**{"limit": 100, "opened": opened, **options})


def test_sixteen_takes_are_one_row_until_they_are_opened(ledger: Ledger) -> None:
    before = takes(ledger, "a", 1, prompt="flute")
    sixteen = takes(ledger, "b", *range(1, 17))
    after = takes(ledger, "c", 1, prompt="harp")
    page = listed_in_groups(ledger)
    assert [job.local_id for job in page.rows] == [*after, sixteen[-1], *before]
    assert page.total == 3
    assert page.counts["all"] == 18
    assert page.groups == {sixteen[-1]: (16, True, None)}
    whole = listed_in_groups(ledger, sixteen[-1])
    assert [job.local_id for job in whole.rows] == [*after, *reversed(sixteen), *before]
    assert whole.total == 18
    assert whole.groups[sixteen[-1]] == (16, True, sixteen[-1])
    assert whole.groups[sixteen[0]] == (16, False, sixteen[-1])


def test_a_group_stays_open_while_takes_come(ledger: Ledger) -> None:
    first = takes(ledger, "a", 1, 2)
    more = takes(ledger, "a", 3)
    assert in_groups(ledger, first[-1]) == [*more, *reversed(first)]


def test_only_takes_of_one_request_and_one_run_are_a_group(ledger: Ledger) -> None:
    alone = [
        *takes(ledger, "a", 1),
        *takes(ledger, "b", 2),
        *takes(ledger, "b", 2, prompt="harp"),
        *takes(ledger, "", 3),
        *takes(ledger, "", 4),
    ]
    assert in_groups(ledger) == alone[::-1]
    assert not listed_in_groups(ledger).groups


def test_pages_of_groups_follow_each_other(ledger: Ledger) -> None:
    runs = [takes(ledger, f"run {n}", 1, 2, 3, prompt=f"piano {n}") for n in range(4)]
    heads = [ids[-1] for ids in reversed(runs)]
    assert in_groups(ledger, limit=2) == heads[:2]
    assert in_groups(ledger, limit=2, offset=2) == heads[2:]
    opened = heads[1]
    whole = in_groups(ledger, opened)
    assert whole == [heads[0], *reversed(runs[2]), *heads[2:]]
    assert in_groups(ledger, opened, limit=2, offset=2) == whole[2:4]


@pytest.mark.parametrize("sort", [each.value for each in Sort])
def test_a_group_stands_where_its_first_row_stands(ledger: Ledger, sort: str) -> None:
    takes(ledger, "a", 1, 2, prompt="b")
    takes(ledger, "b", 1, prompt="a")
    takes(ledger, "c", 1, 2, 3, prompt="c")
    alone = ledger.page(sort=sort, limit=100).rows
    firsts = {job.run: job.local_id for job in reversed(alone)}
    assert in_groups(ledger, sort=sort) == [
        job.local_id for job in alone if firsts[job.run] == job.local_id
    ]


def test_a_search_and_a_filter_are_of_rows_not_of_groups(ledger: Ledger) -> None:
    ids = takes(ledger, "a", 1, 2, 3)
    takes(ledger, "b", 1, prompt="harp")
    ledger.star(ids[0], is_on=True)
    assert in_groups(ledger, show="starred") == [ids[0]]
    assert in_groups(ledger, search="piano") == [ids[-1]]
    ledger.hide(ids[-1], is_on=True)
    assert listed_in_groups(ledger, search="piano").groups == {ids[1]: (2, True, None)}


def test_ids_that_are_none_open_nothing(ledger: Ledger) -> None:
    ids = takes(ledger, "a", 1, 2)
    assert in_groups(ledger, "", "x' OR 'y", "%") == [ids[-1]]


def test_a_long_list_has_no_groups(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = takes(ledger, "a", 1, 2, 3)
    monkeypatch.setattr(listing, "MOST_GROUPED", 2)
    assert in_groups(ledger) == ids[::-1]
    assert not listed_in_groups(ledger).groups


def test_other_lyrics_are_another_request(ledger: Ledger) -> None:
    for take, lyrics in enumerate(("la", "lo", "la")):
        request = MusicRequest("piano", lyrics=lyrics, take=take)
        ledger.create("test", request, run="a", price=0.001)
    assert listed_in_groups(ledger).total == 2

"""What a track is expected to cost, how sure that is, and the floor of the balance."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ...api.base.errors import SpendLimitError
from ...api.base.models import AUTO_MODEL
from ...api.base.request import MusicRequest
from ...api.library import Library
from ...api.money.job import SANDBOX
from ...api.money.prices import FILE_NAME, Catalogue, expected_prices, learned
from ...api.money.spending import UNKNOWN_PER_DAY, Reason
from ...api.settings import Settings
from ...api.wire.protocol import MOST_DOLLARS, JobRecord, JobStatus, Model
from ...sandbox.profile import Profile
from ..gateway import SCALE, account_on, rows_of, running

ACE = MusicRequest("piano", 30.0)
ELEVEN = ACE._replace(model="elevenlabs/elevenlabs-music")


def completed(library: Library, request: MusicRequest, cost: float | None) -> None:
    """A completed job of `request` in the ledger, for which the gateway told `cost`."""
    job, _ = library.ledger.create("test", request, run="earlier", price=24.0)
    record = JobRecord(f"job_{job.local_id}", JobStatus.COMPLETED, "http://x/", 30.0, cost=cost)
    library.ledger.apply(job.local_id, record)
    library.ledger.release(job)


def test_only_a_price_by_the_second_that_is_known_is_exact(tmp_path: Path) -> None:
    catalogue = Catalogue(tmp_path, "test")
    assert catalogue.prices([ACE])[0] == (pytest.approx(0.006), False)
    assert catalogue.prices([ELEVEN])[0] == (pytest.approx(24.0), True)
    assert catalogue.prices([ACE._replace(model="nobody/knows")])[0] == (None, False)


@pytest.mark.parametrize(
    "price", ["NaN", "-1", "Infinity", '"cheap"', "true", "1e300", "0", '"0"', "1e-12", "0.0000099"]
)
def test_an_absurd_price_in_the_list_is_not_known(tmp_path: Path, price: str) -> None:
    model = '["m", %s]' % price  # noqa: UP031
    content = f'{{"service": "test", "fetched": 0, "models": [{model}]}}'
    (tmp_path / FILE_NAME).write_text(content, encoding="utf-8")
    assert Catalogue(tmp_path, "test").prices([ACE._replace(model="m")])[0].amount is None


def test_the_first_charged_track_teaches_the_true_price(tmp_path: Path) -> None:
    library = Library(tmp_path)
    catalogue = library.catalogue("test")
    completed(library, ELEVEN, None)
    assert expected_prices(catalogue, library.ledger, [ELEVEN]) == [(pytest.approx(24.0), True)]
    completed(library, ELEVEN._replace(take=2), 0.375)
    assert expected_prices(catalogue, library.ledger, [ELEVEN]) == [(0.375, False)]
    other = Catalogue(tmp_path, "another service")
    assert expected_prices(other, library.ledger, [ELEVEN])[0].amount == pytest.approx(24.0)
    library.close()


async def test_the_price_that_was_learned_is_the_one_that_limits_compare(tmp_path: Path) -> None:
    library = Library(tmp_path)
    rules = Settings(base_url="http://127.0.0.1:9/v1", spend_limit_per_run=1.0)
    assert (await library.quote([ELEVEN], rules)).refusal is not None
    job, _ = library.ledger.create(rules.service, ELEVEN._replace(take=2), run="", price=24.0)
    record = JobRecord("job_1", JobStatus.COMPLETED, "http://x/", 30.0, cost=0.375)
    library.ledger.apply(job.local_id, record)
    # The track that taught it still counts as what it was allowed for.
    quote = await library.quote([ELEVEN], rules)
    assert quote.refusal == (Reason.PER_DAY, 10.0, 24.0, 0.0)
    quote = await library.quote([ELEVEN], dataclasses.replace(rules, spend_limit_per_day=24.375))
    assert (quote.each, quote.refusal, quote.is_at_most) == (0.375, None, False)
    library.close()


@given(
    seconds=st.floats(5, 240),
    paid=st.lists(st.floats(5, 240), min_size=1, max_size=5),
    price=st.floats(1e-4, 1.0),
    by_piece=st.booleans(),
)
def test_what_was_learned_is_never_below_the_true_price(
    seconds: float, paid: list[float], price: float, by_piece: bool
) -> None:
    def true(duration: float) -> float:
        return price if by_piece else price * duration

    request = ELEVEN._replace(duration=seconds)
    # Lengths that differ by less than the tolerance cannot tell the two kinds of price apart.
    apart = min(paid) * 1.3 < max(paid) or len(set(paid)) == 1
    amount, is_at_most = learned(request, [(each, true(each)) for each in paid])
    assert amount is not None
    if apart or not by_piece:
        assert amount >= true(seconds) * (1 - 1e-9)
    if apart and not is_at_most:
        assert amount == pytest.approx(true(seconds))


@pytest.mark.parametrize(("floor", "is_bought"), [(0.0, True), (9.999, True), (9.9991, False)])
async def test_the_balance_does_not_fall_below_the_floor(
    tmp_path: Path, floor: float, is_bought: bool
) -> None:
    """The sandbox has $10, and 5 s cost $0.001."""
    request, rules = ACE._replace(duration=5.0), Settings(minimum_balance=floor)
    profile = Profile(credit=10.0, queue=600.0).scaled(SCALE)
    with running(profile) as sandbox, account_on(sandbox, tmp_path) as account:
        if is_bought:
            await account.submit(request, rules, run="run")
        else:
            with pytest.raises(SpendLimitError, match=r"below your floor .*minimum_balance"):
                await account.submit(request, rules, run="run")
            assert rows_of(account) == []


def test_jobs_under_way_are_taken_off_the_balance(tmp_path: Path) -> None:
    library = Library(tmp_path)
    rules = Settings(minimum_balance=1.0).spending_rules
    library.ledger.create("test", ACE, run="earlier", price=0.006)
    quote = library.ledger.quote("test", [0.006], rules, balance=1.012)
    assert quote.refusal is None
    quote = library.ledger.quote("test", [0.006], rules, balance=1.011)
    assert quote.refusal is not None
    assert json.dumps(quote.refusal.reason.value) == '"minimum_balance"'
    library.close()


# What a gateway lists and reports makes no room


@pytest.mark.parametrize(
    ("rates", "rate"),
    [([0.1, 0.001], 0.1), ([0.001, 0.1], 0.1), ([0.1, None], None), ([None, 0.1], None)],
)
def test_a_model_listed_twice_has_the_higher_price(
    tmp_path: Path, rates: list[float | None], rate: float | None
) -> None:
    catalogue = Catalogue(tmp_path, "test")
    catalogue.replace([Model("m", each) for each in rates])
    amount = catalogue.prices([ACE._replace(model="m")])[0].amount
    assert amount == (None if rate is None else pytest.approx(rate * 30))


@pytest.mark.parametrize(
    ("model", "rates", "rate", "is_at_most"),
    [
        (ACE.model, [0.00015], 0.0002, True),
        (ACE.model, [0.0002], 0.0002, False),
        (ACE.model, [0.0003], 0.0003, False),
        (ACE.model, [0.0], 0.0002, False),
        (ACE.model, [None, 0.0003], 0.0003, False),
        (ACE.model, [0.0003, 0.00001], 0.0003, True),
        (ELEVEN.model, [0.00001], 0.8, True),
        (ELEVEN.model, [None, 5.0], 5.0, True),
        ("nobody/knows", [0.1, 0.0], None, False),
        ("nobody/knows", [1e-5], 1e-5, True),
    ],
)
def test_a_track_counts_as_the_higher_of_the_listed_and_the_built_in_price(
    tmp_path: Path, model: str, rates: list[float | None], rate: float | None, is_at_most: bool
) -> None:
    catalogue = Catalogue(tmp_path, "test")
    catalogue.replace([Model(model, each) for each in rates])
    (price,) = catalogue.prices([ACE._replace(model=model)])
    assert price == (None if rate is None else pytest.approx(rate * 30), is_at_most)


@pytest.mark.parametrize("listed", [0.0, 1e-12, 0.00001, 0.0001])
def test_a_low_price_in_the_list_with_charges_as_low_lowers_nothing(
    tmp_path: Path, listed: float
) -> None:
    library = Library(tmp_path)
    catalogue = library.catalogue("test")
    catalogue.replace([Model(ACE.model, listed), Model(ELEVEN.model, listed)])
    completed(library, ACE, listed * 30)
    completed(library, ELEVEN, listed * 30)
    ace, eleven = expected_prices(catalogue, library.ledger, [ACE, ELEVEN])
    # A price that is not known is not lower either.
    assert ace == (pytest.approx(0.006), listed >= 1e-5)
    # Half of the cheapest reading of its price: half a minute of $0.80 a minute.
    assert eleven.amount is not None
    assert eleven.amount >= 0.2
    library.close()


def test_charges_too_low_to_be_true_teach_no_price(tmp_path: Path) -> None:
    library = Library(tmp_path)
    unknown = ACE._replace(model="nobody/knows")
    catalogue = library.catalogue("test")
    completed(library, unknown, 1e-12)
    assert expected_prices(catalogue, library.ledger, [unknown])[0].amount is None
    completed(library, unknown._replace(take=2), 0.03)
    assert expected_prices(catalogue, library.ledger, [unknown])[0].amount == 0.03
    library.close()


def test_charges_over_the_bound_of_the_automatic_model_raise_it(tmp_path: Path) -> None:
    library = Library(tmp_path)
    auto = ACE._replace(model=AUTO_MODEL)
    catalogue = library.catalogue("test")
    assert expected_prices(catalogue, library.ledger, [auto]) == [(pytest.approx(0.006), True)]
    completed(library, auto, 0.001)
    completed(library, auto._replace(take=2), 24.0)
    longer = auto._replace(duration=60.0)
    assert expected_prices(catalogue, library.ledger, [auto, longer]) == [
        (24.0, True),
        (48.0, True),
    ]
    library.close()


def test_a_row_without_a_price_above_0_counts_as_one_of_unknown_price(tmp_path: Path) -> None:
    library = Library(tmp_path)
    for take, price in enumerate([None, 0.0, 0.25]):
        library.ledger.create("test", ACE._replace(take=take), run="run", price=price)
    assert library.ledger.counted(2.0, run="run") == 4.25
    assert library.ledger.unknown_tracks(since=0.0) == 2
    assert library.ledger.pending("test", 2.0) == 4.25
    library.ledger.create(SANDBOX, ACE, run="free", price=0.0)
    assert library.ledger.counted(2.0, run="free") == 0.0
    library.close()


async def test_a_listed_price_that_falls_below_a_tenth_is_told(tmp_path: Path) -> None:
    library = Library(tmp_path)

    async def told(listed: float | None, model: str = ELEVEN.model) -> list[dict[str, Any]]:
        library.catalogue("test").replace([Model(model, listed)])
        requests = [ELEVEN._replace(model=model, take=take) for take in (1, 2)]
        return [hint.values for hint in await library.hints(requests, "test")]

    assert await told(0.00001) == []
    library.ledger.create("test", ELEVEN._replace(take=5), run="run", price=24.0)
    fall = {"model": ELEVEN.model, "listed": "0.00001", "last": "0.8"}
    assert await told(0.00001) == [fall]
    assert await told(0.0) == [{**fall, "listed": "0"}]
    assert [await told(rate) for rate in (0.081, 0.8, 9.0, None)] == [[]] * 4
    assert await told(0.00001, "nobody/knows") == []
    # The charge of the last track is known better than what was expected.
    completed(library, ELEVEN, 0.375)
    assert await told(0.00126) == []
    assert await told(0.00124) == [{**fall, "listed": "0.00124", "last": "0.0125"}]
    assert await library.hints([ELEVEN], SANDBOX) == []
    library.close()


@pytest.mark.slow
@settings(deadline=None, max_examples=30)
@given(
    reported=st.lists(st.floats(1e-9, 1e-3), min_size=1, max_size=5),
    seconds=st.floats(5, 240),
)
def test_forged_bills_do_not_lower_an_estimate_below_the_list(
    tmp_path_factory: pytest.TempPathFactory, reported: list[float], seconds: float
) -> None:
    library = Library(tmp_path_factory.mktemp("forged"))
    for take, cost in enumerate(reported):
        for request in (ACE, ELEVEN):
            completed(library, request._replace(take=take), cost)
    catalogue = library.catalogue("test")
    for request in (ACE._replace(duration=seconds), ELEVEN._replace(duration=seconds)):
        listed = catalogue.prices([request])[0]
        (price,) = expected_prices(catalogue, library.ledger, [request])
        assert listed.amount is not None
        assert price.amount is not None
        cheapest = listed.amount / max(60, seconds)
        least = cheapest / 2 if listed.is_at_most else listed.amount
        assert price.amount >= least * (1 - 1e-9)
    library.close()


@pytest.mark.slow
@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELLED, JobStatus.COMPLETED])
@pytest.mark.parametrize("cost", [None, 0.0, 0.001, 7.0])
def test_a_report_never_makes_room_and_a_charge_for_nothing_counts(
    tmp_path: Path, status: JobStatus, cost: float | None
) -> None:
    library = Library(tmp_path)
    job, _ = library.ledger.create("test", ACE, run="run", price=1.0)
    library.ledger.release(job)
    assert library.ledger.counted(1.0, run="run") == 1.0
    library.ledger.apply(job.local_id, JobRecord("job_1", status, "http://x/", cost=cost))
    is_dead = status is not JobStatus.COMPLETED
    assert library.ledger.counted(1.0, run="run") == max(cost or 0.0, 0.0 if is_dead else 1.0)
    known = 1.0 if cost is None else cost
    assert library.ledger.spent(run="run") == ((cost or 0.0) if is_dead else known)
    dead = library.ledger.get(job.local_id)
    if is_dead:
        assert ("The gateway charged" in str(dead.as_error())) == bool(cost)
    library.close()


@pytest.mark.slow
@pytest.mark.parametrize("amount", [-1e9, -1.0, 1e308])
@pytest.mark.parametrize("column", ["price", "charged"])
@pytest.mark.parametrize("state", ["completed", "failed", "uncertain"])
def test_an_absurd_amount_in_the_ledger_makes_no_room_and_closes_nothing_for_ever(
    tmp_path: Path, amount: float, column: str, state: str
) -> None:
    library = Library(tmp_path)
    job, _ = library.ledger.create("test", ACE, run="run", price=1.0)
    library.ledger.release(job)
    library.ledger.update(job.local_id, state=state, **{column: amount})
    assert 0 <= library.ledger.counted(1.0, since=0.0) <= MOST_DOLLARS
    library.close()


def test_tracks_of_unknown_price_count_as_what_the_user_says_and_are_few(tmp_path: Path) -> None:
    library = Library(tmp_path)
    unknown = ACE._replace(model="nobody/knows")
    rules = Settings(
        allow_unknown_price=True,
        unknown_price=2.0,
        spend_limit_per_run=4.0,
        spend_limit_per_day=100.0,
    ).spending_rules

    def buy(take: int, run: str) -> None:
        request = unknown._replace(take=take)
        job, _ = library.ledger.create("test", request, run=run, price=None, rules=rules)
        library.ledger.release(job)

    buy(1, "one")
    buy(2, "one")
    assert library.ledger.counted(2.0, run="one") == 4.0
    with pytest.raises(
        SpendLimitError, match=r"counts as \$2\.00, because the price of .* limit of \$4\.00"
    ):
        buy(3, "one")
    for take in range(3, UNKNOWN_PER_DAY + 1):
        buy(take, f"run {take}")
    with pytest.raises(SpendLimitError, match="at most 5 are bought in 24 hours, and 5 were"):
        buy(9, "another")
    # A job that was made elsewhere is not bought here.
    library.ledger.adopt("test", "job_elsewhere")
    assert library.ledger.unknown_tracks(since=0.0) == UNKNOWN_PER_DAY
    library.close()

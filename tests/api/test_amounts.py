"""Amounts of money as a gateway writes them, sane and insane."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ...api.wire.protocol import (
    MOST_DOLLARS,
    dollars_of,
    parse_balance,
    parse_cost,
    parse_job,
    parse_models,
)


@pytest.mark.parametrize(
    ("value", "dollars"), [(0, 0.0), (0.6, 0.6), ("0.0002", 0.0002), ("12", 12.0), (25, 25.0)]
)
def test_a_plain_amount_is_read(value: object, dollars: float) -> None:
    assert dollars_of(value) == dollars


@pytest.mark.parametrize(
    "value",
    [
        *(-1, "-1", True, None, "1_000", "1e3", "\u0663", "\uff11\uff12", " 1", "", "0x10", [], {}),
        *("nan", 10**400, math.nan, math.inf, 1e308, MOST_DOLLARS * 1.01),
    ],
)
def test_what_is_no_amount_is_not_known(value: object) -> None:
    assert dollars_of(value) is None


@pytest.mark.slow
@given(st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=30)))
def test_whatever_comes_is_an_amount_within_reason_or_none(value: object) -> None:
    amount = dollars_of(value)
    assert amount is None or 0 <= amount <= MOST_DOLLARS


@pytest.mark.parametrize(
    ("body", "headers", "cost"),
    [
        ({"usage": {"cost_cents": 0.6}}, {}, 0.006),
        ({"usage": {"cost": 0.006}}, {}, 0.006),
        ({"cost_cents": "0.6"}, {}, 0.006),
        ({}, {"x-cost-cents": "0.6"}, 0.006),
        ({"usage": {"cost_cents": -100000}}, {}, None),
        ({"usage": "much"}, {}, None),
        ({}, {}, None),
    ],
)
def test_a_cost_is_found_wherever_it_stands(
    body: dict[str, object], headers: dict[str, str], cost: float | None
) -> None:
    found = parse_cost(body, headers)
    assert found == (None if cost is None else pytest.approx(cost))


@pytest.mark.parametrize("price", [-1000, "free", 1e308, True, "1_000", None])
def test_a_price_that_cannot_be_is_not_known(price: object) -> None:
    (model,) = parse_models([{"id": "a/b", "pricing": {"per_second": price}}])
    assert model.price_per_second is None
    assert parse_balance({"balance": price}) is None


@pytest.mark.parametrize(
    "body",
    [
        {"balance": 4.2},
        {"balance": "4.2"},
        {"balance_usd": 4.2},
        {"credits": 4.2},
        {"available": 4.2},
        {"balance_cents": 420},
        {"credit_cents": 420},
        {"data": {"balance": 4.2}},
        {"object": "balance", "balance": {"usd": 4.2}, "balance_usd": 4.2},
    ],
)
def test_a_balance_is_found_in_every_likely_shape(body: dict[str, Any]) -> None:
    assert parse_balance(body) == pytest.approx(4.2)


def test_the_model_that_was_selected_is_in_a_header_or_in_the_record() -> None:
    record = {"id": "job_1", "model": "auto/music"}
    headers = {"x-routing-selected": "a/b"}
    assert parse_job(record, "https://a.example/v1").selected == "auto/music"
    assert parse_job(record, "https://a.example/v1", headers).selected == "a/b"

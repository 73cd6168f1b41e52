"""The rules of bidding as pure functions: increments, price, soft close."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import LiteralString

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection


STEPS = [
    (1_000, 50),
    (5_000, 100),
    (10_000, 250),
    (25_000, 500),
    (50_000, 1_000),
    (100_000, 2_500),
    (250_000, 5_000),
    (500_000, 10_000),
]
HIGHEST_STEP = 25_000
MAX_CENTS = 99_999_999

money = st.one_of(
    st.integers(min_value=100, max_value=MAX_CENTS),
    # Prices at which the increment changes, and a cent beside them.
    st.sampled_from([price + by for price, _ in STEPS for by in (-1, 0, 1)]),
)


@pytest.fixture(scope="module")
def rules(declared_url: str) -> Iterator[Connection]:
    """Connect once for all examples, because these functions change nothing."""
    with psycopg.connect(declared_url, autocommit=True) as connection:
        yield connection


def step(price: int) -> int:
    return next((cents for below, cents in STEPS if price < below), HIGHEST_STEP)


def answer(rules: Connection, query: LiteralString, *values: object) -> object:
    row = rules.execute(query, values).fetchone()
    assert row is not None
    return row[0]


def price(
    rules: Connection, leader_max: int | None, amount: int, maximum: int, reserve: int | None
) -> int:
    query = """
      select private.price_after_bid(
        %s::bigint, %s::bigint, %s::bigint, %s::bigint, private.setting('bid_increments')
      )
    """
    result = answer(rules, query, leader_max, amount, maximum, reserve)
    assert isinstance(result, int)
    return result


@given(price_cents=money)
def test_step_follows_the_ladder(rules: Connection, price_cents: int) -> None:
    """Each price has its increment, to the cent at the bounds.

    C20: one function holds the only table of increments.
    """
    query = "select private.step_cents(%s::bigint, private.setting('bid_increments'))"

    assert step(price_cents) == answer(rules, query, price_cents)


@given(leader_max=st.none() | money, bid=st.tuples(money, money), reserve=st.none() | money)
def test_price_is_the_second_maximum_and_a_step(
    rules: Connection, leader_max: int | None, bid: tuple[int, int], reserve: int | None
) -> None:
    """The lower maximum sets the price; the open bid and a reserve within reach lift it."""
    amount, maximum = sorted(bid)
    if leader_max is None:
        expected = amount
    elif maximum > leader_max:
        expected = max(amount, min(maximum, leader_max + step(leader_max)))
    else:
        expected = min(leader_max, maximum + step(maximum))
    winning_max = max(maximum, leader_max or 0)
    if reserve is not None and winning_max >= reserve:
        expected = max(expected, reserve)

    assert expected == price(rules, leader_max, amount, maximum, reserve)


@given(leader_max=st.none() | money, bid=st.tuples(money, money), reserve=st.none() | money)
def test_nobody_pays_more_than_the_own_maximum(
    rules: Connection, leader_max: int | None, bid: tuple[int, int], reserve: int | None
) -> None:
    """The price never exceeds the leader's maximum."""
    amount, maximum = sorted(bid)

    assert price(rules, leader_max, amount, maximum, reserve) <= max(maximum, leader_max or 0)


@given(
    left=st.integers(min_value=1, max_value=1000),
    extended=st.integers(min_value=0, max_value=90_000),
    settings=st.fixed_dictionaries(
        {
            "snipe_window_s": st.integers(min_value=0, max_value=600),
            "snipe_extend_s": st.integers(min_value=0, max_value=600),
            "snipe_max_total_s": st.integers(min_value=0, max_value=90_000),
        }
    ),
)
def test_end_moves_by_the_rule(
    rules: Connection, left: int, extended: int, settings: dict[str, int]
) -> None:
    """The end moves to the bid plus the length, never back and not beyond its cap.

    C20: one function holds the only soft close.
    """
    now = datetime(2026, 1, 1, tzinfo=UTC)
    end = now + timedelta(seconds=left)
    scheduled = end - timedelta(seconds=extended)

    moved = answer(
        rules,
        "select private.extended_end(%s, %s, %s, %s)",
        end,
        scheduled,
        now,
        json.dumps(settings),
    )

    expected = end
    if left <= settings["snipe_window_s"]:
        cap = scheduled + timedelta(seconds=settings["snipe_max_total_s"])
        expected = max(end, min(cap, now + timedelta(seconds=settings["snipe_extend_s"])))
    assert expected == moved


@pytest.mark.parametrize(
    ("cents", "text"),
    [(100, "$1.00"), (99_999_999, "$999999.99"), (100_024_999, "$1000249.99"), (105, "$1.05")],
)
def test_dollars_are_written_in_full(rules: Connection, cents: int, text: str) -> None:
    """An amount is written in dollars with its cents."""
    assert text == answer(rules, "select private.dollars(%s::bigint)", cents)

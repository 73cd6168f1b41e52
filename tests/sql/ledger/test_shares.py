"""The shares in a payment: a pure function, whose differences are the postings of each step."""

from collections.abc import Iterator

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import Connection


#: The most that Stripe takes in one payment.
MOST_CENTS = 99_999_999
cents = st.integers(min_value=0, max_value=MOST_CENTS)
rates = st.integers(min_value=0, max_value=10_000)


@pytest.fixture(scope="module")
def rules(declared_url: str) -> Iterator[Connection]:
    """Connect once for all examples: these functions change nothing."""
    with psycopg.connect(declared_url, autocommit=True) as connection:
        yield connection


def fee(amount: int, bps: int) -> int:
    """Return the fee: half a cent is rounded up."""
    return (2 * amount * bps + 10_000) // 20_000


def shares(
    rules: Connection, captured: int, refunded: int, lost: int, *, bps: int, is_released: bool
) -> tuple[int, int, int]:
    query = "select (private.shares(%s, %s, %s, %s, %s)).*"
    [row] = rules.execute(query, [captured, refunded, lost, bps, is_released]).fetchall()
    buyer, seller, platform = row
    return buyer, seller, platform


@given(captured=cents, part=cents, lost=cents, bps=rates, is_released=st.booleans())
def test_shares_add_up_to_the_unrefunded_money(
    rules: Connection, *, captured: int, part: int, lost: int, bps: int, is_released: bool
) -> None:
    """The shares and the losses together are all money that was captured and not refunded."""
    refunded = min(part, captured)

    answer = shares(rules, captured, refunded, lost, bps=bps, is_released=is_released)

    assert refunded - captured + lost == sum(answer)


@given(captured=cents, part=cents, lost=cents, bps=rates)
def test_order_bears_a_loss_as_far_as_its_money_goes(
    rules: Connection, *, captured: int, part: int, lost: int, bps: int
) -> None:
    """Before the release the buyer's money pays for a loss, after it seller and platform do."""
    refunded = min(part, captured)
    borne = min(lost, captured - refunded)
    base = captured - refunded - borne

    before = shares(rules, captured, refunded, lost, bps=bps, is_released=False)
    after = shares(rules, captured, refunded, lost, bps=bps, is_released=True)

    assert (-base, 0, lost - borne) == before
    assert (0, fee(base, bps) - base, lost - borne - fee(base, bps)) == after


@given(captured=cents, refund=cents, bps=rates)
def test_refund_after_the_release_gives_back_its_fee(
    rules: Connection, *, captured: int, refund: int, bps: int
) -> None:
    """The platform gives up F(B) - F(B - R), and the seller pays the rest of R."""
    refund = min(refund, captured)
    given_up = fee(captured, bps) - fee(captured - refund, bps)

    before = shares(rules, captured, 0, 0, bps=bps, is_released=True)
    after = shares(rules, captured, refund, 0, bps=bps, is_released=True)

    change = tuple(new - old for old, new in zip(before, after, strict=True))
    assert (0, refund - given_up, given_up) == change


@given(captured=cents, lost=cents, bps=rates)
def test_loss_after_the_release_is_split_like_the_money(
    rules: Connection, *, captured: int, lost: int, bps: int
) -> None:
    """With X = min(D, B) the platform bears F(B) - F(B - X) + D - X, the seller the rest of X."""
    borne = min(lost, captured)
    given_up = fee(captured, bps) - fee(captured - borne, bps)

    before = shares(rules, captured, 0, 0, bps=bps, is_released=True)
    after = shares(rules, captured, 0, lost, bps=bps, is_released=True)

    change = tuple(new - old for old, new in zip(before, after, strict=True))
    assert (0, borne - given_up, given_up + lost - borne) == change

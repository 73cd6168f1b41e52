"""The bench's oracle of an auction applies the second-price rule to accepted bids."""

import datetime as dt

import pytest

from bench.oracle import Bid, Result, result_of


def bids(*rows: tuple[int, int, int]) -> list[Bid]:
    return [
        Bid(
            received_at=dt.datetime(2026, 1, 1, 0, 0, number, tzinfo=dt.UTC),
            bidder=bidder,
            amount_cents=amount_cents,
            maximum_cents=maximum_cents,
        )
        for number, (bidder, amount_cents, maximum_cents) in enumerate(rows)
    ]


@pytest.mark.parametrize(
    ("rows", "result"),
    [
        ([(1, 200, 500)], (1, 500, 200)),
        ([(1, 200, 500), (2, 300, 400)], (1, 500, 401)),
        ([(1, 200, 500), (2, 300, 500)], (1, 500, 500)),
        ([(1, 200, 500), (2, 300, 900)], (2, 900, 501)),
        ([(1, 200, 500), (2, 700, 900)], (2, 900, 700)),
        ([(1, 200, 500), (1, 500, 800)], (1, 800, 200)),
    ],
)
def test_highest_maximum_wins_at_the_second_price(
    rows: list[tuple[int, int, int]], result: tuple[int, int, int]
) -> None:
    """A tie stays with the leader, and a leader's own raise changes no price."""
    bidder, maximum_cents, price_cents = result

    assert result_of(bids(*rows)) == Result(
        bidder=bidder, maximum_cents=maximum_cents, price_cents=price_cents
    )


def test_order_of_the_locks_decides() -> None:
    """Answers arrive in any order; the time at the lock counts."""
    in_order = bids((1, 200, 500), (2, 300, 500))

    assert result_of(in_order) == result_of(in_order[::-1])


def test_auction_without_bids_has_no_result() -> None:
    """An auction without bids has no leader."""
    assert result_of([]) is None

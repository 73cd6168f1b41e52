"""Many bidders bid on one auction at the same time."""

import itertools
import random
from functools import partial
from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.bidding.bidding_log import verified
from tests.sql.concurrency.crowd import OnOwnConnection, at_once, bid_until_answered
from tests.sql.concurrency.replay import as_opened, assert_same, replayed
from tests.sql.paying import service_of


BIDDERS = 64


def bid_three_times(
    bidder: Actor, auction_id: UUID, chance: random.Random
) -> list[tuple[UUID, int, dict[str, Any]]]:
    """Bid a likely amount, then twice at the minimum of the refusal; return the accepted bids."""
    accepted = []
    minimum = 1000
    for _ in range(3):
        amount = minimum + 100 * chance.randrange(40)
        maximum = amount + chance.choice([0, 0, 500, 7777])
        answer = bid_until_answered(
            bidder,
            auction_id=auction_id,
            amount_cents=amount,
            max_proxy_cents=maximum,
            client_bid_id=uuid4(),
        )
        assert answer["success"] or answer["code"] in ("BID_TOO_LOW", "MAX_NOT_HIGHER"), answer
        if answer["success"]:
            accepted.append((bidder.id, maximum, answer))
        minimum = answer.get("min_next_bid_cents") or answer.get("minimum_bid_cents") or minimum
    return accepted


def test_crowd_bids_as_if_one_after_the_other(
    owner: Connection, auction_id: UUID, on_own_connection: OnOwnConnection
) -> None:
    """64 parallel bidders leave the rows that the oracle expects (case 2, C13).

    The log has one row for each accepted bid, and its chain and prices prove the same.
    """
    people = [signed_up(owner, f"bidder{number}") for number in range(BIDDERS)]
    owner.commit()
    auction = as_opened(owner, auction_id)
    bidders = [on_own_connection(person) for person in people]
    chances = [random.Random(number) for number in range(BIDDERS)]  # noqa: S311  # no secret

    answers = at_once(
        [
            partial(bid_three_times, bidder, auction_id, chance)
            for bidder, chance in zip(bidders, chances, strict=True)
        ]
    )

    accepted = list(itertools.chain.from_iterable(answers))
    assert accepted
    replayed(auction, accepted)
    assert_same(owner, auction)
    service_of(owner).call("end_auction", auction_id=auction_id, force=True)
    answer = bidders[0].call("get_bid_log", auction_id=auction_id)
    receipts = [(receipt, maximum) for _bidder, maximum, receipt in accepted]
    checker, _steps = verified(answer, receipts)
    assert len(accepted) + 2 == len(answer["rows"])
    assert auction.price == checker.auction.price
    assert [] == checker.rows_without_receipt()

"""Compares the log of a closed auction with the oracle's."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from tests.sql.bidding.oracle_auction import Auction
from tools.verify_bid_log import Checker, Step, read_log, read_receipt


def verified(
    answer: Mapping[str, Any], receipts: Sequence[tuple[Mapping[str, Any], int]] = ()
) -> tuple[Checker, list[Step]]:
    """Check a log as an outsider does, with the bidders' receipts and their maxima.

    Return the checker, and the verdict of each row.
    """
    checker = Checker(
        read_log(json.dumps(answer)),
        [read_receipt(json.dumps(receipt), maximum) for receipt, maximum in receipts],
    )
    return checker, list(checker.steps())


def numbers_in(answer: object) -> Iterator[int]:
    """Yield the numbers of an answer. Its hashes are text, and may hold any digits by chance."""
    if isinstance(answer, Mapping):
        answer = list(answer.values())
    if isinstance(answer, list):
        for part in answer:
            yield from numbers_in(part)
    elif isinstance(answer, int):
        yield answer


def check_log_of(auction: Auction, answer: Mapping[str, Any]) -> None:
    """Check that the verifier accepts the log and finds what the oracle has."""
    checker, _steps = verified(answer)
    found = checker.auction
    numbers = {bidder: number for number, bidder in enumerate(bidders_of(auction), 1)}
    close = answer["rows"][-1]["record"]
    winner = numbers[auction.leader] if auction.status == "finalized" and auction.leader else None
    assert (auction.status, winner) == (close["outcome"], close["winner"])
    assert (auction.price, auction.end_at) == (found.price, found.end_at)
    assert auction.scheduled_end_at == found.scheduled_end_at
    assert (numbers.get(auction.leader) if auction.leader else None) == found.leader
    assert {numbers[bidder] for bidder in auction.barred if bidder in numbers} == found.withdrawn
    assert set(beaten_maxima(auction)) == opened_in(answer, bidders_of(auction))
    assert auction.has_shown_reserve == (answer["rows"][0]["opened"] is not None)


def bidders_of(auction: Auction) -> list[UUID]:
    """Return the bidders in the order of their first bids."""
    return list(dict.fromkeys(bid.bidder for bid in auction.bids))


def beaten_maxima(auction: Auction) -> Iterator[tuple[UUID, int]]:
    """Yield the maxima that another bidder's maximum beat while both were in force."""
    rows = [
        (start, bidder, cents, next((n for n, (b, _) in later if b == bidder and n > start), None))
        for later in [list(enumerate(auction.history))]
        for start, (bidder, cents) in later
        if bidder not in auction.barred
    ]
    for start, bidder, cents, end in rows:
        for other_start, other, other_cents, other_end in rows:
            overlap = (end is None or other_start < end) and (
                other_end is None or start < other_end
            )
            if overlap and other != bidder and (other_cents, start) > (cents, other_start):
                yield bidder, cents


def opened_in(answer: Mapping[str, Any], bidders: Sequence[UUID]) -> set[tuple[UUID, int]]:
    """Return the maxima that a log opens."""
    opened = [row["opened"] for row in answer["rows"][1:] if row["opened"]]
    return {(bidders[each["bidder"] - 1], each["max_cents"]) for each in opened}

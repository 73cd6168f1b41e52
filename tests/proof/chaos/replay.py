"""Replay the receipts of an auction in their sequence through a plain oracle."""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from tests.proof.chaos.bidding import AnsweredBid
from tests.proof.chaos.facts import Facts, Row, Sale
from tests.sql.bidding.oracle_auction import Auction, SoftClose
from tests.sql.bidding.oracle_refusals import Person, reasons


#: Keys of a receipt that the oracle does not know, or that say the same as another.
_UNKNOWN = ("bid_id", "server_time", "new_end_at", "success", "idempotent")
_LONGEST = timedelta(days=1)


@dataclasses.dataclass(slots=True, kw_only=True)
class Replay:
    """An auction as the oracle has it at its end, and the rules that the receipts broke."""

    oracle: Auction
    problems: list[str] = dataclasses.field(default_factory=list)
    #: Bids that were accepted at or after the end at that time.
    late: list[str] = dataclasses.field(default_factory=list)
    #: The ends that moved without a bid.
    moves: list[datetime] = dataclasses.field(default_factory=list)

    def move_end(self, end_at: datetime) -> None:
        """Record an end that moved without a bid."""
        if end_at == self.oracle.end_at:
            return
        self.moves.append(self.oracle.end_at)
        self.oracle.end_at = self.oracle.scheduled_end_at = end_at
        self.oracle.version += 1

    def take(self, answered: AnsweredBid) -> None:
        """Let the oracle take a bid, and compare the receipts."""
        receipt = answered.receipt
        at = datetime.fromisoformat(receipt["received_at"])
        extension = timedelta(seconds=receipt["extension_seconds"])
        end_before = datetime.fromisoformat(receipt["end_at"]) - extension
        if at >= end_before:
            self.late.append(f"{answered.client_bid_id} came {at - end_before} after the end")
        self.move_end(end_before)
        person = Person(id=answered.bidder_id)
        broken = set(
            reasons(
                self.oracle,
                person,
                answered.amount_cents,
                answered.max_cents,
                at,
                is_seller_out=False,
            )
        )
        if broken - {"AUCTION_ENDED"}:
            self.problems.append(f"{answered.client_bid_id} was accepted in spite of {broken}")
        expected = _plain(
            self.oracle.bid(answered.bidder_id, answered.amount_cents, answered.max_cents, at)
        )
        found = _plain({k: v for k, v in receipt.items() if k in expected})
        for key, value in expected.items():
            if found.get(key) != value:
                self.problems.append(
                    f"{answered.client_bid_id}: {key} is {found.get(key)}, expected {value}"
                )


def replays(facts: Facts) -> dict[Any, Replay]:
    """Replay each auction's receipts in the sequence that they name."""
    answered: dict[Any, list[AnsweredBid]] = {}
    for one in facts.outside.answered:
        answered.setdefault(one.auction_id, []).append(one)
    return {
        row["id"]: _replay(
            row,
            facts.outside.sales[row["id"]],
            sorted(answered.get(row["id"], ()), key=_sequence),
            facts.outside.soft_close_s,
        )
        for row in facts.rows["auctions"]
    }


def _replay(row: Row, sale: Sale, answered: Sequence[AnsweredBid], soft_close_s: float) -> Replay:
    soft = timedelta(seconds=soft_close_s)
    oracle = Auction(
        id=row["id"],
        seller=row["seller_id"],
        start_cents=row["start_cents"],
        reserve_cents=row["reserve_cents"],
        start_at=row["start_at"],
        end_at=sale.listed_end_at,
        soft_close=SoftClose(window=soft, extend=soft, max_total=_LONGEST),
        status="live",
        updated_at=row["created_at"],
    )
    oracle.version += sale.is_scheduled
    replay = Replay(oracle=oracle)
    for one in answered:
        replay.take(one)
    replay.move_end(row["end_at"])
    if row["finalized_at"] is not None:
        oracle.close(row["finalized_at"])
    return replay


def _sequence(answered: AnsweredBid) -> tuple[int, datetime]:
    # A leader's raise has the place of the leader's newest bid.
    return answered.receipt["seq"], datetime.fromisoformat(answered.receipt["received_at"])


def _plain(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """Return a receipt with values that compare, however they were written."""
    return {key: _value(value) for key, value in receipt.items() if key not in _UNKNOWN}


def _value(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    if isinstance(value, str) and value[4:5] == "-" and "T" in value:
        return datetime.fromisoformat(value).timestamp()
    return value if isinstance(value, bool | int | float | None) else str(value)


def differences(replay: Replay, row: Row) -> Iterator[str]:
    """Yield each way in which the auction's row differs from the oracle."""
    oracle = replay.oracle
    pairs = {
        "status": (row["status"], oracle.status),
        "price": (row["current_price_cents"], oracle.price),
        "winner": (row["high_bidder_id"], oracle.leader),
        "bid_count": (row["bid_count"], oracle.bid_count),
        "reserve_met": (row["reserve_met"], oracle.reserve_met),
        "end": (row["end_at"], oracle.end_at),
        "minimum": (row["min_next_bid_cents"], oracle.minimum),
        "extensions": (row["extension_count"], oracle.extension_count),
    }
    for name, (found, expected) in pairs.items():
        if found != expected:
            yield f"auction {row['id']}: {name} is {found}, expected {expected}"

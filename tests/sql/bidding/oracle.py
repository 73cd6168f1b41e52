"""The oracle of bidding and closing: the rules of the market in plain Python.

It is written from the rules and not from the SQL, so the same error in both is unlikely. Only the
database knows the ids of rows, so a bid is known here by its place in the auction.
"""

import dataclasses
import hashlib
import itertools
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.sql.bidding.oracle_auction import Auction, fee
from tests.sql.bidding.oracle_refusals import Person, Refused, reasons


#: The shortest time without a sign of life that is an outage.
OUTAGE = timedelta(seconds=30)


@dataclasses.dataclass(slots=True)
class Market:
    """All auctions, the receipts of all bids that were sent with a key, and all signs of life."""

    people: Mapping[str, Person]
    auctions: dict[UUID, Auction] = dataclasses.field(default_factory=dict)
    receipts: dict[tuple[UUID, UUID], tuple[UUID, dict[str, Any]]] = dataclasses.field(
        default_factory=dict
    )
    heartbeats: list[datetime] = dataclasses.field(default_factory=list)
    bid_times: list[datetime] = dataclasses.field(default_factory=list)

    def place_bid(
        self,
        person: Person,
        auction_id: UUID,
        cents: int | None,
        maximum: int | None,
        key: UUID | None,
        now: datetime,
    ) -> dict[str, Any] | Refused:
        """Return the answer that the rules demand for a bid."""
        if key is not None and (person.id, key) in self.receipts:
            stored_for, receipt = self.receipts[person.id, key]
            if stored_for != auction_id:
                return Refused.by("REQUEST_ID_REUSED")
            return receipt | {"idempotent": True}
        auction = self.auctions.get(auction_id)
        maximum = cents if maximum is None else maximum
        is_seller_out = auction is not None and auction.seller in self.out()
        broken = Refused(
            codes=frozenset(
                reasons(auction, person, cents, maximum, now, is_seller_out=is_seller_out)
            )
        )
        if broken.codes or auction is None or cents is None or maximum is None:
            return broken
        if person.id != auction.leader:
            self.bid_times.append(now)
        receipt = auction.bid(person.id, cents, maximum, now)
        if key is not None:
            self.receipts[person.id, key] = (auction_id, receipt)
        return receipt

    def end_auction(self, auction_id: UUID, now: datetime, *, force: bool) -> dict[str, Any]:
        """Return the answer that the rules demand for the close of one auction."""
        auction = self.auctions.get(auction_id)
        if auction is None or auction.status in ("scheduled", "cancelled"):
            return {"success": False}
        if auction.finalized_at is not None:
            return closing_answer(auction) | {"already_processed": True}
        if now < auction.end_at and not force:
            return {"success": False, "ends_at": auction.end_at}
        if force:
            auction.close(now, self.out(), self.deleted())
            return closing_answer(auction)
        return self._close_or_extend(auction, now)

    def out(self) -> set[UUID]:
        """Return the users who may neither win nor sell now."""
        return {person.id for person in self.people.values() if person.is_out}

    def deleted(self) -> set[UUID]:
        """Return the users who are out only because their account is deleted."""
        people = self.people.values()
        return {one.id for one in people if one.is_deleted and not one.is_suspended}

    def end_expired(self, now: datetime) -> list[dict[str, Any]]:
        """Close or extend the auctions that are due; return the answer for each."""
        due = list(self._due(now))
        return [{"auction_id": a.id} | self._close_or_extend(a, now) for a in due]

    def outages(self, now: datetime) -> list[tuple[datetime, datetime]]:
        """Return the times without a sign of life, up to now."""
        if not self.heartbeats:
            return []
        since = min(self.heartbeats)
        signs = {*self.heartbeats, *(at for at in self.bid_times if at > since), now}
        return [gap for gap in itertools.pairwise(sorted(signs)) if gap[1] - gap[0] >= OUTAGE]

    def _close_or_extend(self, auction: Auction, now: datetime) -> dict[str, Any]:
        lost = auction.lost_time(self.outages(now))
        if lost and auction.outage_extension_s == 0 and auction.seller not in self.out():
            auction.extend(now, lost)
            return {
                "success": False,
                "code": "AUCTION_NOT_OVER",
                "error": "Auction is not over yet",
                "ends_at": auction.end_at,
            }
        auction.close(now, self.out(), self.deleted())
        return closing_answer(auction)

    def activate_due(self, now: datetime, grace: timedelta) -> int:
        """Activate the auctions that have reached their start; return their number."""
        due = [a for a in self.auctions.values() if a.status == "scheduled" and a.start_at <= now]
        for auction in due:
            auction.activate(now, grace)
        return len(due)

    def _due(self, now: datetime) -> Iterator[Auction]:
        return (a for a in self.auctions.values() if a.status == "live" and a.end_at <= now)


def order_of(auction: Auction) -> dict[str, Any] | None:
    """Return the order of a sold auction, or None."""
    if auction.status != "finalized" or auction.finalized_at is None:
        return None
    digest = hashlib.md5(f"order:{auction.id}".encode(), usedforsecurity=False)
    return {
        "id": UUID(digest.hexdigest()),
        "winning_bid_seq": auction.high_bid_seq,
        "buyer_id": auction.leader,
        "seller_id": auction.seller,
        "amount_cents": auction.price,
        "platform_fee_cents": fee(auction.price),
        "seller_amount_cents": auction.price - fee(auction.price),
        "state": "pending_payment",
        "payment_due_at": auction.finalized_at + timedelta(hours=48),
    }


def closing_answer(auction: Auction) -> dict[str, Any]:
    """Return the outcome of a closed auction; it is the same at each call."""
    if auction.status == "cancelled":
        return {"success": True, "status": "cancelled", "message": "The seller is suspended"}
    order = order_of(auction)
    if order is None:
        message = "Reserve not met" if auction.bid_count else "No bids"
        return {"success": True, "status": "no_sale", "message": message}
    same = ("buyer_id", "seller_id", "platform_fee_cents", "seller_amount_cents")
    return {
        "success": True,
        "status": "finalized",
        "order_id": order["id"],
        "winning_bid_amount": order["amount_cents"],
        **{key: order[key] for key in same},
    }

"""The rules that refuse a bid, in plain Python."""

import dataclasses
from collections.abc import Iterator
from datetime import datetime
from typing import Protocol, Self
from uuid import UUID


#: The error texts by code. `{minimum}` stands for the lowest bid.
ERRORS = {
    "AUCTION_NOT_FOUND": "Auction not found",
    "AUCTION_NOT_LIVE": "Auction is not live",
    "AUCTION_ENDED": "Auction has ended",
    "OWN_LISTING": "You cannot bid on your own listing",
    "PROFILE_NOT_FOUND": "User profile not found",
    "USER_SUSPENDED": "Your account is suspended",
    "KYC_REQUIRED": "KYC verification required to bid",
    "BIDDER_BLOCKED": "Too many unpaid purchases. Contact support",
    "BAD_AMOUNT": "Bid must be whole cents, 100 to 99999999",
    "MAX_BELOW_AMOUNT": "Maximum must be at least the bid",
    "MAX_NOT_HIGHER": "Your new maximum must be above your current maximum",
    "BID_TOO_LOW": "Minimum bid is {minimum}",
    "REQUEST_ID_REUSED": "This request id was used for something else",
}
HIGHEST = 99_999_999


@dataclasses.dataclass(slots=True, kw_only=True)
class Person:
    """The properties of a user that decide about the user's bids."""

    id: UUID
    is_known: bool = True
    is_verified: bool = True
    is_suspended: bool = False
    is_deleted: bool = False
    blocked_until: datetime | None = None

    @property
    def is_out(self) -> bool:
        """Return true if this person may neither win nor sell."""
        return self.is_suspended or self.is_deleted


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A refused bid. It breaks all rules in `codes`; the answer names one of them."""

    codes: frozenset[str]

    @classmethod
    def by(cls, code: str) -> Self:
        """Return a refusal by one rule."""
        return cls(codes=frozenset({code}))


class Standing(Protocol):
    """The properties of an auction that decide about a bid."""

    seller: UUID
    status: str
    start_at: datetime
    end_at: datetime
    barred: set[UUID]

    @property
    def leader(self) -> UUID | None:
        """The leader, if there is one."""

    @property
    def minimum(self) -> int:
        """The lowest bid of a user who does not lead."""

    def maximum_of(self, person: UUID) -> int:
        """Return the maximum of a bidder."""


def reasons(
    auction: Standing | None,
    person: Person,
    cents: int | None,
    maximum: int | None,
    now: datetime,
    *,
    is_seller_out: bool,
) -> Iterator[str]:
    """Yield the code of each rule that a bid breaks."""
    if auction is None:
        yield "AUCTION_NOT_FOUND"
        return
    if is_seller_out:
        yield "AUCTION_NOT_LIVE"
    if auction.status != "live" or now < auction.start_at:
        yield "AUCTION_NOT_LIVE"
    elif now >= auction.end_at:
        yield "AUCTION_ENDED"
    yield from _of_person(auction, person, now)
    yield from _of_amount(auction, person, cents, maximum)


def _of_person(auction: Standing, person: Person, now: datetime) -> Iterator[str]:
    if not person.is_known or person.is_deleted:
        yield "PROFILE_NOT_FOUND"
        return
    if person.id == auction.seller:
        yield "OWN_LISTING"
    if person.is_suspended:
        yield "USER_SUSPENDED"
    if not person.is_verified:
        yield "KYC_REQUIRED"
    has_strikes = person.blocked_until is not None and now < person.blocked_until
    if has_strikes or person.id in auction.barred:
        yield "BIDDER_BLOCKED"


def _of_amount(
    auction: Standing, person: Person, cents: int | None, maximum: int | None
) -> Iterator[str]:
    if cents is None or maximum is None or cents < 100 or max(cents, maximum) > HIGHEST:
        yield "BAD_AMOUNT"
    if cents is None or maximum is None:
        return
    if maximum < cents:
        yield "MAX_BELOW_AMOUNT"
    if person.id == auction.leader:
        if maximum <= auction.maximum_of(person.id):
            yield "MAX_NOT_HIGHER"
    elif cents < auction.minimum:
        yield "BID_TOO_LOW"

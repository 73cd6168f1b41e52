"""`auctions` and `bids`: their readers, and the constraints of a row."""

from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import LISTING, auction_row


TABLES: list[LiteralString] = ["public.auctions", "public.listings", "public.bids"]


@pytest.fixture
def bid_upon_id(auction_id: UUID, alice: Actor) -> UUID:
    alice.call("place_bid", auction_id=auction_id, amount_cents=1100)
    return auction_id


def call_off(owner: Connection) -> None:
    """Cancel the auction as staff who remove a listing with bids."""
    owner.execute("update public.auctions set status = 'cancelled'")
    owner.execute("update public.listings set status = 'cancelled'")


def test_everybody_reads_what_is_not_called_off(
    owner: Connection,
    bid_upon_id: UUID,
    anonymous: Actor,
    *,
    alice: Actor,
    bob: Actor,
    service: Actor,
) -> None:
    """Visitor, winner and loser read listing, auction and amounts, live and closed (B9, B10)."""
    bob.call("place_bid", auction_id=bid_upon_id, amount_cents=1200)
    query: LiteralString = """
      select l.title, a.status::text, a.current_price_cents, b.bidder_id, b.amount_cents
      from public.listings as l
        join public.auctions as a on a.listing_id = l.id
        join public.bids as b on b.auction_id = a.id
      order by b.amount_cents
    """

    def expected(status: str) -> list[tuple[object, ...]]:
        bids = ((alice.id, 1100), (bob.id, 1200))
        return [(LISTING["title"], status, 1200, *bid) for bid in bids]

    for reader in (anonymous, alice, bob):
        assert expected("live") == reader.rows(query)

    service.call("end_auction", auction_id=bid_upon_id, force=True)

    for reader in (anonymous, alice, bob):
        assert expected("finalized") == reader.rows(query)
    assert str(bob.id) == auction_row(owner, bid_upon_id)["high_bidder_id"]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("bid_upon_id")
def test_what_is_called_off_is_the_sellers_and_staffs(
    owner: Connection,
    anonymous: Actor,
    alice: Actor,
    seller: Actor,
    moderator: Actor,
    table: LiteralString,
) -> None:
    """Only seller and staff read a cancelled listing, its auction and its bids."""
    query: LiteralString = f"select 1 from {table}"  # noqa: S608 - a name from the list above
    call_off(owner)

    assert [] == anonymous.rows(query) == alice.rows(query)
    assert [(1,)] == seller.rows(query) == moderator.rows(query)


@pytest.mark.parametrize(
    "write",
    [
        "insert into public.auctions default values",
        "update public.auctions set end_at = end_at + interval '1 hour'",
        "update public.auctions set current_price_cents = 1",
        "delete from public.auctions",
        "truncate public.auctions cascade",
        "update public.listings set start_cents = 1",
        "delete from public.listings",
        "select 1 from private.finalize_failures",
        "select 1 from private.auction_broadcasts",
    ],
)
@pytest.mark.usefixtures("auction_id")
def test_nobody_writes_auctions_directly(
    seller: Actor, anonymous: Actor, service: Actor, write: LiteralString
) -> None:
    """Nobody writes the tables directly, not even the seller (B5)."""
    for actor in (seller, anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change(write)


def test_high_bid_is_checked(owner: Connection, bid_upon_id: UUID, bob: Actor) -> None:
    """The high bid must be the leader's, in this auction, at the price (D7)."""
    changes: list[LiteralString] = [
        "update public.auctions set high_bid_id = gen_random_uuid() where id = %(id)s",
        "update public.auctions set high_bidder_id = %(bob)s where id = %(id)s",
        "update public.auctions set current_price_cents = 1101 where id = %(id)s",
    ]
    for change in changes:
        with pytest.raises(psycopg.errors.ForeignKeyViolation):
            Actor(connection=owner, role="postgres").change(change, id=bid_upon_id, bob=bob.id)


@pytest.mark.parametrize("column", ["xmax", "xmin", "cmin", "cmax", "ctid", "tableoid"])
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.usefixtures("bid_upon_id")
def test_versions_of_rows_are_hidden(
    anonymous: Actor,
    bob: Actor,
    seller: Actor,
    table: LiteralString,
    column: LiteralString,
) -> None:
    """The column xmax is hidden, because a lock would show rivals a silent raise."""
    for actor in (anonymous, bob, seller):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows(f"select {column} from {table}")  # noqa: S608 - names from the lists above
        assert actor.rows(f"select * from {table}")  # noqa: S608 - a name from the list above
        assert actor.rows(f"select to_jsonb(row) from {table} as row")  # noqa: S608 - the same

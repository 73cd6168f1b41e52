"""Auctions for tests, made and closed by the product's own functions."""

from typing import Any
from uuid import UUID

from psycopg import Connection

from tests.sql.actors import Actor


#: The arguments of a listing; a test changes those that it is about.
LISTING: dict[str, Any] = {
    "title": "A teapot of blue enamel",
    "description": "It pours well, and has a chip at its foot.",
    "category_id": 5,
    "condition": "good",
    "start_cents": 1000,
    "pickup": True,
    "shipping": True,
    "location": (
        '{"street": "1 Loop Road", "suburb": "Carlton", "postcode": "3053", "state": "VIC"}'
    ),
}


def listed(seller: Actor, **changes: object) -> Any:
    """Create a listing of `LISTING` with `changes`; return the answer of `create_listing`."""
    return seller.call("create_listing", **(LISTING | changes))


def auctioned(seller: Actor, *, ends_in: str = "1 hour", **changes: object) -> UUID:
    """Open an auction that ends after `ends_in`; return its id."""
    [(end_at,)] = seller.connection.execute(
        "select private.clock() + %s::interval", [ends_in]
    ).fetchall()
    answer = listed(seller, end_at=end_at, **changes)
    assert answer["success"], answer
    return UUID(answer["auction_id"])


def move_time(owner: Connection, by: str) -> None:
    """Move the test clock forward."""
    owner.execute("update private.test_clock set ahead_by = ahead_by + %s::interval", [by])


def hold_clock(owner: Connection) -> None:
    """Let only `move_time` move the time, until the end of the transaction."""
    owner.execute(
        """
        update private.test_clock set ahead_by = private.clock() - now();
        create or replace function private.clock() returns timestamptz
        language sql set search_path = ''
        as $$ select now() + ahead_by from private.test_clock $$
        """
    )


def set_setting(owner: Connection, key: str, value: str) -> None:
    """Change a setting, given as JSON."""
    owner.execute("update private.app_settings set value = %s where key = %s", [value, key])


def auction_row(owner: Connection, auction_id: UUID) -> dict[str, Any]:
    """Return the row of an auction."""
    query = "select to_jsonb(a) from public.auctions as a where id = %s"
    [(row,)] = owner.execute(query, [auction_id]).fetchall()
    assert isinstance(row, dict)
    return row


def ended(owner: Connection, listing_id: UUID) -> None:
    """End the auction of a listing without a sale."""
    owner.execute(
        "update public.auctions set status = 'no_sale' where listing_id = %s", [listing_id]
    )
    owner.execute("update public.listings set status = 'ended' where id = %s", [listing_id])

"""`search_listings`: the text search of the marketplace, by an index."""

from typing import LiteralString
from uuid import UUID

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned
from tests.sql.writing import listing_of


QUERY: LiteralString = "select title from public.search_listings(%(search)s, %(status)s)"


def found(reader: Actor, search: str, status: str | None = "live") -> list[str]:
    """Return the titles that a search finds."""
    return [title for (title,) in reader.rows(QUERY, search=search, status=status)]


@pytest.mark.parametrize(
    "search", ["caf", "CAFÉ", "Café set", "from alsace", "100% oak", "a_b", "c\\d", ""]
)
def test_text_is_found_in_title_or_description(
    seller: Actor, anonymous: Actor, search: str
) -> None:
    """A visitor finds a part of a text in any case. No character has a special meaning."""
    auctioned(seller, title="Café set", description="From Alsace, 100% oak, with a_b and c\\d.")

    assert ["Café set"] == found(anonymous, search)


@pytest.mark.parametrize("search", ["cafés", "100_ oak", "c%t", "set\nfrom alsace, 9"])
def test_other_text_is_not_found(seller: Actor, alice: Actor, search: str) -> None:
    """A listing that does not contain the text is not found."""
    auctioned(seller, title="Café set", description="From Alsace, 100% oak, with a_b and c\\d.")

    assert [] == found(alice, search)


def test_search_follows_a_change(owner: Connection, seller: Actor, alice: Actor) -> None:
    """A search reads the current text."""
    starts_at = owner.execute("select private.clock() + interval '1 hour'").fetchall()[0][0]
    auction_id = auctioned(seller, title="Brass lamp", ends_in="1 day", start_at=starts_at)

    seller.call(
        "update_listing",
        listing_id=listing_of(owner, auction_id),
        changes=Jsonb({"title": "Copper lamp"}),
    )

    assert [] == found(alice, "brass lamp", "scheduled")
    assert ["Copper lamp"] == found(alice, "copper lamp", "scheduled")


@pytest.mark.parametrize("status", ["scheduled", "ended", "cancelled", "lost", None])
def test_only_the_named_status_is_found(seller: Actor, alice: Actor, status: str | None) -> None:
    """A search by a status finds only listings of that status."""
    auctioned(seller, title="Brass lamp")

    assert ["Brass lamp"] == found(alice, "brass")
    assert [] == found(alice, "brass", status)


def test_cancelled_listing_is_found_by_nobody(
    owner: Connection, auction_id: UUID, seller: Actor, moderator: Actor
) -> None:
    """Nobody finds a cancelled listing; the seller has the own list, and staff the table."""
    [title] = found(seller, "")
    owner.execute("select private.cancel_auction(%s, private.clock())", [auction_id])

    assert [] == [*found(seller, title), *found(moderator, title, "cancelled")]


def test_search_has_a_limit(owner: Connection, auction_id: UUID, alice: Actor) -> None:
    """A search returns at most the 1,000 newest listings."""
    owner.execute(
        """
        insert into public.listings (seller_id, title, description, category_id, condition,
          location, pickup, shipping, start_cents, start_at, end_at, status, created_at)
        select seller_id, 'Copy ' || n, description, category_id, condition, location, pickup,
          shipping, start_cents, start_at, end_at, status, created_at + n * interval '1 second'
        from public.listings, generate_series(1, 1001) as n
        where id = %s
        """,
        [listing_of(owner, auction_id)],
    )

    titles = found(alice, "copy")

    assert ["Copy 1001", "Copy 1000"] == titles[:2]
    assert "Copy 2" == titles[-1]
    assert 1000 == len(titles)

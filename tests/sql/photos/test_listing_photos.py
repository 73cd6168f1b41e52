"""`listing_photos`: the limit per listing, and the readers."""

from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import listed, set_setting


@pytest.fixture
def listing(seller: Actor) -> Any:
    return listed(seller)["listing"]


def add_photos(owner: Connection, listing: Any, first: int, last: int) -> None:
    Actor(connection=owner, role="postgres").change(
        """
        insert into public.listing_photos
          (listing_id, url, path, order_idx, file_size, mime_type, width, height)
        select %(id)s::uuid, 'https://example.test/' || n, %(id)s::text || '/' || n, n, 10,
          'image/jpeg', 1, 1
        from generate_series(%(first)s::integer, %(last)s::integer) as n
        """,
        id=listing["id"],
        first=first,
        last=last,
    )


def test_tenth_photo_is_the_last(owner: Connection, listing: Any) -> None:
    """A listing has at most the number of photos that the setting says."""
    add_photos(owner, listing, 1, 10)

    with pytest.raises(psycopg.errors.CheckViolation, match="no room"):
        add_photos(owner, listing, 11, 11)

    set_setting(owner, "photo_max", "11")
    add_photos(owner, listing, 11, 11)


def test_photos_are_seen_with_their_listing(
    owner: Connection, listing: Any, seller: Actor, anonymous: Actor, alice: Actor
) -> None:
    """Everybody reads the photos of a listing; only the seller those of a cancelled one."""
    add_photos(owner, listing, 1, 1)
    for actor in (anonymous, alice, seller):
        assert [(1,)] == actor.rows("select order_idx from public.listing_photos")

    seller.call("cancel_listing", listing_id=listing["id"])

    for actor in (anonymous, alice):
        assert [] == actor.rows("select order_idx from public.listing_photos")
    assert [(1,)] == seller.rows("select order_idx from public.listing_photos")

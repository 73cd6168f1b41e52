"""`find_auction`: the auction of a listing, for a bid over HTTP."""

from uuid import UUID, uuid4

import psycopg
import pytest

from tests.sql.actors import Actor
from tests.sql.auctioning import listed


def test_auction_of_a_listing_is_found(service: Actor, seller: Actor) -> None:
    """The function returns the auction of a listing."""
    offered = listed(seller)

    answer = service.call("find_auction", listing_id=offered["listing"]["id"])

    assert {"success": True, "auction_id": offered["auction_id"]} == answer


def test_unknown_listing_is_refused(service: Actor, auction_id: UUID) -> None:
    """The id of an auction is refused, because it is no listing."""
    for unknown in (auction_id, uuid4(), None):
        answer = service.call("find_auction", listing_id=unknown)
        assert (False, "LISTING_NOT_FOUND") == (answer["success"], answer["code"])


def test_only_our_service_calls(alice: Actor, anonymous: Actor) -> None:
    """No client may execute the function; clients read the auction with its listing."""
    for actor in (alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("find_auction", listing_id=uuid4())

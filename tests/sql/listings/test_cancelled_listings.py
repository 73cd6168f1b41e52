"""A cancelled listing looks like an unknown id to others."""

from collections.abc import Mapping
from uuid import UUID, uuid4

import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor
from tests.sql.writing import listing_of


#: Look-ups by the id of a listing or an auction, which the test puts in.
LOOK_UPS: Mapping[str, Mapping[str, object]] = {
    "find_auction": {"listing_id": "listing"},
    "check_upload": {
        "listing_id": "listing", "user_id": "caller", "type": "listing_photo", "dispute_id": None,
    },
    "get_auction_state": {"auction_id": "auction"},
    "get_time_remaining": {"auction_id": "auction"},
    "get_bid_log": {"auction_id": "auction"},
    "get_my_proxy": {"auction_id": "auction"},
    "get_listing_private": {"listing_id": "listing"},
    "start_thread": {
        "listing_id": "listing", "content": "Hello", "client_message_id": UUID(int=1),
    },
    "report_content": {"listing_id": "listing", "reason": "It is a stolen bicycle"},
    "update_listing": {"listing_id": "listing", "changes": Jsonb({"title": "Another title"})},
    "cancel_listing": {"listing_id": "listing"},
    "relist_listing": {"listing_id": "listing"},
}  # fmt: skip


@pytest.mark.parametrize("rpc", LOOK_UPS)
def test_cancelled_listing_is_unknown_to_others(
    owner: Connection, auction_id: UUID, *, alice: Actor, service: Actor, rpc: str
) -> None:
    """Others get the answer of an unknown id, so a removal by staff stays hidden."""
    # The seller is not suspended: a suspended user's auctions answer AUCTION_NOT_LIVE to bids.
    owner.execute("select private.cancel_auction(%s, private.clock())", [auction_id])
    cancelled = {
        "auction": auction_id, "listing": listing_of(owner, auction_id), "caller": alice.id,
    }  # fmt: skip
    unknown = {"auction": uuid4(), "listing": uuid4(), "caller": alice.id}
    actor = service if rpc in ("find_auction", "check_upload") else alice

    answers = [
        actor.call(
            rpc,
            **{
                name: ids.get(value, value) if isinstance(value, str) else value
                for name, value in LOOK_UPS[rpc].items()
            },
        )
        for ids in (cancelled, unknown)
    ]

    assert answers[0] == answers[1]
    assert answers[0] is None or answers[0]["code"].endswith("_NOT_FOUND")

"""Every RPC of a person that runs the message filter counts the call first."""

from collections.abc import Mapping
from typing import Any, LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import LISTING, auctioned, listed
from tests.sql.paying import complained, ordered, paid, service_of
from tests.sql.rpcs import functions_behind, writing_rpcs


DISPUTE = {"dispute_type": "damaged_item", "reason": "A crack", "description": "It leaks"}
MESSAGE = {"content": "Hello", "client_message_id": "00000000-0000-4000-8000-000000000001"}

#: Arguments of each RPC that runs the filter, with the query for the id that it takes.
CALLS: Mapping[str, tuple[Mapping[str, Any], Mapping[str, LiteralString]]] = {
    "add_dispute_message": (
        {"content": "The crack is long"},
        {"dispute_id": "select id from public.disputes"},
    ),
    "create_listing": (LISTING, {}),
    "open_dispute": (DISPUTE, {"order_id": "select id from public.orders"}),
    "relist_listing": (
        {},
        {"listing_id": "select listing_id from public.auctions where status = 'no_sale'"},
    ),
    "send_message": (MESSAGE, {"thread_id": "select id from public.message_threads"}),
    "start_thread": (MESSAGE, {"listing_id": "select listing_id from public.orders"}),
    "update_listing": (
        {"changes": '{"title": "A teapot of green enamel"}'},
        {"listing_id": "select id from public.listings where status = 'scheduled'"},
    ),
}
OF_BUYERS = {"add_dispute_message", "open_dispute", "send_message", "start_thread"}

FAILING_FILTER = """
  create or replace function private.filter_findings(
    p_text text, p_stage text, p_from integer default 0
  )
  returns private.filter_finding[]
  language plpgsql set search_path = ''
  as $$ begin raise exception 'FILTERED'; end; $$
"""
SPENT_LIMITS = """
  create or replace function private.count_use(p_action text, p_key text)
  returns bigint
  language plpgsql set search_path = ''
  as $$ begin return 60000; end; $$
"""


def test_every_filtered_rpc_is_known(owner: Connection) -> None:
    """Each RPC that runs the filter has its arguments above."""
    filtered = {
        rpc for rpc in writing_rpcs(owner) if "filter_findings" in functions_behind(owner, rpc)
    }

    assert filtered == set(CALLS)


@pytest.mark.parametrize("rpc", sorted(CALLS))
def test_call_beyond_the_limit_is_not_filtered(
    owner: Connection, seller: Actor, alice: Actor, rpc: str
) -> None:
    """A call beyond the limit is refused before the filter runs, which costs most."""
    order_id = ordered(seller, alice)
    paid(owner, order_id)
    if rpc == "add_dispute_message":
        complained(owner, order_id)
    service_of(owner).call("end_auction", auction_id=auctioned(seller), force=True)
    [(start_at,)] = owner.execute("select private.clock() + interval '1 hour'").fetchall()
    listed(seller, start_at=start_at)
    owner.execute(FAILING_FILTER)
    caller = alice if rpc in OF_BUYERS else seller
    arguments, queries = CALLS[rpc]
    ids = {name: one_of(owner, query) for name, query in queries.items()}

    with pytest.raises(psycopg.DatabaseError, match="FILTERED"):
        caller.call(rpc, **arguments, **ids)
    owner.execute(SPENT_LIMITS)

    assert "RATE_LIMITED" == caller.call(rpc, **arguments, **ids)["code"]


def one_of(owner: Connection, query: LiteralString) -> UUID:
    [(found,)] = owner.execute(query).fetchall()
    assert isinstance(found, UUID)
    return found

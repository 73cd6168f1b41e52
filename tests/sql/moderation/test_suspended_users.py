"""A suspended user, who may sign in again, marks things as read and writes nothing else."""

from collections.abc import Mapping
from typing import LiteralString
from uuid import UUID, uuid4

import pytest
from psycopg import Connection, sql
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor
from tests.sql.auctioning import LISTING, listed
from tests.sql.paying import brought_to, moved, ordered
from tests.sql.rpcs import staff_rpcs, writing_rpcs
from tests.sql.writing import listing_of, new_thread, wrote


#: RPCs that only mark the caller's own rows as read.
MARKS = {"mark_all_notifications_read", "mark_thread_read"}
#: The writing RPCs of people: the arguments, where a word in braces is an id of the world.
CALLS: Mapping[str, Mapping[str, object]] = {
    "create_listing": LISTING,
    "update_listing": {"listing_id": "{scheduled}", "changes": Jsonb({"title": "Another title"})},
    "cancel_listing": {"listing_id": "{scheduled}"},
    "relist_listing": {"listing_id": "{unsold}"},
    "place_bid": {"auction_id": "{auction}", "amount_cents": 9000},
    "start_thread": {"listing_id": "{listing}", "content": "Hello", "client_message_id": "{new}"},
    "send_message": {"thread_id": "{thread}", "content": "Hello", "client_message_id": "{new}"},
    "report_content": {"user_id": "{other}", "reason": "It is a stolen bicycle"},
    "open_dispute": {
        "order_id": "{order}", "dispute_type": "other", "reason": "It is late", "description": None,
    },
    "add_dispute_message": {"dispute_id": "{dispute}", "content": "Hello"},
}  # fmt: skip
#: Each call with the parties that make it: the seller of everything, and the buyer alice.
CALLERS = [
    *(("seller", rpc) for rpc in CALLS if rpc not in ("place_bid", "start_thread")),
    *(("alice", rpc) for rpc in CALLS if not rpc.endswith("_listing")),
]


@pytest.fixture
def world(
    owner: Connection, auction_id: UUID, *, seller: Actor, alice: Actor, bob: Actor
) -> dict[str, object]:
    """Return ids by name: what the two parties have, and another user."""
    [(start_at,)] = owner.execute("select private.clock() + interval '1 hour'").fetchall()
    unsold_id, order_id = ordered(seller, alice), ordered(seller, alice)
    moved(owner, unsold_id, "cancelled", "system")
    brought_to(owner, order_id, "disputed")
    [(unsold,)] = owner.execute("select listing_id from public.orders where id = %s", [unsold_id])
    [(dispute_id,)] = owner.execute("select id from public.disputes")
    listing_id = listing_of(owner, auction_id)
    return {
        "scheduled": listed(seller, start_at=start_at)["listing"]["id"],
        "unsold": unsold,
        "auction": auction_id,
        "listing": listing_id,
        "thread": new_thread(alice, listing_id)["thread_id"],
        "order": order_id,
        "dispute": dispute_id,
        "other": bob.id,
        "new": uuid4(),
    }


def suspended(owner: Connection, person: Actor) -> Actor:
    """Suspend a user, who then has a new session."""
    owner.execute("update public.users set suspended_at = now() where id = %s", [person.id])
    return person


def test_calls_are_all_that_people_write(owner: Connection) -> None:
    """The table has each writing RPC of users; suspended staff are no staff."""
    # It writes only for staff.
    reads = {"get_listing_private"}
    assert CALLS.keys() | MARKS | reads == writing_rpcs(owner) - staff_rpcs(owner)


@pytest.mark.parametrize(("party", "rpc"), CALLERS)
def test_suspended_party_is_refused(
    owner: Connection, world: dict[str, object], *, seller: Actor, alice: Actor, party: str,
    rpc: str,
) -> None:  # fmt: skip
    """Both parties of a sale are refused each writing RPC."""
    arguments = {
        name: world[value[1:-1]] if isinstance(value, str) and value in _places(world) else value
        for name, value in CALLS[rpc].items()
    }
    caller = suspended(owner, {"seller": seller, "alice": alice}[party])

    answer = caller.call(rpc, **arguments)

    assert (False, "USER_SUSPENDED") == (answer["success"], answer["code"])


def _places(world: dict[str, object]) -> set[str]:
    return {f"{{{name}}}" for name in world}


@pytest.mark.parametrize(
    "change",
    [
        "display_name = 'Another name'",
        "legal_name = 'Another Name'",
        "phone = '0400 000 000'",
        "dob = '1980-01-01'",
        "address = '{}'",
    ],
)
def test_suspended_user_changes_no_profile(
    owner: Connection, alice: Actor, change: LiteralString
) -> None:
    """A suspended user changes no profile until the suspension ends."""
    query = sql.SQL("update public.users set {} where id = %(id)s returning id")
    changed = query.format(sql.SQL(change))
    owner.execute("update public.users set kyc = 'none' where id = %s", [alice.id])
    suspended(owner, alice)
    before = owner.execute("select to_jsonb(u) from public.users as u where id = %s", [alice.id])

    assert [] == alice.rows(changed, id=alice.id)

    after = owner.execute("select to_jsonb(u) from public.users as u where id = %s", [alice.id])
    assert before.fetchall() == after.fetchall()
    owner.execute("update public.users set suspended_at = null where id = %s", [alice.id])
    assert [(alice.id,)] == alice.rows(changed, id=alice.id)


def test_suspended_user_marks_things_as_read(
    owner: Connection, world: dict[str, object], *, seller: Actor, alice: Actor
) -> None:
    """A suspended user may mark own rows as read, which others do not see."""
    for content in ("One", "Two"):
        wrote(seller, world["thread"], content)
    suspended(owner, alice)

    first = alice.rows(
        "select min(id::text) from public.messages where sender_id <> %(id)s", id=alice.id
    )
    marked = alice.change(
        "update public.messages set read_at = now() where id::text = %(id)s", id=first[0][0]
    )

    assert (1, 1) == (marked, alice.call("mark_thread_read", thread_id=world["thread"]))
    assert 1 == alice.change(
        """
        update public.notifications set read = true
        where id in (select id from public.notifications where not read limit 1)
        """
    )
    assert alice.call("mark_all_notifications_read") > 0

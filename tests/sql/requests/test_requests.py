"""`begin_request`, `finish_request`: a repeated call has one effect and one answer."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import LISTING, listed
from tests.sql.paying import stored
from tests.support.database_copies import copy_database


def test_same_id_gets_the_same_answer(owner: Connection, seller: Actor) -> None:
    """A repeated listing is created once, and one with other values is refused."""
    request_id = uuid4()
    first = listed(seller, client_request_id=request_id)

    again = listed(seller, client_request_id=request_id)

    assert first == again
    other = listed(seller, client_request_id=request_id, title="Another title")
    assert "REQUEST_ID_REUSED" == other["code"]
    assert [(1,)] == owner.execute("select count(*) from public.listings").fetchall()


def test_refusal_is_forgotten(owner: Connection, seller: Actor) -> None:
    """A refused call may be repeated under its id once the reason is gone."""
    request_id = uuid4()
    assert "VALIDATION_ERROR" == listed(seller, client_request_id=request_id, title="x")["code"]
    assert [] == owner.execute("select 1 from private.request_receipts").fetchall()

    assert listed(seller, client_request_id=request_id)["success"]


def test_id_belongs_to_one_function(seller: Actor) -> None:
    """An id that was used for another function is refused."""
    request_id = uuid4()
    listing_id = listed(seller, client_request_id=request_id)["listing"]["id"]

    refusal = seller.call("cancel_listing", listing_id=listing_id, client_request_id=request_id)

    assert {
        "success": False,
        "code": "REQUEST_ID_REUSED",
        "error": "This request id was used for something else",
    } == refusal


@pytest.fixture
def repeatable(owner: Connection) -> dict[str, dict[str, str]]:
    """Return the arguments of each RPC with a client_request_id, and their types."""
    query = """
      select p.proname, jsonb_object_agg(argument.name, argument.type::regtype::text)
      from pg_proc as p, unnest(p.proargnames, p.proargtypes::oid[]) as argument (name, type)
      where
        p.pronamespace = 'public'::regnamespace
        and 'client_request_id' = any(p.proargnames)
        and has_function_privilege('authenticated', p.oid, 'execute')
      group by p.oid
    """
    return {str(name): arguments for name, arguments in owner.execute(query)}


#: Two values of each type that an argument has.
VALUES: dict[str, tuple[object, object]] = {
    "uuid": (UUID(int=1), UUID(int=2)),
    "text": ("One reason of many", "Another reason"),
    "jsonb": (Jsonb({"title": "One title"}), Jsonb({"title": "Another title"})),
    "bigint": (1, None),
    "integer": (1, 2),
    "boolean": (True, False),
}


def test_id_belongs_to_the_arguments_of_its_call(
    owner: Connection, repeatable: dict[str, dict[str, str]]
) -> None:
    """An id that was used with other arguments is refused."""
    admin = signed_up(owner, "admin", role="admin").with_second_factor()
    stored(owner, "payout.paid", event_id=VALUES["text"][0])
    # Store the answers of refused calls too, so that the calls need no rows.
    owner.execute(
        """
        create or replace function private.finish_request(p_request_id uuid, p_answer jsonb)
        returns jsonb language plpgsql set search_path = '' as $$
        begin
          update private.request_receipts set answer = p_answer
          where client_request_id = p_request_id;
          return p_answer;
        end; $$
        """
    )
    ignored = []
    for rpc, types in repeatable.items():
        sent: dict[str, object] = {name: VALUES[type_][0] for name, type_ in types.items()}
        sent["client_request_id"] = uuid4()
        first = admin.call(rpc, **sent)
        assert first == admin.call(rpc, **sent)
        for name in types.keys() - {"client_request_id"}:
            changed = admin.call(rpc, **(sent | {name: VALUES[types[name]][1]}))
            if changed.get("code") != "REQUEST_ID_REUSED":
                ignored.append((rpc, name))

    assert [] == ignored
    assert {"update_listing", "resolve_dispute", "staff_decide_message"} <= repeatable.keys()


def test_id_belongs_to_one_caller(owner: Connection, seller: Actor, alice: Actor) -> None:
    """Another user's id has no effect on a call."""
    owner.execute("update public.users set role = 'seller'")
    request_id = uuid4()
    first = listed(seller, client_request_id=request_id)

    second = listed(alice, client_request_id=request_id)

    assert first["auction_id"] != second["auction_id"]


def test_calls_without_an_id_are_each_their_own(owner: Connection, seller: Actor) -> None:
    """A call without an id stores no receipt."""
    for _ in range(2):
        assert listed(seller)["success"]

    assert [(2,)] == owner.execute("select count(*) from public.listings").fetchall()
    assert [] == owner.execute("select 1 from private.request_receipts").fetchall()


class TestTwins:
    """Two parallel copies of one call."""

    @pytest.fixture
    def declared_url(self, declared_url: str) -> str:
        """Give each test a database of its own, in which it may commit."""
        return copy_database(declared_url, "market_request_twins")

    @pytest.fixture
    def twin(self, declared_url: str, seller: Actor) -> Iterator[Actor]:
        """Sign the seller in on a second connection."""
        seller.connection.commit()
        with psycopg.connect(declared_url) as connection:
            # Without an open transaction an actor's call commits.
            yield Actor(connection=connection, role="authenticated", user_id=seller.user_id)
            connection.rollback()

    def test_twin_waits_for_the_answer(self, seller: Actor, twin: Actor) -> None:
        """The second copy waits for the first, and gets its answer."""
        request_id = uuid4()
        twin.connection.execute("begin")
        first = listed(twin, client_request_id=request_id)
        seller.connection.execute("set local lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            listed(seller, client_request_id=request_id)
        twin.connection.commit()

        assert first == listed(seller, client_request_id=request_id)

    def test_twin_of_a_refusal_is_the_first(self, seller: Actor, twin: Actor) -> None:
        """After a refusal or a crash of the first copy the second one runs."""
        request_id: UUID = uuid4()
        refused: dict[str, Any] = LISTING | {"title": "x", "client_request_id": request_id}
        assert not twin.call("create_listing", **refused)["success"]
        twin.connection.execute("begin")
        assert listed(twin, client_request_id=request_id)["success"]
        twin.connection.rollback()

        assert listed(seller, client_request_id=request_id)["success"]

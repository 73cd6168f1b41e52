"""`begin_request`, `finish_request`: a call that may be sent again is done once."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from devstack.schema import copy_database
from tests.sql.actors import Actor
from tests.sql.auctioning import LISTING, listed


def test_same_id_gets_the_same_answer(owner: Connection, seller: Actor) -> None:
    """A listing that is sent twice is listed once."""
    request_id = uuid4()
    first = listed(seller, client_request_id=request_id)

    again = listed(seller, client_request_id=request_id, title="Whatever is sent")

    assert first == again
    assert [(1,)] == owner.execute("select count(*) from public.listings").fetchall()


def test_refusal_is_forgotten(owner: Connection, seller: Actor) -> None:
    """Once its reason is gone, the same call under the same id is a first one."""
    request_id = uuid4()
    assert "VALIDATION_ERROR" == listed(seller, client_request_id=request_id, title="x")["code"]
    assert [] == owner.execute("select 1 from private.request_receipts").fetchall()

    assert listed(seller, client_request_id=request_id)["success"]


def test_id_belongs_to_one_function(seller: Actor) -> None:
    """Used for another call, an id is a mistake of the client's."""
    request_id = uuid4()
    listing_id = listed(seller, client_request_id=request_id)["listing"]["id"]

    refusal = seller.call("cancel_listing", listing_id=listing_id, client_request_id=request_id)

    assert {
        "success": False,
        "code": "REQUEST_ID_REUSED",
        "error": "This request id was used for something else",
    } == refusal


@pytest.mark.parametrize(
    ("function", "argument", "rest"),
    [
        ("cancel_listing", "listing_id", {}),
        ("update_listing", "listing_id", {"changes": Jsonb({"title": "Another title"})}),
        (
            "relist_listing",
            "listing_id",
            {"start_at": None, "end_at": None, "reserve_cents": None},
        ),
        (
            "open_dispute",
            "order_id",
            {"dispute_type": "other", "reason": "It never came", "description": None},
        ),
        ("add_dispute_message", "dispute_id", {"content": "Hello"}),
        (
            "resolve_dispute",
            "dispute_id",
            {"decision": "deny", "note": "Looked at both sides", "refund_cents": None},
        ),
        ("staff_decide_message", "message_id", {"release": True, "reason": "It is harmless"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_id_belongs_to_one_object(
    owner: Connection, seller: Actor, function: str, argument: str, rest: dict[str, object]
) -> None:
    """A caller never takes the answer about one object for that about another."""
    request_id, first, second = uuid4(), UUID(int=1), UUID(int=2)
    # Every RPC may answer this form. Real receipts hold successes only.
    stored = {"success": False, "code": "CONFLICT", "error": "The answer about the first"}
    owner.execute(
        """
          insert into private.request_receipts
            (caller_id, client_request_id, function, answer, object_id)
          values (%s, %s, %s, %s, %s)
        """,
        [seller.user_id, request_id, function, Jsonb(stored), first],
    )
    again = {"client_request_id": request_id, **rest}

    assert stored == seller.call(function, **{argument: first}, **again)
    assert "REQUEST_ID_REUSED" == seller.call(function, **{argument: second}, **again)["code"]


def test_receipt_of_an_earlier_release_answers_its_repeat(owner: Connection, seller: Actor) -> None:
    """Such a receipt names no object."""
    listing_id = listed(seller)["listing"]["id"]
    cancelled = {"listing_id": listing_id, "client_request_id": uuid4()}
    first = seller.call("cancel_listing", **cancelled)
    owner.execute("update private.request_receipts set object_id = null")

    assert first == seller.call("cancel_listing", **cancelled)


def test_id_belongs_to_one_caller(owner: Connection, seller: Actor, alice: Actor) -> None:
    """Somebody else's id is nobody's."""
    owner.execute("update public.users set role = 'seller'")
    request_id = uuid4()
    first = listed(seller, client_request_id=request_id)

    second = listed(alice, client_request_id=request_id)

    assert first["auction_id"] != second["auction_id"]


def test_calls_without_an_id_are_each_their_own(owner: Connection, seller: Actor) -> None:
    """Nothing is kept of them."""
    for _ in range(2):
        assert listed(seller)["success"]

    assert [(2,)] == owner.execute("select count(*) from public.listings").fetchall()
    assert [] == owner.execute("select 1 from private.request_receipts").fetchall()


class TestTwins:
    """Two copies of one call at once."""

    @pytest.fixture
    def declared_url(self, declared_url: str) -> str:
        """Give each test a database of its own, in which it may commit."""
        return copy_database(declared_url, "market_request_twins")

    @pytest.fixture
    def twin(self, declared_url: str, seller: Actor) -> Iterator[Actor]:
        """Sign the seller in on a second connection."""
        seller.connection.commit()
        with psycopg.connect(declared_url) as connection:
            # Where no transaction is open, an actor's call commits.
            yield Actor(connection=connection, role="authenticated", user_id=seller.user_id)
            connection.rollback()

    def test_twin_waits_for_the_answer(self, seller: Actor, twin: Actor) -> None:
        """While one is under way the other one waits, and gets its answer once it is there."""
        request_id = uuid4()
        twin.connection.execute("begin")
        first = listed(twin, client_request_id=request_id)
        seller.connection.execute("set local lock_timeout = '100ms'")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            listed(seller, client_request_id=request_id)
        twin.connection.commit()

        assert first == listed(seller, client_request_id=request_id)

    def test_twin_of_a_refusal_is_the_first(self, seller: Actor, twin: Actor) -> None:
        """After a refusal, and after a crash, there is nothing to answer from."""
        request_id: UUID = uuid4()
        refused: dict[str, Any] = LISTING | {"title": "x", "client_request_id": request_id}
        assert not twin.call("create_listing", **refused)["success"]
        twin.connection.execute("begin")
        assert listed(twin, client_request_id=request_id)["success"]
        twin.connection.rollback()

        assert listed(seller, client_request_id=request_id)["success"]

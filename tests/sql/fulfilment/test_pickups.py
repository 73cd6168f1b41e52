"""`init_pickup`, `redeem_pickup`: a secret code proves the handover."""

import hashlib
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time, set_setting
from tests.sql.fulfilment.conftest import Calls
from tests.sql.paying import (
    brought_to,
    drift,
    moved,
    notified,
    order_row,
    ordered,
    refund_requested,
    service_of,
)


STATES = ["ready_for_handover", "shipped", "delivered", "released", "disputed"]


def hmac_of(secret: str) -> str:
    """Return a text in the form of the service's HMACs."""
    return hashlib.sha256(secret.encode()).hexdigest()


def initiated(call: Calls, user: Actor, code: str = "123456") -> Any:
    return call(
        "init_pickup", user, code_hmac=hmac_of(code), qr_token_hmac=hmac_of(f"qr of {code}")
    )


def redeemed(call: Calls, user: Actor, code: str | None = "123456", **more: object) -> Any:
    request: dict[str, object] = {
        "code_hmac": None if code is None else hmac_of(code),
        "qr_token_hmac": None,
        "request_id": uuid4(),
    }
    return call("redeem_pickup", user, **(request | more))


def code_of(answer: dict[str, Any]) -> str:
    return str("success" if answer["success"] else answer["code"])


def test_code_hands_the_order_over(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """Case 10: the seller makes the code, the buyer enters it, the order is delivered."""
    made = initiated(call, seller)
    query = "select expires_at - private.clock() from private.pickups"
    [(left,)] = owner.execute(query).fetchall()

    answer = redeemed(call, alice)

    assert {"success", "expires_at"} == set(made)
    assert 47.9 * 3600 < left.total_seconds() <= 48 * 3600
    assert {"success": True, "state": "delivered"} == answer
    assert "delivered" == order_row(owner, order_id)["state"]
    assert "order_delivered" in notified(owner, seller)
    query = """
      select actor_id, actor_kind::text, reason from public.order_events order by id desc limit 1
    """
    assert [(alice.id, "buyer", "picked_up")] == owner.execute(query).fetchall()
    assert [] == drift(owner)


@pytest.mark.parametrize("later", [None, "released", "disputed"])
def test_second_redeem_is_the_same_success(
    owner: Connection,
    call: Calls,
    *,
    order_id: UUID,
    seller: Actor,
    alice: Actor,
    later: str | None,
) -> None:
    """A repeated redeem answers delivered and moves nothing, also later (C22, case 10)."""
    initiated(call, seller)
    first = redeemed(call, alice)
    if later is not None:
        moved(owner, order_id, later, "buyer")
    before = order_row(owner, order_id)

    again = redeemed(call, alice)

    assert first == again
    assert before == order_row(owner, order_id)


def test_code_is_used_once(call: Calls, seller: Actor, alice: Actor) -> None:
    """An order that was handed over gets no new code."""
    initiated(call, seller)
    redeemed(call, alice)

    assert "NOT_READY" == initiated(call, seller)["code"]


def test_each_party_has_its_part(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, alice: Actor, bob: Actor
) -> None:
    """Only the seller makes a code, and only the buyer redeems it (C22, case 10)."""
    for user in (alice, bob):
        assert "FORBIDDEN" == initiated(call, user)["code"]
    initiated(call, seller)
    for user in (seller, bob):
        assert "FORBIDDEN" == redeemed(call, user)["code"]
    assert "paid" == order_row(owner, order_id)["state"]


def test_five_wrong_codes_lock(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """Case 10: after five wrong tries the right code is refused, until there is a new one."""
    initiated(call, seller)

    wrong = [code_of(redeemed(call, alice, "000000")) for _ in range(5)]

    assert ["INVALID_CODE"] * 5 == wrong
    assert "PICKUP_LOCKED" == redeemed(call, alice)["code"]
    assert "PICKUP_LOCKED" == redeemed(call, alice, "000000")["code"]
    assert "paid" == order_row(owner, order_id)["state"]
    assert initiated(call, seller, "222222")["success"]
    assert "INVALID_CODE" == redeemed(call, alice, "123456")["code"]
    assert redeemed(call, alice, "222222")["success"]


def test_four_wrong_codes_do_not_lock(call: Calls, seller: Actor, alice: Actor) -> None:
    """After four wrong tries the right code still works."""
    initiated(call, seller)
    for _ in range(4):
        redeemed(call, alice, "000000")

    assert redeemed(call, alice)["success"]


def test_number_of_tries_is_a_setting(
    owner: Connection, call: Calls, seller: Actor, alice: Actor
) -> None:
    """The setting is read at each try."""
    set_setting(owner, "pickup_max_tries", "1")
    initiated(call, seller)

    assert ["INVALID_CODE", "PICKUP_LOCKED"] == [
        code_of(redeemed(call, alice, "000000")) for _ in range(2)
    ]


def test_repeated_request_counts_once(
    owner: Connection, call: Calls, seller: Actor, alice: Actor
) -> None:
    """A repeated request counts as one try."""
    initiated(call, seller)
    request_ids = [uuid4() for _ in range(5)]

    answers = [
        [code_of(redeemed(call, alice, "000000", request_id=one)) for _ in range(2)]
        for one in request_ids
    ]

    assert [["INVALID_CODE"] * 2] * 5 == answers
    assert [(5, True)] == owner.execute("select attempts, locked from private.pickups").fetchall()


def test_expired_code_is_refused(
    owner: Connection, call: Calls, seller: Actor, alice: Actor
) -> None:
    """A code expires after 48 hours, and a later try is not counted (case 10)."""
    initiated(call, seller)
    move_time(owner, "47 hours 59 minutes")
    assert "INVALID_CODE" == redeemed(call, alice, "000000")["code"]

    move_time(owner, "2 minutes")

    assert "CODE_EXPIRED" == redeemed(call, alice)["code"]
    assert "CODE_EXPIRED" == redeemed(call, alice, "000000")["code"]
    assert [(1,)] == owner.execute("select attempts from private.pickups").fetchall()
    assert initiated(call, seller)["success"]
    assert redeemed(call, alice)["success"]


def test_new_code_voids_the_old_one(call: Calls, seller: Actor, alice: Actor) -> None:
    """Only the newest code is valid, in its digits and its token."""
    initiated(call, seller, "111111")
    initiated(call, seller, "222222")

    assert "INVALID_CODE" == redeemed(call, alice, "111111")["code"]
    old_token = redeemed(call, alice, None, qr_token_hmac=hmac_of("qr of 111111"))
    assert "INVALID_CODE" == old_token["code"]
    assert redeemed(call, alice, None, qr_token_hmac=hmac_of("qr of 222222"))["success"]


@pytest.mark.parametrize(
    ("code", "token", "expected"),
    [
        ("123456", "qr of 123456", "success"),
        ("123456", "another", "INVALID_CODE"),
        ("000000", "qr of 123456", "INVALID_CODE"),
        (None, None, "INVALID_CODE"),
        ("qr of 123456", None, "INVALID_CODE"),
        (None, "123456", "INVALID_CODE"),
    ],
)
def test_all_that_is_sent_must_be_right(
    call: Calls,
    seller: Actor,
    alice: Actor,
    *,
    code: str | None,
    token: str | None,
    expected: str,
) -> None:
    """Digits and token must both be right if both are sent."""
    initiated(call, seller)

    answer = redeemed(call, alice, code, qr_token_hmac=None if token is None else hmac_of(token))

    assert expected == code_of(answer)


@pytest.mark.parametrize("state", STATES)
def test_code_is_for_orders_that_wait_for_their_handover(
    owner: Connection, seller: Actor, bob: Actor, state: str
) -> None:
    """A code is made in two states, and redeemed in these and in shipped (C22)."""
    order_id = ordered(seller, bob)
    service = service_of(owner)

    def call(function: str, user: Actor, **arguments: object) -> Any:
        return service.call(function, **({"order_id": order_id, "user_id": user.id} | arguments))

    assert "NOT_READY" == initiated(call, seller)["code"]
    assert "NOT_READY" == redeemed(call, bob)["code"]
    brought_to(owner, order_id, "paid")
    assert "NOT_READY" == redeemed(call, bob)["code"]
    initiated(call, seller)
    for step in ("ready_for_handover", "shipped", "delivered", "released"):
        if STATES.index(step) <= STATES.index(state) and state != "disputed":
            moved(owner, order_id, step, "buyer" if step in {"delivered", "released"} else "seller")
    if state == "disputed":
        moved(owner, order_id, state, "buyer")

    redeem = code_of(redeemed(call, bob))
    assert ("success" if state in {"ready_for_handover", "shipped"} else "NOT_READY") == redeem


def test_code_is_made_while_ready_for_handover(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """A code may be made after the order was marked as ready."""
    moved(owner, order_id, "ready_for_handover", "seller")

    assert initiated(call, seller)["success"]
    assert redeemed(call, alice)["success"]


def test_money_on_its_way_back_stops_the_handover(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """A pending refund blocks the handover."""
    initiated(call, seller)
    refund_requested(owner, order_id, 1_000)

    assert "NOT_READY" == initiated(call, seller)["code"]
    assert "NOT_READY" == redeemed(call, alice)["code"]


def test_listing_without_pickup_has_no_code(owner: Connection, call: Calls, seller: Actor) -> None:
    """A listing without pickup has no code."""
    owner.execute("update public.listings set pickup = false")

    assert "NOT_READY" == initiated(call, seller)["code"]


def test_unknown_order_is_not_found(call: Calls, seller: Actor) -> None:
    """An unknown order is refused."""
    unknown = {"order_id": uuid4(), "code_hmac": hmac_of("1"), "qr_token_hmac": hmac_of("2")}

    assert "RESOURCE_NOT_FOUND" == call("init_pickup", seller, **unknown)["code"]
    answer = call("redeem_pickup", seller, request_id=uuid4(), **unknown)
    assert "RESOURCE_NOT_FOUND" == answer["code"]


def test_no_client_reads_a_code(
    owner: Connection, call: Calls, *, seller: Actor, alice: Actor, moderator: Actor, service: Actor
) -> None:
    """B13: neither party, staff nor our own processes select the hashes, nor call the functions."""
    initiated(call, seller)

    for actor in (seller, alice, moderator, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows("select code_hmac from private.pickups")
    for actor in (seller, alice, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(
                "init_pickup",
                order_id=uuid4(),
                user_id=actor.id,
                code_hmac=hmac_of("1"),
                qr_token_hmac=hmac_of("2"),
            )
    assert [(1,)] == owner.execute("select count(*) from private.pickups").fetchall()

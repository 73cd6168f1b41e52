"""Requests of refunds: their amounts, callers and repetitions."""

from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import (
    INTENT,
    brought_to,
    drift,
    moved,
    order_row,
    ordered,
    outbox_rows,
    paid,
    refund_finished,
    refund_requested,
    refunds,
    service_of,
)


def test_refund_is_reserved_and_queued(owner: Connection, order_id: UUID, seller: Actor) -> None:
    """A request books the reservation and queues one row; only the outbox calls Stripe (C8)."""
    paid(owner, order_id)

    answer = refund_requested(owner, order_id, 3_000)

    [(refund_id, initiated_by)] = owner.execute(
        "select id, initiated_by from public.refunds"
    ).fetchall()
    assert {"success": True, "refund_id": str(refund_id), "status": "pending"} == answer
    assert seller.id == initiated_by
    [row] = outbox_rows(owner, "refund")
    assert {
        "payment_intent_id": "pi_current",
        "amount_cents": 3_000,
        "refund_id": str(refund_id),
        "order_id": str(order_id),
    } == row["payload"]
    order = order_row(owner, order_id)
    assert ("paid", True, 0) == (
        order["state"],
        order["refund_pending"],
        order["refunded_cents"],
    )
    assert [] == drift(owner)


def test_same_request_is_the_same_refund(
    owner: Connection, order_id: UUID, *, seller: Actor, bob: Actor, moderator: Actor
) -> None:
    """A repeated request gets the first answer, and its id is refused for another order (C8)."""
    other_id = ordered(seller, bob)
    paid(owner, order_id)
    request_id = uuid4()
    answer = refund_requested(owner, order_id, 3_000, client_request_id=request_id)

    assert answer == refund_requested(owner, order_id, 3_000, client_request_id=request_id)
    others: list[tuple[UUID, dict[str, object]]] = [
        (other_id, {}),
        (order_id, {"refund_amount_cents": 3_001}),
        (order_id, {"refund_amount_cents": 2_999}),
        (order_id, {"user_id": moderator.id}),
    ]
    for id_, other in others:
        refused = refund_requested(owner, id_, 3_000, client_request_id=request_id, **other)
        assert ("REQUEST_ID_REUSED", False) == (refused["code"], refused["success"])
    assert [(3_000, "pending", None)] == refunds(owner)


@pytest.mark.parametrize("status", ["pending", "succeeded", "failed", "canceled"])
@pytest.mark.parametrize("amount", [None, 10_000])
def test_repeated_request_says_how_the_refund_stands(
    owner: Connection, order_id: UUID, *, status: str, amount: int | None
) -> None:
    """A repeated request gets the refund's present state."""
    paid(owner, order_id)
    request = {"client_request_id": uuid4()}
    answer = refund_requested(owner, order_id, amount, **request)
    refund_finished(owner, status)

    again = refund_requested(owner, order_id, amount, **request)

    assert answer | {"status": status} == again
    refused = refund_requested(owner, order_id, 9_999, **request)
    assert "REQUEST_ID_REUSED" == refused["code"]


@pytest.mark.parametrize(
    ("first", "second"), [(100, None), (10_000, None), (None, 10_000)], ids=str
)
def test_id_of_a_part_does_not_serve_for_all_that_is_left(
    owner: Connection, order_id: UUID, *, first: int | None, second: int | None
) -> None:
    """The id of a partial refund is refused for a full one, and the reverse (C8)."""
    paid(owner, order_id)
    request_id = uuid4()
    assert refund_requested(owner, order_id, first, client_request_id=request_id)["success"]

    refused = refund_requested(owner, order_id, second, client_request_id=request_id)

    assert ("REQUEST_ID_REUSED", False) == (refused["code"], refused["success"])
    assert [(first or 10_000, "pending", None)] == refunds(owner)


def test_staff_refund_no_purchase_of_their_own(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """Staff do not refund their own purchase."""
    paid(owner, order_id)
    owner.execute("update public.users set role = 'moderator' where id = %s", [alice.id])

    assert "FORBIDDEN" == refund_requested(owner, order_id, 1_000, user_id=alice.id)["code"]
    assert [] == refunds(owner)


def test_refund_by_staff_is_audited(
    owner: Connection, order_id: UUID, *, seller: Actor, bob: Actor, moderator: Actor
) -> None:
    """Each refund by staff has one audit entry; a repeat or a refusal adds none."""
    other_id = ordered(seller, bob)
    paid(owner, order_id)
    request: dict[str, object] = {"user_id": moderator.id, "client_request_id": uuid4()}
    for id_ in (order_id, order_id, other_id):
        refund_requested(owner, id_, 1_000, **request)
    refund_requested(owner, order_id, 1_000)

    query = "select actor_id, action, entity_id from public.audit_logs"
    assert [(moderator.id, "payment_refunded", INTENT)] == owner.execute(query).fetchall()


def test_id_of_one_payments_refund_does_not_serve_for_its_order(
    owner: Connection, order_id: UUID, *, moderator: Actor
) -> None:
    """A request that names the payment is another one than a request for the order (C8)."""
    paid(owner, order_id)
    request = {"user_id": moderator.id, "client_request_id": uuid4()}
    assert refund_requested(owner, order_id, None, **request)["success"]

    refused = service_of(owner).call(
        "refund_payment", payment_intent_id=INTENT, refund_reason="agreed", **request
    )

    assert ("REQUEST_ID_REUSED", False) == (refused["code"], refused["success"])


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (" <b>agreed</b>\u202e\nby phone ", "agreed by phone"),
        ("x" * 501, "x" * 500),
        (" \u200b ", None),
        (None, None),
    ],
)
def test_reason_of_a_refund_is_plain_text(
    owner: Connection, order_id: UUID, sent: str | None, kept: str | None
) -> None:
    """The reason is one line without markup and hidden characters, of at most 500 characters."""
    paid(owner, order_id)

    assert refund_requested(owner, order_id, 3_000, refund_reason=sent)["success"]

    assert [(kept,)] == owner.execute("select reason from public.refunds").fetchall()


def test_request_needs_an_id(owner: Connection, order_id: UUID) -> None:
    """A request without an id is refused."""
    paid(owner, order_id)

    with pytest.raises(psycopg.DatabaseError, match="CLIENT_REQUEST_ID_MISSING"):
        refund_requested(owner, order_id, 3_000, client_request_id=None)


def test_unknown_order_is_refused_whatever_else_is_missing(
    owner: Connection, order_id: UUID
) -> None:
    """An unknown order is refused first, also with the id of another refund."""
    paid(owner, order_id)
    request_id = uuid4()
    refund_requested(owner, order_id, 3_000, client_request_id=request_id)

    for unknown in (None, uuid4()):
        for known_id in (None, request_id):
            answer = service_of(owner).call(
                "process_refund_transaction",
                order_id=unknown,
                refund_amount_cents=None,
                refund_reason=None,
                user_id=None,
                client_request_id=known_id,
            )
            assert "RESOURCE_NOT_FOUND" == answer["code"]


@pytest.mark.parametrize("amount", [0, -1, 7_001, 10_000])
def test_refund_is_within_what_is_left(owner: Connection, order_id: UUID, amount: int) -> None:
    """Refunds never exceed the payment, pending ones included (C8)."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)

    assert "VALIDATION_ERROR" == refund_requested(owner, order_id, amount)["code"]
    assert refund_requested(owner, order_id, None)["success"]
    assert 10_000 == sum(amount for amount, _, _ in refunds(owner))


def test_refund_is_the_sellers_or_staffs(
    owner: Connection, order_id: UUID, alice: Actor, bob: Actor, moderator: Actor
) -> None:
    """Only the seller or staff request a refund."""
    paid(owner, order_id)

    for actor in (alice, bob):
        answer = refund_requested(owner, order_id, 1_000, user_id=actor.id)
        assert "FORBIDDEN" == answer["code"]
    assert refund_requested(owner, order_id, 1_000, user_id=moderator.id)["success"]
    owner.execute("update public.users set suspended_at = now() where id = %s", [moderator.id])
    answer = refund_requested(owner, order_id, 1_000, user_id=moderator.id)
    assert "FORBIDDEN" == answer["code"]


@pytest.mark.parametrize("state", ["pending_payment", "disputed", "released", "cancelled"])
def test_refund_needs_a_state_that_allows_it(owner: Connection, order_id: UUID, state: str) -> None:
    """A seller does not refund an unpaid, disputed or released order (C8)."""
    if state == "cancelled":
        moved(owner, order_id, "cancelled", "admin")
    elif state != "pending_payment":
        brought_to(owner, order_id, state)

    assert "CONFLICT" == refund_requested(owner, order_id, 1_000)["code"]

"""`open_dispute`: a party stops an order until staff decide."""

import dataclasses
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting
from tests.sql.disputing import dispute_row, report_dispute
from tests.sql.paying import (
    brought_to,
    drift,
    moved,
    notified,
    order_row,
    paid,
    refund_requested,
    report_refund,
)


def opened(party: Actor, order_id: UUID, **changes: object) -> Any:
    complaint: dict[str, object] = {
        "order_id": order_id,
        "dispute_type": "damaged_item",
        "reason": "It has a crack",
        "description": "The handle is broken.",
    }
    return party.call("open_dispute", **(complaint | changes))


@pytest.mark.parametrize("state", ["paid", "ready_for_handover", "shipped", "delivered"])
def test_buyer_stops_the_order(
    owner: Connection, order_id: UUID, alice: Actor, *, seller: Actor, state: str
) -> None:
    """The order is disputed, and both parties are notified."""
    brought_to(owner, order_id, state)

    answer = opened(alice, order_id)

    assert answer["success"], answer
    order = order_row(owner, order_id)
    assert ("disputed", state) == (order["state"], order["state_before_dispute"])
    assert {
        "order_id": str(order_id),
        "payment_id": None,
        "initiator_id": str(alice.id),
        "respondent_id": str(seller.id),
        "dispute_type": "damaged_item",
        "reason": "It has a crack",
        "description": "The handle is broken.",
        "amount_cents": 10_000,
        "withdrawn_cents": 0,
        "currency": "aud",
        "status": "open",
        "state": "open",
        "decision": None,
        "stripe_dispute_id": None,
    }.items() <= dispute_row(owner, answer["dispute_id"]).items()
    for party in (alice, seller):
        assert "dispute_created" in notified(owner, party)
    assert [] == drift(owner)


def test_seller_may_open_one_too(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """The respondent is the other party, and the history names the actor."""
    paid(owner, order_id)

    answer = opened(seller, order_id)

    row = dispute_row(owner, answer["dispute_id"])
    assert (str(seller.id), str(alice.id)) == (row["initiator_id"], row["respondent_id"])
    query = "select actor_kind::text, actor_id, reason from public.order_events order by id desc"
    assert ("seller", seller.id, "dispute_opened") == owner.execute(query).fetchone()


@pytest.mark.parametrize("state", ["pending_payment", "released", "refunded", "cancelled"])
def test_other_states_refuse(owner: Connection, order_id: UUID, alice: Actor, state: str) -> None:
    """An order cannot be disputed before the payment and after the release."""
    if state == "released":
        brought_to(owner, order_id, state)
    elif state == "refunded":
        paid(owner, order_id)
        report_refund(owner, "succeeded", 10_000)
    elif state == "cancelled":
        moved(owner, order_id, state, "admin")
    assert state == order_row(owner, order_id)["state"]

    assert "CONFLICT" == opened(alice, order_id)["code"]
    assert state == order_row(owner, order_id)["state"]


def test_one_dispute_at_a_time(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """A second dispute is a conflict, from either party, also beside one at Stripe."""
    paid(owner, order_id)
    assert opened(alice, order_id)["success"]

    assert ["CONFLICT"] * 2 == [opened(party, order_id)["code"] for party in (alice, seller)]


def test_bank_comes_first(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """No dispute is opened while a bank disputes the payment."""
    paid(owner, order_id)
    report_dispute(owner, "needs_response", 10_000)

    assert "CONFLICT" == opened(alice, order_id)["code"]


def test_bank_comes_later(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """The order stays disputed until both disputes have ended."""
    brought_to(owner, order_id, "shipped")
    opened(alice, order_id)

    report_dispute(owner, "needs_response", 10_000)
    report_dispute(owner, "won", 10_000, 10_000)

    order = order_row(owner, order_id)
    assert ("disputed", "shipped") == (order["state"], order["state_before_dispute"])
    assert [] == drift(owner)


def test_refund_under_way_is_a_conflict(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """No dispute is opened while a refund is pending."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 1_000)

    assert "CONFLICT" == opened(alice, order_id)["code"]


def test_others_open_none(
    owner: Connection, order_id: UUID, bob: Actor, *, moderator: Actor, anonymous: Actor
) -> None:
    """Only a party opens a dispute (B7)."""
    paid(owner, order_id)

    nobody = dataclasses.replace(bob, user_id=None)
    for actor in (bob, moderator, nobody):
        assert "FORBIDDEN" == opened(actor, order_id)["code"]
    assert "RESOURCE_NOT_FOUND" == opened(bob, uuid4())["code"]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        opened(anonymous, order_id)
    assert "paid" == order_row(owner, order_id)["state"]


def test_suspended_party_opens_none(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """A suspended party opens no dispute."""
    paid(owner, order_id)
    owner.execute("update public.users set suspended_at = created_at where id = %s", [alice.id])

    assert "USER_SUSPENDED" == opened(alice, order_id)["code"]


@pytest.mark.parametrize(
    "changes",
    [
        {"dispute_type": "boredom"},
        {"dispute_type": None},
        {"reason": None},
        {"reason": " \n "},
        {"reason": "<script>alert(1)</script>"},
        {"reason": "x" * 201},
        {"reason": "x" * 100_000},
        {"description": ""},
        {"description": "x" * 4_097},
        {"description": "x" * 100_000},
    ],
)
def test_incomplete_complaint_is_refused(
    owner: Connection, order_id: UUID, alice: Actor, changes: dict[str, object]
) -> None:
    """A dispute needs a known kind and a reason; its description is optional."""
    paid(owner, order_id)

    assert "VALIDATION_ERROR" == opened(alice, order_id, **changes)["code"]


def test_texts_are_cleaned(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """Markup is dropped, a reason is one line, and a description may be missing."""
    paid(owner, order_id)

    answer = opened(
        alice, order_id, reason=" <b>It</b>\nnever\tcame ", description=None,
        dispute_type="item_not_received",
    )  # fmt: skip

    row = dispute_row(owner, answer["dispute_id"])
    assert ("It never came", None) == (row["reason"], row["description"])


def test_repeat_gets_the_same_answer(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """The same request id opens one dispute; for another call it is refused."""
    paid(owner, order_id)
    request = uuid4()

    first = opened(alice, order_id, client_request_id=request)

    assert first["success"]
    assert first == opened(alice, order_id, client_request_id=request)
    message = alice.call(
        "add_dispute_message",
        dispute_id=first["dispute_id"],
        content="Hello",
        client_request_id=request,
    )
    assert "REQUEST_ID_REUSED" == message["code"]


def test_opening_is_limited(
    owner: Connection, order_id: UUID, alice: Actor, moderator: Actor
) -> None:
    """The limit counts this call, and a refused one changes nothing."""
    paid(owner, order_id)
    limits = (
        '{"check_dispute": {"max": 9, "window_s": 60}, "open_dispute": {"max": 1, "window_s": 60}}'
    )
    set_setting(owner, "rate_limits", limits)
    dispute_id = opened(alice, order_id)["dispute_id"]
    moderator.call("resolve_dispute", dispute_id=dispute_id, decision="deny", note="No crack.")

    assert "RATE_LIMITED" == opened(alice, order_id)["code"]
    assert "paid" == order_row(owner, order_id)["state"]


def test_opening_is_audited(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """The audit log names the party and the dispute."""
    paid(owner, order_id)

    answer = opened(alice, order_id)

    query = "select actor_id, action, entity, entity_id from public.audit_logs"
    assert [(alice.id, "dispute_opened", "disputes", answer["dispute_id"])] == owner.execute(
        query
    ).fetchall()


@pytest.mark.parametrize("field", ["reason", "description"])
def test_payment_detail_is_refused(
    owner: Connection, order_id: UUID, alice: Actor, field: str
) -> None:
    """A dispute may describe a payment elsewhere, and not ask for one."""
    paid(owner, order_id)

    refused = opened(alice, order_id, **{field: "Refund me, BSB 062-000 account 12345678"})

    assert ("PAYMENT_IN_TEXT", field) == (refused["code"], refused["field"])
    assert opened(alice, order_id, **{field: "The seller asked me to pay by PayID"})["success"]


def test_payment_detail_over_two_texts_is_refused(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """The description may end what the reason begins."""
    paid(owner, order_id)

    refused = opened(alice, order_id, reason="Refund me by PayID", description="0412 345 678")

    assert ("PAYMENT_IN_TEXT", "description") == (refused["code"], refused["field"])
    assert (0, 12) == (refused["start"], refused["end"])
    dispute_id = opened(alice, order_id, reason="Refund me by PayID")["dispute_id"]
    refused = alice.call("add_dispute_message", dispute_id=dispute_id, content="0412 345 678")
    assert "PAYMENT_IN_TEXT" == refused["code"]


def test_refused_text_uses_up_no_dispute(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """The texts that reach the filter have a limit of their own: 20 an hour."""
    paid(owner, order_id)
    asked = {"reason": "Refund me, BSB 062-000 account 12345678"}

    refused = [opened(alice, order_id, **asked)["code"] for _ in range(19)]

    assert ["PAYMENT_IN_TEXT"] * 19 == refused
    assert opened(alice, order_id)["success"]


def test_texts_of_disputes_are_limited(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """The filter costs too much to read a party's texts without end."""
    paid(owner, order_id)
    asked = {"reason": "Refund me, BSB 062-000 account 12345678"}

    codes = [opened(alice, order_id, **asked)["code"] for _ in range(21)]

    assert ["PAYMENT_IN_TEXT"] * 20 + ["RATE_LIMITED"] == codes

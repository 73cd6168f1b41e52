"""Refunds of money that came back after its order has ended, or that settled no order."""

import re
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.paying import (
    INTENT,
    balances,
    brought_to,
    drift,
    moved,
    order_row,
    ordered,
    outbox_rows,
    paid,
    refund_requested,
    report_refund,
    service_of,
    succeeded,
)


OPERATIONS = Path(__file__).parents[3] / "docs/operations.md"


def unreturned(owner: Connection) -> list[tuple[str, str, int, int]]:
    """Return what `unreturned_payments` names: intent, currency, captured and unreturned cents."""
    query = """
      select payment_intent_id, currency, captured_cents, unreturned_cents
      from public.unreturned_payments()
    """
    return [(str(i), str(c), int(a), int(u)) for i, c, a, u in service_of(owner).rows(query)]


def payment_refunded(owner: Connection, intent: str, user: Actor | None, **changes: object) -> Any:
    request = {
        "payment_intent_id": intent,
        "refund_reason": "the first refund failed",
        "user_id": None if user is None else user.id,
        "client_request_id": uuid4(),
    }
    return service_of(owner).call("refund_payment", **(request | changes))


def returned(owner: Connection, order_id: UUID, state: str) -> None:
    """Let the order end as `state`, with all of its money refunded."""
    if state == "cancelled":
        owner.execute(
            """
            select private.reserve_refund(
              o, p, 10000, 'cancelled', 'not_handed_over', null, 'not_handed_over:' || o.id
            )
            from public.orders as o join public.payments as p on p.order_id = o.id
            """
        )
        [row] = outbox_rows(owner, "refund")
        report_refund(owner, "succeeded", 10_000, outbox_id=row["id"])
    else:
        report_refund(owner, "succeeded", 10_000)
    assert state == order_row(owner, order_id)["state"]


def money_of(owner: Connection, order_id: UUID) -> tuple[str, int, bool, str]:
    order = order_row(owner, order_id)
    [(status,)] = owner.execute("select status::text from public.payments where settles_order")
    return order["state"], order["refunded_cents"], order["refund_pending"], status


@pytest.mark.parametrize(
    ("before", "state"),
    [
        ("paid", "refunded"),
        ("paid", "cancelled"),
        ("shipped", "refunded"),
        ("released", "refunded"),
    ],
)
def test_refund_that_fails_after_the_end_is_refunded_again(
    owner: Connection, order_id: UUID, moderator: Actor, *, state: str, before: str
) -> None:
    """Staff refund the money of an ended order again, and the ledger ends at zero."""
    brought_to(owner, order_id, before)
    returned(owner, order_id, state)

    answer = report_refund(owner, "failed", 10_000)

    assert ["refund_failed"] == answer["alerts"]
    assert (state, 0, False, "captured") == money_of(owner, order_id)
    assert [("orders.state", 10_000, 0)] == drift(owner)
    assert [(INTENT, "aud", 10_000, 10_000)] == unreturned(owner)

    again = refund_requested(owner, order_id, None, user_id=moderator.id)

    assert (True, "pending") == (again["success"], again["status"])
    assert (state, 0, True, "captured") == money_of(owner, order_id)
    assert [("orders.state", 10_000, 0)] == drift(owner)
    assert [] == unreturned(owner)
    row = next(r for r in outbox_rows(owner, "refund") if r["status"] == "queued")
    assert again["refund_id"] == row["payload"]["refund_id"]
    report_refund(owner, "succeeded", 10_000, stripe_refund_id="re_2", outbox_id=row["id"])
    assert (state, 10_000, False, "refunded") == money_of(owner, order_id)
    assert ({}, [], []) == (balances(owner, order_id), drift(owner), unreturned(owner))


def test_part_that_came_back_is_refunded_again(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """A second refund is at most the money that is neither refunded nor pending."""
    paid(owner, order_id)
    report_refund(owner, "succeeded", 4_000, stripe_refund_id="re_1")
    report_refund(owner, "succeeded", 6_000, stripe_refund_id="re_2")
    report_refund(owner, "failed", 6_000, stripe_refund_id="re_2")
    assert ("refunded", 4_000, False, "partially_refunded") == money_of(owner, order_id)
    assert [("orders.state", 6_000, 0)] == drift(owner)
    staff = {"user_id": moderator.id}

    for amount in (0, -1, 6_001, 10_000):
        answer = refund_requested(owner, order_id, amount, **staff)
        assert "VALIDATION_ERROR" == answer["code"]
    assert refund_requested(owner, order_id, 1_000, **staff)["success"]
    assert [(INTENT, "aud", 10_000, 5_000)] == unreturned(owner)
    assert "VALIDATION_ERROR" == refund_requested(owner, order_id, 5_001, **staff)["code"]
    assert refund_requested(owner, order_id, None, **staff)["success"]
    assert "CONFLICT" == refund_requested(owner, order_id, None, **staff)["code"]

    for row in outbox_rows(owner, "refund"):
        amount = row["payload"]["amount_cents"]
        report_refund(
            owner, "succeeded", amount, stripe_refund_id=f"re_{amount}", outbox_id=row["id"]
        )
    assert ("refunded", 10_000, False, "refunded") == money_of(owner, order_id)
    assert ({}, []) == (balances(owner, order_id), drift(owner))


@pytest.mark.parametrize("is_paid", [True, False])
def test_stray_whose_refund_failed_is_refunded_again(
    owner: Connection, order_id: UUID, *, is_paid: bool
) -> None:
    """Our job refunds a stray again, whatever the state of its order."""
    if is_paid:
        paid(owner, order_id)
    before = order_row(owner, order_id)
    [row_id] = succeeded(owner, order_id, "pi_stray", amount_cents=77, currency="usd")["outbox_ids"]
    assert [] == unreturned(owner)

    answer = report_refund(owner, "failed", 77, outbox_id=row_id, intent="pi_stray")

    assert ["refund_failed"] == answer["alerts"]
    assert [("pi_stray", "usd", 77, 77)] == unreturned(owner)
    again = payment_refunded(owner, "pi_stray", None)
    assert (True, "pending") == (again["success"], again["status"])
    assert ([], []) == (unreturned(owner), drift(owner))
    row = outbox_rows(owner, "auto_refund")[-1]
    assert (again["refund_id"], 77) == (row["payload"]["refund_id"], row["payload"]["amount_cents"])
    report_refund(
        owner, "succeeded", 77, stripe_refund_id="re_2", outbox_id=row["id"], intent="pi_stray"
    )
    assert ([], []) == (unreturned(owner), drift(owner))
    query = "select status::text from public.payments where stripe_payment_intent_id = 'pi_stray'"
    assert [("refunded",)] == owner.execute(query).fetchall()
    assert before == order_row(owner, order_id)


def test_stray_of_which_a_part_went_back_outside(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """Stripe refuses the full refund of a stray that was partly refunded; the rest is refunded."""
    moved(owner, order_id, "cancelled", "admin")
    [row_id] = succeeded(owner, order_id, "pi_stray")["outbox_ids"]
    report_refund(owner, "succeeded", 3_000, intent="pi_stray", stripe_refund_id="re_outside")
    service = service_of(owner)
    [job] = [j for j in service.call("claim_outbox", max_rows=9, lease_s=60) if j["id"] == row_id]
    service.call(
        "reject_outbox",
        outbox_id=row_id,
        lease_token=job["lease_token"],
        error_code="STRIPE_REFUSED",
    )
    assert [("pi_stray", "aud", 10_000, 7_000)] == unreturned(owner)

    # The order names no other payment, so its own RPC finds the stray too.
    assert refund_requested(owner, order_id, None, user_id=moderator.id)["success"]

    row = outbox_rows(owner, "auto_refund")[-1]
    assert 7_000 == row["payload"]["amount_cents"]
    report_refund(
        owner, "succeeded", 7_000, intent="pi_stray", stripe_refund_id="re_2", outbox_id=row["id"]
    )
    assert ({}, []) == (balances(owner, order_id), drift(owner))
    order = order_row(owner, order_id)
    assert ("cancelled", 0, False) == (
        order["state"],
        order["refunded_cents"],
        order["refund_pending"],
    )


def refused(owner: Connection, row_id: str) -> None:
    """Let Stripe refuse the call of a row for good."""
    service = service_of(owner)
    [job] = [j for j in service.call("claim_outbox", max_rows=9, lease_s=60) if j["id"] == row_id]
    service.call(
        "reject_outbox",
        outbox_id=row_id,
        lease_token=job["lease_token"],
        error_code="STRIPE_REFUSED",
    )


def again(owner: Connection) -> int:
    count = service_of(owner).call("refund_refused_strays")
    assert isinstance(count, int)
    return count


def test_rest_of_a_refused_stray_is_refunded_by_the_job(owner: Connection, order_id: UUID) -> None:
    """The job requests the rest of a partly refunded stray once."""
    moved(owner, order_id, "cancelled", "admin")
    [row_id] = succeeded(owner, order_id, "pi_stray")["outbox_ids"]
    assert 0 == again(owner)
    refused(owner, row_id)
    report_refund(owner, "succeeded", 3_000, intent="pi_stray", stripe_refund_id="re_outside")

    assert [1, 0] == [again(owner) for _ in range(2)]

    row = next(row for row in outbox_rows(owner, "auto_refund") if row["status"] == "queued")
    assert 7_000 == row["payload"]["amount_cents"]
    refused(owner, row["id"])
    assert 0 == again(owner)
    assert [] == drift(owner)


def test_stray_is_refunded_again_when_its_dispute_has_ended(
    owner: Connection, order_id: UUID
) -> None:
    """A refund that Stripe refused during a dispute is requested after its end."""
    moved(owner, order_id, "cancelled", "admin")
    [row_id] = succeeded(owner, order_id, "pi_stray")["outbox_ids"]
    reading = {"status": "needs_response", "withdrawn_cents": 10_000, "reinstated_cents": 0}
    read_dispute(owner, "pi_stray", **reading)
    refused(owner, row_id)
    assert 0 == again(owner)

    read_dispute(owner, "pi_stray", **(reading | {"status": "won", "reinstated_cents": 10_000}))

    assert [1, 0] == [again(owner) for _ in range(2)]
    assert ([], []) == (unreturned(owner), drift(owner))


def read_dispute(owner: Connection, intent: str, **reading: object) -> None:
    answer = service_of(owner).call(
        "record_dispute",
        stripe_dispute_id="dp_1",
        payment_intent_id=intent,
        charge_id=None,
        amount_cents=10_000,
        currency="aud",
        reason="fraudulent",
        created=1_790_000_000,
        **reading,
    )
    assert answer["outcome"] == "processed", answer


def test_stray_that_the_bank_returned_is_left_to_staff(owner: Connection, order_id: UUID) -> None:
    """A stray whose refund the bank returned is left to staff, who may have found another way."""
    moved(owner, order_id, "cancelled", "admin")
    [row_id] = succeeded(owner, order_id, "pi_stray")["outbox_ids"]
    for status in ("succeeded", "failed"):
        report_refund(owner, status, 10_000, outbox_id=row_id, intent="pi_stray")

    assert 0 == again(owner)


def test_refused_refund_of_an_order_is_left_to_its_parties(
    owner: Connection, order_id: UUID
) -> None:
    """A refused refund of an order is not repeated by the job; the seller decides."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)
    [row] = outbox_rows(owner, "refund")
    refused(owner, row["id"])

    assert 0 == again(owner)


def test_refund_of_a_live_order_never_takes_its_stray(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """Refunds of a live order come from its settling payment only."""
    paid(owner, order_id)
    [row_id] = succeeded(owner, order_id, "pi_stray")["outbox_ids"]
    report_refund(owner, "failed", 10_000, outbox_id=row_id, intent="pi_stray")

    assert refund_requested(owner, order_id, None, user_id=moderator.id)["success"]
    answer = refund_requested(owner, order_id, None, user_id=moderator.id)

    assert "VALIDATION_ERROR" == answer["code"]
    assert [("pi_stray", "aud", 10_000, 10_000)] == unreturned(owner)


def test_money_that_must_go_back_is_staffs_or_our_own_to_return(
    owner: Connection, order_id: UUID, *, alice: Actor, bob: Actor, seller: Actor, moderator: Actor
) -> None:
    """Staff and our jobs refund money whose refund failed; the jobs refund no other."""
    paid(owner, order_id)
    assert "FORBIDDEN" == refund_requested(owner, order_id, 1, user_id=None)["code"]
    assert "FORBIDDEN" == payment_refunded(owner, INTENT, None)["code"]
    returned(owner, order_id, "refunded")
    for user_id in (moderator.id, seller.id):
        assert "CONFLICT" == refund_requested(owner, order_id, None, user_id=user_id)["code"]
    assert "FORBIDDEN" == refund_requested(owner, order_id, None, user_id=None)["code"]
    report_refund(owner, "failed", 10_000)

    assert "CONFLICT" == refund_requested(owner, order_id, None)["code"]
    assert "CONFLICT" == payment_refunded(owner, INTENT, seller)["code"]
    for actor in (alice, bob):
        assert "FORBIDDEN" == payment_refunded(owner, INTENT, actor)["code"]
    assert payment_refunded(owner, INTENT, moderator)["success"]


def test_refund_again_is_audited_if_a_person_asks(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """The audit log has the user, the payment and the reason; jobs add no entry."""
    query = """
      select actor_id, action, entity_id, description, metadata ->> 'order_id'
      from public.audit_logs
    """
    paid(owner, order_id)
    returned(owner, order_id, "refunded")
    report_refund(owner, "failed", 10_000)
    payment_refunded(owner, INTENT, None)
    report_refund(
        owner,
        "failed",
        10_000,
        outbox_id=outbox_rows(owner, "refund")[-1]["id"],
        stripe_refund_id="re_2",
    )
    assert [] == owner.execute(query).fetchall()

    payment_refunded(owner, INTENT, moderator)

    assert [
        (
            moderator.id,
            "payment_refunded_again",
            INTENT,
            "the first refund failed",
            str(order_id),
        )
    ] == owner.execute(query).fetchall()


def test_statement_of_the_runbook_refunds_again(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """An operator runs the statement of docs/operations.md in the SQL editor, as role postgres."""
    [statement] = re.findall(r"`(select refund_payment\(.*?\);)`", OPERATIONS.read_text())
    paid(owner, order_id)
    returned(owner, order_id, "refunded")
    report_refund(owner, "failed", 10_000)
    assert [(INTENT, "aud", 10_000, 10_000)] == unreturned(owner)

    owner.execute("set local search_path = public")
    filled = statement.replace("pi_…", INTENT).replace("your user id", str(moderator.id))
    [(answer,)] = owner.execute(filled.encode()).fetchall()

    assert (True, "pending") == (answer["success"], answer["status"])
    assert [] == unreturned(owner)


def test_refund_again_is_one_refund_per_request(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """A repeated request gets its refund, and its id is refused for another payment."""
    paid(owner, order_id)
    [row_id] = succeeded(owner, order_id, "pi_stray")["outbox_ids"]
    report_refund(owner, "failed", 10_000, outbox_id=row_id, intent="pi_stray")
    request = {"client_request_id": uuid4()}
    answer = payment_refunded(owner, "pi_stray", moderator, **request)

    assert answer == payment_refunded(owner, "pi_stray", moderator, **request)
    for intent, user in ((INTENT, moderator), ("pi_stray", None)):
        refused = payment_refunded(owner, intent, user, **request)
        assert "REQUEST_ID_REUSED" == refused["code"]
    assert 2 == len(outbox_rows(owner, "auto_refund"))


def test_unknown_payment_is_refused(owner: Connection, moderator: Actor) -> None:
    """An unknown intent is refused first, whatever else is missing."""
    answer = payment_refunded(owner, "pi_unknown", moderator, client_request_id=None)

    assert "RESOURCE_NOT_FOUND" == answer["code"]


def test_refund_of_a_payment_needs_an_id(
    owner: Connection, order_id: UUID, moderator: Actor
) -> None:
    """A request without an id is refused."""
    paid(owner, order_id)

    with pytest.raises(psycopg.DatabaseError, match="CLIENT_REQUEST_ID_MISSING"):
        payment_refunded(owner, INTENT, moderator, client_request_id=None)


def test_payment_without_money_is_not_refunded(
    owner: Connection, order_id: UUID, seller: Actor, bob: Actor, moderator: Actor
) -> None:
    """A payment without captured money is not refunded."""
    other_id = ordered(seller, bob)
    moved(owner, order_id, "cancelled", "admin")

    for id_ in (order_id, other_id):
        assert "CONFLICT" == refund_requested(owner, id_, None, user_id=moderator.id)["code"]
    assert [] == unreturned(owner)

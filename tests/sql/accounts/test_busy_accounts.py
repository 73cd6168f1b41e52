"""`anonymise_account`: disputes, and money that is on its way, hold the account of a party."""

from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.disputing import report_dispute
from tests.sql.paying import (
    AMOUNT,
    brought_to,
    moved,
    outbox_rows,
    paid,
    report_refund,
    service_of,
    succeeded,
)
from tests.sql.payouts.paying_out import onboarded, sent


def answer_to(owner: Connection, person: Actor) -> str:
    """Anonymise; return the code of the refusal, or `done`."""
    answer = service_of(owner).call("anonymise_account", user_id=person.id)
    return str(answer.get("code", "done"))


def test_seller_waits_for_the_payout(
    owner: Connection, seller: Actor, alice: Actor, order_id: UUID
) -> None:
    """The buyer of a released order is free at once, the seller when Stripe has the transfer."""
    brought_to(owner, order_id, "released")

    assert ("ACCOUNT_BUSY", "done") == (answer_to(owner, seller), answer_to(owner, alice))

    onboarded(owner, seller)
    assert "ACCOUNT_BUSY" == answer_to(owner, seller)
    sent(owner)
    assert "done" == answer_to(owner, seller)


@pytest.mark.parametrize("status", ["canceled", "dead"])
def test_unpaid_seller_stays_if_the_transfer_was_not_sent(
    owner: Connection, seller: Actor, order_id: UUID, status: str
) -> None:
    """The ledger still owes the seller the money, so a later transfer needs the account."""
    brought_to(owner, order_id, "released")
    owner.execute("update public.payouts set status = %s", [status])

    assert "ACCOUNT_BUSY" == answer_to(owner, seller)


def test_parties_wait_for_a_refund(
    owner: Connection, seller: Actor, alice: Actor, order_id: UUID
) -> None:
    """A refund that Stripe has not confirmed holds both parties, also after the payout."""
    brought_to(owner, order_id, "released")
    onboarded(owner, seller)
    sent(owner)
    assert "processed" == report_refund(owner, "pending", AMOUNT)["outcome"]

    assert ["ACCOUNT_BUSY"] * 2 == [answer_to(owner, person) for person in (seller, alice)]

    report_refund(owner, "succeeded", AMOUNT)
    assert "done" == answer_to(owner, alice)
    assert "ACCOUNT_BUSY" == answer_to(owner, seller)  # The reversal of the transfer is queued.
    sent(owner, "trr_1", kind="transfer_reversal")
    assert "done" == answer_to(owner, seller)


def test_buyer_waits_for_a_stray_payment(
    owner: Connection, seller: Actor, alice: Actor, order_id: UUID
) -> None:
    """A payment of a cancelled order goes back first; it does not concern the seller for longer."""
    assert moved(owner, order_id, "cancelled", "buyer")["success"]
    assert "processed" == succeeded(owner, order_id, "pi_late")["outcome"]

    assert "ACCOUNT_BUSY" == answer_to(owner, alice)

    [row] = outbox_rows(owner, "auto_refund")
    report_refund(owner, "succeeded", AMOUNT, outbox_id=row["id"], intent="pi_late")
    assert ["done"] * 2 == [answer_to(owner, person) for person in (alice, seller)]


def test_buyer_of_a_refused_refund_stays(owner: Connection, alice: Actor, order_id: UUID) -> None:
    """A stray payment whose refund has failed still belongs to the buyer."""
    assert moved(owner, order_id, "cancelled", "buyer")["success"]
    succeeded(owner, order_id, "pi_late")
    [row] = outbox_rows(owner, "auto_refund")

    report_refund(owner, "failed", AMOUNT, outbox_id=row["id"], intent="pi_late")

    assert "ACCOUNT_BUSY" == answer_to(owner, alice)


@pytest.mark.parametrize(
    ("status", "withdrawn"), [("needs_response", AMOUNT), ("warning_needs_response", 0)]
)
def test_dispute_at_stripe_holds_both(
    owner: Connection, seller: Actor, alice: Actor, order_id: UUID, *, status: str, withdrawn: int
) -> None:
    """A late dispute of a paid-out order, or an inquiry, keeps both parties until it closes."""
    brought_to(owner, order_id, "released")
    onboarded(owner, seller)
    sent(owner)
    report_dispute(owner, status, withdrawn)

    assert ["ACCOUNT_BUSY"] * 2 == [answer_to(owner, person) for person in (seller, alice)]

    report_dispute(owner, "won" if withdrawn else "warning_closed", withdrawn, withdrawn)
    assert ["done"] * 2 == [answer_to(owner, person) for person in (seller, alice)]


def test_last_admin_stays(owner: Connection) -> None:
    """The last admin's account stays, because only an admin can appoint another one.

    A suspended admin does not count.
    """
    first, second = (signed_up(owner, name, role="admin") for name in ("first", "second"))
    owner.execute("update public.users set suspended_at = now() where id = %s", [second.id])

    assert "ACCOUNT_BUSY" == answer_to(owner, first)

    owner.execute("update public.users set suspended_at = null where id = %s", [second.id])
    assert ["done", "ACCOUNT_BUSY"] == [answer_to(owner, person) for person in (first, second)]


def test_dispute_of_a_cancelled_orders_payment_holds_its_buyer(
    owner: Connection, alice: Actor, order_id: UUID
) -> None:
    """The order has ended, and the bank has not decided about the stray payment yet."""
    paid(owner, order_id)
    succeeded(owner, order_id, "pi_second")
    [row] = outbox_rows(owner, "auto_refund")
    report_refund(owner, "succeeded", AMOUNT, outbox_id=row["id"], intent="pi_second")
    for to_state, kind in [("shipped", "seller"), ("delivered", "buyer"), ("released", "buyer")]:
        assert moved(owner, order_id, to_state, kind)["success"]
    report_dispute(owner, "warning_needs_response", 0, intent="pi_second")

    assert "ACCOUNT_BUSY" == answer_to(owner, alice)

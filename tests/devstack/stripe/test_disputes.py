"""Disputes: opened, answered, won or lost, and their effect on the balance.

docs.stripe.com/disputes/how-disputes-work, docs.stripe.com/api/disputes,
docs.stripe.com/testing#disputes
"""

import datetime as dt
from typing import Any

import pytest
import stripe

from tests.support.fake_server import Account


def disputed(account: Account, **body: Any) -> stripe.Dispute:
    """Pay, and let the bank dispute the charge."""
    intent = account.paid(capture_method="automatic")
    opened = account.command("POST", f"/charges/{intent.latest_charge}/dispute", **body)
    return account.client.v1.disputes.retrieve(opened["id"])


def balance_of(account: Account) -> int:
    """Return the sum of all balance transactions."""
    balance = account.client.v1.balance.retrieve()
    return sum(one.amount for one in balance.available) + sum(one.amount for one in balance.pending)


def test_dispute_takes_the_money_and_a_fee(account: Account) -> None:
    """A dispute withdraws its amount and A$25 in one adjustment; its events keep this order."""
    intent = account.paid(capture_method="automatic")
    before = balance_of(account)

    opened = account.command(
        "POST", f"/charges/{intent.latest_charge}/dispute", reason="product_not_received"
    )

    dispute = account.client.v1.disputes.retrieve(opened["id"], {"expand": ["charge"]})
    assert ("needs_response", "product_not_received", 5000, "aud") == (
        dispute.status,
        dispute.reason,
        dispute.amount,
        dispute.currency,
    )
    assert isinstance(dispute.charge, stripe.Charge)
    assert (True, False) == (dispute.charge.disputed, dispute.is_charge_refundable)
    [withdrawal] = dispute.balance_transactions
    assert (-5000, 2500, -7500) == (withdrawal.amount, withdrawal.fee, withdrawal.net)
    assert ("adjustment", "dispute", dispute.id) == (
        withdrawal.type,
        withdrawal.reporting_category,
        withdrawal.source,
    )
    assert before - 7500 == balance_of(account)
    assert ["charge.dispute.created", "charge.dispute.funds_withdrawn"] == account.event_types(
        dispute.id
    )


def test_event_of_a_dispute_is_signed(account: Account) -> None:
    """The webhooks of a dispute are signed, and have its balance transactions expanded."""
    account.command("PUT", "/delivery", mode="before_answer", event_types=["charge.dispute.*"])

    dispute = disputed(account)

    webhooks = [account.receiver.next() for _ in range(5)]
    about = {received.verify().type: received.event["data"]["object"] for received in webhooks}
    assert dispute.id == about["charge.dispute.created"]["id"]
    [withdrawal] = about["charge.dispute.funds_withdrawn"]["balance_transactions"]
    assert ("balance_transaction", -5000) == (withdrawal["object"], withdrawal["amount"])


def test_dispute_has_a_due_date(account: Account) -> None:
    """due_by is the end of a future day, in seconds."""
    dispute = disputed(account)

    due_by = dt.datetime.fromtimestamp(dispute.evidence_details.due_by or 0, tz=dt.UTC)
    assert dt.time(23, 59, 59) == due_by.time()
    assert dispute.created < due_by.timestamp()


def test_disputes_are_found_by_charge_and_intent(account: Account) -> None:
    """Charge and intent filter the disputes, and an expansion leads to one."""
    other, dispute = disputed(account), disputed(account)
    disputes = account.client.v1.disputes

    by_charge = disputes.list({"charge": str(dispute.charge)}).data
    by_intent = disputes.list({"payment_intent": str(dispute.payment_intent)}).data
    charge = account.client.v1.charges.retrieve(str(dispute.charge), {"expand": ["dispute"]})
    booked = account.client.v1.balance_transactions.retrieve(
        dispute.balance_transactions[0].id, {"expand": ["source"]}
    )

    assert [dispute.id, other.id] == [found.id for found in disputes.list().data]
    assert [[dispute.id]] * 2 == [[found.id for found in page] for page in (by_charge, by_intent)]
    assert dispute.id == charge.to_dict()["dispute"]["id"]
    assert isinstance(booked.source, stripe.Dispute)


def test_won_dispute_brings_the_money_back(account: Account) -> None:
    """A won dispute returns the amount by a second adjustment, without the fee."""
    dispute = disputed(account)

    account.command("POST", f"/disputes/{dispute.id}/close", status="won")

    won = account.client.v1.disputes.retrieve(dispute.id)
    assert "won" == won.status
    assert [-5000, 5000] == [movement.amount for movement in won.balance_transactions]
    assert [2500, 0] == [movement.fee for movement in won.balance_transactions]
    assert "dispute_reversal" == won.balance_transactions[1].reporting_category
    assert account.event_types(dispute.id)[2:] == [
        "charge.dispute.funds_reinstated",
        "charge.dispute.closed",
    ]
    refund = account.client.v1.refunds.create({"payment_intent": str(dispute.payment_intent)})
    assert "succeeded" == refund.status


def test_lost_dispute_keeps_the_money(account: Account) -> None:
    """A lost dispute returns nothing, and leaves nothing to refund."""
    dispute = disputed(account)

    account.command("POST", f"/disputes/{dispute.id}/close", status="lost")

    lost = account.client.v1.disputes.retrieve(dispute.id)
    assert ("lost", 1) == (lost.status, len(lost.balance_transactions))
    assert "charge.dispute.closed" == account.event_types(dispute.id)[-1]
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.refunds.create({"payment_intent": str(dispute.payment_intent)})
    assert "charge_disputed" == refusal.value.code


def test_disputed_charge_cannot_be_refunded(account: Account) -> None:
    """A refund of a disputed charge is refused with charge_disputed.

    docs.stripe.com/error-codes#charge-disputed
    """
    dispute = disputed(account)

    with pytest.raises(stripe.InvalidRequestError, match="charged back") as refusal:
        account.client.v1.refunds.create({"charge": str(dispute.charge)})

    assert (400, "charge_disputed") == (refusal.value.http_status, refusal.value.code)
    assert [] == account.client.v1.refunds.list().data


def test_rest_of_a_charge_disputed_in_part_can_be_refunded(account: Account) -> None:
    """A dispute about a part leaves the other part to refund, and no cent more."""
    dispute = disputed(account, amount=2000)
    refunds = account.client.v1.refunds

    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        refunds.create({"charge": str(dispute.charge), "amount": 3001})
    refund = refunds.create({"charge": str(dispute.charge)})

    assert (2000, 3000) == (dispute.amount, refund.amount)


def test_inquiry_only_asks(account: Account) -> None:
    """An inquiry moves no money, allows a refund, and ends as warning_closed."""
    dispute = disputed(account, status="warning_needs_response")
    assert ("warning_needs_response", []) == (dispute.status, dispute.balance_transactions)
    assert dispute.is_charge_refundable

    account.client.v1.refunds.create({"charge": str(dispute.charge)})
    account.command("POST", f"/disputes/{dispute.id}/close", status="warning_closed")

    assert "warning_closed" == account.client.v1.disputes.retrieve(dispute.id).status
    assert ["charge.dispute.created", "charge.dispute.closed"] == account.event_types(dispute.id)


def test_inquiry_can_become_a_dispute(account: Account) -> None:
    """An inquiry may become a dispute with needs_response, which withdraws the money."""
    dispute = disputed(account, status="warning_needs_response")

    account.command("POST", f"/disputes/{dispute.id}/escalate")

    now = account.client.v1.disputes.retrieve(dispute.id)
    assert ("needs_response", 1) == (now.status, len(now.balance_transactions))
    assert account.event_types(dispute.id)[1:] == [
        "charge.dispute.updated",
        "charge.dispute.funds_withdrawn",
    ]


def test_evidence_is_kept_until_it_is_sent(account: Account) -> None:
    """submit=false stages evidence; without it the bank gets all of it.

    docs.stripe.com/api/disputes/update
    """
    dispute = disputed(account)
    disputes = account.client.v1.disputes

    staged = disputes.update(
        dispute.id, {"evidence": {"shipping_carrier": "AusPost"}, "submit": False}
    )
    sent = disputes.update(dispute.id, {"evidence": {"shipping_tracking_number": "33AB"}})

    assert ("needs_response", True, 0) == (
        staged.status,
        staged.evidence_details.has_evidence,
        staged.evidence_details.submission_count,
    )
    assert ("under_review", 1) == (sent.status, sent.evidence_details.submission_count)
    assert ("AusPost", "33AB") == (
        sent.evidence.shipping_carrier,
        sent.evidence.shipping_tracking_number,
    )
    assert ["charge.dispute.updated"] * 2 == account.event_types(dispute.id)[2:]
    with pytest.raises(stripe.InvalidRequestError) as late:
        disputes.update(dispute.id, {"evidence": {"uncategorized_text": "too late"}})
    assert "evidence" == late.value.param


def test_metadata_alone_sends_nothing(account: Account) -> None:
    """A change of metadata alone does not submit a dispute."""
    dispute = disputed(account)

    changed = account.client.v1.disputes.update(dispute.id, {"metadata": {"k": "v"}})

    assert ("needs_response", {"k": "v"}) == (changed.status, changed.metadata.to_dict())


def test_evidence_of_an_unknown_file_is_refused(account: Account) -> None:
    """Stripe refuses an unknown file as evidence; the fake has no uploads."""
    dispute = disputed(account)

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.disputes.update(dispute.id, {"evidence": {"receipt": "file_1"}})

    assert ("resource_missing", "evidence[receipt]") == (refusal.value.code, refusal.value.param)


@pytest.mark.parametrize(
    ("status", "text", "end"),
    [
        ("needs_response", "winning_evidence", "won"),
        ("needs_response", "losing_evidence", "lost"),
        ("needs_response", "escalate_inquiry_evidence", "under_review"),
        ("warning_needs_response", "winning_evidence", "warning_closed"),
        ("warning_needs_response", "escalate_inquiry_evidence", "needs_response"),
    ],
)
def test_test_evidence_decides(account: Account, status: str, text: str, end: str) -> None:
    """The words of docs.stripe.com/testing#evidence decide a test dispute."""
    dispute = disputed(account, status=status)
    account.client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})

    account.command("POST", f"/scheduled_actions/{dispute.id}")

    assert end == account.client.v1.disputes.retrieve(dispute.id).status


def test_merchant_can_close_a_dispute(account: Account) -> None:
    """Closing a dispute loses it, once (docs.stripe.com/api/disputes/close)."""
    dispute = disputed(account)

    closed = account.client.v1.disputes.close(dispute.id)

    assert "lost" == closed.status
    with pytest.raises(stripe.InvalidRequestError, match="closed already"):
        account.client.v1.disputes.close(dispute.id)


@pytest.mark.parametrize(
    ("card", "status", "reason"),
    [
        ("pm_card_createDispute", "needs_response", "fraudulent"),
        ("pm_card_createDisputeProductNotReceived", "needs_response", "product_not_received"),
        ("pm_card_createDisputeInquiry", "warning_needs_response", "fraudulent"),
    ],
)
def test_disputing_card_disputes_by_itself(
    account: Account, card: str, status: str, reason: str
) -> None:
    """The charge of this card succeeds, is booked, and is disputed soon after."""
    intent = account.paid(card)
    charge_id = str(intent.latest_charge)
    account.command("POST", f"/scheduled_actions/{charge_id}")

    account.command("POST", f"/scheduled_actions/{charge_id}")

    [dispute] = account.client.v1.disputes.list({"payment_intent": intent.id}).data
    assert (status, reason, charge_id) == (dispute.status, dispute.reason, dispute.charge)
    assert ["charge.succeeded", "charge.updated"] == account.event_types(charge_id)


def test_charge_refunded_in_full_is_not_disputed(account: Account) -> None:
    """A refunded charge cannot be disputed (docs.stripe.com/disputes/prevention)."""
    intent = account.paid("pm_card_createDispute", capture_method="automatic")
    account.client.v1.refunds.create({"payment_intent": intent.id})

    account.command("POST", f"/scheduled_actions/{intent.latest_charge}")

    assert [] == account.client.v1.disputes.list().data


def test_impossible_cases_are_refused(account: Account) -> None:
    """The control API refuses an impossible change, and changes nothing."""
    dispute = disputed(account)

    answers = [
        account.control.post(f"/charges/{dispute.charge}/dispute"),
        account.control.post(f"/charges/{dispute.charge}/dispute", json={"reason": "spite"}),
        account.control.post(f"/disputes/{dispute.id}/escalate"),
        account.control.post(f"/disputes/{dispute.id}/close", json={"status": "warning_closed"}),
        account.control.post("/charges/ch_none/dispute"),
    ]

    assert [400, 400, 400, 400, 404] == [answer.status_code for answer in answers]
    assert dispute.to_dict() == account.client.v1.disputes.retrieve(dispute.id).to_dict()

"""Refunds: in full, in parts, too much, and those whose status changes later."""

import pytest
import stripe

from tests.support.fake_server import Account


def charge_of(account: Account, intent: stripe.PaymentIntent) -> stripe.Charge:
    return account.client.v1.charges.retrieve(str(intent.latest_charge))


def test_full_refund_gives_everything_back(account: Account) -> None:
    """Without an amount the whole charge is refunded (docs.stripe.com/api/refunds/create)."""
    intent = account.paid()

    refund = account.client.v1.refunds.create(
        {
            "payment_intent": intent.id,
            "reason": "requested_by_customer",
            "metadata": {"outbox_id": "x-1"},
            "expand": ["balance_transaction"],
        }
    )

    assert ("succeeded", 5000, "aud") == (refund.status, refund.amount, refund.currency)
    assert (intent.latest_charge, intent.id) == (refund.charge, refund.payment_intent)
    assert refund.metadata is not None
    assert {"outbox_id": "x-1"} == refund.metadata.to_dict()
    assert isinstance(refund.balance_transaction, stripe.BalanceTransaction)
    booked = refund.balance_transaction
    assert (-5000, 0, "refund") == (booked.amount, booked.fee, booked.type)
    charge = charge_of(account, intent)
    assert (True, 5000) == (charge.refunded, charge.amount_refunded)
    assert ["refund.created"] == account.event_types(refund.id)
    assert ["charge.succeeded", "charge.refunded"] == account.event_types(charge.id)


def test_parts_add_up_to_the_charge(account: Account) -> None:
    """A charge is refunded in parts until nothing is left; the list has each, newest first."""
    intent = account.paid()
    refunds = account.client.v1.refunds

    first = refunds.create({"payment_intent": intent.id, "amount": 2000})
    assert (False, 2000) == (
        charge_of(account, intent).refunded,
        charge_of(account, intent).amount_refunded,
    )
    with pytest.raises(stripe.InvalidRequestError, match=r"greater than unrefunded") as too_much:
        refunds.create({"payment_intent": intent.id, "amount": 3001})
    rest = refunds.create({"charge": str(intent.latest_charge)})
    with pytest.raises(stripe.InvalidRequestError) as nothing_left:
        refunds.create({"payment_intent": intent.id})

    assert "amount" == too_much.value.param
    assert 3000 == rest.amount
    assert "charge_already_refunded" == nothing_left.value.code
    listed = refunds.list({"payment_intent": intent.id}).data
    assert [rest.id, first.id] == [refund.id for refund in listed]


def test_event_of_a_refund_tells_what_changed(account: Account) -> None:
    """charge.refunded has the charge after the refund, and its values before."""
    intent = account.paid()
    account.client.v1.refunds.create({"payment_intent": intent.id, "amount": 2000})

    event = account.client.v1.events.list({"type": "charge.refunded"}).data[0].to_dict()

    assert 2000 == event["data"]["object"]["amount_refunded"]
    assert {"amount_refunded": 0, "refunded": False} == event["data"]["previous_attributes"]


def test_unpaid_intent_has_nothing_to_refund(account: Account) -> None:
    """Stripe refuses an intent without a successful charge, an unknown one, and none."""
    refunds = account.client.v1.refunds
    unpaid = account.intent()

    with pytest.raises(stripe.InvalidRequestError, match="does not have a successful charge"):
        refunds.create({"payment_intent": unpaid.id})
    with pytest.raises(stripe.InvalidRequestError) as unknown:
        refunds.create({"payment_intent": "pi_none"})
    with pytest.raises(stripe.InvalidRequestError) as neither:
        refunds.create({"amount": 100})

    assert (400, "resource_missing", "payment_intent") == (
        unknown.value.http_status,
        unknown.value.code,
        unknown.value.param,
    )
    assert "parameter_missing" == neither.value.code


@pytest.mark.parametrize("status", ["succeeded", "failed"])
def test_pending_refund_ends_later(account: Account, status: str) -> None:
    """pm_card_pendingRefund: pending at first, then refund.updated (docs.stripe.com/testing)."""
    intent = account.paid("pm_card_pendingRefund")
    refund = account.client.v1.refunds.create({"payment_intent": intent.id})
    assert ("pending", "processing") == (refund.status, refund.pending_reason)

    account.command("POST", f"/refunds/{refund.id}/settle", status=status)

    assert status == account.client.v1.refunds.retrieve(refund.id).status
    failed = ["refund.failed"] if status == "failed" else []
    news = ["refund.updated", "charge.refund.updated"]
    assert ["refund.created", *failed, *news] == account.event_types(refund.id)


def test_refund_that_fails_gives_the_money_back_to_us(account: Account) -> None:
    """pm_card_refundFail: succeeded at first, then failed with a reason and a balance transaction.

    docs.stripe.com/testing#refunds, docs.stripe.com/refunds#failed-refunds
    """
    intent = account.paid("pm_card_refundFail")
    refund = account.client.v1.refunds.create({"payment_intent": intent.id})
    assert "succeeded" == refund.status

    account.command("POST", f"/scheduled_actions/{refund.id}")

    failed = account.client.v1.refunds.retrieve(
        refund.id, {"expand": ["failure_balance_transaction"]}
    )
    assert ("failed", "expired_or_canceled_card") == (failed.status, failed.failure_reason)
    assert isinstance(failed.failure_balance_transaction, stripe.BalanceTransaction)
    assert 5000 == failed.failure_balance_transaction.amount
    assert (False, 0) == (
        charge_of(account, intent).refunded,
        charge_of(account, intent).amount_refunded,
    )
    assert "refund.failed" in account.event_types(refund.id)


def test_reference_of_a_refund_comes_later(account: Account) -> None:
    """The bank's reference of a refund comes by refund.updated, while the status stays.

    docs.stripe.com/refunds#tracing-refunds
    """
    refund = account.client.v1.refunds.create({"payment_intent": account.paid().id})

    account.command("POST", f"/scheduled_actions/{refund.id}")

    now = account.client.v1.refunds.retrieve(refund.id)
    assert "succeeded" == now.status
    assert now.destination_details is not None
    assert now.destination_details.card is not None
    assert "available" == now.destination_details.card.reference_status
    assert ["refund.created", "refund.updated", "charge.refund.updated"] == account.event_types(
        refund.id
    )


def test_metadata_of_a_refund_changes(account: Account) -> None:
    """Only the metadata of a refund can change."""
    refund = account.client.v1.refunds.create({"payment_intent": account.paid().id})

    changed = account.client.v1.refunds.update(refund.id, {"metadata": {"k": "v"}})

    assert changed.metadata is not None
    assert {"k": "v"} == changed.metadata.to_dict()
    with pytest.raises(stripe.InvalidRequestError):
        account.client.v1.refunds.update(refund.id, {"amount": 1})  # type: ignore[arg-type] # the mistake under test

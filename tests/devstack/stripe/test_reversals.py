"""Reversals of transfers: https://docs.stripe.com/api/transfer_reversals."""

from typing import Any

import pytest
import stripe

from tests.support.fake_server import Account


@pytest.fixture
def seller(account: Account) -> stripe.Account:
    return account.seller()


@pytest.fixture
def transfer(account: Account, seller: stripe.Account) -> stripe.Transfer:
    """Make a transfer of 30 dollars from a charge of 50."""
    charge_id = str(account.paid(capture_method="automatic").latest_charge)
    return account.client.v1.transfers.create(
        {
            "amount": 3000,
            "currency": "aud",
            "destination": seller.id,
            "source_transaction": charge_id,
        }
    )


def test_whole_transfer_comes_back(
    account: Account, seller: stripe.Account, transfer: stripe.Transfer
) -> None:
    """Without an amount a reversal moves all that is left from the seller to us."""
    reversals = account.client.v1.transfers.reversals

    reversal = reversals.create(transfer.id, {"metadata": {"outbox_id": "x"}})

    now = account.client.v1.transfers.retrieve(
        transfer.id, {"expand": ["reversals.data.balance_transaction"]}
    )
    assert {
        "id": reversal.id,
        "object": "transfer_reversal",
        "amount": 3000,
        "balance_transaction": reversal.balance_transaction,
        "created": reversal.created,
        "currency": "aud",
        "destination_payment_refund": reversal.destination_payment_refund,
        "metadata": {"outbox_id": "x"},
        "source_refund": None,
        "transfer": transfer.id,
    } == reversal.to_dict()
    assert (True, 3000) == (now.reversed, now.amount_reversed)
    [shown] = now.reversals.data
    assert isinstance(shown.balance_transaction, stripe.BalanceTransaction)
    assert (reversal.id, 3000) == (shown.id, shown.balance_transaction.amount)
    assert (4885, 0) == (sum(account.funds()), sum(account.funds(seller.id)))


def test_parts_add_up_to_the_transfer(account: Account, transfer: stripe.Transfer) -> None:
    """Parts are reversed until nothing is left; the list has each, newest first."""
    reversals = account.client.v1.transfers.reversals
    first = reversals.create(transfer.id, {"amount": 1000})

    between = account.client.v1.transfers.retrieve(transfer.id)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unreversed") as too_much:
        reversals.create(transfer.id, {"amount": 2001})
    rest = reversals.create(transfer.id)
    with pytest.raises(stripe.InvalidRequestError, match="already fully reversed"):
        reversals.create(transfer.id, {"amount": 1})

    assert (False, 1000) == (between.reversed, between.amount_reversed)
    assert (2000, "amount") == (rest.amount, too_much.value.param)
    assert [rest.id, first.id] == [one.id for one in reversals.list(transfer.id).data]
    now = account.client.v1.transfers.retrieve(transfer.id)
    assert [rest.id, first.id] == [one.id for one in now.reversals.data]
    assert (True, 2) == (now.reversed, now.to_dict()["reversals"]["total_count"])


def test_event_tells_what_changed(account: Account, transfer: stripe.Transfer) -> None:
    """transfer.reversed has the transfer after each reversal, also after a partial one."""
    account.client.v1.transfers.reversals.create(transfer.id, {"amount": 1000})

    account.deliveries(event_type="transfer.reversed", object_id=transfer.id, state="delivered")
    [event] = account.client.v1.events.list({"type": "transfer.reversed"}).data
    changes = event.to_dict()["data"]

    assert account.client.v1.transfers.retrieve(transfer.id).to_dict() == changes["object"]
    assert {"amount_reversed", "reversals"} == set(changes["previous_attributes"])
    assert 0 == changes["previous_attributes"]["amount_reversed"]
    assert ["transfer.created", "transfer.reversed"] == account.event_types(transfer.id)


def test_reversal_is_booked_on_both_sides(
    account: Account, seller: stripe.Account, transfer: stripe.Transfer
) -> None:
    """Our transaction is a transfer_refund, the seller's a payment_refund (pyr_) of the payment."""
    theirs: Any = {"stripe_account": seller.id}
    v1 = account.client.v1
    reversal = v1.transfers.reversals.create(
        transfer.id, {"amount": 1000, "expand": ["balance_transaction", "transfer"]}
    )

    refund = v1.refunds.retrieve(str(reversal.destination_payment_refund), None, theirs)
    [refund_booked] = v1.balance_transactions.list({"type": "payment_refund"}, theirs).data
    payment = v1.charges.retrieve(str(transfer.destination_payment), None, theirs)

    assert isinstance(reversal.transfer, stripe.Transfer)
    assert isinstance(reversal.balance_transaction, stripe.BalanceTransaction)
    booked = reversal.balance_transaction
    assert (1000, "transfer_refund", "transfer_reversal", reversal.id) == (
        booked.amount,
        booked.type,
        booked.reporting_category,
        booked.source,
    )
    assert (-1000, refund.id) == (refund_booked.amount, refund_booked.source)
    assert (payment.id, reversal.id) == (refund.charge, refund.source_transfer_reversal)
    assert (1000, False) == (payment.amount_refunded, payment.refunded)


def test_paid_out_money_cannot_be_reversed(
    account: Account, seller: stripe.Account, transfer: stripe.Transfer
) -> None:
    """A reversal of money that the seller has paid out is refused: balance_insufficient.

    "Only if the destination account has enough balance": docs.stripe.com/api/transfer_reversals
    """
    account.command("POST", f"/balance/{seller.id}/settle")
    payout = account.command("POST", f"/balance/{seller.id}/payout")
    reversals = account.client.v1.transfers.reversals

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        reversals.create(transfer.id, {"amount": 1000})

    assert 3000 == payout["amount"]
    assert (400, "balance_insufficient") == (refusal.value.http_status, refusal.value.code)
    now = account.client.v1.transfers.retrieve(transfer.id)
    assert (0, []) == (now.amount_reversed, now.reversals.data)
    assert (1885, 0) == (sum(account.funds()), sum(account.funds(seller.id)))


def test_reversal_is_found_under_its_transfer_alone(
    account: Account, seller: stripe.Account, transfer: stripe.Transfer
) -> None:
    """A reversal is 404 under another transfer, and so is an unknown one."""
    charge_id = str(account.paid().latest_charge)
    other = account.client.v1.transfers.create(
        {"amount": 1, "currency": "aud", "destination": seller.id, "source_transaction": charge_id}
    )
    reversals = account.client.v1.transfers.reversals
    reversal = reversals.create(transfer.id, {"amount": 1})

    assert reversal.id == reversals.retrieve(transfer.id, reversal.id).id
    for transfer_id, reversal_id in (
        (other.id, reversal.id),
        (transfer.id, "trr_none"),
        ("tr_none", reversal.id),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            reversals.retrieve(transfer_id, reversal_id)
        assert (404, "resource_missing") == (refusal.value.http_status, refusal.value.code)
    with pytest.raises(stripe.InvalidRequestError, match="No such transfer: 'tr_none'"):
        reversals.create("tr_none")
    assert [] == reversals.list(other.id).data


def test_metadata_of_a_reversal_changes(account: Account, transfer: stripe.Transfer) -> None:
    """Only the metadata of a reversal can change; an amount of zero is refused."""
    reversals = account.client.v1.transfers.reversals
    reversal = reversals.create(transfer.id, {"amount": 1})

    changed = reversals.update(transfer.id, reversal.id, {"metadata": {"k": "v"}})

    assert changed.metadata is not None
    assert {"k": "v"} == changed.metadata.to_dict()
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        reversals.create(transfer.id, {"amount": 0})
    assert "parameter_invalid_integer" == refusal.value.code


def test_same_key_reverses_once(account: Account, transfer: stripe.Transfer) -> None:
    """A repeated key returns the first reversal and moves nothing more."""
    reversals = account.client.v1.transfers.reversals

    first, again = (
        reversals.create(transfer.id, {"amount": 1000}, {"idempotency_key": "r:0"})
        for _ in range(2)
    )

    assert first.id == again.id
    assert 1000 == account.client.v1.transfers.retrieve(transfer.id).amount_reversed

"""Balance transactions: one for each movement of money, tied to what moved it."""

import stripe

from tests.integration.stripe.fake_server import Account


def test_capture_is_booked_at_once_when_it_is_synchronous(account: Account) -> None:
    """capture_method=automatic: the charge has its balance transaction in the same answer."""
    intent = account.intent(capture_method="automatic")

    paid = account.client.v1.payment_intents.confirm(
        intent.id,
        {"payment_method": "pm_card_visa", "expand": ["latest_charge.balance_transaction"]},
    )

    assert isinstance(paid.latest_charge, stripe.Charge)
    booked = paid.latest_charge.balance_transaction
    assert isinstance(booked, stripe.BalanceTransaction)
    assert (5000, 115, 4885) == (booked.amount, booked.fee, booked.net)
    assert ("charge", paid.latest_charge.id) == (booked.type, booked.source)


def test_capture_is_booked_later_by_default(account: Account) -> None:
    """The default is automatic_async: no balance transaction yet, charge.updated brings it.

    docs.stripe.com/payments/payment-intents/asynchronous-capture
    """
    intent = account.paid()
    charge_id = str(intent.latest_charge)
    assert account.client.v1.charges.retrieve(charge_id).balance_transaction is None

    account.command("POST", f"/later/{charge_id}")

    charge = account.client.v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]})
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert charge_id == charge.balance_transaction.source
    assert ["charge.succeeded", "charge.updated"] == account.event_types(charge_id)


def test_balance_is_the_sum_of_its_transactions(account: Account) -> None:
    """What came in less fees and refunds, and each movement found by its source."""
    intent = account.paid(capture_method="automatic")
    refund = account.client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})

    balance = account.client.v1.balance.retrieve()
    transactions = account.client.v1.balance_transactions
    of_refund = transactions.list({"source": refund.id, "expand": ["data.source"]}).data

    assert [3885] == [amount.amount for amount in balance.pending]
    assert 2 == len(transactions.list().data)
    assert [-1000] == [transaction.amount for transaction in of_refund]
    assert isinstance(of_refund[0].source, stripe.Refund)


def test_account_can_charge_and_pay_out(account: Account) -> None:
    """The health check of a caller finds an account in working order."""
    own = account.client.v1.accounts.retrieve_current()

    assert ("AU", True, True) == (own.country, own.charges_enabled, own.payouts_enabled)

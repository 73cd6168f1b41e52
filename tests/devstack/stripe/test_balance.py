"""Balance transactions: one for each movement of money, with its source."""

from typing import Any

import pytest
import stripe

from tests.support.fake_server import Account


def test_capture_is_booked_at_once_when_it_is_synchronous(account: Account) -> None:
    """capture_method=automatic returns the charge with its balance transaction."""
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
    """By default (automatic_async) charge.updated brings the balance transaction later.

    docs.stripe.com/payments/payment-intents/asynchronous-capture
    """
    intent = account.paid()
    charge_id = str(intent.latest_charge)
    assert account.client.v1.charges.retrieve(charge_id).balance_transaction is None

    account.command("POST", f"/scheduled_actions/{charge_id}")

    charge = account.client.v1.charges.retrieve(charge_id, {"expand": ["balance_transaction"]})
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert charge_id == charge.balance_transaction.source
    assert ["charge.succeeded", "charge.updated"] == account.event_types(charge_id)


def test_balance_is_the_sum_of_its_transactions(account: Account) -> None:
    """The balance is the sum of charges less fees and refunds, each found by its source."""
    intent = account.paid(capture_method="automatic")
    refund = account.client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})

    balance = account.client.v1.balance.retrieve()
    transactions = account.client.v1.balance_transactions
    of_refund = transactions.list({"source": refund.id, "expand": ["data.source"]}).data

    assert [3885] == [amount.amount for amount in balance.pending]
    assert 2 == len(transactions.list().data)
    assert [-1000] == [transaction.amount for transaction in of_refund]
    assert isinstance(of_refund[0].source, stripe.Refund)


def test_money_is_pending_before_it_is_available(account: Account) -> None:
    """A charge is pending for two days; a refund settles with it, and later at once.

    https://docs.stripe.com/payments/balances
    """
    intent = account.paid(capture_method="automatic")
    refunds, balances = account.client.v1.refunds, account.client.v1.balance
    refunds.create({"payment_intent": intent.id, "amount": 1000})
    pending = balances.retrieve()
    transactions = account.client.v1.balance_transactions
    refunded, charged = transactions.list().data

    account.command("POST", "/balance/own/settle")
    refunds.create({"payment_intent": intent.id, "amount": 500})

    settled = balances.retrieve()
    assert ("pending", "pending") == (charged.status, refunded.status)
    assert charged.created + 2 * 24 * 3600 == charged.available_on == refunded.available_on
    assert (0, 3885) == (pending.available[0].amount, pending.pending[0].amount)
    assert (3385, 0) == (settled.available[0].amount, settled.pending[0].amount)
    assert {"available"} == {row.status for row in transactions.list().data}


def test_card_that_bypasses_pending_is_available_at_once(account: Account) -> None:
    """4000000000000077 fills the available balance: docs.stripe.com/testing#available-balance."""
    account.paid("pm_card_bypassPending", capture_method="automatic")

    balance = account.client.v1.balance.retrieve()

    assert (4885, 0) == (balance.available[0].amount, balance.pending[0].amount)


def test_transactions_are_found_by_their_fields(account: Account) -> None:
    """Type, source, currency, time and payout filter the transactions, alone or together."""
    intent = account.paid("pm_card_bypassPending", capture_method="automatic")
    refund = account.client.v1.refunds.create({"payment_intent": intent.id, "amount": 1000})
    payout = account.command("POST", "/balance/own/payout")
    later = account.paid(capture_method="automatic")
    transactions = account.client.v1.balance_transactions

    def sources(**params: Any) -> list[str]:
        listed: Any = params
        return [str(row.source) for row in transactions.list(listed).data]

    first, last = str(intent.latest_charge), str(later.latest_charge)
    assert [last, payout["id"], refund.id, first] == sources()
    assert [last, first] == sources(type="charge")
    assert [payout["id"], refund.id, first] == sources(payout=payout["id"])
    assert [first] == sources(payout=payout["id"], type="charge")
    assert [refund.id] == sources(source=refund.id, currency="aud")
    assert [] == sources(currency="usd")
    assert [] == sources(created={"gt": payout["created"] + 3600})
    assert 4 == len(sources(created={"gte": intent.created}))


def test_payout_takes_all_that_is_available(account: Account) -> None:
    """A payout takes the available balance as a transaction, and is refused for an empty one."""
    account.paid("pm_card_bypassPending", capture_method="automatic")
    account.paid(capture_method="automatic")

    payout = account.command("POST", "/balance/own/payout")

    balance = account.client.v1.balance.retrieve()
    booked = account.client.v1.balance_transactions.retrieve(payout["balance_transaction"])
    assert (-4885, "payout", payout["id"]) == (booked.net, booked.type, booked.source)
    assert (0, 4885) == (balance.available[0].amount, balance.pending[0].amount)
    assert 400 == account.control.post("/balance/own/payout").status_code
    assert 404 == account.control.post("/balance/acct_none/payout").status_code


def test_accounts_have_books_of_their_own(account: Account) -> None:
    """Our account and a seller's do not show each other's transactions."""
    seller = account.seller()
    charge_id = str(account.paid(capture_method="automatic").latest_charge)
    account.client.v1.transfers.create(
        {"amount": 1, "currency": "aud", "destination": seller.id, "source_transaction": charge_id}
    )
    transactions, theirs = account.client.v1.balance_transactions, {"stripe_account": seller.id}
    options: Any = theirs

    [payment] = transactions.list(None, options).data
    [transfer, charge] = transactions.list().data

    assert ("payment", "transfer", "charge") == (payment.type, transfer.type, charge.type)
    assert payment.id == transactions.retrieve(payment.id, None, options).id
    for transaction_id, wrong in ((payment.id, {}), (charge.id, theirs)):
        mistaken: Any = wrong
        with pytest.raises(stripe.InvalidRequestError, match="No such balance_transaction"):
            transactions.retrieve(transaction_id, None, mistaken)


def test_account_can_charge_and_pay_out(account: Account) -> None:
    """A health check finds an account that may charge and pay out."""
    own = account.client.v1.accounts.retrieve_current()

    assert ("AU", True, True) == (own.country, own.charges_enabled, own.payouts_enabled)

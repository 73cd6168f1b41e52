"""Transfers to connected accounts: https://docs.stripe.com/api/transfers.

What a source transaction is good for:
https://docs.stripe.com/connect/separate-charges-and-transfers#transfer-availability.
"""

from typing import Any

import pytest
import stripe

from tests.support.fake_server import Account


def transfer(account: Account, seller: stripe.Account, **params: Any) -> stripe.Transfer:
    usual: Any = {"amount": 3000, "currency": "aud", "destination": seller.id}
    return account.client.v1.transfers.create(usual | params)


def charge_of(account: Account, **params: Any) -> str:
    """Charge a buyer 50 dollars; return the charge's id."""
    return str(account.paid(**params).latest_charge)


def test_pending_money_goes_with_its_charge(account: Account) -> None:
    """With source_transaction the transfer is made at once, and available with its charge."""
    seller = account.seller()
    charge_id = charge_of(account, capture_method="automatic")

    made = transfer(
        account,
        seller,
        source_transaction=charge_id,
        transfer_group="order-1",
        description="Order 1",
        metadata={"order_id": "1"},
    )

    assert {
        "id": made.id,
        "object": "transfer",
        "amount": 3000,
        "amount_reversed": 0,
        "balance_transaction": made.balance_transaction,
        "created": made.created,
        "currency": "aud",
        "description": "Order 1",
        "destination": seller.id,
        "destination_payment": made.destination_payment,
        "livemode": False,
        "metadata": {"order_id": "1"},
        "reversals": {
            "object": "list",
            "data": [],
            "has_more": False,
            "total_count": 0,
            "url": f"/v1/transfers/{made.id}/reversals",
        },
        "reversed": False,
        "source_transaction": charge_id,
        "source_type": "card",
        "transfer_group": "order-1",
    } == made.to_dict()
    assert ((0, 1885), (0, 3000)) == (account.funds(), account.funds(seller.id))
    account.command("POST", "/balance/own/settle")
    account.command("POST", f"/balance/{seller.id}/settle")
    assert ((1885, 0), (3000, 0)) == (account.funds(), account.funds(seller.id))
    assert made.to_dict() == account.client.v1.transfers.retrieve(made.id).to_dict()


def test_transfer_is_booked_on_both_sides(account: Account) -> None:
    """Our transaction is a transfer, the seller's a payment (py_) that names the transfer."""
    seller = account.seller()
    made = transfer(account, seller, source_transaction=charge_of(account))
    theirs: Any = {"stripe_account": seller.id}
    v1 = account.client.v1

    seen = v1.transfers.retrieve(
        made.id, {"expand": ["balance_transaction", "destination", "destination_payment"]}
    )
    [payment_booked] = v1.balance_transactions.list({"type": "payment"}, theirs).data
    payment = v1.charges.retrieve(str(made.destination_payment), None, theirs)

    assert isinstance(seen.balance_transaction, stripe.BalanceTransaction)
    booked = seen.balance_transaction
    assert (-3000, 0, -3000, "transfer", made.id) == (
        booked.amount,
        booked.fee,
        booked.net,
        booked.type,
        booked.source,
    )
    assert isinstance(seen.destination, stripe.Account)
    assert isinstance(seen.destination_payment, stripe.Charge)
    assert payment.id == seen.destination_payment.id == payment_booked.source
    assert payment.id.startswith("py_")
    assert (3000, made.id) == (payment.amount, payment.source_transfer)
    assert (3000, 3000) == (payment_booked.amount, payment_booked.net)
    assert [booked.id] == [one.id for one in v1.balance_transactions.list({"source": made.id}).data]
    with pytest.raises(stripe.InvalidRequestError, match="No such charge"):
        v1.charges.retrieve(payment.id)
    assert payment.id not in [one.id for one in v1.charges.list().data]


def test_event_tells_of_the_transfer(account: Account) -> None:
    """The endpoint for our own account gets transfer.created."""
    seller = account.seller()

    made = transfer(account, seller, source_transaction=charge_of(account))
    account.client.v1.transfers.update(made.id, {"metadata": {"k": "v"}})

    received = account.receiver.next()
    while received.event["type"] != "transfer.created":
        received = account.receiver.next()
    event = received.verify()
    assert made.to_dict() == event.to_dict()["data"]["object"]
    assert "account" not in event.to_dict()
    assert ["transfer.created", "transfer.updated"] == account.event_types(made.id)


def test_transfer_without_a_source_needs_available_money(account: Account) -> None:
    """A transfer of pending money is refused with balance_insufficient until it settles."""
    seller = account.seller()
    charge_of(account, capture_method="automatic")

    with pytest.raises(stripe.InvalidRequestError) as too_early:
        transfer(account, seller)
    account.command("POST", "/balance/own/settle")
    with pytest.raises(stripe.InvalidRequestError) as too_much:
        transfer(account, seller, amount=4886)
    made = transfer(account, seller, amount=4885)

    assert (400, "balance_insufficient") == (too_early.value.http_status, too_early.value.code)
    assert "balance_insufficient" == too_much.value.code
    assert made.source_transaction is None
    assert ((0, 0), (4885, 0)) == (account.funds(), account.funds(seller.id))


def test_transfers_of_one_charge_add_up_to_it(account: Account) -> None:
    """Several transfers may share a source, up to its amount less refunds."""
    seller, other = account.seller(), account.seller()
    charge_id = charge_of(account)
    transfer(account, seller, amount=3000, source_transaction=charge_id)

    with pytest.raises(stripe.InvalidRequestError, match=r"A\$50\.00.*amounting to A\$30\.00"):
        transfer(account, other, amount=2001, source_transaction=charge_id)
    transfer(account, other, amount=1000, source_transaction=charge_id)
    account.client.v1.refunds.create({"charge": charge_id, "amount": 600})
    with pytest.raises(stripe.InvalidRequestError, match="must not exceed the source amount"):
        transfer(account, other, amount=401, source_transaction=charge_id)
    transfer(account, other, amount=400, source_transaction=charge_id)

    assert [400, 1000, 3000] == [one.amount for one in account.client.v1.transfers.list().data]


def test_source_need_not_be_booked_yet(account: Account) -> None:
    """A transfer books its asynchronously captured source at once."""
    seller = account.seller()
    charge_id = charge_of(account)
    assert account.client.v1.charges.retrieve(charge_id).balance_transaction is None

    transfer(account, seller, amount=5000, source_transaction=charge_id)

    assert account.client.v1.charges.retrieve(charge_id).balance_transaction is not None
    assert (0, -115) == account.funds()
    assert account.command("POST", f"/scheduled_actions/{charge_id}") == {"done": False}


def test_transfer_and_source_share_a_group(account: Account) -> None:
    """Stripe gives both a group if the source has none, or takes the source's."""
    seller = account.seller()
    bare, grouped = charge_of(account), charge_of(account, transfer_group="order-7")

    first = transfer(account, seller, source_transaction=bare)
    second = transfer(account, seller, source_transaction=grouped)

    assert f"group_{bare}" == first.transfer_group
    assert first.transfer_group == account.client.v1.charges.retrieve(bare).transfer_group
    assert "order-7" == second.transfer_group


def test_destination_must_be_able_to_take_transfers(account: Account) -> None:
    """The destination needs the transfers capability; its payouts do not matter."""
    fresh, seller = account.seller(is_onboarded=False), account.seller()
    charge_id = charge_of(account)
    abilities = f"/accounts/{seller.id}/abilities"

    account.command("POST", abilities, transfers="inactive")
    for one in (fresh, seller):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            transfer(account, one, source_transaction=charge_id)
        assert (400, "insufficient_capabilities_for_transfer") == (
            refusal.value.http_status,
            refusal.value.code,
        )
    account.command("POST", abilities, transfers="active", payouts_enabled=False)

    assert transfer(account, seller, source_transaction=charge_id).id


@pytest.mark.parametrize(
    ("params", "code", "param"),
    [
        ({"destination": "acct_none"}, "resource_missing", "destination"),
        ({"source_transaction": "ch_none"}, "resource_missing", "source_transaction"),
        ({"amount": 0}, "parameter_invalid_integer", "amount"),
        ({"amount": -5}, "parameter_invalid_integer", "amount"),
        ({"amount": 100_000_000}, "amount_too_large", "amount"),
        ({"currency": "usd"}, None, "currency"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
    ],
)
def test_wrong_transfer_is_refused(
    account: Account, params: Any, code: str | None, param: str
) -> None:
    """An unknown, too small or too large value is a 400 that names it, and moves nothing."""
    seller = account.seller()

    with pytest.raises(stripe.InvalidRequestError) as refusal:
        transfer(account, seller, **params)

    assert (400, code, param) == (
        refusal.value.http_status,
        refusal.value.code,
        refusal.value.param,
    )
    assert [] == account.client.v1.balance_transactions.list().data


def test_declined_charge_is_no_source(account: Account) -> None:
    """A declined or only authorised charge is no source."""
    seller = account.seller()
    with pytest.raises(stripe.CardError):
        account.paid("pm_card_chargeDeclined")
    [declined] = account.client.v1.charges.list().data
    held = charge_of(account, capture_method="manual")

    for charge_id in (declined.id, held):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            transfer(account, seller, source_transaction=charge_id)
        assert "source_transaction" == refusal.value.param


def test_transfers_are_found_by_group_and_destination(account: Account) -> None:
    """Group and destination filter the transfers, newest first, in pages."""
    seller, other = account.seller(), account.seller()
    charge_id = charge_of(account)
    first = transfer(account, seller, amount=1, source_transaction=charge_id, transfer_group="a")
    second = transfer(account, seller, amount=2, source_transaction=charge_id, transfer_group="b")
    third = transfer(account, other, amount=3, source_transaction=charge_id, transfer_group="a")
    transfers = account.client.v1.transfers

    def ids(params: Any) -> list[str]:
        return [one.id for one in transfers.list(params).data]

    assert [third.id, first.id] == ids({"transfer_group": "a"})
    assert [second.id, first.id] == ids({"destination": seller.id})
    assert [first.id] == ids({"destination": seller.id, "transfer_group": "a"})
    assert [third.id, second.id, first.id] == [
        one.id for one in transfers.list({"limit": 1}).auto_paging_iter()
    ]
    assert [] == ids({"created": {"lt": first.created}})


def test_metadata_and_description_change(account: Account) -> None:
    """Only metadata and description can change, and a change of nothing sends no event."""
    made = transfer(account, account.seller(), source_transaction=charge_of(account))
    transfers = account.client.v1.transfers

    changed = transfers.update(made.id, {"metadata": {"k": "v"}, "description": "text"})
    transfers.update(made.id, {"metadata": {"k": "v"}})

    assert ({"k": "v"}, "text") == (changed.metadata.to_dict(), changed.description)
    assert ["transfer.created", "transfer.updated"] == account.event_types(made.id)
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter: amount"):
        transfers.update(made.id, {"amount": 1})  # type: ignore[arg-type] # the mistake under test


def test_same_key_transfers_once(account: Account) -> None:
    """A repeated key returns the first answer, even a refusal, and moves nothing again."""
    seller = account.seller()
    charge_id = charge_of(account)
    transfers = account.client.v1.transfers
    params: Any = {"currency": "aud", "destination": seller.id, "source_transaction": charge_id}

    made = [
        transfers.create(params | {"amount": 5000}, {"idempotency_key": "t:0"}) for _ in range(2)
    ]
    for _ in range(2):
        with pytest.raises(stripe.InvalidRequestError, match="must not exceed"):
            transfers.create(params | {"amount": 1}, {"idempotency_key": "t:1"})
        # The key replays the refusal even after its reason has gone.
        account.client.v1.transfers.reversals.create(made[0].id, {"amount": 1})

    assert made[0].id == made[1].id
    assert 1 == len(transfers.list().data)
    assert (0, 4998) == account.funds(seller.id)

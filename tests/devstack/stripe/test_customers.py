"""Customers: created, found, changed, deleted, and named by intents.

docs.stripe.com/api/customers
"""

import pytest
import stripe

from tests.support.fake_server import Account


def test_customer_is_made_and_found(account: Account) -> None:
    """A customer is found by id and by e-mail."""
    customers = account.client.v1.customers
    customers.create({"email": "other@example.com"})

    made = customers.create(
        {"email": "buyer@example.com", "name": "Buyer", "metadata": {"user_id": "u-1"}}
    )

    assert made.id.startswith("cus_")
    assert made.to_dict() == customers.retrieve(made.id).to_dict()
    assert [made.id] == [found.id for found in customers.list({"email": "buyer@example.com"}).data]
    assert ["customer.created"] == account.event_types(made.id)


def test_event_of_a_customer_has_the_old_values(account: Account) -> None:
    """customer.updated has the old values; an update without changes sends no event."""
    customers = account.client.v1.customers
    made = customers.create({"email": "old@example.com"})

    changed = customers.update(made.id, {"email": "new@example.com", "name": ""})
    customers.update(made.id, {"email": "new@example.com"})

    assert ("new@example.com", None) == (changed.email, changed.name)
    event = account.client.v1.events.list({"type": "customer.updated"}).data[0]
    assert {"email": "old@example.com"} == event.to_dict()["data"]["previous_attributes"]
    assert ["customer.created", "customer.updated"] == account.event_types(made.id)


def test_deleted_customer_is_gone_for_all_but_his_id(account: Account) -> None:
    """A deleted customer is shown as deleted, and refused everywhere else.

    docs.stripe.com/api/customers/delete
    """
    customers = account.client.v1.customers
    made = customers.create()

    deleted = customers.delete(made.id)

    assert (True, True) == (deleted.deleted, customers.retrieve(made.id).deleted)
    assert [] == customers.list().data
    with pytest.raises(stripe.InvalidRequestError) as unusable:
        account.intent(customer=made.id)
    with pytest.raises(stripe.InvalidRequestError) as gone:
        customers.update(made.id, {"name": "Nobody"})
    assert ("resource_missing", "customer", 400) == (
        unusable.value.code,
        unusable.value.param,
        unusable.value.http_status,
    )
    assert 404 == gone.value.http_status


def test_customer_of_an_intent_is_the_charges_too(account: Account) -> None:
    """Intent and charge name the customer, who is a filter of the intents' list."""
    customer = account.client.v1.customers.create({"email": "buyer@example.com"})
    account.intent()

    intent = account.paid(customer=customer.id, expand=["customer", "latest_charge"])

    assert isinstance(intent.customer, stripe.Customer)
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert customer.id == intent.customer.id == intent.latest_charge.customer
    listed = account.client.v1.payment_intents.list({"customer": customer.id}).data
    assert [intent.id] == [found.id for found in listed]

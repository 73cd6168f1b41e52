"""Lists, their pages and filters, and expand[]."""

import pytest
import stripe

from tests.support.fake_server import Account


def test_pages_are_followed_to_the_end(account: Account) -> None:
    """auto_paging_iter returns each object once, newest first (docs.stripe.com/api/pagination)."""
    made = [account.intent().id for _ in range(7)]

    first = account.client.v1.payment_intents.list({"limit": 3})
    seen = [intent.id for intent in first.auto_paging_iter()]

    assert (3, True) == (len(first.data), first.has_more)
    assert list(reversed(made)) == seen


def test_pages_are_followed_backwards(account: Account) -> None:
    """ending_before returns newer objects, and its iterator goes from old to new."""
    made = [account.intent().id for _ in range(5)]

    newer = account.client.v1.payment_intents.list({"limit": 2, "ending_before": made[0]})

    assert ([made[2], made[1]], True) == ([intent.id for intent in newer.data], newer.has_more)
    assert made[1:] == [intent.id for intent in newer.auto_paging_iter()]


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 101}, "limit"),
        ({"starting_after": "pi_none"}, "starting_after"),
        ({"status": "succeeded"}, "status"),
    ],
)
def test_wrong_paging_is_refused(account: Account, params: dict[str, object], param: str) -> None:
    """The error of a wrong page names the parameter."""
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        account.client.v1.payment_intents.list(params)  # type: ignore[arg-type] # mistakes are the point

    assert param == refusal.value.param


def test_created_limits_a_list(account: Account) -> None:
    """`created` filters a list by a range with inclusive or exclusive bounds."""
    intent = account.intent()
    intents = account.client.v1.payment_intents

    inside = intents.list({"created": {"gte": intent.created, "lt": intent.created + 5}})
    outside = intents.list({"created": {"gt": intent.created}})
    exact = intents.list({"created": intent.created})

    assert [1, 0, 1] == [len(page.data) for page in (inside, outside, exact)]


def test_events_are_found_by_type(account: Account) -> None:
    """A type, a pattern or several types filter the events (docs.stripe.com/api/events/list)."""
    account.paid()
    events = account.client.v1.events

    one = events.list({"type": "charge.succeeded"}).data
    family = events.list({"type": "payment_intent.*"}).data
    several = events.list({"types": ["charge.succeeded", "payment_intent.created"]}).data

    assert ["charge.succeeded"] == [event.type for event in one]
    assert ["payment_intent.succeeded", "payment_intent.created"] == [e.type for e in family]
    assert {"charge.succeeded", "payment_intent.created"} == {event.type for event in several}


def test_event_keeps_the_object_as_it_was(account: Account) -> None:
    """An event keeps the object as it was."""
    intent = account.intent(metadata={"k": "before"})
    account.client.v1.payment_intents.update(intent.id, {"metadata": {"k": "after"}})

    listed = account.client.v1.events.list().data[0]
    event = account.client.v1.events.retrieve(listed.id).to_dict()

    assert "before" == event["data"]["object"]["metadata"]["k"]


def test_event_names_the_request_that_caused_it(account: Account) -> None:
    """An event has its request, the idempotency key, our API version, and no livemode."""
    created = account.client.v1.payment_intents.create(
        {"amount": 5000, "currency": "aud"}, {"idempotency_key": "key-of-the-cause"}
    )

    event = account.client.v1.events.list().data[0]

    assert event.request is not None
    assert "key-of-the-cause" == event.request.idempotency_key
    assert created.last_response is not None
    assert created.last_response.request_id == event.request.id
    assert (account.config.api_version, False) == (event.api_version, event.livemode)


def test_expand_reaches_into_lists(account: Account) -> None:
    """An expansion reaches `data.latest_charge` (docs.stripe.com/api/expanding_objects)."""
    intent = account.paid()
    refund = account.client.v1.refunds.create({"payment_intent": intent.id})

    listed = account.client.v1.payment_intents.list(
        {"expand": ["data.latest_charge.refunds", "data.payment_method"]}
    ).data[0]

    assert isinstance(listed.latest_charge, stripe.Charge)
    assert listed.latest_charge.refunds is not None
    assert [refund.id] == [item.id for item in listed.latest_charge.refunds.data]
    assert isinstance(listed.payment_method, stripe.PaymentMethod)


def test_unexpanded_charge_has_no_refunds(account: Account) -> None:
    """Since 2022-11-15 a charge has its refunds only in an expansion."""
    intent = account.paid()

    charge = account.client.v1.charges.retrieve(str(intent.latest_charge)).to_dict()

    assert "refunds" not in charge


@pytest.mark.parametrize("path", ["amount", "latest_charge.amount", "a.b.c.d.e"])
def test_wrong_expansion_is_refused(account: Account, path: str) -> None:
    """A wrong path of an expansion is an error, and the call has no effect."""
    with pytest.raises(stripe.InvalidRequestError, match="expand"):
        account.paid(expand=[path])

    assert [] == account.client.v1.payment_intents.list().data

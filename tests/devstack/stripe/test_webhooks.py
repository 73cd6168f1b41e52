"""Webhooks: the configured endpoints, and events signed, retried, held, duplicated or lost."""

import queue
from concurrent.futures import ThreadPoolExecutor

import pytest
import stripe

from tests.support.fake_server import SECRET, Account


def test_event_arrives_signed(account: Account) -> None:
    """The official library accepts a delivered event, which equals the listed one.

    docs.stripe.com/webhooks/signature
    """
    intent = account.intent(metadata={"order_id": "o-1"})

    received = account.receiver.next()

    event = received.verify()
    assert "payment_intent.created" == event.type
    assert (intent.id, "o-1") == (
        received.event["data"]["object"]["id"],
        received.event["data"]["object"]["metadata"]["order_id"],
    )
    assert (1, account.config.api_version) == (event.pending_webhooks, event.api_version)
    assert "application/json; charset=utf-8" == received.headers["Content-Type"]
    account.deliveries(event_id=event.id, state="delivered")
    assert 0 == account.client.v1.events.retrieve(event.id).pending_webhooks


@pytest.mark.parametrize("mode", ["corrupt", "forge"])
def test_damaged_event_is_not_accepted(account: Account, mode: str) -> None:
    """Mode corrupt changes the body after its signature; mode forge signs with a wrong secret."""
    account.command("PUT", "/delivery", mode=mode)
    account.intent()

    received = account.receiver.next()

    with pytest.raises(stripe.SignatureVerificationError, match="No signatures found"):
        received.verify()
    assert (mode == "corrupt") == received.event["livemode"]


def test_damaged_event_is_damaged_each_time(account: Account) -> None:
    """A retry is damaged in the same way, and the list of events has the original."""
    account.command("PUT", "/delivery", mode="corrupt")
    account.receiver.answers = [400] * 4
    account.intent()

    delivery = account.deliveries(state="failed")[0]

    bodies = [account.receiver.next().event for _ in range(4)]
    assert [True] * 4 == [body["livemode"] for body in bodies]
    assert not account.client.v1.events.retrieve(delivery["event_id"]).livemode


def test_event_is_tried_until_it_is_taken(account: Account) -> None:
    """Any answer but 2xx is retried with a new signature (docs.stripe.com/webhooks)."""
    account.receiver.answers = [500, 302]
    account.intent()

    tries = [account.receiver.next() for _ in range(3)]

    assert 1 == len({received.verify().id for received in tries})
    delivery = account.deliveries(state="delivered")[0]
    assert [500, 302, 200] == [attempt["status"] for attempt in delivery["attempts"]]
    assert "ok" == delivery["attempts"][2]["body"]


def test_event_is_given_up_in_the_end(account: Account) -> None:
    """After the last attempt the event stays undelivered, and the list still has it."""
    account.receiver.answers = [500] * 4
    account.intent()

    delivery = account.deliveries(state="failed")[0]

    assert 4 == len(delivery["attempts"])
    events = account.client.v1.events
    assert [delivery["event_id"]] == [e.id for e in events.list({"delivery_success": False}).data]
    assert [] == events.list({"delivery_success": True}).data
    assert 1 == events.retrieve(delivery["event_id"]).pending_webhooks


def test_event_comes_before_the_answer(account: Account) -> None:
    """In mode before_answer the endpoint has answered when the API call returns."""
    account.command("PUT", "/delivery", mode="before_answer", event_types=["payment_intent.*"])

    intent = account.paid()

    types = {account.receiver.next().verify().type for _ in range(3)}
    assert {"charge.succeeded", "payment_intent.created", "payment_intent.succeeded"} == types
    tried = account.control.get("/deliveries", params={"object_id": intent.id}).json()
    assert ["delivered", "delivered"] == [item["state"] for item in tried["deliveries"]]


def test_caller_waits_while_the_endpoint_does(account: Account) -> None:
    """In mode before_answer an endpoint may call the API about the event."""
    account.command("PUT", "/delivery", mode="before_answer")
    account.receiver.gate.clear()
    with ThreadPoolExecutor(1) as pool:
        call = pool.submit(account.intent)
        sent = account.receiver.next().event["data"]["object"]
        retrieved = account.client.v1.payment_intents.retrieve(sent["id"])
        is_answered = call.done()
        account.receiver.gate.set()

    assert not is_answered
    assert retrieved.id == call.result().id


def test_failed_try_before_the_answer_is_retried(account: Account) -> None:
    """The call succeeds, and the event is retried in the usual way."""
    account.command("PUT", "/delivery", mode="before_answer")
    account.receiver.answers = [500]

    account.intent()

    delivery = account.deliveries(state="delivered")[0]
    assert [500, 200] == [attempt["status"] for attempt in delivery["attempts"]]


def test_held_events_come_in_the_order_that_is_asked_for(account: Account) -> None:
    """In mode hold events wait for their release, in order or the newest first."""
    account.command("PUT", "/delivery", mode="hold")
    account.paid()
    with pytest.raises(queue.Empty):
        account.receiver.received.get_nowait()

    released = account.command("POST", "/deliveries/release", order="newest_first")

    assert {"released": 3} == released
    types = [account.receiver.next().verify().type for _ in range(3)]
    assert ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"] == types


def test_events_of_one_change_come_in_reverse(account: Account) -> None:
    """In mode reorder the newest event of a call arrives first, one after the other."""
    account.command("PUT", "/delivery", mode="reorder")

    account.paid()

    types = [account.receiver.next().verify().type for _ in range(3)]
    assert ["payment_intent.succeeded", "charge.succeeded", "payment_intent.created"] == types
    account.deliveries(count=3, state="delivered")


def test_reordered_event_that_fails_comes_again(account: Account) -> None:
    """A failed attempt is retried in the usual way, and does not delay the others."""
    account.command("PUT", "/delivery", mode="reorder")
    account.receiver.answers = [500]

    account.paid()

    delivered = account.deliveries(count=3, state="delivered")
    tries = {item["event_type"]: len(item["attempts"]) for item in delivered}
    assert {
        "payment_intent.created": 1,
        "charge.succeeded": 1,
        "payment_intent.succeeded": 2,
    } == tries


def test_mode_holds_for_chosen_types_only(account: Account) -> None:
    """A mode for some types does not change the others."""
    account.command("PUT", "/delivery", mode="hold", event_types=["payment_intent.succeeded"])

    account.paid()

    types = {account.receiver.next().event["type"] for _ in range(2)}
    assert {"payment_intent.created", "charge.succeeded"} == types
    held = account.deliveries(state="held")
    assert ["payment_intent.succeeded"] == [delivery["event_type"] for delivery in held]


def test_doubled_event_has_one_id(account: Account) -> None:
    """In mode duplicate each event arrives twice with equal bytes."""
    account.command("PUT", "/delivery", mode="duplicate")
    account.intent()

    first, second = account.receiver.next().verify(), account.receiver.next().verify()

    assert first.id == second.id


def test_lost_event_is_only_in_the_list(account: Account) -> None:
    """In mode drop an event is in the list, and no endpoint gets it."""
    account.command("PUT", "/delivery", mode="drop")
    account.intent()

    dropped = account.deliveries(state="dropped")[0]

    assert [] == dropped["attempts"]
    assert "payment_intent.created" == account.client.v1.events.retrieve(dropped["event_id"]).type
    assert account.receiver.received.empty()


def test_delayed_event_comes_when_it_is_due(account: Account) -> None:
    """In mode delay an event waits, and a command delivers it."""
    account.command("PUT", "/delivery", mode="delay", delay_s=600)
    account.intent()
    assert 1 == len(account.deliveries(state="waiting"))

    account.command("POST", "/deliveries/retry")

    assert "payment_intent.created" == account.receiver.next().verify().type


def test_event_is_delivered_again_on_demand(account: Account) -> None:
    """A redelivery has the same event and id, as of `stripe events resend`."""
    account.intent()
    first = account.receiver.next().verify()
    seen = account.deliveries(state="delivered")[-1]["id"]

    account.command("POST", f"/events/{first.id}/redeliver")

    assert first.id == account.receiver.next().verify().id
    again = account.deliveries(state="delivered", after=seen)
    assert [first.id] == [delivery["event_id"] for delivery in again]


def test_control_names_a_wrong_command(account: Account) -> None:
    """A wrong command is 400 with a sentence, an unknown object 404."""
    answers = [
        account.control.put("/delivery", json={"mode": "sometimes"}),
        account.control.post("/faults", json={"status": 200}),
        account.control.post("/faults", json={"colour": "red"}),
        account.control.post("/deliveries/release", json={"order": "random"}),
        account.control.post("/events/evt_none/redeliver"),
    ]

    assert [400, 400, 400, 400, 404] == [answer.status_code for answer in answers]
    assert all(answer.json()["error"] for answer in answers)


def test_endpoints_are_listed_without_their_secrets(account: Account) -> None:
    """The list has each configured endpoint (docs.stripe.com/api/webhook_endpoints/list)."""
    page = account.client.v1.webhook_endpoints.list({"limit": 100})

    shown = [(one.url, one.status, one.enabled_events) for one in page.data]
    assert [(account.receiver.url, "enabled", ["*"])] * 2 == shown
    assert SECRET not in str(page)
    assert not page.has_more


def test_endpoint_is_read_by_its_id(account: Account) -> None:
    """Endpoints have different, constant ids; an unknown id is missing."""
    endpoints = account.client.v1.webhook_endpoints
    first, second = endpoints.list().data

    assert first.id != second.id
    assert second == endpoints.retrieve(second.id)
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        endpoints.retrieve("we_none")
    assert (404, "resource_missing") == (refusal.value.http_status, refusal.value.code)


def test_short_page_says_that_there_is_more(account: Account) -> None:
    """A page has the requested length and says that there are more."""
    page = account.client.v1.webhook_endpoints.list({"limit": 1})

    assert (1, True) == (len(page.data), page.has_more)

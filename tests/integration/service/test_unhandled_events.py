"""Events about money without a handler, and one event in the shapes of two API versions."""

import re
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from devstack.paths import ROOT
from market import database, inbox
from market.database import Database
from market.settings import Settings
from market.stripe_webhook import StripeEvent
from tests.integration.service.processes import logs_of, stopped, workers_of
from tests.integration.service.shop import Order, Shop


pytestmark = pytest.mark.xdist_group("stack")

RUNBOOK = ROOT / "docs/operations.md"
ALERT = "money_event_unhandled"
OTHER_VERSION = "2025-01-27.acacia"


def about_money(shop: Shop, type_: str) -> dict[str, Any]:
    """Return an event about money, in the shape of a dispute."""
    data = {
        "id": f"dp_{uuid.uuid4().hex}",
        "object": "dispute",
        "amount": 10_000,
        "charge": f"ch_{uuid.uuid4().hex}",
        "payment_intent": f"pi_{uuid.uuid4().hex}",
        "status": "needs_response",
        "metadata": {},
    }
    return shop.event(data, type=type_)


def requeue(shop: Shop, type_: str) -> None:
    """Requeue the ignored events of a type, as service_role."""
    since = shop.value("select (now() - interval '5 minutes')::text")
    answer = shop.service.call("requeue_ignored_events", type=type_, since=since)
    assert answer["success"], answer
    assert answer["count"] > 0


@pytest.mark.parametrize("type_", ["topup.failed", "transfer.updated", "payout.failed"])
def test_money_without_a_handler_is_an_alert_and_kept(shop: Shop, type_: str) -> None:
    """The event stays whole, and a redelivery does not alert again."""
    event = about_money(shop, type_)

    answers = [shop.post(event).json()["status"] for _ in range(2)]

    assert ["ignored", "already_processed"] == answers
    row = shop.event_row(event["id"])
    assert ("ignored", "unhandled_type", event["data"]["object"]) == tuple(
        row[key] for key in ("status", "error_code", "payload")
    )
    assert [ALERT] == shop.alerts_of(event["id"])


def test_requeued_event_is_processed_again_by_the_worker(shop: Shop) -> None:
    """Without a handler the worker ignores the requeued event again, with another alert."""
    event = about_money(shop, "topup.created")
    shop.post(event)
    first = shop.event_row(event["id"])["processed_at"]

    requeue(shop, event["type"])

    shop.wait_for(lambda: shop.event_row(event["id"])["processed_at"] not in (None, first))
    shop.wait_for(lambda: shop.alerts_of(event["id"]) == [ALERT] * 2)
    assert "ignored" == shop.event_row(event["id"])["status"]


def test_runbook_requeues_as_written(shop: Shop) -> None:
    """The runbook's statements act as the service, because psql has no session of staff."""
    event = about_money(shop, "topup.canceled")
    shop.post(event)
    blocks = re.findall(r"```sql\n(.*?)```", RUNBOOK.read_text(), re.DOTALL)
    [written] = [block for block in blocks if "requeue_" in block]
    query = f"select requeue_ignored_events('{event['type']}', '2026-01-01T00:00:00Z');"
    statements = re.sub(r"^select .*$", query, written, flags=re.MULTILINE)

    with psycopg.connect(shop.environment["DATABASE_URL"], autocommit=True) as operator:
        cursor = operator.execute(statements.encode())
        while cursor.nextset() and cursor.description is None:
            pass
        [(answer,)] = cursor.fetchall()

    assert answer["success"]
    assert answer["count"] > 0


@pytest.fixture
def adapter(shop: Shop) -> Iterator[Database]:
    """Give an adapter as the workers have one."""
    settings = Settings.from_environment(shop.environment)
    adapter = database.connect(settings, database.WORKER_TIMEOUTS)
    yield adapter
    adapter._client.postgrest.session.close()  # noqa: SLF001 - a process of ours keeps it for life


def test_requeued_event_reaches_a_later_handler(shop: Shop, adapter: Database) -> None:
    """Once a version has a handler, it gets the whole event of before, and settles it."""
    event = about_money(shop, "topup.reversed")
    handled: list[StripeEvent] = []

    def handle(stored: StripeEvent) -> inbox.Outcome:
        handled.append(stored)
        return inbox.ignore(adapter, stored, reason="refund_missing")

    shop.post(event)
    with stopped(workers_of(shop.environment["SERVICE_URL"])):
        requeue(shop, event["type"])

        def is_handled() -> bool:
            # The last call of the stopped workers may still have leased the event.
            shop.expire_leases()
            inbox.drain(adapter, {event["type"]: handle}, limit=100)
            return event["id"] in {stored.id for stored in handled}

        shop.wait_for(is_handled)

    assert [(event["id"], event["created"], event["data"]["object"])] == [
        (stored.id, stored.created, stored.data) for stored in handled if stored.id == event["id"]
    ]
    assert "refund_missing" == shop.event_row(event["id"])["error_code"]


def reshaped(event: dict[str, Any]) -> dict[str, Any]:
    """Return an event in the shape of another version of Stripe's API."""
    intent = event["data"]["object"]
    data = {"object": intent | {"charges": {"data": [{"id": intent["latest_charge"]}]}}}
    return event | {"api_version": OTHER_VERSION, "data": data}


def shape_warnings(shop: Shop, event_id: str) -> int:
    return sum(
        event_id in line and "stripe_event_shape_differed" in line
        for log in logs_of(shop.environment["SERVICE_URL"])
        for line in log.read_text(errors="replace").splitlines()
    )


@pytest.fixture
def order(shop: Shop) -> Order:
    return shop.awaiting(f"pi_{uuid.uuid4().hex}")


def test_settled_event_in_another_shape_is_no_alert(shop: Shop, order: Order) -> None:
    """An endpoint that is moved to another version gets the same event in another shape."""
    event = shop.event(order.paid_intent())
    assert "processed" == shop.post(event).json()["status"]
    before = shop.event_row(event["id"])

    answer = shop.post(reshaped(event))

    assert (200, "already_processed") == (answer.status_code, answer.json()["status"])
    assert before == shop.event_row(event["id"])
    assert ([], 1) == (shop.alerts_of(event["id"]), shape_warnings(shop, event["id"]))
    shop.check_books()


def test_open_event_in_another_shape_is_applied(shop: Shop, order: Order) -> None:
    """A redelivery of an open event is another chance, in whichever version it comes."""
    event = shop.event(order.paid_intent())
    with stopped(workers_of(shop.environment["SERVICE_URL"])):
        shop.keep(event)

        answer = shop.post(reshaped(event))

    assert (200, "processed") == (answer.status_code, answer.json()["status"])
    assert "paid" == shop.state(order)
    assert [] == shop.alerts_of(event["id"])
    shop.check_books()


def test_other_content_of_one_version_is_an_alert(shop: Shop, order: Order) -> None:
    """Under one version Stripe never sends two contents."""
    event = shop.event(order.paid_intent())
    shop.post(event)

    shop.post(event | {"data": {"object": order.paid_intent(amount_received=1)}})

    assert ["webhook_event_content_differed"] == shop.alerts_of(event["id"])

"""An alert whose answer is lost, or whose process is killed, is still logged and counted."""

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.faults.fleet import Fleet
from tests.integration.service.shop import Shop
from tests.support.gateway_control import GatewayControl, commanded


pytestmark = pytest.mark.xdist_group("kills")

STRAY = "stray_payment:intent_is_not_current"


@pytest.fixture
def control(environment: Mapping[str, str]) -> Iterator[GatewayControl]:
    with commanded(environment["SUPABASE_URL"]) as control:
        yield control


@pytest.fixture(autouse=True)
def _held_back(shop: Shop) -> None:
    """Let Stripe hold its events back, because any of them would meet the fault of a test."""
    shop.command("PUT", "/delivery", mode="hold", event_types=["*"])


@pytest.fixture
def stray(shop: Shop) -> dict[str, Any]:
    """Pay for an order by an intent that is not its own."""
    order = shop.sold()
    intent = shop.intent(metadata=order.metadata, confirm=True, payment_method="pm_card_visa")
    return shop.event(intent.to_dict())


@pytest.fixture
def ignored(shop: Shop) -> dict[str, Any]:
    """Return an event about money that no version of ours handles."""
    data = {"id": "po_1", "object": "payout", "metadata": {"order_id": None}}
    return shop.event(data, type="payout.failed")


def lose_answer(control: GatewayControl, function: str) -> None:
    control.add_fault(reset=True, when="after", method="POST", path=f"/rest/v1/rpc/{function}")


def open_alerts(shop: Shop, event: Mapping[str, Any]) -> list[str]:
    """Return the alerts that no process has confirmed as logged."""
    rows = shop.db.execute(
        "select name from private.open_alerts where subject = %s", [event["id"]]
    ).fetchall()
    return [name for (name,) in rows]


def logged(fleet: Fleet, event: Mapping[str, Any]) -> list[str]:
    lines = [json.loads(line) for line in fleet.log().splitlines() if '"alert_raised"' in line]
    return [
        line["alert"]
        for line in lines
        if event["id"] in (line.get("event_id"), line.get("subject"))
    ]


@pytest.mark.parametrize(
    ("kind", "function", "alert"),
    [
        ("stray", "apply_payment_succeeded", STRAY),
        ("ignored", "ignore_webhook_event", "money_event_unhandled"),
    ],
)
def test_worker_raises_an_alert_whose_answer_was_lost(
    shop: Shop,
    new_fleet: Callable[..., Fleet],
    control: GatewayControl,
    request: pytest.FixtureRequest,
    kind: str,
    function: str,
    alert: str,
) -> None:
    """The repeated call finds the event settled, and answers the alerts that are not confirmed."""
    event = request.getfixturevalue(kind)
    fleet = new_fleet()
    lose_answer(control, function)
    shop.keep(event)

    fleet.start()
    shop.wait_for(lambda: shop.is_settled(event["id"]) and not open_alerts(shop, event))

    assert [] == control.pending()["faults"]
    assert [alert] == logged(fleet, event)
    assert 1 == fleet.count("alerts", alert)
    shop.check_books()


@pytest.mark.parametrize("kind", ["stray", "ignored"])
def test_service_confirms_an_alert_whose_answer_was_lost(
    shop: Shop, control: GatewayControl, request: pytest.FixtureRequest, kind: str
) -> None:
    """No worker runs, so the service alone can have logged and confirmed it."""
    event = request.getfixturevalue(kind)
    lose_answer(control, "store_webhook_event")

    answer = shop.post(event)

    assert (200, "already_processed") == (answer.status_code, answer.json()["status"])
    assert [] == control.pending()["faults"]
    assert [] == open_alerts(shop, event)


def test_alert_of_a_killed_service_is_raised_by_a_worker(
    shop: Shop, new_fleet: Callable[..., Fleet], control: GatewayControl, stray: dict[str, Any]
) -> None:
    """The service dies after the commit and before it reads the answer."""
    path = "/rest/v1/rpc/store_webhook_event"
    running = shop.gunicorn()
    # The service calls again after its time limit, and must not get that answer either.
    control.add_fault(delay_s=60, when="after", times=10, method="POST", path=path)
    with ThreadPoolExecutor(1) as pool:
        posted = pool.submit(shop.post, stray)
        shop.wait_for(lambda: shop.is_settled(stray["id"]))
        running.kill()
        assert isinstance(posted.exception(), httpx.TransportError)
    assert [STRAY] == open_alerts(shop, stray)
    shop.db.execute("update private.open_alerts set leased_until = clock_timestamp()")
    fleet = new_fleet()

    fleet.start()
    shop.wait_for(lambda: not open_alerts(shop, stray))

    assert [STRAY] == logged(fleet, stray)
    assert 1 == fleet.count("alerts", STRAY)

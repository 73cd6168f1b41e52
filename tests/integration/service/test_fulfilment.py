"""Pickup and shipment over HTTP, as the browsers of both parties use them."""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.service.browser import Browser, refusal_of
from tests.integration.service.sale import Sale
from tests.integration.service.shop import Order


pytestmark = pytest.mark.xdist_group("stack")

PARCEL = {"carrier": "AusPost", "tracking": "33ABC1234", "label_url": ""}


def initiated(sale: Sale, order: Order) -> dict[str, Any]:
    """Let the seller make a code."""
    answer = sale.seller.post(f"/api/pickup/{order.id}", {"action": "init"})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def redeemed(person: Browser, order: Order, **secrets: str) -> httpx.Response:
    return person.post(f"/api/pickup/{order.id}", {"action": "redeem"} | secrets)


def other_than(code: str) -> str:
    """Return a wrong code."""
    return f"{(int(code) + 1) % 10**6:06d}"


def saved(sale: Sale, order: Order, **changes: Any) -> httpx.Response:
    return sale.seller.post(f"/api/shipments/{order.id}", PARCEL | changes)


def reported(sale: Sale, order: Order, **step: Any) -> httpx.Response:
    return sale.seller.post(f"/api/shipments/{order.id}/events", step)


def rows_seen(person: Browser, table: str, **filters: str) -> list[dict[str, Any]]:
    """Return the rows of a table that a person reads through Supabase."""
    environment = person.shop.environment
    answer = httpx.get(
        f"{environment['SUPABASE_URL']}/rest/v1/{table}",
        params=filters,
        headers=person.bearer | {"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]},
        timeout=30,
    )
    answer.raise_for_status()
    rows: list[dict[str, Any]] = answer.json()
    return rows


@pytest.mark.parametrize("secret", ["code6", "qr_token"])
def test_code_hands_the_order_over(sale: Sale, paid_order: Order, secret: str) -> None:
    """The buyer enters the seller's code, and a repeated call changes nothing (case 10, C22)."""
    made = initiated(sale, paid_order)

    answers = [redeemed(sale.buyer, paid_order, **{secret: made[secret]}) for _ in range(2)]

    expected = {"success": True, "state": "delivered"}
    assert [(200, expected)] * 2 == [(one.status_code, one.json()) for one in answers]
    assert "delivered" == sale.shop.state(paid_order)
    assert "order_delivered" in sale.notices(sale.seller, paid_order)
    sale.moved(paid_order, "release_funds")
    again = redeemed(sale.buyer, paid_order, **{secret: made[secret]})
    assert (200, expected) == (again.status_code, again.json())
    sale.shop.check_books()


def test_five_wrong_codes_lock(sale: Sale, paid_order: Order) -> None:
    """Tries of failed requests count, and only a new code opens the pickup again (case 10)."""
    made = initiated(sale, paid_order)
    wrong = other_than(made["code6"])

    answers = [redeemed(sale.buyer, paid_order, code6=wrong) for _ in range(5)]

    assert [(400, "INVALID_CODE")] * 5 == [refusal_of(answer) for answer in answers]
    locked = redeemed(sale.buyer, paid_order, code6=made["code6"])
    assert (400, "PICKUP_LOCKED") == refusal_of(locked)
    assert "paid" == sale.shop.state(paid_order)
    new = initiated(sale, paid_order)
    assert 200 == redeemed(sale.buyer, paid_order, code6=new["code6"]).status_code


def test_wrong_codes_at_once_all_count(sale: Sale, paid_order: Order) -> None:
    """C22: parallel guesses have five tries together, not five each."""
    made = initiated(sale, paid_order)
    wrong = other_than(made["code6"])

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: redeemed(sale.buyer, paid_order, code6=wrong), range(8)))

    codes = sorted(answer.json()["code"] for answer in answers)
    assert ["INVALID_CODE"] * 5 + ["PICKUP_LOCKED"] * 3 == codes


def test_lost_answer_is_one_try(sale: Sale, paid_order: Order) -> None:
    """The service repeats a call whose answer was lost; the buyer loses one try by it."""
    made = initiated(sale, paid_order)
    with sale.shop.gateway() as control:
        control.add_fault(
            method="POST", path="/rest/v1/rpc/redeem_pickup", times=1, when="after", reset=True
        )
        answer = redeemed(sale.buyer, paid_order, code6=other_than(made["code6"]))

    assert (400, "INVALID_CODE") == refusal_of(answer)
    query = "select attempts from private.pickups where order_id = %s"
    assert 1 == sale.shop.value(query, paid_order.id)
    assert 200 == redeemed(sale.buyer, paid_order, code6=made["code6"]).status_code


def test_expired_code_is_refused(sale: Sale, paid_order: Order) -> None:
    """A code expires after 48 hours (case 10)."""
    made = initiated(sale, paid_order)
    sale.shop.db.execute(
        "update private.pickups set expires_at = clock_timestamp() where order_id = %s",
        [paid_order.id],
    )

    answer = redeemed(sale.buyer, paid_order, code6=made["code6"])

    assert (400, "CODE_EXPIRED") == refusal_of(answer)


def test_unpaid_order_is_not_handed_over(sale: Sale) -> None:
    """Making and redeeming a code get NOT_READY, and a parcel gets CONFLICT."""
    order = sale.sold()

    init = sale.seller.post(f"/api/pickup/{order.id}", {})
    assert (400, "NOT_READY") == refusal_of(init)
    assert (400, "NOT_READY") == refusal_of(redeemed(sale.buyer, order, code6="123456"))
    assert (409, "CONFLICT") == refusal_of(saved(sale, order))


def test_pickup_after_the_parcel_was_sent(sale: Sale, paid_order: Order) -> None:
    """A buyer may still fetch an item that was marked as shipped."""
    made = initiated(sale, paid_order)
    sale.moved(paid_order, "mark_ready", "mark_shipped")

    assert 200 == redeemed(sale.buyer, paid_order, code6=made["code6"]).status_code
    assert "delivered" == sale.shop.state(paid_order)


@pytest.mark.anyio
async def test_parcel_is_seen_live(sale: Sale) -> None:
    """Case 11: a parcel may be saved twice, lists events, and moves the order at delivery (A18)."""
    order = await asyncio.to_thread(sale.paid)

    async with sale.watching(sale.buyer, order) as page:
        first = await asyncio.to_thread(saved, sale, order)
        await sale.change_to(page, "shipped")
        second = await asyncio.to_thread(
            saved, sale, order, tracking="44XYZ", label_url="https://labels.test/1"
        )
        scan = await asyncio.to_thread(
            reported, sale, order, status="in_transit", location="Sydney"
        )
        seen = await asyncio.to_thread(
            rows_seen,
            sale.buyer,
            "shipment_events",
            shipment_id=f"eq.{first.json()['shipment']['id']}",
        )
        delivered = await asyncio.to_thread(reported, sale, order, status="delivered")
        await sale.change_to(page, "delivered")

    assert [200] * 4 == [one.status_code for one in (first, second, scan, delivered)]
    assert None is first.json()["shipment"]["label_url"]
    assert first.json()["shipment"]["id"] == second.json()["shipment"]["id"]
    assert [scan.json()["event"]["id"]] == [row["id"] for row in seen]
    [shipment] = rows_seen(sale.buyer, "shipments", order_id=f"eq.{order.id}")
    assert ("44XYZ", "https://labels.test/1") == (shipment["tracking"], shipment["label_url"])
    assert None is not shipment["first_scan_at"]
    assert None is not shipment["delivered_at"]
    assert {"order_shipped", "order_delivered"} <= sale.notices(sale.buyer, order)
    assert "order_delivered" in sale.notices(sale.seller, order)
    sale.moved(order, "release_funds")
    sale.shop.check_books()


def test_parcels_saved_at_once_are_one(sale: Sale, paid_order: Order) -> None:
    """Parallel saves make one shipment, because its key is the order's id (A12, A18)."""
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: saved(sale, paid_order), range(6)))

    assert {200} == {answer.status_code for answer in answers}
    assert 1 == len({answer.json()["shipment"]["id"] for answer in answers})
    moves = "select count(*) from public.order_events where order_id = %s and to_state = %s"
    assert 1 == sale.shop.value(moves, paid_order.id, "shipped")


def test_lost_answer_is_one_event(sale: Sale, paid_order: Order) -> None:
    """The service repeats a call whose answer was lost, and the list has one event."""
    saved(sale, paid_order)
    with sale.shop.gateway() as control:
        control.add_fault(
            method="POST", path="/rest/v1/rpc/add_shipment_event", times=1, when="after", reset=True
        )
        answer = reported(sale, paid_order, status="accepted")

    assert 200 == answer.status_code, answer.text
    [event] = rows_seen(
        sale.seller, "shipment_events", shipment_id=f"eq.{answer.json()['event']['shipment_id']}"
    )
    assert event["id"] == answer.json()["event"]["id"]


def test_parcel_is_the_sellers(sale: Sale, paid_order: Order) -> None:
    """Case 13: the buyer and another user save nothing and report nothing."""
    for person in (sale.buyer, sale.another):
        assert (403, "FORBIDDEN") == refusal_of(
            person.post(f"/api/shipments/{paid_order.id}", PARCEL)
        )
    saved(sale, paid_order)
    for person in (sale.buyer, sale.another):
        path = f"/api/shipments/{paid_order.id}/events"
        assert (403, "FORBIDDEN") == refusal_of(person.post(path, {"status": "delivered"}))
    assert [] == rows_seen(sale.another, "shipments", order_id=f"eq.{paid_order.id}")
    assert "shipped" == sale.shop.state(paid_order)


def test_unknown_order_and_missing_shipment_are_not_found(sale: Sale, paid_order: Order) -> None:
    """Each route answers 404 with a code for an unknown order and a missing shipment."""
    unknown = Order(id=str(uuid.uuid4()), buyer_id="")

    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(saved(sale, unknown))
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(reported(sale, unknown, status="accepted"))
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(reported(sale, paid_order, status="accepted"))
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(
        sale.seller.post(f"/api/pickup/{unknown.id}", {})
    )
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(redeemed(sale.buyer, unknown, code6="123456"))


@pytest.mark.parametrize(
    "body",
    [
        {},
        PARCEL | {"carrier": "A"},
        PARCEL | {"carrier": "x" * 65},
        PARCEL | {"tracking": "AB"},
        PARCEL | {"tracking": None},
        PARCEL | {"label_url": "http://labels.test"},
        PARCEL | {"label_url": "javascript:alert(1)"},
        PARCEL | {"carrier": ["AusPost"]},
        [],
    ],
)
def test_bad_parcel_is_refused(sale: Sale, paid_order: Order, body: Any) -> None:
    """A malformed shipment gets a 400, and the order is not shipped."""
    answer = sale.seller.post(f"/api/shipments/{paid_order.id}", body)

    assert (400, "VALIDATION_ERROR") == refusal_of(answer)
    assert "paid" == sale.shop.state(paid_order)


@pytest.mark.parametrize(
    "step",
    [
        {},
        {"status": "x"},
        {"status": "accepted", "event_time": "2026-01-02T03:04:05"},
        {"status": "accepted", "event_time": "2999-01-02T03:04:05Z"},
        {"status": "accepted", "event_time": 1_790_000_000},
        {"status": "accepted", "description": "x" * 513},
        {"status": "accepted", "location": "x" * 129},
    ],
)
def test_bad_event_is_refused(sale: Sale, paid_order: Order, step: dict[str, Any]) -> None:
    """A malformed shipment event gets a 400, and nothing is stored."""
    saved(sale, paid_order)

    assert (400, "VALIDATION_ERROR") == refusal_of(reported(sale, paid_order, **step))


def test_each_route_has_its_limit(
    sale: Sale, paid_order: Order, signed_in: Callable[[], Browser]
) -> None:
    """Each route has its own limit, and so has each action of a pickup (D5)."""
    person = signed_in()
    shipments = f"/api/shipments/{paid_order.id}"
    calls: dict[str, Callable[[], httpx.Response]] = {
        "init_pickup": lambda: person.post(f"/api/pickup/{paid_order.id}", {}),
        "redeem_pickup": lambda: redeemed(person, paid_order, code6="123456"),
        "save_shipment": lambda: person.post(shipments, PARCEL),
        "add_shipment_event": lambda: person.post(f"{shipments}/events", {"status": "accepted"}),
    }
    for action, call in calls.items():
        with sale.shop.limited(action, 2):
            answers = [call() for _ in range(3)]

        assert [403, 403, 429] == [answer.status_code for answer in answers], action
        assert "Too many requests. Please slow down." == answers[-1].json()["error"]

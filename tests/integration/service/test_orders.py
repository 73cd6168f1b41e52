"""An order over HTTP: its page, its buttons and the refund, as browsers use them."""

import asyncio
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.integration.service.browser import Browser, refusal_of
from tests.integration.service.sale import HOME, Sale
from tests.integration.service.shop import AMOUNT, Order


pytestmark = pytest.mark.xdist_group("stack")

REFUND = "/api/payments/refund"


@pytest.mark.anyio
async def test_full_path_is_seen_live(sale: Sale) -> None:
    """Each action answers its success and state, and an UPDATE of the order follows (case 7)."""
    order = await asyncio.to_thread(sale.paid)
    steps = [
        (sale.seller, "mark_ready", "ready_for_handover"),
        (sale.seller, "mark_shipped", "shipped"),
        (sale.buyer, "confirm_delivery", "delivered"),
        (sale.buyer, "release_funds", "released"),
    ]

    async with (
        sale.watching(sale.buyer, order) as buyers_page,
        sale.watching(sale.seller, order) as sellers_page,
    ):
        for person, action, state in steps:
            answer = await asyncio.to_thread(sale.act, person, order, action)
            assert 200 == answer.status_code, answer.text
            body = answer.json()
            assert (True, state) == (body["success"], body["state"])
            assert isinstance(body["processingTimeMs"], int)
            for page in (buyers_page, sellers_page):
                change = await sale.change_to(page, state)
                assert ("UPDATE", order.id) == (change["type"], change["record"]["id"])
            shown = (await asyncio.to_thread(person.get, f"/api/orders/{order.id}")).json()
            assert (state, body["updated_at"]) == (shown["state"], shown["updated_at"])

    assert 9_500 == body["sellerAmount"]
    # Other jobs may add notifications of their own, for example about the payout.
    assert {"auction_ended", "order_paid", "order_delivered", "funds_released"} <= sale.notices(
        sale.seller, order
    )
    assert {"auction_won", "payment_received", "order_ready", "order_shipped"} <= sale.notices(
        sale.buyer, order
    )
    sale.shop.check_books()


def test_page_has_listing_parties_and_addresses(sale: Sale, paid_order: Order) -> None:
    """A15: the page has both keys of the listing; each party sees only an address that it needs."""
    pages = {
        name: person.get(f"/api/orders/{paid_order.id}").json()
        for name, person in (("buyer", sale.buyer), ("seller", sale.seller))
    }

    for page in pages.values():
        assert page["listing"] == page["listings"]
        assert {"id", "title", "description", "listing_photos"} == set(page["listings"])
        assert {"id", "display_name"} == set(page["buyer"]) == set(page["seller"])
        assert ("paid", AMOUNT) == (page["state"], page["amount_cents"])
    assert "1 Loop Road" == pages["buyer"]["pickup_address"]["street"]
    assert "delivery_address" not in pages["buyer"]
    assert HOME == pages["seller"]["delivery_address"]
    assert "pickup_address" not in pages["seller"]


def test_unpaid_page_has_no_address(sale: Sale) -> None:
    """No address leaves us before the payment."""
    order = sale.sold()

    for person in (sale.buyer, sale.seller):
        page = person.get(f"/api/orders/{order.id}").json()
        assert "pending_payment" == page["state"]
        assert set() == {"pickup_address", "delivery_address"} & set(page)


def test_another_user_is_refused(sale: Sale, paid_order: Order) -> None:
    """Case 13: another user gets 403 on the page, on every action and on the refund."""
    page = sale.another.get(f"/api/orders/{paid_order.id}")

    assert (403, "Unauthorized to view this order") == (page.status_code, page.json()["error"])
    for action in ("mark_ready", "mark_shipped", "confirm_delivery", "cancel", "refund"):
        assert (403, "FORBIDDEN") == refusal_of(sale.act(sale.another, paid_order, action))
    assert (403, "FORBIDDEN") == refusal_of(sale.another.post(REFUND, {"orderId": paid_order.id}))
    assert "paid" == sale.shop.state(paid_order)


def test_wrong_role_and_state_have_true_answers(sale: Sale, paid_order: Order) -> None:
    """The wrong party gets a 403, an illegal state a 409, and the order does not change (A8)."""
    for person, action in (
        (sale.buyer, "mark_ready"),
        (sale.buyer, "mark_shipped"),
        (sale.buyer, "refund"),
        (sale.seller, "confirm_delivery"),
        (sale.seller, "release_funds"),
    ):
        assert (403, "FORBIDDEN") == refusal_of(sale.act(person, paid_order, action))
    for person, action in (
        (sale.seller, "mark_shipped"),
        (sale.buyer, "confirm_delivery"),
        (sale.buyer, "release_funds"),
    ):
        assert (409, "CONFLICT") == refusal_of(sale.act(person, paid_order, action))
    assert "paid" == sale.shop.state(paid_order)


@pytest.mark.parametrize("order_id", ["00000000-0000-4000-8000-000000000000", "x", "1", "00000000"])
def test_unknown_order_is_not_found(sale: Sale, order_id: str) -> None:
    """An unknown order gets a 404 on the page and on an action."""
    path = f"/api/orders/{order_id}"

    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(sale.buyer.get(path))
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(sale.buyer.post(path, {"action": "cancel"}))


@pytest.mark.parametrize("body", [{}, {"action": "steal"}, {"action": None}, [], "cancel"])
def test_bad_action_is_refused(sale: Sale, paid_order: Order, body: Any) -> None:
    """An unknown action gets a 400 and changes nothing."""
    answer = sale.seller.post(f"/api/orders/{paid_order.id}", body)

    assert (400, "VALIDATION_ERROR") == refusal_of(answer)


def test_parallel_actions_move_once(sale: Sale, paid_order: Order) -> None:
    """A8: one of many parallel calls moves the order, and all answer the same state."""
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: sale.act(sale.seller, paid_order, "mark_ready"), range(8))
        )

    assert {(200, "ready_for_handover")} == {
        (answer.status_code, answer.json()["state"]) for answer in answers
    }
    assert 1 == len({answer.json()["updated_at"] for answer in answers})
    moves = "select count(*) from public.order_events where order_id = %s and to_state = %s"
    assert 1 == sale.shop.value(moves, paid_order.id, "ready_for_handover")


def test_cancelled_order_returns_the_money_first(sale: Sale, paid_order: Order) -> None:
    """C11: the answer names the pending refund; the state changes when Stripe has made it."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: sale.act(sale.buyer, paid_order, "cancel"), range(4)))

    assert {200} == {answer.status_code for answer in answers}
    assert {AMOUNT} == {answer.json()["refundAmount"] for answer in answers}
    sale.shop.wait_for(lambda: sale.shop.state(paid_order) == "cancelled")
    [refund] = sale.shop.refunds_of(paid_order)
    assert (AMOUNT, "succeeded") == (refund["amount"], refund["status"])
    again = sale.act(sale.buyer, paid_order, "cancel").json()
    assert ("cancelled", AMOUNT, "succeeded") == (
        again["state"],
        again["refundAmount"],
        again["refundStatus"],
    )
    assert {"order_cancelled", "refund_processed"} <= sale.notices(sale.buyer, paid_order)
    assert {"order_cancelled", "refund_processed"} <= sale.notices(sale.seller, paid_order)
    sale.shop.check_books()


@pytest.mark.parametrize("action", ["mark_ready", "cancel"])
def test_lost_answer_moves_once(sale: Sale, paid_order: Order, action: str) -> None:
    """The service repeats a call whose answer was lost, and the repeat finds the action done."""
    with sale.shop.gateway() as control:
        control.add_fault(
            method="POST", path="/rest/v1/rpc/act_on_order", times=1, when="after", reset=True
        )
        answer = sale.act(sale.seller, paid_order, action)

    assert 200 == answer.status_code, answer.text
    rows = """
      select (select count(*) from public.refunds where order_id = o.id)
        + (select count(*) from public.order_events
           where order_id = o.id and to_state = 'ready_for_handover')
      from public.orders as o where id = %s
    """
    assert 1 == sale.shop.value(rows, paid_order.id)


def test_unpaid_order_is_cancelled_with_its_intent(sale: Sale) -> None:
    """The intent cannot be paid afterwards; a buyer who cancels gets a strike."""
    order = sale.sold()

    answer = sale.act(sale.buyer, order, "cancel").json()

    assert (True, "cancelled") == (answer["success"], answer["state"])
    assert "refundStatus" not in answer
    sale.shop.wait_for(
        lambda: sale.shop.stripe.v1.payment_intents.retrieve(order.intent_id).status == "canceled"
    )
    strikes = "select count(*) from public.user_strikes where order_id = %s and user_id = %s"
    assert 1 == sale.shop.value(strikes, order.id, sale.buyer.actor.id)


def test_seller_refunds_in_full_by_the_action(sale: Sale, paid_order: Order) -> None:
    """Other actions are refused until Stripe has made the refund."""
    sale.moved(paid_order, "mark_ready", "mark_shipped")

    answer = sale.act(sale.seller, paid_order, "refund").json()

    assert ("shipped", AMOUNT) == (answer["state"], answer["refundAmount"])
    sale.shop.wait_for(lambda: sale.shop.state(paid_order) == "refunded")
    assert (409, "CONFLICT") == refusal_of(sale.act(sale.buyer, paid_order, "confirm_delivery"))
    sale.shop.check_books()


def test_refund_route_is_idempotent(sale: Sale, paid_order: Order) -> None:
    """C8: a key in body or header makes one refund, and all are never more than the payment."""
    key = str(uuid.uuid4())
    body = {"orderId": paid_order.id, "amount_cents": 2_500}

    first = sale.seller.post(REFUND, body | {"client_request_id": key})
    again = sale.seller.post(REFUND, body, sale.seller.bearer | {"Idempotency-Key": key})

    assert (200, "pending") == (first.status_code, first.json()["status"])
    assert first.json()["refund_id"] == again.json()["refund_id"]
    more = sale.seller.post(REFUND, {"orderId": paid_order.id, "amount_cents": 7_501})
    assert (400, "VALIDATION_ERROR") == refusal_of(more)
    other = sale.seller.post(REFUND, body | {"client_request_id": key, "amount_cents": 1})
    assert (400, "REQUEST_ID_REUSED") == refusal_of(other)
    sale.shop.wait_for(lambda: len(sale.shop.refunds_of(paid_order)) == 1)
    sale.shop.wait_for(
        lambda: (
            not sale.shop.value(
                "select refund_pending from public.orders where id = %s", paid_order.id
            )
        )
    )
    assert "paid" == sale.shop.state(paid_order)
    sale.shop.check_books()


def test_refund_is_refused_where_it_must_be(sale: Sale, paid_order: Order) -> None:
    """The buyer, an unpaid order and an unknown order get no refund."""
    body = {"orderId": paid_order.id}

    assert (403, "FORBIDDEN") == refusal_of(sale.buyer.post(REFUND, body))
    assert (409, "CONFLICT") == refusal_of(sale.seller.post(REFUND, {"orderId": sale.sold().id}))
    assert (404, "RESOURCE_NOT_FOUND") == refusal_of(
        sale.seller.post(REFUND, {"orderId": str(uuid.uuid4())})
    )
    assert (400, "VALIDATION_ERROR") == refusal_of(sale.seller.post(REFUND, {"orderId": "x"}))
    assert [] == sale.shop.refunds_of(paid_order)


def test_staff_need_a_second_factor(
    sale: Sale, paid_order: Order, signed_in: Callable[[], Browser]
) -> None:
    """A moderator who signed in by password alone sees no order and refunds none."""
    moderator = signed_in()
    sale.shop.db.execute(
        "update public.users set role = 'moderator' where id = %s", [moderator.actor.id]
    )

    def view_and_refund() -> list[httpx.Response]:
        return [
            moderator.get(f"/api/orders/{paid_order.id}"),
            moderator.post(REFUND, {"orderId": paid_order.id, "amount_cents": 100}),
        ]

    with sale.shop.setting("require_staff_aal2", value=True):
        refused = view_and_refund()
    with sale.shop.setting("require_staff_aal2", value=False):
        served = view_and_refund()
        acted = sale.act(moderator, paid_order, "mark_ready")

    assert [403, 403] == [answer.status_code for answer in refused]
    assert [200, 200] == [answer.status_code for answer in served]
    assert (403, "FORBIDDEN") == refusal_of(acted)


def test_each_route_has_its_limit(
    sale: Sale, paid_order: Order, signed_in: Callable[[], Browser]
) -> None:
    """D5: each route counts on its own and says when to come back."""
    person = signed_in()
    calls: dict[str, Callable[[], httpx.Response]] = {
        "get_order": lambda: person.get(f"/api/orders/{paid_order.id}"),
        "act_on_order": lambda: sale.act(person, paid_order, "cancel"),
        "refund_payment": lambda: person.post(REFUND, {"orderId": paid_order.id}),
    }
    for action, call in calls.items():
        with sale.shop.limited(action, 2):
            answers = [call() for _ in range(3)]

        assert [403, 403, 429] == [answer.status_code for answer in answers], action
        assert 0 < int(answers[-1].headers["Retry-After"]) <= 10**8
        assert "Too many requests. Please slow down." == answers[-1].json()["error"]

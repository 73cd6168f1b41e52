"""The order of the camera: payment, repeated webhook, pickup, release and the seller's payout."""

import asyncio
import json
import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import stripe

from devstack.demo.auction import FINAL_CENTS
from devstack.demo.people import TIMEOUT_S, People, wait_until
from devstack.demo.steps import DemoRun, dollars, expect, expect_equal, ms_since


#: The default fee of five per cent, rounded half up.
_FEE_CENTS = 1_225
_WEBHOOK_PATH = "/api/webhooks/stripe"
_SELLER_CENTS = FINAL_CENTS - _FEE_CENTS
#: The demo enters the first of these that is not the real code.
_WRONG_CODES = ("000000", "000001")


async def pay_order(run: DemoRun, people: People, auction_id: str) -> None:
    """Pay the order, check the ledger, and repeat the webhook."""
    order = await _find_order(run, people, auction_id)
    intent = await _create_intent(run, people, order)
    delivery = await _pay(run, people, order, intent)
    await _check_ledger(run, people, order)
    await _repeat(run, people, order, delivery)


async def hand_over(run: DemoRun, people: People) -> None:
    """Run the pickup, the release, the seller's onboarding and the transfer."""
    order_id = run.results.order["id"]
    await _pick_up(run, people, order_id)
    await _release(run, people, order_id)
    await _onboard(run, people)
    await _transfer(run, people, order_id)


def confirm_as_browser(
    environment: Mapping[str, str], intent: Mapping[str, Any]
) -> stripe.PaymentIntent:
    """Confirm an intent with its client secret and the publishable key, as Stripe.js does."""
    client = stripe.StripeClient(
        environment["STRIPE_PUBLISHABLE_KEY"],
        http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
        base_addresses={"api": environment["STRIPE_API_BASE"]},
    )
    # The library's types have no client_secret, because a server needs none.
    parameters: Any = {
        "client_secret": intent["clientSecret"],
        "payment_method": "pm_card_visa",
    }
    return client.v1.payment_intents.confirm(intent["paymentIntentId"], parameters)


async def read_ledger(people: People, order_id: str) -> list[dict[str, Any]]:
    """Return the ledger of an order as staff see it.

    Raises: DemoError when its sum is not zero, or when an order contradicts its ledger.
    """
    entries = await people.matilda.rows("ledger_entries", order_by="created_at", order_id=order_id)
    expect_equal("The ledger's sum", 0, sum(entry["amount_cents"] for entry in entries))
    expect_equal("Orders that contradict their ledger", [], await _drift(people))
    shown = ("account", "entry_type", "amount_cents", "currency", "fact", "description")
    return [{key: entry[key] for key in shown} for entry in entries]


async def _find_order(run: DemoRun, people: People, auction_id: str) -> dict[str, Any]:
    with run.step("The close has created an order with the fee split") as step:
        order = await people.ben.row("orders", auction_id=auction_id)
        expect_equal("The order's state", "pending_payment", order["state"])
        split = (order["amount_cents"], order["platform_fee_cents"], order["seller_amount_cents"])
        expect_equal(
            "Amount, fee and seller's part", (FINAL_CENTS, _FEE_CENTS, _SELLER_CENTS), split
        )
        expect_equal(
            "The order as the seller sees it",
            order,
            await people.ada.row("orders", id=order["id"]),
        )
        expect_equal("Orders that another user sees", [], await people.cleo.rows("orders"))
        won = await people.ben.rows("notifications", type="auction_won")
        expect_equal("Notifications to the buyer that he won", 1, len(won))
        run.results.order = {key: order[key] for key in ("id", "currency", "payment_due_at")}
        run.results.order |= dict(
            zip(("amount_cents", "fee_cents", "seller_cents"), split, strict=True)
        )
        step.note(
            f"{dollars(FINAL_CENTS)} = fee {dollars(_FEE_CENTS)}"
            f" + seller {dollars(_SELLER_CENTS)}; another user cannot see it"
        )
    return order


async def _create_intent(run: DemoRun, people: People, order: Mapping[str, Any]) -> dict[str, Any]:
    with run.step("Ben asks our service for a PaymentIntent, twice at once") as step:
        began = time.perf_counter()
        body = {"orderId": order["id"], "amount": order["amount_cents"], "currency": "aud"}
        path = "/payments/create-intent"
        answers = await asyncio.gather(
            *[people.api.succeed(people.ben, "POST", path, body) for _ in range(2)]
        )
        run.results.add_duration("create-intent", ms_since(began))
        expect_equal("The second intent", answers[0], answers[1])
        status, _ = await people.api.request(None, "POST", path, body)
        expect_equal("The status without a session", HTTPStatus.UNAUTHORIZED, status)
        step.note(f"both got {answers[0]['paymentIntentId'][:12]}…")
    return answers[0]


async def _pay(
    run: DemoRun,
    people: People,
    order: Mapping[str, Any],
    intent: Mapping[str, Any],
) -> dict[str, Any]:
    with run.step("Ben pays with a test card, and Stripe's webhook marks the order paid") as step:
        began = time.perf_counter()
        confirmed = await asyncio.to_thread(confirm_as_browser, people.environment, intent)
        expect_equal("The intent's status", "succeeded", confirmed.status)
        paid = await people.buyer.wait_for_change(
            lambda change: change.table == "orders" and change.row["state"] == "paid",
            "the order paid",
        )
        run.results.add_duration("card confirmed → paid on the buyer's screen", ms_since(began))
        [delivery] = await _deliveries(people, intent["paymentIntentId"], after=0)
        status, body = _outcome(delivery)
        expect_equal("The webhook's answer", (200, "processed"), (status, body["status"]))
        run.results.order |= {"state": paid.row["state"], "paid_at": paid.row["paid_at"]}
        run.results.order["payment_intent_id"] = intent["paymentIntentId"]
        run.results.add_duration("webhook acknowledged", delivery["attempts"][0]["duration_ms"])
        step.note(f"event {delivery['event_id'][:12]}… signed, stored and applied in one request")
        received = await people.ben.rows("notifications", type="payment_received")
        notes = await people.ada.rows("notifications", type="order_paid")
        expect_equal("Notifications of the payment", (1, 1), (len(received), len(notes)))
        expect_equal("The order", order["id"], paid.row["id"])
    return delivery


async def _check_ledger(run: DemoRun, people: People, order: Mapping[str, Any]) -> None:
    with run.step("The ledger balances to the cent") as step:
        entries = await read_ledger(people, order["id"])
        by_account = {entry["account"]: entry["amount_cents"] for entry in entries}
        expect_equal(
            "The entries", {"stripe_clearing": FINAL_CENTS, "buyer": -FINAL_CENTS}, by_account
        )
        run.results.order["ledger"] = entries
        step.note("sum of all entries 0, ledger_drift() returns nothing")


async def _repeat(
    run: DemoRun,
    people: People,
    order: Mapping[str, Any],
    delivery: Mapping[str, Any],
) -> None:
    with run.step("Stripe delivers the same event again, and nothing changes") as step:
        before = await _rows_of_payment(people, order)
        await people.api.control(f"/events/{delivery['event_id']}/redeliver")
        [again] = await _deliveries(people, delivery["object_id"], after=delivery["id"])
        status, body = _outcome(again)
        expect_equal(
            "The answer to the repeated event",
            (200, True, "already_processed"),
            (status, body["idempotent"], body["status"]),
        )
        expect_equal(
            "Order, payments, ledger and notifications afterwards",
            before,
            await _rows_of_payment(people, order),
        )
        run.results.repeats.append({"event_id": delivery["event_id"], **body})
        run.results.order["version"] = before["orders"][0]["version"]
        step.note("200, already_processed; order, payments, ledger and notifications are unchanged")


async def _deliveries(people: People, intent_id: str, *, after: int) -> list[dict[str, Any]]:
    """Return the deliveries of the intent's success to our endpoint, with their tries."""
    deliveries = await people.api.deliveries(
        object_id=intent_id, event_type="payment_intent.succeeded", state="delivered", after=after
    )
    found = [delivery for delivery in deliveries if delivery["url"].endswith(_WEBHOOK_PATH)]
    expect(found, "The fake Stripe has not delivered the success of the payment.")
    return found


def _outcome(delivery: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    attempt = delivery["attempts"][-1]
    body: dict[str, Any] = json.loads(attempt["body"])
    return attempt["status"], body


async def _rows_of_payment(people: People, order: Mapping[str, Any]) -> dict[str, Any]:
    """Return every row that a payment can change."""
    staff, order_id = people.matilda, order["id"]
    return {
        "orders": await staff.rows("orders", id=order_id),
        "order_events": await staff.rows("order_events", order_by="id", order_id=order_id),
        "payments": await staff.rows("payments", order_by="id", order_id=order_id),
        "ledger": await staff.rows("ledger_entries", order_by="id", order_id=order_id),
        "buyer's notifications": await people.ben.rows("notifications", order_by="id"),
        "seller's notifications": await people.ada.rows("notifications", order_by="id"),
        "drift": await _drift(people),
    }


async def _drift(people: People) -> Any:
    return await people.backend.call("ledger_drift")


async def _pick_up(run: DemoRun, people: People, order_id: str) -> None:
    with run.step("Ada creates a pickup code, and Ben enters it at her address") as step:
        path, buyer = f"/pickup/{order_id}", people.ben
        shown = await people.api.succeed(buyer, "GET", f"/orders/{order_id}")
        expect_equal("The street of the pickup", "1 Example Street", _street(shown))
        status, _ = await people.api.request(buyer, "POST", path, {"action": "init"})
        expect_equal("The status when the buyer asks for a code", HTTPStatus.FORBIDDEN, status)
        made = await people.api.succeed(people.ada, "POST", path, {"action": "init"})
        wrong = next(code for code in _WRONG_CODES if code != made["code6"])
        status, answer = await people.api.request(buyer, "POST", path, _redeem(wrong))
        expect_equal(
            "The answer to a wrong code",
            (HTTPStatus.BAD_REQUEST, "INVALID_CODE"),
            (status, answer["code"]),
        )
        done = await people.api.succeed(buyer, "POST", path, _redeem(made["code6"]))
        expect_equal("The state after the pickup", "delivered", done["state"])
        step.note("a wrong code is refused and counted; the right one delivers the order")


def _street(order: Mapping[str, Any]) -> str | None:
    return (order.get("pickup_address") or {}).get("street")


def _redeem(code: str) -> dict[str, str]:
    return {"action": "redeem", "code6": code}


async def _release(run: DemoRun, people: People, order_id: str) -> None:
    with run.step("Ben releases the money") as step:
        done = await people.api.succeed(
            people.ben, "POST", f"/orders/{order_id}", {"action": "release_funds"}
        )
        expect_equal("The state after the release", "released", done["state"])
        expect_equal("The seller's amount", _SELLER_CENTS, done["sellerAmount"])
        step.note(f"{dollars(_SELLER_CENTS)} wait for Ada, who has no Stripe account yet")


async def _onboard(run: DemoRun, people: People) -> None:
    with run.step("Ada completes Stripe's onboarding and can be paid") as step:
        link = await people.api.succeed(people.ada, "POST", "/payouts/onboard")
        expect(link["url"].startswith("http"), f"The link has no address: {link}")
        seller = await people.matilda.row("users", id=people.ada.user_id)
        await people.api.control(f"/accounts/{seller['stripe_connect_account_id']}/onboarding")
        await wait_until(
            lambda: people.api.succeed(people.ada, "GET", "/payouts"),
            lambda answer: answer["payouts_enabled"],
            "Ada's onboarding",
        )
        step.note("account.updated arrived, signed with the secret for connected accounts")


async def _transfer(run: DemoRun, people: People, order_id: str) -> None:
    with run.step("The worker transfers Ada's part once") as step:
        began = time.perf_counter()
        answer = await wait_until(
            lambda: people.api.succeed(people.ada, "GET", "/payouts"),
            lambda answer: answer["paid_cents"] == _SELLER_CENTS,
            "The transfer to Ada",
        )
        run.results.add_duration("account enabled → seller paid", ms_since(began))
        expect_equal("Ada's payouts", ["paid"], [row["status"] for row in answer["payouts"]])
        order = await people.matilda.row("orders", id=order_id)
        run.results.order |= {
            "state": order["state"],
            "ledger": await read_ledger(people, order_id),
        }
        step.note(f"{dollars(_SELLER_CENTS)} paid, {dollars(_FEE_CENTS)} stay with the market")

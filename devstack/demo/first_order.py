"""The demo's second act: the winner pays, Stripe says so, and the books balance. Once."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx
import stripe

from devstack.demo.api import Api
from devstack.demo.facts import Facts, dollars
from devstack.demo.people import Person
from devstack.demo.room import FINAL_CENTS, PATIENCE_S
from devstack.demo.steps import Teller, expect, expect_equal
from devstack.demo.watch import Watcher


#: Five per cent, half a cent up; the contract's default.
FEE_CENTS = 1_225
_WEBHOOK_PATH = "/api/webhooks/stripe"
#: The key that a browser has; what it may do with an intent hangs on the intent's client secret.
_BROWSER_KEY = "pk_test_demo"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """The people of the orders, those who look at the books, and the clients that they use."""

    seller: Person
    buyer: Watcher
    outsider: Person
    staff: Person
    backend: Person
    environment: Mapping[str, str]
    http: httpx.AsyncClient
    api: Api


async def settle(teller: Teller, parties: Parties, facts: Facts, auction_id: str) -> None:
    """Play the payment from the order to the books, and its repetition."""
    order = await _find_order(teller, parties, facts, auction_id)
    intent = await _create_intent(teller, parties, facts, order)
    delivery = await _pay(teller, parties, facts, order, intent)
    await _check_books(teller, parties, facts, order)
    await _repeat(teller, parties, facts, order, delivery)


async def _find_order(
    teller: Teller, parties: Parties, facts: Facts, auction_id: str
) -> dict[str, Any]:
    with teller.step("An order is there, with the fee split") as step:
        order = await parties.buyer.person.row("orders", auction_id=auction_id)
        expect_equal("The order's state", "pending_payment", order["state"])
        split = (order["amount_cents"], order["platform_fee_cents"], order["seller_amount_cents"])
        expect_equal(
            "Amount, fee and seller's part",
            (FINAL_CENTS, FEE_CENTS, FINAL_CENTS - FEE_CENTS),
            split,
        )
        expect_equal(
            "The order as the seller sees it",
            order,
            await parties.seller.row("orders", id=order["id"]),
        )
        expect_equal("Orders that another user sees", [], await parties.outsider.rows("orders"))
        won = await parties.buyer.person.rows("notifications", type="auction_won")
        expect_equal("Notes to the buyer that he won", 1, len(won))
        facts.order = {key: order[key] for key in ("id", "currency", "payment_due_at")}
        facts.order |= dict(zip(("amount_cents", "fee_cents", "seller_cents"), split, strict=True))
        step.note(
            f"{dollars(FINAL_CENTS)} = fee {dollars(FEE_CENTS)}"
            f" + seller {dollars(FINAL_CENTS - FEE_CENTS)}; another user sees nothing of it"
        )
    return order


async def _create_intent(
    teller: Teller, parties: Parties, facts: Facts, order: Mapping[str, Any]
) -> dict[str, Any]:
    with teller.step("Ben asks our service for a PaymentIntent, twice at once") as step:
        began = time.perf_counter()
        answers = await asyncio.gather(*[_ask_for_intent(parties, order) for _ in range(2)])
        facts.measured("create-intent", (time.perf_counter() - began) * 1000)
        expect_equal("The second intent", answers[0], answers[1])
        refused = await parties.http.post(
            f"{parties.environment['SERVICE_URL']}/api/payments/create-intent",
            json={"orderId": order["id"], "amount": order["amount_cents"]},
        )
        expect_equal("The status without a session", 401, refused.status_code)
        step.note(f"both got {answers[0]['paymentIntentId'][:12]}…")
    return answers[0]


async def _ask_for_intent(parties: Parties, order: Mapping[str, Any]) -> dict[str, Any]:
    answer = await parties.http.post(
        f"{parties.environment['SERVICE_URL']}/api/payments/create-intent",
        json={"orderId": order["id"], "amount": order["amount_cents"], "currency": "aud"},
        headers={"Authorization": f"Bearer {parties.buyer.person.token}"},
    )
    expect(
        answer.status_code == httpx.codes.OK,
        f"create-intent answered {answer.status_code}: {answer.text[:300]}",
    )
    intent: dict[str, Any] = answer.json()
    return intent


async def _pay(
    teller: Teller,
    parties: Parties,
    facts: Facts,
    order: Mapping[str, Any],
    intent: Mapping[str, Any],
) -> dict[str, Any]:
    with teller.step(
        "Ben pays with a test card, and Stripe's webhook marks the order paid"
    ) as step:
        began = time.perf_counter()
        confirmed = await asyncio.to_thread(confirm_as_browser, parties.environment, intent)
        expect_equal("The intent's status", "succeeded", confirmed.status)
        paid = await parties.buyer.until(
            lambda change: change.table == "orders" and change.row["state"] == "paid",
            "the order paid",
            PATIENCE_S,
        )
        facts.measured("card confirmed → paid on the buyer's screen", _ms_since(began))
        [delivery] = await _deliveries(parties, intent["paymentIntentId"], after=0)
        status, body = _outcome(delivery)
        expect_equal("The webhook's answer", (200, "processed"), (status, body["status"]))
        facts.order |= {"state": paid.row["state"], "paid_at": paid.row["paid_at"]}
        facts.order["payment_intent_id"] = intent["paymentIntentId"]
        facts.measured("webhook acknowledged", delivery["attempts"][0]["duration_ms"])
        step.note(f"event {delivery['event_id'][:12]}… signed, stored and applied in one request")
        received = await parties.buyer.person.rows("notifications", type="payment_received")
        notes = await parties.seller.rows("notifications", type="order_paid")
        expect_equal("Notes of the payment", (1, 1), (len(received), len(notes)))
        expect_equal("The order", order["id"], paid.row["id"])
    return delivery


async def _check_books(
    teller: Teller, parties: Parties, facts: Facts, order: Mapping[str, Any]
) -> None:
    with teller.step("The ledger balances to the cent") as step:
        entries = await parties.staff.rows(
            "ledger_entries", order_by="account", order_id=order["id"]
        )
        by_account = {entry["account"]: entry["amount_cents"] for entry in entries}
        expect_equal(
            "The entries", {"stripe_clearing": FINAL_CENTS, "buyer": -FINAL_CENTS}, by_account
        )
        expect_equal("The ledger's sum", 0, sum(entry["amount_cents"] for entry in entries))
        expect_equal("Orders whose books and state disagree", [], await _drift(parties))
        shown = ("account", "entry_type", "amount_cents", "currency", "fact")
        facts.order["ledger"] = [{key: entry[key] for key in shown} for entry in entries]
        step.note("sum of all entries 0, ledger_drift() returns nothing")


async def _repeat(
    teller: Teller,
    parties: Parties,
    facts: Facts,
    order: Mapping[str, Any],
    delivery: Mapping[str, Any],
) -> None:
    with teller.step("Stripe delivers the same event again, and nothing changes") as step:
        before = await _state_of_things(parties, order)
        control = parties.environment["STRIPE_CONTROL_URL"]
        sent = await parties.http.post(f"{control}/events/{delivery['event_id']}/redeliver")
        sent.raise_for_status()
        [again] = await _deliveries(parties, delivery["object_id"], after=delivery["id"])
        status, body = _outcome(again)
        expect_equal(
            "The answer to the repeated event",
            (200, True, "already_processed"),
            (status, body["idempotent"], body["status"]),
        )
        expect_equal(
            "Order, payments, ledger and notes afterwards",
            before,
            await _state_of_things(parties, order),
        )
        facts.repeats.append({"event_id": delivery["event_id"], **body})
        facts.order["version"] = before["orders"][0]["version"]
        step.note("200, already_processed; order, payments, ledger and notes as before")


def confirm_as_browser(
    environment: Mapping[str, str], intent: Mapping[str, Any]
) -> stripe.PaymentIntent:
    """Confirm as Stripe.js does in the buyer's browser: no secret but the intent's own."""
    client = stripe.StripeClient(
        _BROWSER_KEY,
        http_client=stripe.RequestsClient(timeout=PATIENCE_S),
        base_addresses={"api": environment["STRIPE_API_BASE"]},
    )
    # The library's types think of servers only, which need no client secret.
    parameters: Any = {
        "client_secret": intent["clientSecret"],
        "payment_method": "pm_card_visa",
    }
    return client.v1.payment_intents.confirm(intent["paymentIntentId"], parameters)


async def _deliveries(parties: Parties, intent_id: str, *, after: int) -> list[dict[str, Any]]:
    """Return what the fake Stripe has delivered of the success of an intent, and how it went."""
    query: dict[str, str | int] = {
        "object_id": intent_id,
        "event_type": "payment_intent.succeeded",
        "state": "delivered",
        "after": after,
        "wait_s": PATIENCE_S,
    }
    control = parties.environment["STRIPE_CONTROL_URL"]
    answer = await parties.http.get(f"{control}/deliveries", params=query, timeout=PATIENCE_S * 2)
    answer.raise_for_status()
    found = [one for one in answer.json()["deliveries"] if one["url"].endswith(_WEBHOOK_PATH)]
    expect(found, "The fake Stripe has delivered no success of the payment.")
    return found


def _outcome(delivery: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
    attempt = delivery["attempts"][-1]
    body: dict[str, Any] = httpx.Response(200, text=attempt["body"]).json()
    return attempt["status"], body


async def _state_of_things(parties: Parties, order: Mapping[str, Any]) -> dict[str, Any]:
    """Return every row that a payment could change."""
    staff, order_id = parties.staff, order["id"]
    return {
        "orders": await staff.rows("orders", id=order_id),
        "order_events": await staff.rows("order_events", order_by="id", order_id=order_id),
        "payments": await staff.rows("payments", order_by="id", order_id=order_id),
        "ledger": await staff.rows("ledger_entries", order_by="id", order_id=order_id),
        "buyer's notes": await parties.buyer.person.rows("notifications", order_by="id"),
        "seller's notes": await parties.seller.rows("notifications", order_by="id"),
        "drift": await _drift(parties),
    }


async def _drift(parties: Parties) -> Any:
    return await parties.backend.call("ledger_drift")


def _ms_since(began: float) -> float:
    return (time.perf_counter() - began) * 1000

"""The demo's fourth act: a second order is shipped, refunded in part, disputed and lost."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.demo.api import until
from devstack.demo.facts import Facts, dollars
from devstack.demo.first_order import Parties, confirm_as_browser
from devstack.demo.handover import read_books
from devstack.demo.people import Person
from devstack.demo.room import PATIENCE_S
from devstack.demo.steps import Teller, expect_equal


#: The worked case of the money rules: after the loss every account is at zero.
PRICE_CENTS = 10_000
REFUND_CENTS = 3_000
LOST_CENTS = PRICE_CENTS - REFUND_CENTS
_FEE_CENTS = 350
SELLER_CENTS = LOST_CENTS - _FEE_CENTS
#: The sale runs beside the first auction and ends before its order is paid.
_RUNS_S = 6.0


async def list_case(teller: Teller, seller: Person, buyer: Person, facts: Facts) -> None:
    """Let the seller list a second item, which the buyer wins with the only bid."""
    with teller.step(f"{seller.name} lists a leather case too, and {buyer.name} bids") as step:
        now = datetime.now(UTC)
        answer = await seller.succeed(
            "create_listing",
            title="Leather case for a rangefinder camera",
            description="Brown leather, little worn, closes well. Sent by parcel only.",
            category_id=1,
            condition="good",
            start_cents=PRICE_CENTS,
            pickup=False,
            shipping=True,
            location={"suburb": "Fitzroy", "postcode": "3065", "state": "VIC"},
            end_at=(now + timedelta(seconds=_RUNS_S)).isoformat(),
        )
        await buyer.succeed(
            "place_bid",
            auction_id=answer["auction_id"],
            amount_cents=PRICE_CENTS,
            client_bid_id=str(uuid.uuid4()),
        )
        facts.second_order = {"auction_id": answer["auction_id"]}
        step.note(f"{dollars(PRICE_CENTS)}, to be shipped")


async def settle_case(teller: Teller, parties: Parties, buyer: Person, facts: Facts) -> None:
    """Play the second order from its payment to the reversal of the seller's transfer."""
    charge_id = await _pay(teller, parties, buyer, facts)
    await _ship(teller, parties, buyer, facts)
    await _refund_a_part(teller, parties, facts)
    await _release(teller, parties, buyer, facts)
    await _dispute(teller, parties, facts, charge_id)


async def _pay(teller: Teller, parties: Parties, buyer: Person, facts: Facts) -> str:
    with teller.step(f"{buyer.name} pays for the case") as step:
        [order] = await until(
            lambda: buyer.rows("orders", auction_id=facts.second_order["auction_id"]),
            lambda rows: len(rows) == 1,
            "The order of the case",
            PATIENCE_S,
        )
        facts.second_order |= {key: order[key] for key in ("id", "currency", "amount_cents")}
        intent = await parties.api.succeed(
            buyer,
            "POST",
            "/payments/create-intent",
            {"orderId": order["id"], "amount": PRICE_CENTS, "currency": "aud"},
        )
        await asyncio.to_thread(confirm_as_browser, parties.environment, intent)
        await _until_state(parties, facts, "paid")
        payment = await parties.staff.row("payments", order_id=order["id"], settles_order=True)
        step.note(f"{dollars(PRICE_CENTS)} captured")
    return str(payment["stripe_charge_id"])


async def _ship(teller: Teller, parties: Parties, buyer: Person, facts: Facts) -> None:
    with teller.step(f"Ada ships the case, and the parcel reaches {buyer.name}") as step:
        path = f"/shipments/{facts.second_order['id']}"
        parcel = {"carrier": "Australia Post", "tracking": "33ABC000123401", "label_url": ""}
        await parties.api.succeed(parties.seller, "POST", path, parcel)
        await _until_state(parties, facts, "shipped")
        for status in ("in_transit", "delivered"):
            await parties.api.succeed(parties.seller, "POST", f"{path}/events", {"status": status})
        await _until_state(parties, facts, "delivered")
        step.note("shipped, in transit, delivered")


async def _refund_a_part(teller: Teller, parties: Parties, facts: Facts) -> None:
    with teller.step(f"Ada refunds {dollars(REFUND_CENTS)} for a scratch") as step:
        body = {
            "orderId": facts.second_order["id"],
            "amount_cents": REFUND_CENTS,
            "client_request_id": str(uuid.uuid4()),
        }
        answers = [
            await parties.api.succeed(parties.seller, "POST", "/payments/refund", body)
            for _ in range(2)
        ]
        expect_equal("The refund of the repeated request", *[one["refund_id"] for one in answers])
        await until(
            lambda: parties.staff.rows("orders", id=facts.second_order["id"]),
            lambda rows: _refunded(rows[0]) == (REFUND_CENTS, False),
            "The refund",
            PATIENCE_S,
        )
        await _until_state(parties, facts, "delivered")
        step.note("requested twice under one id, sent once; the order stays delivered")


def _refunded(order: Mapping[str, Any]) -> tuple[int, bool]:
    return order["refunded_cents"], order["refund_pending"]


async def _release(teller: Teller, parties: Parties, buyer: Person, facts: Facts) -> None:
    with teller.step(f"{buyer.name} releases the rest, and Ada is paid") as step:
        order_id = facts.second_order["id"]
        done = await parties.api.succeed(
            buyer, "POST", f"/orders/{order_id}", {"action": "release_funds"}
        )
        expect_equal("The state after the release", "released", done["state"])
        await _until_payout(parties, order_id, "paid")
        step.note(f"{dollars(SELLER_CENTS)} = {dollars(LOST_CENTS)} less the fee on it")


async def _dispute(teller: Teller, parties: Parties, facts: Facts, charge_id: str) -> None:
    with teller.step("The buyer's bank disputes the rest, and Ada loses") as step:
        made = await parties.api.control(f"/charges/{charge_id}/dispute", reason="fraudulent")
        await _until_state(parties, facts, "disputed")
        step.note("while the dispute is open, nothing moves")
        await parties.api.control(f"/disputes/{made['id']}/close", status="lost")
        await _until_state(parties, facts, "refunded")
        order_id = facts.second_order["id"]
        payout = await _until_payout(parties, order_id, "reversed")
        expect_equal("The reversed amount", SELLER_CENTS, payout["reversed_cents"])
        entries = await read_books(parties, order_id)
        expect_equal("The accounts that are not at zero", {}, _open_accounts(entries))
        order = await parties.staff.row("orders", id=order_id)
        facts.second_order |= {"state": order["state"], "ledger": entries}
        step.note(f"{dollars(SELLER_CENTS)} came back from Ada; every account is at zero")


def _open_accounts(entries: list[dict[str, Any]]) -> dict[str, int]:
    balances: dict[str, int] = {}
    for entry in entries:
        balances[entry["account"]] = balances.get(entry["account"], 0) + entry["amount_cents"]
    return {account: cents for account, cents in balances.items() if cents}


async def _until_state(parties: Parties, facts: Facts, state: str) -> None:
    await until(
        lambda: parties.staff.rows("orders", "state", id=facts.second_order["id"]),
        lambda rows: [{"state": state}] == rows,
        f"The state {state}",
        PATIENCE_S,
    )


async def _until_payout(parties: Parties, order_id: str, status: str) -> dict[str, Any]:
    [payout] = await until(
        lambda: parties.staff.rows("payouts", order_id=order_id),
        lambda rows: [status] == [row["status"] for row in rows],
        f"The payout's status {status}",
        PATIENCE_S,
    )
    found: dict[str, Any] = payout
    return found

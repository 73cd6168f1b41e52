"""The order of a leather case: shipped, refunded in part, disputed and lost."""

import asyncio
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.demo.first_order import confirm_as_browser, read_ledger
from devstack.demo.people import People, Person, wait_until
from devstack.demo.steps import DemoRun, dollars, expect_equal


#: After the lost dispute of this order every account is at zero.
PRICE_CENTS = 10_000
REFUND_CENTS = 3_000
LOST_CENTS = PRICE_CENTS - REFUND_CENTS
_FEE_CENTS = 350
SELLER_CENTS = LOST_CENTS - _FEE_CENTS
#: The auction runs beside the first one and ends before the camera is paid.
_RUNS_S = 6.0


async def list_case(run: DemoRun, seller: Person, buyer: Person) -> None:
    """List a second item, which the buyer wins with the only bid."""
    with run.step(f"{seller.name} lists a leather case too, and {buyer.name} bids") as step:
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
        run.results.second_order = {"auction_id": answer["auction_id"]}
        step.note(f"{dollars(PRICE_CENTS)}, to be shipped")


async def finish_case(run: DemoRun, people: People, buyer: Person) -> None:
    """Run the second order from its payment to the reversal of the seller's transfer."""
    charge_id = await _pay(run, people, buyer)
    await _ship(run, people, buyer)
    await _refund_a_part(run, people)
    await _release(run, people, buyer)
    await _dispute(run, people, charge_id)


async def _pay(run: DemoRun, people: People, buyer: Person) -> str:
    with run.step(f"{buyer.name} pays for the case") as step:
        [order] = await wait_until(
            lambda: buyer.rows("orders", auction_id=run.results.second_order["auction_id"]),
            lambda rows: len(rows) == 1,
            "The order of the case",
        )
        run.results.second_order |= {key: order[key] for key in ("id", "currency", "amount_cents")}
        intent = await people.api.succeed(
            buyer,
            "POST",
            "/payments/create-intent",
            {"orderId": order["id"], "amount": PRICE_CENTS, "currency": "aud"},
        )
        await asyncio.to_thread(confirm_as_browser, people.environment, intent)
        await _until_state(run, people, "paid")
        payment = await people.matilda.row("payments", order_id=order["id"], settles_order=True)
        step.note(f"{dollars(PRICE_CENTS)} captured")
    return str(payment["stripe_charge_id"])


async def _ship(run: DemoRun, people: People, buyer: Person) -> None:
    with run.step(f"Ada ships the case, and {buyer.name} gets the parcel") as step:
        path = f"/shipments/{run.results.second_order['id']}"
        parcel = {"carrier": "Australia Post", "tracking": "33ABC000123401", "label_url": ""}
        await people.api.succeed(people.ada, "POST", path, parcel)
        await _until_state(run, people, "shipped")
        for status in ("in_transit", "delivered"):
            await people.api.succeed(people.ada, "POST", f"{path}/events", {"status": status})
        await _until_state(run, people, "delivered")
        step.note("shipped, in transit, delivered")


async def _refund_a_part(run: DemoRun, people: People) -> None:
    with run.step(f"Ada refunds {dollars(REFUND_CENTS)} for a scratch") as step:
        body = {
            "orderId": run.results.second_order["id"],
            "amount_cents": REFUND_CENTS,
            "client_request_id": str(uuid.uuid4()),
        }
        answers = [
            await people.api.succeed(people.ada, "POST", "/payments/refund", body) for _ in range(2)
        ]
        expect_equal("The refund of the repeated request", *[one["refund_id"] for one in answers])
        await wait_until(
            lambda: people.matilda.rows("orders", id=run.results.second_order["id"]),
            lambda rows: _refund_state(rows[0]) == (REFUND_CENTS, False),
            "The refund",
        )
        await _until_state(run, people, "delivered")
        step.note("requested twice under one id, sent once; the order stays delivered")


def _refund_state(order: Mapping[str, Any]) -> tuple[int, bool]:
    return order["refunded_cents"], order["refund_pending"]


async def _release(run: DemoRun, people: People, buyer: Person) -> None:
    with run.step(f"{buyer.name} releases the rest, and Ada is paid") as step:
        order_id = run.results.second_order["id"]
        done = await people.api.succeed(
            buyer, "POST", f"/orders/{order_id}", {"action": "release_funds"}
        )
        expect_equal("The state after the release", "released", done["state"])
        await _until_payout(people, order_id, "paid")
        step.note(f"{dollars(SELLER_CENTS)} = {dollars(LOST_CENTS)} less the fee on it")


async def _dispute(run: DemoRun, people: People, charge_id: str) -> None:
    with run.step("The buyer's bank disputes the rest, and Ada loses") as step:
        made = await people.api.control(f"/charges/{charge_id}/dispute", reason="fraudulent")
        await _until_state(run, people, "disputed")
        step.note("while the dispute is open, nothing moves")
        await people.api.control(f"/disputes/{made['id']}/close", status="lost")
        await _until_state(run, people, "refunded")
        order_id = run.results.second_order["id"]
        payout = await _until_payout(people, order_id, "reversed")
        expect_equal("The reversed amount", SELLER_CENTS, payout["reversed_cents"])
        entries = await read_ledger(people, order_id)
        expect_equal("The accounts that are not at zero", {}, _open_accounts(entries))
        order = await people.matilda.row("orders", id=order_id)
        run.results.second_order |= {"state": order["state"], "ledger": entries}
        step.note(f"{dollars(SELLER_CENTS)} came back from Ada; every account is at zero")


def _open_accounts(entries: list[dict[str, Any]]) -> dict[str, int]:
    balances: dict[str, int] = {}
    for entry in entries:
        balances[entry["account"]] = balances.get(entry["account"], 0) + entry["amount_cents"]
    return {account: cents for account, cents in balances.items() if cents}


async def _until_state(run: DemoRun, people: People, state: str) -> None:
    await wait_until(
        lambda: people.matilda.rows("orders", "state", id=run.results.second_order["id"]),
        lambda rows: [{"state": state}] == rows,
        f"The state {state}",
    )


async def _until_payout(people: People, order_id: str, status: str) -> dict[str, Any]:
    [payout] = await wait_until(
        lambda: people.matilda.rows("payouts", order_id=order_id),
        lambda rows: [status] == [row["status"] for row in rows],
        f"The payout's status {status}",
    )
    found: dict[str, Any] = payout
    return found

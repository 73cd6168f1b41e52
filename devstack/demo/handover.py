"""The demo's third act: the goods change hands, and the seller gets the money."""

import time
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from devstack.demo.api import until
from devstack.demo.facts import Facts, dollars
from devstack.demo.first_order import FEE_CENTS, Parties
from devstack.demo.room import FINAL_CENTS, PATIENCE_S
from devstack.demo.steps import Teller, expect, expect_equal


_SELLER_CENTS = FINAL_CENTS - FEE_CENTS
#: A code that is wrong in nearly all cases; if it is right, the demo uses the next one.
_WRONG_CODES = ("000000", "000001")


async def hand_over(teller: Teller, parties: Parties, facts: Facts) -> None:
    """Play the pickup, the release, the seller's onboarding and the transfer."""
    order_id = facts.order["id"]
    await _pick_up(teller, parties, order_id)
    await _release(teller, parties, order_id)
    await _onboard(teller, parties)
    await _transfer(teller, parties, facts, order_id)


async def read_books(parties: Parties, order_id: str) -> list[dict[str, Any]]:
    """Return the ledger of an order as staff see it; it sums to zero and has no drift."""
    entries = await parties.staff.rows("ledger_entries", order_by="created_at", order_id=order_id)
    expect_equal("The ledger's sum", 0, sum(entry["amount_cents"] for entry in entries))
    expect_equal(
        "Orders that contradict their books", [], await parties.backend.call("ledger_drift")
    )
    shown = ("account", "entry_type", "amount_cents", "currency", "fact", "description")
    return [{key: entry[key] for key in shown} for entry in entries]


async def _pick_up(teller: Teller, parties: Parties, order_id: str) -> None:
    with teller.step("Ada makes a pickup code, and Ben enters it at her door") as step:
        path, buyer = f"/pickup/{order_id}", parties.buyer.person
        shown = await parties.api.succeed(buyer, "GET", f"/orders/{order_id}")
        expect_equal("The street of the pickup", "1 Example Street", _street(shown))
        status, answer = await parties.api.ask(buyer, "POST", path, {"action": "init"})
        expect_equal("The status of a buyer's try to make a code", HTTPStatus.FORBIDDEN, status)
        made = await parties.api.succeed(parties.seller, "POST", path, {"action": "init"})
        wrong = next(code for code in _WRONG_CODES if code != made["code6"])
        status, answer = await parties.api.ask(buyer, "POST", path, _redeem(wrong))
        expect_equal(
            "The answer to a wrong code",
            (HTTPStatus.BAD_REQUEST, "INVALID_CODE"),
            (status, answer["code"]),
        )
        done = await parties.api.succeed(buyer, "POST", path, _redeem(made["code6"]))
        expect_equal("The state after the pickup", "delivered", done["state"])
        step.note("a wrong code is refused and counted; the right one delivers the order")


def _street(order: Mapping[str, Any]) -> str | None:
    return (order.get("pickup_address") or {}).get("street")


def _redeem(code: str) -> dict[str, str]:
    return {"action": "redeem", "code6": code}


async def _release(teller: Teller, parties: Parties, order_id: str) -> None:
    with teller.step("Ben is content and releases the money") as step:
        done = await parties.api.succeed(
            parties.buyer.person, "POST", f"/orders/{order_id}", {"action": "release_funds"}
        )
        expect_equal("The state after the release", "released", done["state"])
        expect_equal("The seller's amount", _SELLER_CENTS, done["sellerAmount"])
        step.note(f"{dollars(_SELLER_CENTS)} wait for Ada, who has no account at Stripe yet")


async def _onboard(teller: Teller, parties: Parties) -> None:
    with teller.step("Ada opens her account at Stripe, and may be paid") as step:
        link = await parties.api.succeed(parties.seller, "POST", "/payouts/onboard")
        expect(link["url"].startswith("http"), f"The link is no address: {link}")
        seller = await parties.staff.row("users", id=parties.seller.user_id)
        await parties.api.control(f"/accounts/{seller['stripe_connect_account_id']}/onboarding")
        await until(
            lambda: parties.api.succeed(parties.seller, "GET", "/payouts"),
            lambda answer: answer["payouts_enabled"],
            "The permission to pay Ada",
            PATIENCE_S,
        )
        step.note("account.updated arrived, signed with the secret for connected accounts")


async def _transfer(teller: Teller, parties: Parties, facts: Facts, order_id: str) -> None:
    with teller.step("The worker transfers Ada's part, once") as step:
        began = time.perf_counter()
        answer = await until(
            lambda: parties.api.succeed(parties.seller, "GET", "/payouts"),
            lambda answer: answer["paid_cents"] == _SELLER_CENTS,
            "The transfer to Ada",
            PATIENCE_S,
        )
        facts.measured("account enabled → seller paid", (time.perf_counter() - began) * 1000)
        expect_equal("Ada's payouts", ["paid"], [row["status"] for row in answer["payouts"]])
        order = await parties.staff.row("orders", id=order_id)
        facts.order |= {"state": order["state"], "ledger": await read_books(parties, order_id)}
        step.note(f"{dollars(_SELLER_CENTS)} paid, {dollars(FEE_CENTS)} stay with the market")

"""The demo's first act: an auction with a secret reserve is bid in, extended and closed in time."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.demo.facts import Facts, dollars
from devstack.demo.messages import ask
from devstack.demo.people import SOFT_CLOSE_S, Person
from devstack.demo.room import BID_ROWS, FINAL_CENTS, PATIENCE_S, RESERVE_CENTS, START_CENTS, Room
from devstack.demo.steps import Teller, expect, expect_equal


_OPENS_AFTER_S = 1.0
_RUNS_S = 6.5
#: The time before the end at which the late bid is made: inside the soft-close window.
_LATE_S = 1.5


async def hold_auction(teller: Teller, room: Room, facts: Facts) -> str:
    """Play the auction from its listing to its close; return its id."""
    auction_id = await _list(teller, room, facts)
    await _open(teller, room, auction_id)
    await ask(teller, room, facts)
    await _bid(teller, room, facts, auction_id)
    late_bid = await _bid_late(teller, room, facts, auction_id)
    await _close(teller, room, facts, auction_id, late_bid)
    return auction_id


async def _list(teller: Teller, room: Room, facts: Facts) -> str:
    with teller.step(f"{room.seller.name} lists a camera with a secret reserve") as step:
        now = datetime.now(UTC)
        answer = await room.seller.succeed(
            "create_listing",
            title="Rangefinder camera with a 50 mm lens",
            description="Serviced last year, meter works, leather case included.",
            category_id=1,
            condition="good",
            start_cents=START_CENTS,
            pickup=True,
            shipping=True,
            location={
                "street": "1 Example Street",
                "suburb": "Fitzroy",
                "postcode": "3065",
                "state": "VIC",
            },
            start_at=(now + timedelta(seconds=_OPENS_AFTER_S)).isoformat(),
            end_at=(now + timedelta(seconds=_OPENS_AFTER_S + _RUNS_S)).isoformat(),
            reserve_cents=RESERVE_CENTS,
        )
        listing, auction_id = answer["listing"], str(answer["auction_id"])
        expect("reserve_cents" not in listing, "The listing shows its reserve to everybody.")
        expect("street" not in str(listing), "The listing shows its street to everybody.")
        own = await room.seller.call("get_listing_private", listing_id=listing["id"])
        expect_equal("The reserve that the seller sees", RESERVE_CENTS, own["reserve_cents"])
        facts.auction = {"id": auction_id, "listing_id": listing["id"], "title": listing["title"]}
        step.note(f"from {dollars(START_CENTS)}, reserve {dollars(RESERVE_CENTS)} that nobody sees")
    return auction_id


async def _open(teller: Teller, room: Room, auction_id: str) -> None:
    with teller.step("A visitor subscribes, and the worker opens the auction") as step:
        await room.visitor.watch_auction(auction_id)
        state = await room.ben.call("get_auction_state", auction_id=auction_id)
        if state["status"] != "live":
            change = await room.visitor.until(
                lambda change: change.table == "auctions" and change.row["status"] == "live",
                "the auction go live",
                PATIENCE_S,
            )
            step.note(f"live on the visitor's screen {change.delay_ms:.0f} ms after the commit")


async def _bid(teller: Teller, room: Room, facts: Facts, auction_id: str) -> None:
    with teller.step("Ben opens, with a secret maximum of $150.00") as step:
        receipt = await _place(room.ben, facts, auction_id, 10_000, 15_000)
        expect(receipt["is_leading"], "Ben does not lead after the first bid.")
        expect(not receipt["reserve_met"], "The reserve is met by a bid below it.")
        step.note(f"leads at {dollars(receipt['current_price_cents'])}, reserve not met")
    with teller.step("Cleo bids $110.00 and is outbid by Ben's proxy") as step:
        receipt = await _place(room.cleo, facts, auction_id, 11_000)
        expect(not receipt["is_leading"], "Cleo leads although Ben's maximum is higher.")
        expect_equal("The price", 11_500, receipt["current_price_cents"])
        secret = await room.cleo.call("get_my_proxy", auction_id=auction_id)
        expect_equal("The maximum that Cleo may see", 11_000, secret["max_cents"])
        step.note("the price is $115.00, one step above her bid")
    with teller.step("Dan bids up to $240.00, takes the lead and meets the reserve") as step:
        receipt = await _place(room.dan, facts, auction_id, 12_000, 24_000)
        expect(receipt["is_leading"], "Dan does not lead with the highest maximum.")
        expect(receipt["reserve_met"], "The reserve is not met by a higher maximum.")
        expect_equal("The price", RESERVE_CENTS, receipt["current_price_cents"])
        step.note("the price jumps to the reserve, $200.00; Ben is told that he is outbid")
    with teller.step("Dan's browser loses the answer and asks again") as step:
        again = await room.dan.succeed(
            "place_bid",
            auction_id=auction_id,
            amount_cents=12_000,
            max_proxy_cents=24_000,
            client_bid_id=receipt["client_bid_id"],
        )
        expect(again["idempotent"], "A repeated bid was not recognised.")
        expect_equal("The bid of the repeated call", receipt["bid_id"], again["bid_id"])
        step.note("same key, same receipt, no second bid")


async def _bid_late(teller: Teller, room: Room, facts: Facts, auction_id: str) -> Mapping[str, Any]:
    with teller.step("Ben comes back in the last seconds, and the end moves") as step:
        left = await room.ben.call("get_time_remaining", auction_id=auction_id)
        await _count_down(teller, float(left["time_remaining"]), until_s=_LATE_S)
        receipt = await _place(room.ben, facts, auction_id, 21_000, 30_000)
        expect(receipt["is_leading"], "Ben does not lead with the highest maximum.")
        expect_equal("The price", FINAL_CENTS, receipt["current_price_cents"])
        expect(receipt["extension_seconds"] > 0, "A bid in the last seconds did not move the end.")
        planned = datetime.fromisoformat(left["end_at"])
        moved, at = (datetime.fromisoformat(receipt[key]) for key in ("new_end_at", "received_at"))
        expect(moved > planned, "The end did not move forward.")
        expect_equal(
            "The time from the late bid to the new end",
            timedelta(seconds=SOFT_CLOSE_S),
            moved - at,
        )
        step.note(f"{dollars(FINAL_CENTS)}; {receipt['extension_seconds']:.1f} s longer")
        message = await room.visitor.until_time_remaining(receipt["version"], PATIENCE_S)
        expect_equal("The end in the broadcast", moved, datetime.fromisoformat(message["end_at"]))
        step.note(f"broadcast: {float(message['time_remaining']):.1f} s remain")
    return receipt


async def _close(
    teller: Teller, room: Room, facts: Facts, auction_id: str, late_bid: Mapping[str, Any]
) -> None:
    with teller.step("The worker closes the auction at the extended end") as step:
        end_at = datetime.fromisoformat(late_bid["new_end_at"])
        left_s = max(0.0, (end_at - datetime.now(UTC)).total_seconds())
        await _count_down(teller, left_s, until_s=0.0)
        closed = await room.visitor.until(
            lambda change: (
                change.table == "auctions" and change.row["status"] not in {"scheduled", "live"}
            ),
            "the auction close",
            PATIENCE_S,
        )
        expect_equal("The auction's end state", "finalized", closed.row["status"])
        expect_equal("The final price", FINAL_CENTS, closed.row["current_price_cents"])
        expect_equal("The winner", "Ben", room.name_of(closed.row["high_bidder_id"]))
        finalized_at = datetime.fromisoformat(closed.row["finalized_at"])
        expect(finalized_at >= end_at, "The auction was closed before its end.")
        lag_ms = (closed.committed_at - end_at).total_seconds() * 1000
        facts.measured("end of the auction → order committed", max(lag_ms, 0.0))
        step.note(
            f"Ben wins at {dollars(FINAL_CENTS)}, closed {max(lag_ms, 0):.0f} ms after its end"
        )
    with teller.step("Everybody can read how it went") as step:
        rows = await room.cleo.rows("bids", order_by="seq", auction_id=auction_id)
        seen = [(room.name_of(r["bidder_id"]), r["amount_cents"], r["is_proxy"]) for r in rows]
        expect_equal("The history of bids", BID_ROWS, seen)
        expect(all(r["max_proxy_cents"] is None for r in rows), "A maximum can be read in a bid.")
        facts.bids = [
            {"seq": row["seq"], "bidder": name, "amount_cents": amount, "is_automatic": automatic}
            for row, (name, amount, automatic) in zip(rows, seen, strict=True)
        ]
        facts.auction |= _summary(closed.row, late_bid)
        await _check_what_was_seen(room, facts)
        step.note(f"{len(rows)} rows, 4 of them by hand; no maximum in any of them")


async def _count_down(teller: Teller, left_s: float, *, until_s: float) -> None:
    """Wait until so many seconds are left, and show how many there are, as the web app does."""
    ends_at = time.monotonic() + left_s
    while (now_left_s := ends_at - time.monotonic()) > until_s:
        teller.update(f"{now_left_s:.1f} s left")
        await asyncio.sleep(min(0.1, now_left_s - until_s))


async def _place(
    person: Person, facts: Facts, auction_id: str, amount_cents: int, max_cents: int | None = None
) -> dict[str, Any]:
    key = str(uuid.uuid4())
    began = time.perf_counter()
    receipt = await person.succeed(
        "place_bid",
        auction_id=auction_id,
        amount_cents=amount_cents,
        max_proxy_cents=max_cents,
        client_bid_id=key,
    )
    facts.measured("place_bid, as the bidder sees it", (time.perf_counter() - began) * 1000)
    return receipt | {"client_bid_id": key}


async def _check_what_was_seen(room: Room, facts: Facts) -> None:
    """Compare what the visitor's screen showed with what there was to see."""
    for amount in (row["amount_cents"] for row in facts.bids):
        await room.visitor.until(
            lambda change, amount=amount: (
                change.table == "bids"  # type: ignore[misc]  # mypy does not follow a default in a lambda
                and change.row["amount_cents"] == amount
            ),
            f"the bid of {dollars(amount)}",
            PATIENCE_S,
        )
    auctions = [change for change in room.visitor.changes if change.table == "auctions"]
    prices = [change.row["current_price_cents"] for change in auctions]
    versions = [change.row["version"] for change in auctions]
    expect_equal("The prices on the visitor's screen", sorted(prices), prices)
    expect_equal("The versions on the visitor's screen", sorted(set(versions)), versions)
    for change in room.visitor.changes:
        facts.measured("commit → visitor's screen", max(change.delay_ms, 0.0))
    facts.auction["broadcasts"] = len(room.visitor.times_remaining)


def _summary(row: Mapping[str, Any], late_bid: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("status", "current_price_cents", "bid_count", "reserve_met", "extension_count")
    times = ("scheduled_end_at", "end_at", "finalized_at")
    return {key: row[key] for key in (*kept, *times)} | {
        "extension_seconds": late_bid["extension_seconds"]
    }

"""The auction of a camera with a secret reserve: bids, a late bid that extends it, the close."""

import asyncio
import time
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from devstack.demo.messages import ask_question
from devstack.demo.people import SOFT_CLOSE_S, People, Person
from devstack.demo.steps import DemoRun, dollars, expect, expect_equal, ms_since


START_CENTS = 10_000
RESERVE_CENTS = 20_000
#: One increment above $240.00, the maximum of the underbidder.
FINAL_CENTS = 24_500
#: The bidder and the amount of each bid, and whether the proxy placed it.
BIDS = [
    ("Ben", 10_000, False),
    ("Cleo", 11_000, False),
    ("Ben", 11_500, True),
    ("Dan", 12_000, False),
    ("Ben", 15_000, True),
    ("Dan", 20_000, True),
    ("Ben", 21_000, False),
    ("Dan", 24_000, True),
    ("Ben", 24_500, True),
]
_OPENS_AFTER_S = 1.0
_RUNS_S = 6.5
#: The late bid comes this long before the end, inside the soft-close window.
_LATE_S = 1.5


async def hold_auction(run: DemoRun, people: People) -> str:
    """Run the auction from its listing to its close; return its id."""
    auction_id = await _list(run, people)
    await _open(run, people, auction_id)
    await ask_question(run, people)
    await _bid(run, people, auction_id)
    late_bid = await _bid_late(run, people, auction_id)
    await _close(run, people, auction_id, late_bid)
    return auction_id


async def _list(run: DemoRun, people: People) -> str:
    with run.step(f"{people.ada.name} lists a camera with a secret reserve") as step:
        now = datetime.now(UTC)
        answer = await people.ada.succeed(
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
        expect("reserve_cents" not in listing, "The public listing shows its reserve.")
        expect("street" not in str(listing), "The public listing shows its street.")
        own = await people.ada.call("get_listing_private", listing_id=listing["id"])
        expect_equal("The reserve that the seller sees", RESERVE_CENTS, own["reserve_cents"])
        run.results.auction = {
            "id": auction_id,
            "listing_id": listing["id"],
            "title": listing["title"],
        }
        step.note(
            f"from {dollars(START_CENTS)}, reserve {dollars(RESERVE_CENTS)} that only she sees"
        )
    return auction_id


async def _open(run: DemoRun, people: People, auction_id: str) -> None:
    with run.step("A visitor subscribes, and the worker opens the auction") as step:
        await people.visitor.watch_auction(auction_id)
        state = await people.ben.call("get_auction_state", auction_id=auction_id)
        if state["status"] != "live":
            change = await people.visitor.wait_for_change(
                lambda change: change.table == "auctions" and change.row["status"] == "live",
                "the auction go live",
            )
            step.note(f"live on the visitor's screen {change.delay_ms:.0f} ms after the commit")


async def _bid(run: DemoRun, people: People, auction_id: str) -> None:
    with run.step("Ben opens, with a secret maximum of $150.00") as step:
        receipt = await _place(run, people.ben, auction_id, 10_000, 15_000)
        expect(receipt["is_leading"], "Ben does not lead after the first bid.")
        expect(not receipt["reserve_met"], "The reserve is met by a bid below it.")
        step.note(f"leads at {dollars(receipt['current_price_cents'])}, reserve not met")
    with run.step("Cleo bids $110.00 and is outbid by Ben's proxy") as step:
        receipt = await _place(run, people.cleo, auction_id, 11_000)
        expect(not receipt["is_leading"], "Cleo leads although Ben's maximum is higher.")
        expect_equal("The price", 11_500, receipt["current_price_cents"])
        secret = await people.cleo.call("get_my_proxy", auction_id=auction_id)
        expect_equal("The maximum that Cleo may see", 11_000, secret["max_cents"])
        step.note("the price is $115.00, one increment above her bid")
    with run.step("Dan bids up to $240.00, takes the lead and meets the reserve") as step:
        receipt = await _place(run, people.dan, auction_id, 12_000, 24_000)
        expect(receipt["is_leading"], "Dan does not lead with the highest maximum.")
        expect(receipt["reserve_met"], "The reserve is not met by a higher maximum.")
        expect_equal("The price", RESERVE_CENTS, receipt["current_price_cents"])
        step.note("the price jumps to the reserve, $200.00; Ben is notified that he is outbid")
    with run.step("Dan's browser loses the answer and repeats the request") as step:
        again = await people.dan.succeed(
            "place_bid",
            auction_id=auction_id,
            amount_cents=12_000,
            max_proxy_cents=24_000,
            client_bid_id=receipt["client_bid_id"],
        )
        expect(again["idempotent"], "A repeated bid was not recognised.")
        expect_equal("The bid of the repeated call", receipt["bid_id"], again["bid_id"])
        step.note("same key, same receipt, no second bid")


async def _bid_late(run: DemoRun, people: People, auction_id: str) -> Mapping[str, Any]:
    with run.step("Ben comes back in the last seconds, and the end moves") as step:
        left = await people.ben.call("get_time_remaining", auction_id=auction_id)
        await _count_down(run, float(left["time_remaining"]), until_s=_LATE_S)
        receipt = await _place(run, people.ben, auction_id, 21_000, 30_000)
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
        message = await people.visitor.wait_for_time_remaining(receipt["version"])
        expect_equal("The end in the broadcast", moved, datetime.fromisoformat(message["end_at"]))
        step.note(f"broadcast: {float(message['time_remaining']):.1f} s remain")
    return receipt


async def _close(
    run: DemoRun, people: People, auction_id: str, late_bid: Mapping[str, Any]
) -> None:
    with run.step("The worker closes the auction at the extended end") as step:
        end_at = datetime.fromisoformat(late_bid["new_end_at"])
        left_s = max(0.0, (end_at - datetime.now(UTC)).total_seconds())
        await _count_down(run, left_s, until_s=0.0)
        closed = await people.visitor.wait_for_change(
            lambda change: (
                change.table == "auctions" and change.row["status"] not in {"scheduled", "live"}
            ),
            "the auction close",
        )
        expect_equal("The auction's end state", "finalized", closed.row["status"])
        expect_equal("The final price", FINAL_CENTS, closed.row["current_price_cents"])
        expect_equal("The winner", "Ben", people.name_of(closed.row["high_bidder_id"]))
        finalized_at = datetime.fromisoformat(closed.row["finalized_at"])
        expect(finalized_at >= end_at, "The auction was closed before its end.")
        lag_ms = (closed.committed_at - end_at).total_seconds() * 1000
        run.results.add_duration("end of the auction → order committed", max(lag_ms, 0.0))
        step.note(
            f"Ben wins at {dollars(FINAL_CENTS)}, closed {max(lag_ms, 0):.0f} ms after its end"
        )
    with run.step("Every user can read the bids") as step:
        rows = await people.cleo.rows("bids", order_by="seq", auction_id=auction_id)
        seen = [(people.name_of(r["bidder_id"]), r["amount_cents"], r["is_proxy"]) for r in rows]
        expect_equal("The history of bids", BIDS, seen)
        expect(all(r["max_proxy_cents"] is None for r in rows), "A maximum can be read in a bid.")
        run.results.bids = [
            {"seq": row["seq"], "bidder": name, "amount_cents": amount, "is_automatic": automatic}
            for row, (name, amount, automatic) in zip(rows, seen, strict=True)
        ]
        run.results.auction |= _summary(closed.row, late_bid)
        await _check_received(run, people)
        step.note(f"{len(rows)} rows, 4 of them by hand; none shows a maximum")


async def _count_down(run: DemoRun, left_s: float, *, until_s: float) -> None:
    """Wait until `until_s` seconds are left, and show the countdown as the web app does."""
    ends_at = time.monotonic() + left_s
    while (now_left_s := ends_at - time.monotonic()) > until_s:
        run.update(f"{now_left_s:.1f} s left")
        await asyncio.sleep(min(0.1, now_left_s - until_s))


async def _place(
    run: DemoRun,
    person: Person,
    auction_id: str,
    amount_cents: int,
    max_cents: int | None = None,
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
    run.results.add_duration("place_bid, as the bidder sees it", ms_since(began))
    return receipt | {"client_bid_id": key}


async def _check_received(run: DemoRun, people: People) -> None:
    """Check that the visitor received every bid, and every change in order."""
    for amount in (row["amount_cents"] for row in run.results.bids):
        await people.visitor.wait_for_change(
            lambda change, amount=amount: (
                change.table == "bids"  # type: ignore[misc]  # mypy does not follow a default in a lambda
                and change.row["amount_cents"] == amount
            ),
            f"the bid of {dollars(amount)}",
        )
    auctions = [change for change in people.visitor.changes if change.table == "auctions"]
    prices = [change.row["current_price_cents"] for change in auctions]
    versions = [change.row["version"] for change in auctions]
    expect_equal("The prices on the visitor's screen", sorted(prices), prices)
    expect_equal("The versions on the visitor's screen", sorted(set(versions)), versions)
    for change in people.visitor.changes:
        run.results.add_duration("commit → visitor's screen", max(change.delay_ms, 0.0))
    run.results.auction["broadcasts"] = len(people.visitor.times_remaining)


def _summary(row: Mapping[str, Any], late_bid: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("status", "current_price_cents", "bid_count", "reserve_met", "extension_count")
    times = ("scheduled_end_at", "end_at", "finalized_at")
    return {key: row[key] for key in (*kept, *times)} | {
        "extension_seconds": late_bid["extension_seconds"]
    }

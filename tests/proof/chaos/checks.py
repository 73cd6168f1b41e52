"""Check a finished market. Each check has a name and counts the things that it looked at."""

import bisect
import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from tests.proof.chaos import money_checks
from tests.proof.chaos.bidding import AnsweredBid
from tests.proof.chaos.facts import Facts, Row
from tests.proof.chaos.plan import Ending
from tests.proof.chaos.replay import Replay, differences, replays
from tools.verify_bid_log import (
    Checker,
    UnreadableError,
    WrongRowError,
    read_log,
    read_receipt,
)


#: A check yields a text for each violation; the counter gets the things that it looked at.
Look = Callable[["CheckContext"], Iterator[str]]
#: An outage counts if it took time within this time before an end.
OUTAGE_WINDOW = timedelta(seconds=600)
#: A batch of closes that had begun before an outage was over may not know it.
OUTAGE_KNOWN = timedelta(seconds=10)
#: A bid that the end of an outage does not see yet was placed at most this long before it.
BID_LASTS = timedelta(seconds=3)
#: The notifications that the parties get about an order, for each step after its payment.
_PAID = (("seller", "order_paid"), ("buyer", "payment_received"))
_REFUNDED = (("buyer", "refund_processed"), ("seller", "refund_processed"))
_NOTICES: Mapping[Ending, tuple[tuple[str, str], ...]] = {
    Ending.UNPAID: (),
    Ending.RELEASED: (
        *_PAID,
        ("buyer", "order_ready"),
        ("buyer", "order_shipped"),
        ("seller", "order_delivered"),
        ("seller", "funds_released"),
    ),
    Ending.CANCELLED: (
        *_PAID,
        *_REFUNDED,
        ("buyer", "order_cancelled"),
        ("seller", "order_cancelled"),
    ),
    Ending.REFUNDED: (*_PAID, *_REFUNDED),
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of one check."""

    name: str
    looked_at: int
    problems: tuple[str, ...]


@dataclasses.dataclass(slots=True, kw_only=True)
class CheckContext:
    """The facts, the replayed auctions, and the number of things that a check has looked at."""

    facts: Facts
    replays: Mapping[UUID, Replay]
    count: int = 0

    def each(self, name: str) -> Iterator[Row]:
        """Yield the rows of a query, and count them."""
        self.count += len(self.facts.rows[name])
        yield from self.facts.rows[name]


def check(facts: Facts) -> list[Result]:
    """Run all checks."""
    replayed = replays(facts)
    results = []
    for name, look in CHECKS.items():
        context = CheckContext(facts=facts, replays=replayed)
        problems = tuple(look(context))
        results.append(Result(name=name, looked_at=context.count, problems=problems))
    return results


def _closed_once(context: CheckContext) -> Iterator[str]:
    """Yield auctions that were lost, not closed, closed early or closed twice."""
    found = {row["id"] for row in context.each("auctions")}
    yield from (f"auction {lost} is lost" for lost in context.facts.outside.sales.keys() - found)
    for row in context.facts.rows["auctions"]:
        # Each change of an auction raises its version by one, so a second close would show.
        expected = context.replays[row["id"]].oracle.version
        if row["status"] not in ("finalized", "no_sale"):
            yield f"auction {row['id']} is {row['status']}"
        elif row["finalized_at"] < row["end_at"]:
            yield f"auction {row['id']} was closed before its end"
        elif row["version"] != expected:
            yield f"auction {row['id']} has version {row['version']}, expected {expected}"
    yield from (f"auction {row['auction_id']} failed" for row in context.facts.rows["failures"])


def _winners(context: CheckContext) -> Iterator[str]:
    for row in context.each("auctions"):
        yield from differences(context.replays[row["id"]], row)


def _listings(context: CheckContext) -> Iterator[str]:
    for row in context.each("auctions"):
        price = row["current_price_cents"] if row["high_bid_id"] else None
        expected = ("ended", row["end_at"], price, row["bid_count"])
        found = tuple(
            row[name]
            for name in (
                "listing_status",
                "listing_end_at",
                "current_bid_cents",
                "listing_bid_count",
            )
        )
        if found != expected:
            yield f"listing {row['listing_id']} is {found}, expected {expected}"


def _receipts_agree(context: CheckContext) -> Iterator[str]:
    context.count = len(context.facts.outside.answered)
    for replay in context.replays.values():
        yield from replay.problems


def _no_late_bid(context: CheckContext) -> Iterator[str]:
    ends = {row["id"]: row["end_at"] for row in context.facts.rows["auctions"]}
    for row in context.each("bids"):
        if row["placed_at"] >= ends[row["auction_id"]]:
            yield f"bid {row['id']} was placed after the end"
    for replay in context.replays.values():
        yield from replay.late


def _receipts_are_kept(context: CheckContext) -> Iterator[str]:
    stored = {(r["bidder_id"], r["client_bid_id"]): r["receipt"] for r in context.each("receipts")}
    for answered in context.facts.outside.answered:
        key = (answered.bidder_id, answered.client_bid_id)
        kept = stored.pop(key, None)
        if kept is None:
            yield f"the receipt {answered.client_bid_id} is lost"
        elif kept | {"idempotent": True} != answered.receipt | {"idempotent": True}:
            yield f"the receipt {answered.client_bid_id} is another one"
    yield from (f"nobody got the receipt {key}" for _, key in stored)


def _repeats(context: CheckContext) -> Iterator[str]:
    context.count = len(context.facts.outside.repeated)
    for answered, answer in context.facts.outside.repeated:
        if answer != answered.receipt | {"idempotent": True}:
            yield f"bid {answered.client_bid_id} was repeated and got {answer}"


def _history(context: CheckContext) -> Iterator[str]:
    """Compare all rows of bids, automatic ones included: none is lost, doubled or rewritten."""
    rows = context.facts.by("bids", "auction_id")
    for auction_id, replay in context.replays.items():
        found = [
            (r["bidder_id"], r["amount_cents"], r["is_proxy"], r["placed_at"], r["accepted"])
            for r in rows.get(auction_id, ())
        ]
        expected = [
            (b.bidder, b.cents, b.is_proxy, b.placed_at, b.accepted) for b in replay.oracle.bids
        ]
        context.count += len(found)
        if found != expected:
            yield f"auction {auction_id} has the bids {found}, expected {expected}"


def _maxima(context: CheckContext) -> Iterator[str]:
    found = {(r["auction_id"], r["bidder_id"]): r["max_cents"] for r in context.each("maxima")}
    expected = {
        (auction_id, bidder): maximum.cents
        for auction_id, replay in context.replays.items()
        for bidder, maximum in replay.oracle.maxima.items()
    }
    for key, cents in set(found.items()) ^ set(expected.items()):
        yield f"maximum {key} of {cents} cents is not the one that was sent"


def _orders(context: CheckContext) -> Iterator[str]:
    orders = context.facts.by("orders", "auction_id")
    for row in context.each("auctions"):
        own = orders.get(row["id"], [])
        expected = int(row["status"] == "finalized")
        if len(own) != expected:
            yield f"auction {row['id']} has {len(own)} orders, expected {expected}"
        for order in own:
            pairs = {
                "amount_cents": row["current_price_cents"],
                "buyer_id": row["high_bidder_id"],
                "seller_id": row["seller_id"],
                "winning_bid_id": row["high_bid_id"],
            }
            for name, value in pairs.items():
                if order[name] != value:
                    yield f"order {order['id']}: {name} is {order[name]}, expected {value}"


def _notifications(context: CheckContext) -> tuple[Counter[Any], Counter[Any]]:
    """Return the notifications that there are, and those that there must be."""
    found = Counter(
        (r["user_id"], r["type"], r["auction_id"]) for r in context.each("notifications")
    )
    expected: Counter[Any] = Counter()
    for auction_id, replay in context.replays.items():
        for (user_id, kind), count in replay.oracle.notified.items():
            expected[user_id, kind, auction_id] += count
    for order, sale in context.facts.sold():
        for party, kind in _NOTICES.get(sale.ending, _PAID):
            expected[order[f"{party}_id"], kind, order["auction_id"]] += 1
    return found, expected


def _no_doubled_notification(context: CheckContext) -> Iterator[str]:
    found, expected = _notifications(context)
    most = {
        "payment_failed": _declines(context.facts),
        "auction_extended": Counter(dict.fromkeys(context.replays, 1)),
    }
    for (user_id, kind, auction_id), count in (found - expected).items():
        if count > most.get(kind, {}).get(auction_id, 0):
            yield f"user {user_id} has {count} more {kind} about {auction_id} than allowed"


def _declines(facts: Facts) -> Counter[UUID]:
    """Return how often a card was declined for each auction's order."""
    return Counter(
        {
            order["auction_id"]: sum(
                facts.stripe.declines.get(intent["id"], 0)
                for intent in facts.stripe.objects.intents.get(str(order["id"]), ())
            )
            for order in facts.rows["orders"]
        }
    )


def _no_lost_notification(context: CheckContext) -> Iterator[str]:
    found, expected = _notifications(context)
    for (user_id, kind, auction_id), count in (expected - found).items():
        yield f"user {user_id} lacks {count} {kind} about {auction_id}"


def _outages(context: CheckContext) -> Iterator[str]:
    """Look for ends that moved without a bid: at most once, and only where an outage took time."""
    outages = context.facts.rows["outages"]
    for row in context.facts.rows["auctions"]:
        moves = context.replays[row["id"]].moves
        is_extended = row["outage_extension_s"] > 0
        context.count += is_extended
        if len(moves) > 1:
            yield f"the end of auction {row['id']} moved {len(moves)} times without a bid"
        elif bool(moves) != is_extended:
            yield f"auction {row['id']}: moved {moves}, extended {row['outage_extension_s']} s"
        elif is_extended and not _took_time(outages, row["start_at"], moves[0]):
            yield f"auction {row['id']} was extended without an outage"
        elif not is_extended and row["finalized_at"] is not None:
            known_by = row["finalized_at"] - OUTAGE_KNOWN
            known = [outage for outage in outages if outage["ended_at"] < known_by]
            if _took_time(known, row["start_at"], row["end_at"]):
                yield f"auction {row['id']} lost time to an outage and got none back"


def _took_time(outages: Sequence[Row], start_at: datetime, end_at: datetime) -> bool:
    """Return true if one of the outages took bidding time shortly before an end."""
    from_at = max(start_at, end_at - OUTAGE_WINDOW)
    return any(one["started_at"] < end_at and one["ended_at"] > from_at for one in outages)


def _real_outages(context: CheckContext) -> Iterator[str]:
    """Look for accepted bids within an outage."""
    bids = sorted(row["placed_at"] for row in context.facts.rows["bids"] if not row["is_proxy"])
    for outage in context.each("outages"):
        first = bisect.bisect_right(bids, outage["started_at"])
        if first < len(bids) and bids[first] < outage["ended_at"] - BID_LASTS:
            yield f"a bid was accepted at {bids[first]}, within the outage {dict(outage)}"


def _logs(context: CheckContext) -> Iterator[str]:
    """Verify each auction's log as anyone can, and look for every receipt in it."""
    answered: dict[str, list[AnsweredBid]] = {}
    for one in context.facts.outside.answered:
        answered.setdefault(str(one.auction_id), []).append(one)
    for row in context.each("logs"):
        try:
            log = read_log(row["text"])
            receipts = [
                read_receipt(json.dumps(one.receipt), one.max_cents)
                for one in answered.get(str(row["id"]), ())
            ]
            outcome = list(Checker(log, receipts).steps())[-1].kind
        except (UnreadableError, WrongRowError) as error:
            yield f"the log of auction {row['id']} is wrong: {error}"
        else:
            if outcome != "close":
                yield f"the log of auction {row['id']} ends with {outcome}"


def _nothing_dead(context: CheckContext) -> Iterator[str]:
    for row in (*context.each("outbox"), *context.each("events")):
        if row["status"] == "dead":
            yield f"dead: {dict(row)}"


def _nothing_open(context: CheckContext) -> Iterator[str]:
    for row in (*context.each("outbox"), *context.each("events")):
        if row["status"] in ("queued", "leased", "received", "failed"):
            yield f"open: {dict(row)}"
    yield from (f"{count} {name} were open" for name, count in context.facts.outside.left.items())


def _no_unexpected_answer(context: CheckContext) -> Iterator[str]:
    context.count = len(context.facts.outside.answered)
    for answer, count in context.facts.outside.unexpected.items():
        yield f"{count} times {answer}"


def _of_money(look: Callable[[Facts], tuple[int, list[str]]]) -> Look:
    def found(context: CheckContext) -> Iterator[str]:
        context.count, problems = look(context.facts)
        yield from problems

    return found


CHECKS: Mapping[str, Look] = {
    "every auction is closed once": _closed_once,
    "winner and price are the oracle's": _winners,
    "listings show their auctions' end": _listings,
    "receipts are the oracle's": _receipts_agree,
    "no bid after an end was accepted": _no_late_bid,
    "every receipt is kept": _receipts_are_kept,
    "a repeated bid gets its first receipt": _repeats,
    "no bid is lost or doubled": _history,
    "maxima are the bidders' own": _maxima,
    "each sale has one order": _orders,
    "each order is where its parties took it": _of_money(money_checks.states),
    "each order came into each state once": _of_money(money_checks.histories),
    "each order was paid at most once": _of_money(money_checks.payments),
    "each refund was sent once": _of_money(money_checks.refunds),
    "every released order's seller is paid once": _of_money(money_checks.payouts),
    "the ledger balances": _of_money(money_checks.balance),
    "the books agree with Stripe": _of_money(money_checks.books),
    "each event of Stripe took effect once": _of_money(money_checks.events),
    "no notification is doubled": _no_doubled_notification,
    "no notification is lost": _no_lost_notification,
    "an outage gives its time back, once": _outages,
    "no bid was accepted within an outage": _real_outages,
    "each bid log can be verified": _logs,
    "nothing is dead": _nothing_dead,
    "nothing is open or leased": _nothing_open,
    "nobody got an impossible answer": _no_unexpected_answer,
}

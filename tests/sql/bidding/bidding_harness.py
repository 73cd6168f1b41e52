"""Make each change in the database and in the oracle, and compare the two."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg.pq import TransactionStatus

from tests.sql.bidding.bidding_log import check_log_of
from tests.sql.bidding.bidding_view import in_database, in_oracle, parsed
from tests.sql.bidding.bidding_world import BEGINNING, World
from tests.sql.bidding.oracle import Market
from tests.sql.bidding.oracle_auction import Auction, step
from tests.sql.bidding.oracle_refusals import ERRORS, Refused


GRACE = timedelta(seconds=60)


class BiddingHarness:
    """A market in the database and in the oracle. `executed` counts the changes and answers."""

    def __init__(self, world: World, executed: Counter[str]) -> None:
        self.world = world
        self.executed = executed
        self.people = world.people()
        self.market = Market(self.people)
        self.seen: dict[UUID, tuple[Any, ...]] = {}
        self.barred: Counter[UUID] = Counter()
        self.checked: set[UUID] = set()
        self.receipts: Counter[tuple[str, str]] = Counter()
        world.owner.execute("savepoint example")
        world.set_time(BEGINNING)

    def undo(self) -> None:
        """Check the deferred constraints, and undo all changes."""
        owner = self.world.owner
        if owner.info.transaction_status is TransactionStatus.INTRANS:
            owner.execute("set constraints all immediate")
            owner.execute("set constraints all deferred")
        owner.execute("rollback to savepoint example")
        owner.execute("release savepoint example")

    def bid(
        self, name: str, auction_id: UUID, cents: int | None, maximum: int | None, key: UUID | None
    ) -> None:
        """Bid, with or without a key."""
        person = self.people[name]
        expected = self.market.place_bid(person, auction_id, cents, maximum, key, self.world.now)
        answer = self.world.call(
            name,
            "place_bid",
            auction_id=auction_id,
            amount_cents=cents,
            max_proxy_cents=maximum,
            client_bid_id=key,
        )
        if isinstance(expected, Refused):
            self._check_refusal(auction_id, answer, expected)
        else:
            self._check_receipt(parsed(answer), expected)

    def end_auction(self, auction_id: UUID, *, is_forced: bool) -> None:
        """Close one auction."""
        expected = self.market.end_auction(auction_id, self.world.now, force=is_forced)
        answer = self.world.call("service", "end_auction", auction_id=auction_id, force=is_forced)
        if expected["success"]:
            assert expected == parsed(answer)
        else:
            assert expected.items() <= parsed(answer).items()
        is_extended = "code" in expected
        outcome = "closed one" if expected["success"] else "closed none"
        self.count("extended one" if is_extended else outcome)
        self.executed["sold"] += "order_id" in expected

    def end_expired_auctions(self) -> None:
        """Close or extend the auctions that are due."""
        expected = self.market.end_expired(self.world.now)
        answer = self.world.call("service", "end_expired_auctions", max_rows=100)
        counts = (answer["success"], answer["auctions_processed"], answer["failed"])
        assert (True, len(expected), 0) == counts
        assert {a["auction_id"]: a for a in expected} == {
            a["auction_id"]: a for a in map(parsed, answer["results"])
        }
        self.count("closed due" if expected else "closed none")
        self.executed["sold"] += sum("order_id" in answer for answer in expected)
        self.executed["extended"] += sum("code" in answer for answer in expected)

    def beat(self) -> None:
        """Record a heartbeat."""
        self.market.heartbeats.append(self.world.now)
        self.world.call("service", "record_heartbeat")

    def live(self, until: datetime) -> None:
        """Let time pass with heartbeats."""
        self.market.heartbeats += self.world.live(until)

    def activate_due_auctions(self) -> None:
        """Activate the auctions that have reached their start."""
        expected = self.market.activate_due(self.world.now, GRACE)
        assert expected == self.world.call("service", "activate_due_auctions")
        self.count("activated" if expected else "activated none")

    def suspend(self, name: str, *, is_suspended: bool) -> None:
        """Suspend a user, or lift the suspension."""
        self.people[name].is_suspended = is_suspended
        self.world.suspend(name, is_suspended=is_suspended)
        self.count("suspended" if is_suspended else "lifted")

    def delete(self, name: str, *, is_deleted: bool) -> None:
        """Delete a user's account, or restore it."""
        self.people[name].is_deleted = is_deleted
        self.world.delete(name, is_deleted=is_deleted)
        self.count("deleted" if is_deleted else "restored")

    def withdraw(self, people: Sequence[UUID], auction_id: UUID) -> None:
        """Withdraw the bids of some people; a second call must change nothing."""
        auction = self.market.auctions.get(auction_id)
        led = auction is not None and auction.leader in people
        expected = auction is not None and auction.withdraw(set(people), self.world.now)
        assert expected == self.world.withdraw(auction_id, people)
        self.count(("withdrew the leader" if led else "withdrew") if expected else "withdrew none")
        self.compare()
        assert not self.world.withdraw(auction_id, people)

    def look(self, name: str, auction_id: UUID) -> None:
        """Check that a user reads the own maximum, and no other one."""
        auction, person = self.market.auctions[auction_id], self.people[name].id
        own = auction.maxima.get(person)
        answer = self.world.call(name, "get_my_proxy", auction_id=auction_id)
        if self.people[name].is_deleted:
            assert answer["code"] == "PROFILE_NOT_FOUND"
        elif own is None:
            assert answer is None
        else:
            assert (own.cents, own.set_at, auction.leader == person) == (
                answer["max_cents"],
                datetime.fromisoformat(answer["updated_at"]),
                answer["is_leading"],
            )
        self.count("looked")

    def compare(self) -> None:
        """Compare every row with the oracle, and check rules that hold for any auction.

        Only a withdrawal lets a price fall, by itself or as part of a close.
        """
        for auction_id, auction in self.market.auctions.items():
            found = in_database(self.world.owner, auction_id)
            assert in_oracle(auction) == found
            row, bids = found["auction"], found["bids"]
            price = row["current_price_cents"]
            assert price + (step(price) if row["high_bid_seq"] else 0) == row["min_next_bid_cents"]
            assert list(range(1, len(bids) + 1)) == [bid[4] for bid in bids]
            never_back = (price, row["end_at"], row["version"], len(bids))
            before = self.seen.get(auction_id, never_back)
            may_fall = len(found["barred"]) > self.barred[auction_id]
            is_lower = tuple(a > b for a, b in zip(before, never_back, strict=True))
            assert not any(is_lower[1 if may_fall else 0 :])
            self.seen[auction_id] = never_back
            self.barred[auction_id] = len(found["barred"])
            self.check_log(auction)

    def check_log(self, auction: Auction) -> None:
        """Check the log of a closed auction, once."""
        if auction.status in ("finalized", "no_sale") and auction.id not in self.checked:
            answer = self.world.call("unknown", "get_bid_log", auction_id=auction.id)
            check_log_of(auction, answer)
            self.checked.add(auction.id)
            self.executed["logs"] += 1

    def count(self, what: str) -> None:
        """Count a step under its name."""
        self.executed["steps"] += 1
        self.executed[what] += 1

    def _check_refusal(self, auction_id: UUID, answer: Any, expected: Refused) -> None:
        code = answer.get("code")
        assert code in expected.codes
        refusal = {"success": False, "code": code, "error": ERRORS[code]}
        if code == "BID_TOO_LOW":
            minimum = self.market.auctions[auction_id].minimum
            refusal["error"] = f"Minimum bid is ${minimum // 100}.{minimum % 100:02d}"
            refusal["minimum_bid_cents"] = minimum
        assert refusal == answer
        self.count(code)

    def _check_receipt(self, answer: dict[str, Any], expected: dict[str, Any]) -> None:
        query = "select seq from public.bids where id = %s"
        bid_id = answer.pop("bid_id")
        self.receipts[answer.pop("hash"), answer.pop("salt")] += 1
        assert [(expected["seq"],)] == self.world.owner.execute(query, [bid_id]).fetchall()
        assert expected == answer
        if expected["idempotent"]:
            self.count("repeated")
        else:
            is_raise = expected["previous_bidder_id"] is not None and (
                expected["is_leading"] and not expected["outbid_previous"]
            )
            self.count("raised" if is_raise else "stood")

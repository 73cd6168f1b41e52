#!/usr/bin/env python3
"""Check the bid log of a closed auction, with nothing but the standard library of Python 3.11.

The log is the answer of the RPC `get_bid_log`. docs/bid-log.md describes its format and what a
check proves. The program recomputes the chain of hashes, the commitments, every price, end and
leader, and the outcome. It marks each row as proved, or as sealed if a secret decides about it.

  verify_bid_log.py log.json
  verify_bid_log.py log.json --receipt receipt.json 25000

The second form checks your receipt of place_bid too, with your maximum in cents.

Exit codes: 0 the log is consistent; 1 it is not; 2 the input cannot be read.
"""

import argparse
import dataclasses
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NoReturn


FORMAT = "aussie-market-bid-log-1"
ROW_KEYS = {"seq", "kind", "record", "commitment", "opened", "previous_hash", "hash"}
_STEP = {"at", "bid_seq", "bidder", "end_at", "leader", "price_cents", "reserve"}
_RULES = {"at", "increments", "snipe_window_s", "snipe_extend_s", "snipe_max_total_s"}
#: The fields of a record, by the kind of its row.
RECORD_KEYS: Mapping[str, set[str]] = {
    "start": _RULES
    | {
        "bidder_count",
        "bids_before",
        "end_at",
        "format",
        "leader",
        "min_next_bid_cents",
        "price_cents",
    }
    | {"reserve", "scheduled_end_at", "start_at"},
    "rules": _RULES,
    "bid": _STEP | {"amount_cents"},
    "raise": _STEP,
    "sealed": set(),
    "withdrawal": {"at", "bidders", "leader", "price_cents", "reserve"},
    "extension": {"at", "end_at"},
    "close": {"at", "is_forced", "outcome", "price_cents", "winner"},
}
COMMITTED = ("start", "bid", "raise", "sealed")
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_HASH = re.compile(r"[0-9a-f]{64}")
#: JSON of other languages holds larger whole numbers only roughly.
_LARGEST = 2**53 - 1
_TIME_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


class UnreadableError(Exception):
    """The input is not the answer of `get_bid_log` or a receipt of `place_bid`."""


class WrongRowError(Exception):
    """A row contradicts the rules or the other rows."""


@dataclasses.dataclass(frozen=True)
class Step:
    """The verdict about one row."""

    seq: int
    kind: str
    is_proved: bool
    text: str


@dataclasses.dataclass(frozen=True)
class Receipt:
    """A receipt of `place_bid`, with the bidder's maximum."""

    hash: str
    salt: str
    max_cents: int
    at: str
    #: Facts that are fields of the row's record.
    facts: Mapping[str, int]
    #: Results that hold after the row, even if its record states none.
    results: Mapping[str, Any]


@dataclasses.dataclass
class Rules:
    """The increments, and the times of the soft close."""

    increments: Sequence[Sequence[Any]]
    window: timedelta
    extend: timedelta
    max_total: timedelta

    def step(self, price: int) -> int:
        """Return the increment above a price."""
        for below, step in self.increments:
            if below is None or price < below:
                return int(step)
        raise WrongRowError("the increments have no last step")


@dataclasses.dataclass
class Auction:
    """The auction as the rows so far make it."""

    rules: Rules
    start_at: datetime
    end_at: datetime
    scheduled_end_at: datetime
    price: int
    min_next: int
    leader: int | None
    reserve: str
    reserve_cents: int | None
    bidder_count: int
    last_bid_seq: int
    is_whole: bool
    is_extended: bool = False
    last_at: str = ""
    #: Each bidder's maximum; None while it is sealed.
    maxima: dict[int, int | None] = dataclasses.field(default_factory=dict)
    amounts: dict[int, int] = dataclasses.field(default_factory=dict)
    #: Sealed maxima at which a price already stood, so that no later price may be above them.
    bounds: dict[int, int] = dataclasses.field(default_factory=dict)
    withdrawn: set[int] = dataclasses.field(default_factory=set)


# Reading.


def read_log(text: str) -> dict[str, Any]:
    """Return the log in an answer of `get_bid_log`; refuse any other form."""
    log = read_json(text)
    if not isinstance(log, dict) or log.get("success") is not True:
        raise UnreadableError("this is no answer of get_bid_log, or a refusal")
    if log.keys() != {"success", "auction_id", "rows"} or not isinstance(log["rows"], list):
        raise UnreadableError("the answer has other fields than success, auction_id and rows")
    if not isinstance(log["auction_id"], str) or not log["rows"]:
        raise UnreadableError("the answer has no auction or no rows")
    for row in log["rows"]:
        if not isinstance(row, dict) or row.keys() != ROW_KEYS:
            raise UnreadableError("a row has other fields than the format")
    return log


def read_json(text: str, *, has_fractions: bool = False) -> Any:
    """Parse JSON; refuse keys that stand twice, and fractions where none may be."""

    def refuse(value: str) -> NoReturn:
        message = f"{value} is no whole number"
        raise UnreadableError(message)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) < len(pairs):
            raise UnreadableError("a field stands twice")
        return dict(pairs)

    try:
        return json.loads(
            text,
            parse_float=float if has_fractions else refuse,
            parse_constant=refuse,
            object_pairs_hook=unique,
        )
    except ValueError as error:
        message = f"no JSON: {error}"
        raise UnreadableError(message) from error
    except RecursionError as error:
        raise UnreadableError("the values are nested too deeply") from error


def read_receipt(text: str, max_cents: int) -> Receipt:
    """Return a receipt of `place_bid` with the maximum of its bid; refuse any other form."""
    answer = read_json(text, has_fractions=True)
    if not isinstance(answer, dict) or answer.get("success") is not True:
        raise UnreadableError("this is no receipt of place_bid, or a refusal")
    try:
        return Receipt(
            hash=_text_of(answer["hash"]),
            salt=_text_of(answer["salt"]),
            max_cents=max_cents,
            at=_utc(answer["received_at"]).strftime(_TIME_FORMAT),
            facts={"amount_cents": answer["amount_cents"], "bid_seq": answer["seq"]},
            results={
                "price_cents": answer["current_price_cents"],
                "min_next_bid_cents": answer["min_next_bid_cents"],
                "end_at": _utc(answer["end_at"]),
                "is_leading": answer["is_leading"],
                "reserve_met": answer["reserve_met"],
            },
        )
    except KeyError as error:
        message = f"the receipt lacks {error}"
        raise UnreadableError(message) from error
    except (TypeError, ValueError, OverflowError) as error:
        message = f"a field of the receipt has a wrong form: {error}"
        raise UnreadableError(message) from error


def _text_of(value: Any) -> str:
    if not isinstance(value, str):
        message = f"{value!r} is no text"
        raise TypeError(message)
    return value


def _utc(text: Any) -> datetime:
    time = datetime.fromisoformat(text)
    if time.tzinfo is None:
        message = f"{text} has no time zone"
        raise ValueError(message)
    return time.astimezone(UTC)


def canonical(value: Any) -> bytes:
    """Return canonical JSON (RFC 8785) of whole numbers and ASCII text."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()


def check_record(kind: Any, record: Any) -> None:
    """Refuse a record with other fields than its kind has, or with values of another form."""
    if not isinstance(kind, str) or kind not in RECORD_KEYS:
        raise WrongRowError("unknown kind")
    if not isinstance(record, dict) or record.keys() != RECORD_KEYS[kind]:
        raise WrongRowError("the record has other fields than its kind")
    for key, value in record.items():
        if not _has_form(key, value):
            message = f"{key} has a wrong form"
            raise WrongRowError(message)


def _has_form(key: str, value: Any) -> bool:
    if key == "at" or key.endswith("_at"):
        return isinstance(value, str) and _TIME.fullmatch(value) is not None
    if key in {"leader", "winner"} and value is None:
        return True
    words = {
        "reserve": ("none", "unmet", "met", "lifted"),
        "outcome": ("finalized", "no_sale"),
        "format": (FORMAT,),
    }
    if key in words:
        return value in words[key]
    if key in {"increments", "bidders"}:
        return isinstance(value, list) and (_are_steps if key == "increments" else _rise)(value)
    return isinstance(value, bool) if key == "is_forced" else _is_count(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value <= _LARGEST


def _rise(values: Sequence[Any]) -> bool:
    """Return true for one or more whole numbers above 0, each above the one before."""
    return bool(values) and all(
        _is_count(value) and value > before
        for before, value in zip([0, *values], values, strict=False)
    )


def _are_steps(values: Sequence[Any]) -> bool:
    """Return true for pairs of a rising bound and an increment, of which the last has no bound."""
    try:
        bounds, steps = zip(*((below, step) for below, step in values), strict=True)
    except (TypeError, ValueError):
        return False
    return (
        bounds[-1] is None
        and (len(bounds) == 1 or _rise(bounds[:-1]))
        and all(_is_count(step) and step > 0 for step in steps)
    )


def time_of(text: str) -> datetime:
    """Return the time that a record states, in UTC."""
    return datetime.strptime(text, _TIME_FORMAT).replace(tzinfo=UTC)


def rules_of(record: Mapping[str, Any]) -> Rules:
    """Return the rules that a record states."""
    window, extend, max_total = (
        timedelta(seconds=record[f"snipe_{name}_s"]) for name in ("window", "extend", "max_total")
    )
    return Rules(record["increments"], window, extend, max_total)


# Checking.


class Checker:
    """Walks through the rows of one log."""

    def __init__(self, log: Mapping[str, Any], receipts: Sequence[Receipt] = ()) -> None:
        self.auction_id = log["auction_id"]
        self.rows = log["rows"]
        #: Receipts by their hash.
        self.receipts = {receipt.hash: receipt for receipt in receipts}
        #: The bidder of each row with a maximum.
        self.bidders: dict[int, int] = {}
        self.commitments: set[str] = set()
        self.auction: Auction
        #: Bidders whose bids are withdrawn at some time; their maxima stay sealed.
        self.withdrawn: set[int] = set()
        #: The best bidder of the others, with the row of the maximum.
        self.front: tuple[int, int] | None = None
        self.beaten: set[int] = set()

    def steps(self) -> Iterator[Step]:
        """Yield the verdict of each row; raise an error at the first wrong one."""
        previous = None
        for position, row in enumerate(self.rows, 1):
            try:
                self._check_chain(position, row, previous)
                if position == 1:
                    self.withdrawn = set(self._all_withdrawn())
                step = self._step(row)
                self._check_results(row)
            except (WrongRowError, ValueError, OverflowError) as error:
                message = f"row {position}: {error}"
                raise WrongRowError(message) from error
            yield step
            previous = row["hash"]
        if self.rows[-1]["kind"] != "close":
            raise WrongRowError("the log ends without a close: rows are missing at its end")
        if not self.receipts.keys() <= self.commitments:
            raise WrongRowError("the log lacks the bid of a receipt")
        self._check_openings()

    def has_receipt(self, seq: int) -> bool:
        """Return true if a receipt is of this row."""
        return self.rows[seq - 1]["commitment"] in self.receipts

    def rows_without_receipt(self) -> list[int]:
        """Return the other rows of the bidders who have given receipts."""
        owners = {bidder for seq, bidder in self.bidders.items() if self.has_receipt(seq)}
        return [
            seq
            for seq, bidder in self.bidders.items()
            if bidder in owners and not self.has_receipt(seq)
        ]

    def _check_chain(self, position: int, row: Mapping[str, Any], previous: str | None) -> None:
        if type(row["seq"]) is not int or row["seq"] != position:
            raise WrongRowError("rows are missing, doubled or out of order")
        if row["previous_hash"] != previous:
            raise WrongRowError("previous_hash is not the hash of the row before")
        check_record(row["kind"], row["record"])
        if (row["kind"] == "start") != (position == 1):
            raise WrongRowError("a log has one start, in its first row")
        hashed = ("seq", "kind", "record", "commitment", "previous_hash")
        content = {key: row[key] for key in hashed} | {"auction_id": self.auction_id}
        if row["hash"] != digest(content):
            raise WrongRowError("the hash does not fit the content")
        if (row["commitment"] is not None) != self._is_committed(row):
            raise WrongRowError("the commitment is missing, or the row may have none")
        if row["commitment"] is not None:
            self._check_commitment(row["commitment"])

    def _check_commitment(self, commitment: Any) -> None:
        if not isinstance(commitment, str) or not _HASH.fullmatch(commitment):
            raise WrongRowError("the commitment is no hash")
        if commitment in self.commitments:
            raise WrongRowError("an earlier row has the same commitment")
        self.commitments.add(commitment)

    @staticmethod
    def _is_committed(row: Mapping[str, Any]) -> bool:
        has_reserve = row["record"].get("reserve") != "none"
        return row["kind"] in COMMITTED and (row["kind"] != "start" or has_reserve)

    def _all_withdrawn(self) -> Iterator[int]:
        for row in self.rows:
            if row["kind"] == "withdrawal":
                check_record(row["kind"], row["record"])
                yield from row["record"]["bidders"]

    def _step(self, row: Mapping[str, Any]) -> Step:
        kind, record = row["kind"], row["record"]
        if kind == "start":
            return self._start(row)
        handlers = {
            "bid": self._bid,
            "raise": self._raise,
            "sealed": self._sealed,
            "withdrawal": self._withdrawal,
            "extension": self._extension,
            "close": self._close,
            "rules": self._change_rules,
        }
        if kind not in {"bid", "raise", "sealed"} and row["opened"] is not None:
            raise WrongRowError("the row has nothing to open")
        is_proved, text = handlers[kind](row["seq"], record)
        # A clock that was set back does not make a log wrong. But a reader must see it, because the
        # earlier of two equal maxima leads.
        if record.get("at", self.auction.last_at) < self.auction.last_at:
            is_proved, text = False, f"{text}; its time is before an earlier row's"
        if kind in {"bid", "raise"}:
            self.auction.last_at = record["at"]
        return Step(row["seq"], kind, is_proved, text)

    def _opened(self, seq: int, bidder: int) -> int | None:
        """Return the maximum of a row, or None if it is sealed; check its commitment."""
        row = self.rows[seq - 1]
        opened, at = row["opened"], row["record"].get("at")
        self.bidders[seq] = bidder
        if self.has_receipt(seq):
            self._check_receipt(row, bidder)
        if opened is None:
            return self.receipts[row["commitment"]].max_cents if self.has_receipt(seq) else None
        if not isinstance(opened, dict) or opened.keys() != {"at", "bidder", "max_cents", "salt"}:
            raise WrongRowError("the opening has other fields than the format")
        if digest(opened | {"auction_id": self.auction_id}) != row["commitment"]:
            raise WrongRowError("the opened maximum is not the one that was committed")
        if opened["bidder"] != bidder or at not in {None, opened["at"]}:
            raise WrongRowError("the opening is of another bidder or time")
        if not _is_count(opened["max_cents"]):
            raise WrongRowError("the opened maximum has a wrong form")
        return int(opened["max_cents"])

    def _check_receipt(self, row: Mapping[str, Any], bidder: int) -> None:
        """Compare a receipt with its row, whose maximum may stay sealed."""
        receipt = self.receipts[row["commitment"]]
        secret = {
            "at": receipt.at,
            "auction_id": self.auction_id,
            "bidder": bidder,
            "max_cents": receipt.max_cents,
            "salt": receipt.salt,
        }
        if digest(secret) != receipt.hash:
            raise WrongRowError("the receipt does not fit this bidder, maximum and time")
        for key, value in {**receipt.facts, "at": receipt.at}.items():
            if row["record"].get(key, value) != value:
                message = f"the row differs from the receipt in {key}"
                raise WrongRowError(message)

    def _check_results(self, row: Mapping[str, Any]) -> None:
        """Compare the auction after a row with the receipt of the row."""
        if not self.has_receipt(row["seq"]):
            return
        auction = self.auction
        results = {
            "price_cents": auction.price,
            "min_next_bid_cents": auction.min_next,
            "end_at": auction.end_at,
            "is_leading": auction.leader == self.bidders.get(row["seq"]),
            "reserve_met": auction.reserve != "unmet",
        }
        for key, value in self.receipts[row["commitment"]].results.items():
            if results[key] != value:
                message = f"the row differs from the receipt in {key}"
                raise WrongRowError(message)

    def _start(self, row: Mapping[str, Any]) -> Step:
        record, opened = row["record"], row["opened"]
        reserve_cents = None
        if opened is not None:
            if not isinstance(opened, dict) or opened.keys() != {"reserve_cents", "salt"}:
                raise WrongRowError("the opening has other fields than the format")
            if digest(opened | {"auction_id": self.auction_id}) != row["commitment"]:
                raise WrongRowError("the opened reserve is not the one that was committed")
            reserve_cents = opened["reserve_cents"]
            if not _is_count(reserve_cents):
                raise WrongRowError("the opened reserve has a wrong form")
        self.auction = Auction(
            rules=rules_of(record),
            start_at=time_of(record["start_at"]),
            end_at=time_of(record["end_at"]),
            scheduled_end_at=time_of(record["scheduled_end_at"]),
            price=record["price_cents"],
            min_next=record["min_next_bid_cents"],
            leader=record["leader"],
            reserve=record["reserve"],
            reserve_cents=reserve_cents,
            bidder_count=record["bidder_count"],
            last_bid_seq=record["bids_before"],
            is_whole=record["bids_before"] == 0,
        )
        if self.auction.is_whole and (
            record["leader"] is not None
            or record["min_next_bid_cents"] != record["price_cents"]
            or record["reserve"] not in {"none", "unmet"}
        ):
            raise WrongRowError("without bids nobody leads, and the minimum is the price")
        return Step(1, "start", self.auction.is_whole, self._start_text(record))

    def _start_text(self, record: Mapping[str, Any]) -> str:
        reserve = {"none": "no reserve", "unmet": "a sealed reserve"}.get(record["reserve"])
        if self.auction.reserve_cents is not None:
            reserve = f"a reserve of {self.auction.reserve_cents}"
        before = "" if self.auction.is_whole else f", {record['bids_before']} bids before the log"
        price, end_at = record["price_cents"], record["end_at"]
        return f"price {price}, {reserve or 'a reserve'}, end {end_at}{before}"

    def _bid(self, seq: int, record: Mapping[str, Any]) -> tuple[bool, str]:
        auction, bidder, amount = self.auction, record["bidder"], record["amount_cents"]
        before, leads = auction.leader, record["leader"] == bidder
        self._check_bid(record)
        maximum = self._opened(seq, bidder)
        if maximum is not None and maximum < amount:
            raise WrongRowError("the maximum is below the bid")
        self._rank(seq, bidder, record["leader"])
        cap: int | None = amount
        own = maximum
        if before is not None:
            rival = auction.maxima.get(before) if leads else maximum
            own = maximum if leads else auction.maxima.get(before)
            cap = None if rival is None else rival + auction.rules.step(rival)
            if rival is not None and record["price_cents"] < rival + leads:
                raise WrongRowError("the leader's maximum does not beat the rival's")
        auction.bidder_count = max(auction.bidder_count, bidder)
        auction.maxima[bidder], auction.amounts[bidder] = maximum, amount
        auction.bounds.pop(bidder, None)
        is_proved = self._check_price(record, amount if leads else 0, cap, own)
        self._check_end(record)
        return is_proved, f"bidder {bidder} bids {amount}; {self._standing()}"

    def _check_bid(self, record: Mapping[str, Any]) -> None:
        auction, bidder, amount = self.auction, record["bidder"], record["amount_cents"]
        self._check_time(record)
        if bidder == auction.leader or bidder in auction.withdrawn:
            raise WrongRowError("this bidder leads already, or was withdrawn")
        if not 1 <= bidder <= auction.bidder_count + 1:
            raise WrongRowError("bidders are numbered in the order of their first bids")
        if amount < auction.min_next:
            message = f"the bid of {amount} is below the minimum of {auction.min_next}"
            raise WrongRowError(message)
        if record["leader"] not in {bidder, auction.leader}:
            raise WrongRowError("neither the bidder nor the leader before leads")

    def _raise(self, seq: int, record: Mapping[str, Any]) -> tuple[bool, str]:
        auction = self.auction
        self._check_time(record)
        if record["bidder"] != auction.leader or record["leader"] != auction.leader:
            raise WrongRowError("only the leader raises the own maximum")
        if record["reserve"] != "lifted":
            raise WrongRowError("a raise moves the price only to the reserve")
        price = auction.price
        self._take_raise(seq, record["bidder"])
        is_proved = self._check_price(record, price, price, auction.maxima[record["bidder"]])
        self._check_end(record)
        return is_proved, f"bidder {record['bidder']} raises the maximum; {self._standing()}"

    def _sealed(self, seq: int, _record: Mapping[str, Any]) -> tuple[bool, str]:
        if self.auction.leader is None:
            raise WrongRowError("only a leader raises the own maximum")
        self._take_raise(seq, self.auction.leader)
        maximum = self.auction.maxima[self.auction.leader]
        text = "the maximum is sealed" if maximum is None else f"the maximum is {maximum}"
        return maximum is not None, f"the leader raises the own maximum; {text}"

    def _take_raise(self, seq: int, bidder: int) -> None:
        maximum, before = self._opened(seq, bidder), self.auction.maxima.get(bidder)
        if maximum is not None and maximum <= (self.auction.price if before is None else before):
            raise WrongRowError("the raised maximum is not above the one before")
        self.auction.maxima[bidder] = maximum
        self.auction.bounds.pop(bidder, None)
        self._rank(seq, bidder, bidder)

    def _withdrawal(self, _seq: int, record: Mapping[str, Any]) -> tuple[bool, str]:
        auction, leader = self.auction, record["leader"]
        for bidder in record["bidders"]:
            if auction.is_whole and bidder not in auction.maxima:
                raise WrongRowError("a withdrawn bidder has no bid")
            auction.maxima.pop(bidder, None)
            auction.withdrawn.add(bidder)
        is_proved = auction.is_whole
        if auction.is_whole:
            is_proved = self._check_remaining(record)
        else:
            self._set_price(record)
        auction.leader = leader
        if leader is None:
            auction.min_next = auction.price
        names = ", ".join(map(str, record["bidders"]))
        return is_proved, f"the bids of bidder {names} are withdrawn; {self._standing()}"

    def _check_remaining(self, record: Mapping[str, Any]) -> bool:
        """Check the leader and the price that the remaining maxima give."""
        auction, leader = self.auction, record["leader"]
        if leader is None:
            if auction.maxima or record["price_cents"] != self.rows[0]["record"]["price_cents"]:
                raise WrongRowError(
                    "without bids the price is the first one, and with bids one leads"
                )
            self._set_price(record)
            return True
        if leader not in auction.maxima:
            raise WrongRowError("the leader has no bid")
        if leader not in self.withdrawn and self.front is not None and leader != self.front[0]:
            raise WrongRowError("another maximum beats the leader's")
        rivals = [maximum for bidder, maximum in auction.maxima.items() if bidder != leader]
        known = [maximum for maximum in rivals if maximum is not None]
        floor = auction.amounts[leader]
        cap: int | None = floor
        if rivals:
            cap = max(known) + auction.rules.step(max(known)) if len(known) == len(rivals) else None
        return self._check_price(record, floor, cap, auction.maxima[leader])

    def _check_price(
        self, record: Mapping[str, Any], floor: int, cap: int | None, own: int | None
    ) -> bool:
        """Check a new price; return true if the opened values prove it.

        `floor` is the leader's open bid, `cap` a step above the rival's maximum, `own` the leader's
        maximum. The price is the greater of `floor` and the lesser of `cap` and `own`.
        """
        price, is_lifted = record["price_cents"], record["reserve"] == "lifted"
        is_whole = self.auction.is_whole
        self._check_reserve(record)
        if price > min(
            price if own is None else own, self.auction.bounds.get(record["leader"], price)
        ):
            raise WrongRowError("the price is above the leader's maximum")
        self._set_price(record)
        if not is_whole or cap is None:
            return False
        most = max(floor, cap)
        exact = most if own is None else max(floor, min(cap, own))
        if is_lifted:
            if price <= exact:
                raise WrongRowError("the price was not lifted to the reserve")
            return self.auction.reserve_cents is not None
        if price != exact and (own is not None or price > most or price < floor):
            message = f"the price is {price}, and must be {exact}"
            raise WrongRowError(message)
        # A lower price stands at the leader's sealed maximum.
        if own is None and price < exact:
            self.auction.bounds[record["leader"]] = price
        return bool(price == exact)

    def _check_reserve(self, record: Mapping[str, Any]) -> None:
        before, after = self.auction.reserve, record["reserve"]
        if (before == "none") != (after == "none"):
            raise WrongRowError("a reserve neither appears nor disappears")
        can_fall = "bidders" in record
        if after == "unmet" and before in {"met", "lifted"} and not can_fall:
            raise WrongRowError("a reserve that is met stays met")
        reserve = self.auction.reserve_cents
        if reserve is None or after == "none":
            return
        if (record["price_cents"] < reserve) != (after == "unmet"):
            raise WrongRowError("the price and the reserve contradict each other")
        if after == "lifted" and record["price_cents"] != reserve:
            raise WrongRowError("the price was lifted to another amount than the reserve")

    def _set_price(self, record: Mapping[str, Any]) -> None:
        auction, price = self.auction, record["price_cents"]
        if price < auction.price and "bidders" not in record:
            raise WrongRowError("the price falls without a withdrawal")
        auction.price, auction.reserve = price, record["reserve"]
        auction.leader = record["leader"]
        auction.min_next = price + auction.rules.step(price)

    def _check_time(self, record: Mapping[str, Any]) -> None:
        auction = self.auction
        if not auction.start_at <= time_of(record["at"]) < auction.end_at:
            raise WrongRowError("the bid is before the start or after the end")
        if record["bid_seq"] <= auction.last_bid_seq:
            raise WrongRowError("bid_seq does not rise")
        auction.last_bid_seq = record["bid_seq"]

    def _check_end(self, record: Mapping[str, Any]) -> None:
        auction, rules, at = self.auction, self.auction.rules, time_of(record["at"])
        end_at = auction.end_at
        if end_at - at <= rules.window:
            end_at = max(end_at, min(auction.scheduled_end_at + rules.max_total, at + rules.extend))
        if time_of(record["end_at"]) != end_at:
            raise WrongRowError("the end is not the one that the soft close gives")
        auction.end_at = end_at

    def _extension(self, _seq: int, record: Mapping[str, Any]) -> tuple[bool, str]:
        end_at = time_of(record["end_at"])
        if end_at <= self.auction.end_at or self.auction.is_extended:
            raise WrongRowError("an extension moves the end to a later time, once")
        self.auction.is_extended = True
        self.auction.end_at = self.auction.scheduled_end_at = end_at
        return False, f"the operator extends the auction to {record['end_at']}"

    def _change_rules(self, _seq: int, record: Mapping[str, Any]) -> tuple[bool, str]:
        self.auction.rules = rules_of(record)
        return False, "the operator changes the rules"

    def _close(self, seq: int, record: Mapping[str, Any]) -> tuple[bool, str]:
        auction = self.auction
        if seq != len(self.rows):
            raise WrongRowError("rows follow the close")
        if record["is_forced"] != (time_of(record["at"]) < auction.end_at):
            raise WrongRowError("a close is forced if it comes before the end")
        is_sold = auction.leader is not None and auction.reserve != "unmet"
        result = ("finalized", auction.leader) if is_sold else ("no_sale", None)
        if (record["outcome"], record["winner"], record["price_cents"]) != (*result, auction.price):
            raise WrongRowError("the outcome does not follow from the rows")
        forced = ", forced before the end" if record["is_forced"] else ""
        won = f"bidder {auction.leader} wins at {auction.price}" if is_sold else "no sale"
        return not record["is_forced"], won + forced

    def _standing(self) -> str:
        return f"bidder {self.auction.leader} leads at {self.auction.price}"

    # Openings: a maximum is opened if another bidder beat it and neither was withdrawn.

    def _rank(self, seq: int, bidder: int, leader: int) -> None:
        """Note which row this bid beats, or that it is beaten."""
        if bidder in self.withdrawn:
            return
        if leader != bidder and leader not in self.withdrawn:
            self.beaten.add(seq)
            return
        # Each bid is above the price, so it beats everybody but the leader.
        if self.front is not None and self.front[0] != bidder:
            self.beaten.add(self.front[1])
        self.front = (bidder, seq)

    def _check_openings(self) -> None:
        expected = self.beaten if self.auction.is_whole else set()
        states = {row["record"].get("reserve"): row["seq"] for row in self.rows}
        if self.auction.is_whole and states.get("lifted", 0) > states.get("unmet", 0):
            expected = expected | {1}
        opened = {row["seq"] for row in self.rows if row["opened"] is not None}
        for seq in sorted(expected ^ opened):
            state = "sealed, and must be open" if seq in expected else "open, and must be sealed"
            message = f"row {seq} is {state}"
            raise WrongRowError(message)


# The command.


def main(arguments: Sequence[str] | None = None) -> int:
    """Check a log and print the verdict of each row."""
    options = _options(arguments)
    try:
        log = read_log(_text(options.log))
        receipts = [read_receipt(_text(path), int(cents)) for path, cents in options.receipt]
    except (OSError, ValueError, UnreadableError) as error:
        sys.stderr.write(f"cannot read the input: {error}\n")
        return 2
    checker = Checker(log, receipts)
    counts = {True: 0, False: 0}
    try:
        for step in checker.steps():
            verdict = "proved" if step.is_proved else "sealed"
            mine = "  (your receipt fits)" if checker.has_receipt(step.seq) else ""
            sys.stdout.write(f"{step.seq:>6}  {step.kind:<10}  {verdict}  {step.text}{mine}\n")
            counts[step.is_proved] += 1
    except (WrongRowError, KeyError, TypeError, ValueError, AttributeError) as error:
        sys.stdout.write(f"WRONG: {error}\n")
        return 1
    for seq in checker.rows_without_receipt():
        sys.stdout.write(f"row {seq} is your bidder's, and you gave no receipt for it\n")
    head = log["rows"][-1]["hash"]
    sys.stdout.write(
        f"consistent: {counts[True]} rows proved, {counts[False]} sealed; head {head}\n"
    )
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "log", help="a file with the answer of get_bid_log, or - for standard input"
    )
    parser.add_argument(
        "--receipt",
        nargs=2,
        action="append",
        default=[],
        metavar=("FILE", "CENTS"),
        help="a receipt of place_bid and your maximum; may be given several times",
    )
    return parser.parse_args(arguments)


def _text(path: str) -> str:
    return sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())

"""JSON values for the arguments of RPCs: some that fit, and hostile ones of each type."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.sql.access.world import World
from tests.sql.hostile.rpcs import Rpc


class Row(str):
    """The name of a row in the world of the access matrix; its id is sent."""

    __slots__ = ()


def _rows(names: str) -> tuple[Row, ...]:
    return tuple(Row(name) for name in names.split())


PEOPLE = _rows("buyer seller bidder outsider suspended moderator admin")
LISTINGS = _rows("live scheduled sold paid unsold cancelled")
AUCTIONS = _rows(
    "live_auction scheduled_auction sold_auction paid_auction unsold_auction cancelled_auction"
)
ORDERS = _rows("order paid_order")
MESSAGES = _rows("held_by_buyer held_by_bidder delivered_by_seller rejected_by_buyer")
#: The list is short, so that a run uses each value for several calls.
CLIENT_IDS = tuple(f"00000000-0000-4000-8000-00000000000{n}" for n in range(3))
FRESH = "7b0f7a44-55ad-4a36-9a9f-4a9c0c6c0b55"
REASONS = ("It looks like a scam", "Stripe is back again")
LOCATION = {"street": "1 Loop Road", "suburb": "Carlton", "postcode": "3053", "state": "VIC"}
CHANGES: tuple[Mapping[str, object], ...] = (
    {"title": "A better title"},
    {"start_cents": 2000, "reserve_cents": 2500},
    {"location": LOCATION, "pickup": False},
    {"description": "It pours well, and it is as old as the house.", "buy_now_cents": None},
)
TIMES = ("2030-01-01T00:00:00Z", "2026-12-02T20:00:00+11:00", "2026-01-01T00:00:00Z")

#: Values that fit, by the name of the argument; those of the same name and another type follow.
FITTING: Mapping[str, Sequence[object]] = {
    "aal": ("aal1", "aal2"),
    "account_id": ("acct_matrix",),
    "action": (
        "mark_ready", "mark_shipped", "confirm_delivery", "release_funds", "cancel", "refund",
        "POST /api/bids", "place_bid",
    ),
    "actor_id": PEOPLE,
    "actor_kind": ("buyer", "seller", "system", "stripe", "admin"),
    "address": (LOCATION,),
    "after_bucket": ("listing-photos",),
    "after_id": (None, *MESSAGES, Row("report_of_bidder"), "evt_matrix"),
    "after_path": ("1.jpg",),
    "amount_cents": (1200, 2000, 5000, 99_999_999),
    "api_version": ("2025-01-27.acacia",),
    "auction_id": AUCTIONS,
    "bidder_id": (Row("bidder"), Row("buyer"), *PEOPLE),
    "bucket": ("listing-photos", "evidence-uploads", "profile-avatars", "address-proofs"),
    "buy_now_cents": (None, 40_000),
    "buyer_id": (Row("buyer"), Row("outsider")),
    "capturable_cents": (2000,),
    "carrier": ("Post",),
    "category_id": (1, 7),
    "changes": CHANGES,
    "charge_id": ("ch_matrix", "ch_paid", "ch_new"),
    "code_hmac": ("0" * 64,),
    "condition": ("new", "good"),
    "content": ("Is the lid still whole?", "Call me at 0412 345 678, or write me an e-mail"),
    "created": (1_780_000_000,),
    "currency": ("aud", "usd"),
    "decision": ("refund", "partial", "deny"),
    "dedupe_key": ("matrix", "other"),
    "description": ("It pours well, and has a chip at its foot.",),
    "dispute_id": _rows("dispute"),
    "dispute_type": ("item_not_received", "other"),
    "dob": ("1980-01-31",),
    "effect": (None, "apply_payment_succeeded", "apply_refund"),
    "end_at": (None, *TIMES),
    "error_code": ("STRIPE_UNREACHABLE", "PREDECESSOR_MISSING"),
    "event_id": ("evt_matrix", "evt_new", FRESH),
    "event_time": TIMES,
    "file": (
        {
            "bytes": 1000, "file_size": 1000, "mime_type": "image/jpeg", "width": 100,
            "height": 100, "perceptual_hash": "0" * 64, "filename": "a.jpg",
        },
    ),
    "job": ("inbox", "closer"),
    "key": (Row("buyer"),),
    "label_url": (None, "https://labels.test/1.pdf"),
    "legal_name": ("Ann Lee",),
    "list": ("events", "balance_transactions"),
    "listing_id": LISTINGS,
    "location": (LOCATION, "Sydney"),
    "max_proxy_cents": (None, 6000, 99_999_999),
    "max_rows": (1, 100),
    "message_id": MESSAGES,
    "note": REASONS,
    "notification_id": _rows("notice_of_buyer notice_of_moderator"),
    "object_id": ("pi_matrix",),
    "order_id": ORDERS,
    "order_ref": ORDERS,
    "outbox_id": _rows("job"),
    "p_hash": ("0" * 64,),
    "p_status": ("verified", "processing", "requires_input", "canceled", "redacted"),
    "p_user_ref": (Row("buyer"),),
    "path": ("1.jpg",),
    "payload": ({"id": "evt_new", "data": {"object": {"id": "pi_matrix"}}},),
    "payload_sha256": ("0" * 64,),
    "payment_intent_id": ("pi_matrix", "pi_paid", "pi_new"),
    "photo_id": (None, Row("photo_live"), Row("photo_cancelled")),
    "qr_token_hmac": ("1" * 64,),
    "reason": REASONS,
    "refund_amount_cents": (None, 100, 2000),
    "refund_cents": (None, 500),
    "refund_reason": REASONS,
    "reinstated_cents": (0, 2000),
    "report_id": _rows("report_of_bidder"),
    "reserve_cents": (None, 3000),
    "result": ({"status": "succeeded"}, {"amount": 100}),
    "reversals": ([], [{"id": "trr_1", "amount_cents": 100}]),
    "role": ("buyer", "seller", "moderator", "admin"),
    "seller_id": _rows("seller"),
    "since": (None, *TIMES),
    "source": ("stripe", "stripe_identity"),
    "start_at": (None, *TIMES),
    "start_cents": (1000, 2000),
    "started_at": TIMES,
    "status": (
        "accepted", "in_transit", "delivered", "succeeded", "failed", "pending", "needs_response",
        "won", "lost", "requires_payment_method", "canceled",
    ),
    "thread_id": _rows("thread held_thread"),
    "title": ("A lamp of brass",),
    "to_state": ("paid", "shipped", "delivered", "released", "cancelled", "disputed"),
    "tracking": ("AP123",),
    "transactions": ([], [{"id": "txn_1", "amount": 100}]),
    "type": ("payout.paid", "listing", "evidence", "avatar", "address_proof", "poa"),
    "url": ("https://photos.test/1.jpg",),
    "user_id": PEOPLE,
    "withdrawn_cents": (0, 2000),
}  # fmt: skip
#: Values that fit an argument of this type whose name is not above.
FITTING_TYPE: Mapping[str, Sequence[object]] = {
    "bigint": (0, 1200),
    "boolean": (True, False),
    "integer": (1, 60),
    "jsonb": ({}, None),
    "text": ("matrix",),
    "text[]": ([], ["evt_matrix"], ["pi_new", "pi_matrix"]),
    "uuid": (FRESH,),
}

TEXTS: Sequence[object] = (
    "", " ", "\x00", "It is late\x00and wrong", "It is \ud800 late", "\udc00\ud800",
    "\u202eetal si tI\u202c and wrong", "\u200b" * 20, "\u2066\u2069\ufeff\u00ad", "e\u0301" * 200,
    "\U0001f469\u200d\U0001f680" * 20, "\uffff\ufffe", "x" * 501, "x" * 5_000, "x " * 50_000,
    "<" * 5_000, "\n" * 600, "'; drop table public.users; --", "$$", "%s %1$s", "\\", '"', "{}",
    "{a,NULL}", "null", "NaN", "Infinity", "-infinity", "now", "tomorrow",
    "294276-12-31T23:59:59.999999Z", "-4713-01-01T00:00:00Z", "2026-12-01T00:00:00+99:99",
    "2999-12-31T23:59:60Z", "1e400", "99999999999999999999", "-1", "true",
)  # fmt: skip
NUMBERS: Sequence[object] = (
    0, -1, 1, 99, 99_999_999, 100_000_000, 2**31 - 1, 2**31, -(2**31), 2**63 - 1, -(2**63), 2**63,
    10**19, -(10**19), 10**400, 0.5, 1e3, 1e308, "100", "1e3", " 1 ", "NaN", "Infinity", "",
)  # fmt: skip
DEEP: Any = json.loads("[" * 400 + "]" * 400)
JSONS: Sequence[object] = (
    {}, [], "", 0, True, [None], {"": None}, DEEP, {"a": DEEP}, 10**400, "\x00", "\ud800",
    {"\x00": 1}, {"title": "\x00"}, {"title": None}, {"title": ["A", None]}, {"title": {"a": 1}},
    {"status": "live"}, {"seller_id": Row("outsider")}, {"current_bid_cents": 1},
    {"start_cents": "1e3"}, {"start_cents": 10**19}, {"start_cents": 1000.5},
    {"start_cents": True}, {"reserve_cents": "NaN"}, {"start_at": "-infinity"}, {"pickup": "yes"},
    {"end_at": 5}, {"category_id": 1.5}, {"location": []}, {"location": {**LOCATION, "a": 1}},
    {**LOCATION, "postcode": 3053}, {**LOCATION, "state": None}, {**LOCATION, "street": "x" * 500},
    {**LOCATION, "suburb": ["Carlton"]}, {**LOCATION, "street": "\u202e\u200b"},
    {"id": None, "amount": "x", "amount_cents": 10**19, "status": []},
    [{"id": None, "amount": "x"}], [{"id": "trr_1", "amount_cents": -1}], [[]], [1, "x"],
    {f"key{n}": "x" * 200 for n in range(400)},
)  # fmt: skip
ARRAYS: Sequence[object] = (
    [None], ["evt_matrix", None], [["a", "b"]], [[None]], [["a"], ["b", "c"]], ["\x00"], [{}],
    [1, True], "{}", "{a,NULL}", "{", "x", 1, {}, ["x" * 5_000] * 20,
)  # fmt: skip
UUIDS: Sequence[object] = (
    "", "x", FRESH.upper(), "{" + FRESH + "}", FRESH.replace("-", ""), FRESH + "0", f" {FRESH}",
    "00000000-0000-0000-0000-000000000000", "\x00", "\ud800", 1, True, [], {}, [FRESH],
    *PEOPLE, *LISTINGS, *AUCTIONS, *ORDERS, *MESSAGES,
)  # fmt: skip
BOOLEANS: Sequence[object] = ("yes", "t", "maybe", "", 1, 0, 2, [], {}, "\x00")
#: Hostile values by type; an enum is sent as text.
HOSTILE: Mapping[str, Sequence[object]] = {
    "bigint": NUMBERS,
    "boolean": BOOLEANS,
    "integer": NUMBERS,
    "jsonb": JSONS,
    "text": TEXTS,
    "text[]": ARRAYS,
    "uuid": UUIDS,
}
#: Values of another type than the argument's.
WRONG: Sequence[object] = (None, True, 7, 1.5, "text", [], {}, [None], {"a": [1]})


def with_ids(value: Any, world: World) -> Any:
    """Return a value with the ids of the rows that it names."""
    if isinstance(value, Row):
        return world.value(value)
    if isinstance(value, dict):
        return {key: with_ids(part, world) for key, part in value.items()}
    return value


def arguments(rpc: Rpc) -> st.SearchStrategy[dict[str, Any]]:
    """Draw the arguments of a call: all of them fit, but for up to three hostile ones.

    An argument with a default may be missing.
    """
    names = sorted(rpc.arguments)
    hostile = st.lists(st.sampled_from(names), max_size=3) if names else st.just([])
    return hostile.flatmap(lambda chosen: _drawn(rpc, frozenset(chosen)))


def fitting(rpc: Rpc) -> st.SearchStrategy[dict[str, Any]]:
    """Draw arguments that all fit."""
    return _drawn(rpc, frozenset())


def _drawn(rpc: Rpc, hostile: frozenset[str]) -> st.SearchStrategy[dict[str, Any]]:
    drawn = {
        name: _hostile(kind) if name in hostile else _fitting(name, kind)
        for name, kind in rpc.arguments.items()
    }
    always = {name: value for name, value in drawn.items() if name not in rpc.optional}
    return st.fixed_dictionaries(
        always, optional={name: drawn[name] for name in rpc.optional if name in drawn}
    )


@functools.cache
def _fitting(name: str, kind: str) -> st.SearchStrategy[Any]:
    if name.startswith("client_"):
        return st.sampled_from(CLIENT_IDS)
    values = FITTING.get(name) or FITTING_TYPE[kind]
    return st.sampled_from(values)


@functools.cache
def _hostile(kind: str) -> st.SearchStrategy[Any]:
    values = HOSTILE.get(kind, TEXTS)
    more = st.text(max_size=30) if kind == "text" else st.nothing()
    return st.one_of(st.sampled_from(values), st.sampled_from(WRONG), more)

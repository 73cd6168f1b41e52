"""Read what the pages show, with the rights of the member of staff who asks.

Row level security decides about each row, and with it the second factor. Each list is a page of at
most `ROWS` rows, and begins after the last row of the page before.
"""

import dataclasses
import datetime as dt
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from market.database import Database, accepted
from market.errors import RejectedError


class _Place(NamedTuple):
    """A column with ids, and the column that names the object whose page shows the row."""

    table: str
    column: str
    shown: str
    kind: str


ROWS = 50
#: The closes that the plot shows.
_CLOSES = 100
#: The newest parts of each kind that the page of an order shows.
_MOST_PARTS = 200
_MONEY = "id,status,amount_cents,created_at"
_ORDER = (
    "*,listing:listings(id,title),"
    "buyer:users!orders_buyer_id_fkey(id,display_name),"
    "seller:users!orders_seller_id_fkey(id,display_name)"
)
_AUCTION = (
    "id,status,start_at,end_at,scheduled_end_at,current_price_cents,bid_count,reserve_met,"
    "extension_count,high_bidder_id,finalized_at,outage_extension_s,"
    "listing:listings!inner(id,title,seller_id,status)"
)
_LIVE = (
    "id,title,seller_id,end_at,auctions!inner(id,current_price_cents,bid_count,reserve_met,"
    "extension_count,high_bidder_id)"
)
#: The parts of an order by name: the table, its columns and its order.
_PARTS = {
    "events": ("order_events", "from_state,to_state,actor_kind,actor_id,reason,created_at,id"),
    "payments": (
        "payments",
        f"{_MONEY},stripe_payment_intent_id,stripe_charge_id,settles_order,error_message",
    ),
    "refunds": ("refunds", f"{_MONEY},stripe_refund_id,reason"),
    "payouts": ("payouts", f"{_MONEY},stripe_transfer_id,reversed_cents"),
    "disputes": (
        "disputes",
        f"{_MONEY},state,stripe_dispute_id,withdrawn_cents,reinstated_cents,dispute_type",
    ),
    "ledger": ("ledger_entries", "account,entry_type,amount_cents,description,created_at,txn_id"),
}
#: The columns that hold the ids of Stripe with a prefix.
_STRIPE_IDS = {
    "pi": _Place("payments", "stripe_payment_intent_id", "order_id", "orders"),
    "ch": _Place("payments", "stripe_charge_id", "order_id", "orders"),
    "py": _Place("payments", "stripe_charge_id", "order_id", "orders"),
    "re": _Place("refunds", "stripe_refund_id", "order_id", "orders"),
    "pyr": _Place("refunds", "stripe_refund_id", "order_id", "orders"),
    "dp": _Place("disputes", "stripe_dispute_id", "order_id", "orders"),
    "du": _Place("disputes", "stripe_dispute_id", "order_id", "orders"),
    "tr": _Place("payouts", "stripe_transfer_id", "order_id", "orders"),
    "acct": _Place("users", "stripe_connect_account_id", "id", "users"),
    "vs": _Place("users", "stripe_identity_session_id", "id", "users"),
}
#: The columns that hold our own ids.
_OWN_IDS = (
    _Place("orders", "id", "id", "orders"),
    _Place("auctions", "id", "id", "auctions"),
    _Place("auctions", "listing_id", "id", "auctions"),
    _Place("users", "id", "id", "users"),
    _Place("payments", "id", "order_id", "orders"),
    _Place("refunds", "id", "order_id", "orders"),
    _Place("payouts", "id", "order_id", "orders"),
    _Place("disputes", "id", "order_id", "orders"),
)
_STRIPE_ID = re.compile(r"([a-z]+)_[A-Za-z0-9_]{1,200}")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A page of a list, and the key of its last row if more rows follow."""

    rows: Sequence[Mapping[str, Any]]
    after: str | None = None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An object that a search has found, and the part of the console that shows it."""

    kind: str
    id: str


def live_auctions(database: Database, after: str | None) -> Rows:
    """Return live auctions with their listings, the next end first.

    Under row level security no index of auctions serves a status. The listings have one for those
    that are live, by the same end.
    """
    page = _page(database, "listings", _LIVE, {"status": "eq.live"}, after, key="end_at")
    rows = [{**row["auctions"][0], "end_at": row["end_at"], "listing": row} for row in page.rows]
    return Rows(rows=rows, after=page.after)


def closes(database: Database) -> Sequence[Mapping[str, Any]]:
    """Return the last closed auctions, the newest first."""
    return database.select(
        "auctions",
        "id,status,end_at,finalized_at",
        {"finalized_at": "not.is.null", "status": "neq.cancelled"},
        order=("-finalized_at",),
        limit=_CLOSES,
    )


def auction(database: Database, auction_id: str) -> Mapping[str, Any]:
    """Return an auction with its listing and its last bids.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`.

    """
    found = _one(database, "auctions", _AUCTION, auction_id)
    columns = "id,bidder_id,amount_cents,is_proxy,accepted,placed_at"
    where = {"auction_id": f"eq.{auction_id}"}
    bids = database.select("bids", columns, where, order=("-placed_at",), limit=ROWS)
    return {**found, "bids": bids}


def orders(database: Database, state: str | None, after: str | None) -> Rows:
    """Return orders, the newest first, all or those in a state."""
    where = {} if state is None else {"state": f"eq.{state}"}
    return _page(database, "orders", _ORDER, where, after, key="-created_at")


def order(database: Database, order_id: str) -> Mapping[str, Any]:
    """Return an order with its history, money and ledger.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`.

    """
    parts = ",".join(f"{name}:{table}({columns})" for name, (table, columns) in _PARTS.items())
    found = dict(_one(database, "orders", f"{_ORDER},{parts}", order_id))
    for name in _PARTS:
        found[name] = sorted(found[name], key=lambda part: part["created_at"])[-_MOST_PARTS:]
    return found


def disputes(database: Database, after: str | None) -> Rows:
    """Return disputes, the newest first."""
    columns = (
        "id,order_id,dispute_type,reason,amount_cents,status,state,decision,stripe_dispute_id,"
        "stripe_status,created_at"
    )
    return _page(database, "disputes", columns, {}, after, key="-created_at")


def audit(database: Database, after: str | None) -> Rows:
    """Return entries of the audit log, the newest first."""
    columns = "id,actor_id,action,entity,entity_id,description,created_at"
    return _page(database, "audit_logs", columns, {}, after, key="-created_at")


def held_messages(database: Database, after_id: str | None) -> Rows:
    """Return held messages, the oldest first."""
    return _listed(database, "staff_list_held_messages", "messages", after_id)


def reports(database: Database, after_id: str | None) -> Rows:
    """Return open reports, the oldest first."""
    return _listed(database, "staff_list_reports", "reports", after_id)


def message(database: Database, message_id: str, reason: str) -> Mapping[str, Any]:
    """Return the original of a message, with the findings of the filter; this is audited.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, or `FORBIDDEN` for a party of the conversation.

    """
    found: Mapping[str, Any] = accepted(
        database.call("staff_read_message", message_id=message_id, reason=reason)
    )
    return found


def faults(database: Database) -> Mapping[str, Any]:
    """Return orders whose books disagree, and the last outages."""
    found: Mapping[str, Any] = accepted(database.call("staff_list_faults", max_rows=ROWS))
    return found


def user(database: Database, user_id: str) -> Mapping[str, Any]:
    """Return a user with strikes, listings, last orders, live bids and audit entries.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`.

    """
    columns = (
        "id,email,display_name,legal_name,role,kyc,kyc_details,kyc_completed_at,suspended_at,"
        "deleted_at,payouts_enabled,stripe_connect_account_id,stripe_identity_session_id,created_at"
    )
    found = _one(database, "users", columns, user_id)
    is_user = f"eq.{user_id}"
    newest = ("-created_at",)
    own: Mapping[str, tuple[str, str, Mapping[str, str], Sequence[str]]] = {
        "strikes": ("user_strikes", "*", {"user_id": is_user}, ("-expires_at",)),
        "listings": (
            "listings",
            "id,title,status,end_at,auctions(id)",
            {"seller_id": is_user},
            newest,
        ),
        "purchases": ("orders", _ORDER, {"buyer_id": is_user}, newest),
        "sales": ("orders", _ORDER, {"seller_id": is_user}, newest),
        "bids": (
            "bids",
            "amount_cents,placed_at,auction:auctions!bids_auction_id_fkey!inner(id,status,end_at)",
            {"bidder_id": is_user, "auction.status": "eq.live"},
            ("-placed_at",),
        ),
        "entries": (
            "audit_logs",
            "*",
            {"entity": "eq.users", "entity_id": is_user},
            newest,
        ),
    }
    parts = {
        name: database.select(table, columns, where, order=order, limit=20)
        for name, (table, columns, where, order) in own.items()
    }
    return {**found, **parts}


def event(database: Database, event_id: str) -> Mapping[str, Any]:
    """Return an event of Stripe without its payload.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, or `FORBIDDEN` for an event about the reader.

    """
    answer = accepted(database.call("staff_read_event", event_id=event_id))
    found: Mapping[str, Any] = answer["event"]
    return found


def search(database: Database, text: str) -> Sequence[Found]:
    """Find objects by our id, by a user's e-mail address, or by an id of Stripe."""
    stripe_id = _STRIPE_ID.fullmatch(text)
    if "@" in text:
        return _found_user(database, text)
    if is_event_id(text):
        return _found_event(database, text)
    if stripe_id is not None and stripe_id[1] in _STRIPE_IDS:
        return _found_at(database, _STRIPE_IDS[stripe_id[1]], text)
    if is_id(text):
        return list(
            dict.fromkeys(found for place in _OWN_IDS for found in _found_at(database, place, text))
        )
    return ()


def is_event_id(text: str) -> bool:
    """Return true if the text may be the id of an event of Stripe."""
    stripe_id = _STRIPE_ID.fullmatch(text)
    return stripe_id is not None and stripe_id[1] == "evt"


def is_id(text: str) -> bool:
    """Return true if the text is a UUID."""
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _found_user(database: Database, email: str) -> Sequence[Found]:
    # Row level security hides the index of addresses from a filter, and not from this function.
    answer = database.call("staff_find_user", email=email)
    return [Found(kind="users", id=answer["user_id"])] if answer["success"] else []


def _found_event(database: Database, event_id: str) -> Sequence[Found]:
    try:
        return [Found(kind="events", id=event(database, event_id)["event_id"])]
    except RejectedError as refusal:
        if refusal.code != "RESOURCE_NOT_FOUND":
            raise
        return []


def _found_at(database: Database, place: _Place, text: str) -> Sequence[Found]:
    rows = database.select(place.table, place.shown, {place.column: f"eq.{text}"}, limit=ROWS)
    return [Found(kind=place.kind, id=str(row[place.shown])) for row in rows]


def _one(database: Database, table: str, columns: str, row_id: str) -> Mapping[str, Any]:
    rows = database.select(table, columns, {"id": f"eq.{row_id}"}, limit=1)
    if not rows:
        raise RejectedError("RESOURCE_NOT_FOUND", table, text="There is no such object")
    return rows[0]


def _page(
    database: Database,
    table: str,
    columns: str,
    where: Mapping[str, str],
    after: str | None,
    *,
    key: str,
) -> Rows:
    column = key.removeprefix("-")
    sign = "-" if key.startswith("-") else ""
    rows = database.select(
        table,
        columns,
        {**where, **_after(column, sign, after)},
        order=(key, f"{sign}id"),
        limit=ROWS + 1,
    )
    shown = rows[:ROWS]
    last = f"{shown[-1][column]}~{shown[-1]['id']}" if len(rows) > ROWS else None
    return Rows(rows=shown, after=last)


def _after(column: str, sign: str, after: str | None) -> Mapping[str, str]:
    """Return the filters of the rows that follow a row, which its time and id name.

    Raises:
        RejectedError: `VALIDATION_ERROR`.

    """
    if after is None:
        return {}
    time, _, row_id = after.partition("~")
    try:
        time = dt.datetime.fromisoformat(time).isoformat()
        row_id = str(uuid.UUID(row_id))
    except ValueError as error:
        raise RejectedError("VALIDATION_ERROR", text="Invalid request: after") from error
    than = "lt" if sign else "gt"
    # The first filter serves the index, which has the time alone.
    return {
        column: f"{than}e.{time}",
        "or": f'{column}.{than}."{time}",and({column}.eq."{time}",id.{than}.{row_id})',
    }


def _listed(database: Database, function: str, name: str, after_id: str | None) -> Rows:
    rows = accepted(database.call(function, max_rows=ROWS, after_id=after_id))[name]
    return Rows(rows=rows, after=rows[-1]["id"] if len(rows) == ROWS else None)

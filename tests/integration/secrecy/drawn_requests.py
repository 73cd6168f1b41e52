"""Drawn requests to the tables, with each part of PostgREST's grammar."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

from tests.sql.access.snapshot import SNAPSHOT


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DrawnRequest:
    """A request; `@name@` in its values stands for the id of that row of the world."""

    method: str
    table: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    body: Any = None


def _columns() -> dict[str, tuple[str, ...]]:
    """Return the columns of each table that a role selects, by the snapshot."""
    found: dict[str, tuple[str, ...]] = {}
    for line in SNAPSHOT.read_text().splitlines():
        role, verb, *rest = line.split(" ", 3)
        if verb == "select" and role != "service_role":
            found[rest[0].partition(".")[2]] = tuple(rest[1].strip("()").split(", "))
    return found


COLUMNS: Mapping[str, Sequence[str]] = _columns()
TABLES = (
    *COLUMNS, "outbox", "webhook_events", "listing_private", "proxy_bids", "message_originals",
    "pickups", "kyc_sessions", "bid_log", "pg_stats", "objects",
)  # fmt: skip
#: Values of the closed tables, system columns, and functions that take a whole row.
HIDDEN = (
    "reserve_cents", "street", "max_cents", "original", "findings", "code_hmac", "email", "phone",
    "encrypted_password", "payload", "reason", "description", "admin_notes", "is_internal",
    "xmin", "xmax", "ctid", "tableoid", "to_jsonb", "row_to_json", "md5", "hashtext", "version",
    "current_query", "length", "record_out", "pg_column_size",
)  # fmt: skip
EMBEDS = (
    "auctions", "auctions!inner", "listings", "listings!inner", "bids", "orders", "users",
    "users!inner", "public_profiles", "public_profiles!listings_seller_id_fkey",
    "users!listings_seller_id_fkey", "users!bids_bidder_id_fkey", "users!orders_buyer_id_fkey",
    "users!messages_sender_id_fkey", "messages", "message_threads", "payments", "refunds",
    "disputes", "dispute_messages", "shipments", "user_strikes", "listing_private", "proxy_bids",
    "message_originals", "pickups", "content_reports", "notifications", "seller:seller_id",
    "...users", "...listings", "...orders", "...message_threads",
)  # fmt: skip
CASTS = ("text", "jsonb", "integer", "xid", "regclass", "public.user_role", "bytea", "xml")
OPERATORS = (
    "eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "in", "is", "fts",
    "plfts", "wfts", "cs", "cd", "ov", "isdistinct", "like(any)", "gt(all)",
)  # fmt: skip
OPERANDS = (
    "zq*", "*zqa*", "zqa0", "^zqa", "null", "true", "0", "4815162", "31415926", "(zqa0,1)", "{}",
    "{zqa}", '{"mark":"zqa"}', "paid", "admin", "2026-01-01", "@buyer@", "@outsider@", "@order@",
    "@live_auction@", "@seller@", "@thread@", "@live@", "@dispute@",
)  # fmt: skip
PATHS = ("->mark", "->>mark", "->0", "->>street", "->location->>street")
PREFERENCES = (
    "count=exact", "count=planned", "count=estimated", "return=representation", "return=minimal",
    "return=headers-only", "resolution=merge-duplicates", "resolution=ignore-duplicates",
    "missing=default", "handling=strict", "handling=strict, max-affected=1", "tx=rollback",
    "timezone=Asia/Tokyo", "params=single-object",
)  # fmt: skip
ACCEPTS = (
    "application/json", "text/csv", "application/vnd.pgrst.object+json",
    "application/vnd.pgrst.array+json;nulls=stripped", "application/vnd.pgrst.plan+json",
    "application/vnd.pgrst.plan+text;options=analyze|verbose|buffers", "application/geo+json",
    "application/octet-stream", "*/*",
)  # fmt: skip


def drawn() -> st.SearchStrategy[DrawnRequest]:
    """Draw a request to any table, by any method."""
    return st.sampled_from(TABLES).flatmap(_of_table)


def _of_table(table: str) -> st.SearchStrategy[DrawnRequest]:
    columns = _fields(table)
    return st.builds(
        DrawnRequest,
        method=st.sampled_from(
            ("GET", "GET", "GET", "GET", "GET", "HEAD", "POST", "PATCH", "DELETE", "PUT")
        ),
        table=st.just(table),
        query=st.lists(_parameter(columns), max_size=4).map(tuple),
        headers=st.fixed_dictionaries(
            {},
            optional={
                "Prefer": st.sampled_from(PREFERENCES),
                "Accept": st.sampled_from(ACCEPTS),
                "Accept-Profile": st.sampled_from(("public", "private", "auth")),
                "Range": st.sampled_from(("0-0", "1-5", "9-2")),
            },
        ),
        body=st.dictionaries(columns, st.sampled_from((*OPERANDS, None, True, 1)), max_size=3),
    )


def _fields(table: str) -> st.SearchStrategy[str]:
    own = COLUMNS.get(table, ())
    return st.one_of(st.sampled_from(own), st.sampled_from(HIDDEN)) if own else _hidden()


def _hidden() -> st.SearchStrategy[str]:
    return st.sampled_from((*HIDDEN, "id", "status"))


def _parameter(columns: st.SearchStrategy[str]) -> st.SearchStrategy[tuple[str, str]]:
    filtered = st.tuples(st.one_of(columns, _path(columns), _embedded(columns)), _condition())
    group = st.lists(st.builds("{}.{}".format, columns, _condition()), min_size=1, max_size=3)
    order = st.builds("{}{}".format, columns, st.sampled_from(("", ".desc", ".desc.nullslast")))
    related = st.builds("{}({})".format, st.sampled_from(EMBEDS), order)
    return st.one_of(
        st.tuples(st.just("select"), st.lists(_item(columns), max_size=4).map(",".join)),
        filtered,
        filtered,
        st.tuples(
            st.sampled_from(("or", "and", "not.or")), group.map(lambda all_: f"({','.join(all_)})")
        ),
        st.tuples(st.just("order"), st.one_of(order, related)),
        st.tuples(st.sampled_from(("limit", "offset")), st.sampled_from(("0", "1", "2"))),
        st.tuples(
            st.sampled_from(("columns", "on_conflict")),
            st.lists(columns, min_size=1, max_size=3).map(",".join),
        ),
    )


def _item(columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    field = st.one_of(columns, _path(columns))
    aggregate = st.sampled_from(("count()", "sum()", "max()", "min()", "avg()"))
    cast = st.sampled_from(CASTS)
    below = st.one_of(st.sampled_from(HIDDEN), st.sampled_from(("*", "id", "display_name")))
    return st.one_of(
        st.just("*"),
        field,
        st.builds("{}::{}".format, field, cast),
        st.builds("renamed:{}".format, field),
        st.builds("{}.{}".format, columns, aggregate),
        st.builds("{}({})".format, st.sampled_from(EMBEDS), st.lists(below).map(",".join)),
        aggregate,
    )


def _path(columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.builds("{}{}".format, columns, st.sampled_from(PATHS))


def _embedded(columns: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    names = st.sampled_from([embed.partition("!")[0].strip(".") for embed in EMBEDS])
    return st.builds("{}.{}".format, names, columns)


def _condition() -> st.SearchStrategy[str]:
    text = "{}.{}".format
    return st.one_of(
        st.builds(text, st.sampled_from(OPERATORS), st.sampled_from(OPERANDS)),
        st.builds("not.{}.{}".format, st.sampled_from(OPERATORS), st.sampled_from(OPERANDS)),
    )

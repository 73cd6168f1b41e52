"""The RPCs that read, and hot loops of the workers, with the rows that their bodies touch."""

import dataclasses
import json
import time
from collections.abc import Mapping
from typing import LiteralString

from psycopg import Connection, sql

from tests.proof.plans.dataset import Role
from tests.proof.plans.plan import SMALL_ROWS, Plan, repeated


#: Rows of each table that this transaction has read so far, by scans and by indexes.
COUNTERS = """
  select relname::text, seq_tup_read, coalesce(idx_tup_fetch, 0) from pg_stat_xact_user_tables
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call of an RPC as one of the readers, or as the service without `role`."""

    sql: LiteralString
    role: Role | None
    reads: int = 500


CALLS: Mapping[str, Call] = {
    "get_time_remaining": Call(sql="get_time_remaining({hot})", role=Role.ANON),
    "get_auction_state": Call(sql="get_auction_state({hot})", role=Role.ANON),
    "get_bid_log": Call(sql="get_bid_log({sold})", role=Role.ANON),
    "search_listings, rare text": Call(
        sql="search_listings('Number 4203')", role=Role.ANON, reads=1_000
    ),
    "search_listings, ended": Call(
        sql="search_listings('number 421', 'ended')", role=Role.ANON, reads=5_000
    ),
    # One listing in seven has the word. The planner may begin with the newest live listings.
    "search_listings, frequent text": Call(
        sql="search_listings('teapot')", role=Role.ANON, reads=20_000
    ),
    "get_my_proxy": Call(sql="get_my_proxy({hot})", role=Role.USER),
    "get_listing_private": Call(sql="get_listing_private({hot_listing})", role=Role.STAFF),
    "mark_thread_read": Call(sql="mark_thread_read({thread})", role=Role.BUYER, reads=5_000),
    "mark_all_notifications_read": Call(
        sql="mark_all_notifications_read()", role=Role.BUYER, reads=5_000
    ),
    "staff_find_user": Call(sql="staff_find_user('a@b.test')", role=Role.STAFF),
    "staff_read_event": Call(sql="staff_read_event('evt_1')", role=Role.STAFF),
    "staff_list_faults": Call(sql="staff_list_faults()", role=Role.STAFF),
    "staff_list_held_messages": Call(sql="staff_list_held_messages()", role=Role.STAFF),
    "staff_list_reports": Call(sql="staff_list_reports()", role=Role.STAFF, reads=1_000),
    # Its answer has the number of unread notifications, all of which it counts.
    "list_notifications": Call(
        sql="list_notifications({buyer}, false, 50)", role=None, reads=1_000
    ),
    "find_auction": Call(sql="find_auction({hot_listing})", role=None),
    "settle_due_orders": Call(sql="settle_due_orders(1)", role=None, reads=10_000),
    "next_auction_deadline": Call(sql="next_auction_deadline()", role=None),
    "get_order": Call(sql="get_order({order}, {buyer}, 'aal1')", role=None),
    "list_payouts": Call(sql="list_payouts({seller}, 50)", role=None, reads=10_000),
    "session_is_live": Call(sql="session_is_live({buyer}, {buyer})", role=None),
    "find_webhook_event": Call(sql="find_webhook_event('evt_1', null, null)", role=None),
}


def called(owner: Connection, call: Call, ids: Mapping[str, str]) -> Plan:
    """Call a few times and undo it; return the times and the rows of the last call."""

    def once() -> Plan:
        with owner.transaction(force_rollback=True):
            return _once(owner, call, ids)

    return repeated(once)


def _once(owner: Connection, call: Call, ids: Mapping[str, str]) -> Plan:
    arguments = {name: sql.Literal(value) for name, value in ids.items()}
    query = sql.SQL("select public." + call.sql).format(**arguments)
    before = _counters(owner)
    _become(owner, call.role, ids)
    started = time.perf_counter()
    owner.execute(query)
    took_ms = (time.perf_counter() - started) * 1000
    owner.execute("set local role none")
    after = _counters(owner)
    scanned = {table: scans - before.get(table, (0, 0))[0] for table, (scans, _) in after.items()}
    fetched = {table: rows - before.get(table, (0, 0))[1] for table, (_, rows) in after.items()}
    return Plan(
        took_ms=took_ms,
        scanned=sorted(table for table, rows in scanned.items() if rows > SMALL_ROWS),
        read=sum(scanned.values()) + sum(fetched.values()),
        sorted=0,
    )


def _counters(owner: Connection) -> Mapping[str, tuple[int, int]]:
    return {table: (scans, rows) for table, scans, rows in owner.execute(COUNTERS)}


def _become(owner: Connection, role: Role | None, ids: Mapping[str, str]) -> None:
    name = {None: "service_role", Role.ANON: "anon"}.get(role, "authenticated")
    claims = {"role": name, "aal": "aal2" if role is Role.STAFF else "aal1"}
    if role not in (None, Role.ANON):
        claims["sub"] = ids[str(role)]
    owner.execute(sql.SQL("set local role {}").format(sql.Identifier(name)))
    owner.execute("select set_config('request.jwt.claims', %s, true)", [json.dumps(claims)])

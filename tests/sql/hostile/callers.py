"""The callers of RPCs: the readers of the access matrix, and accounts without a profile."""

import contextlib
import dataclasses
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import Connection, sql

from tests.sql.access.world import Reader, World
from tests.sql.actors import signed_up
from tests.sql.hostile.rpcs import Rpc
from tests.sql.hostile.values import with_ids


#: Tables that a refusal may change: they count uses towards a limit.
COUNTERS = frozenset(("private.rate_limits", "private.limit_refusals"))
#: Refusals that change more: a wrong pickup code counts as a try, an object that Stripe made in
#: vain is cancelled there, and a payment that settles nothing is recorded and goes back.
TRACES = {
    ("redeem_pickup", "INVALID_CODE"): {"private.pickups"},
    # The receipt of an older message, which was purged, is stored again.
    ("send_message", "REQUEST_ID_REUSED"): {"private.request_receipts"},
    ("start_thread", "REQUEST_ID_REUSED"): {"private.request_receipts"},
    ("attach_payment_intent", "CONFLICT"): {"public.outbox"},
    ("attach_payment_intent", "RESOURCE_NOT_FOUND"): {"public.outbox"},
    ("attach_payment_intent", "TRANSACTION_FAILED"): {"public.outbox"},
    ("attach_verification", "PROFILE_NOT_FOUND"): {"public.outbox"},
    ("confirm_payment_transaction", "TRANSACTION_FAILED"): {
        "private.open_alerts", "public.ledger_entries", "public.orders", "public.outbox",
        "public.payments", "public.refunds", "private.order_checks",
    },
}  # fmt: skip
#: The deferred checks of a commit.
COMMITTED = "reset role; set constraints all immediate; set constraints all deferred"
#: Errors that the comments of these functions promise, with the beginning of their text.
PROMISED = {
    ("transition_order", "23514"): "Invalid order state transition",
    ("rate_limit_hit", "PT400"): "UNKNOWN_RATE_LIMIT",
}
SCHEMAS = ["public", "private", "auth", "storage", "realtime"]
TOUCHED = """
  select c.oid::regclass::text,
    pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid)
    + pg_stat_get_xact_tuples_deleted(c.oid)
  from pg_class as c
  where c.relkind = 'r' and c.relnamespace = any(%s::text[]::regnamespace[])
"""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An answer or an error, and a digest of each table that the call changed."""

    value: Any = None
    sqlstate: str | None = None
    message: str = ""
    #: The functions in which the error was raised.
    context: str = ""
    changed: Mapping[str, str | None] = dataclasses.field(default_factory=dict)

    @property
    def is_refusal(self) -> bool:
        """Return true if the RPC answered with a refusal."""
        return isinstance(self.value, dict) and self.value.get("success") is False


class Callers:
    """The callers in a world whose rows the caller's transaction alone sees."""

    def __init__(self, owner: Connection) -> None:
        self._owner = owner
        self.world = World(owner)
        self._claims = {reader.value: self.world.claims(reader) for reader in Reader}
        deleted = signed_up(owner, "deleted")
        owner.execute("update public.users set deleted_at = now() where id = %s", [deleted.id])
        for name, user_id in (("deleted", deleted.id), ("unknown", uuid4())):
            self._claims[name] = {"role": "authenticated", "sub": str(user_id), "aal": "aal2"}
        self._claims["nameless"] = {"role": "authenticated"}
        owner.execute("set constraints all immediate")
        owner.execute("set constraints all deferred")
        self._counts = self._touched()
        self._contents = {table: self._content(table) for table in self._counts}

    @property
    def names(self) -> tuple[str, ...]:
        """Return the name of each caller."""
        return tuple(self._claims)

    def role(self, name: str) -> str:
        """Return the database role of a caller."""
        return str(self._claims[name]["role"])

    def functions(self) -> set[str]:
        """Return the functions that the API serves."""
        query = "select proname::text from pg_proc where pronamespace = 'public'::regnamespace"
        return {name for (name,) in self._owner.execute(query)}

    @contextlib.contextmanager
    def undone(self) -> Iterator[None]:
        """Undo the calls of a block."""
        with self._owner.transaction(force_rollback=True):
            yield

    def call(
        self, name: str, rpc: Rpc, arguments: Mapping[str, object], *, after: Answer | None = None
    ) -> Answer:
        """Call an RPC as PostgREST does, which reads the arguments from the body's JSON.

        The changes are those since the call `after`, otherwise since the world was built.
        """
        before = dict(self._counts)
        try:
            with self._owner.transaction():
                self._become(name)
                value = self._answered(rpc, arguments)
                self._owner.execute(COMMITTED)
        except psycopg.Error as error:
            context = error.diag.context or ""
            return Answer(
                sqlstate=error.sqlstate, message=error.diag.message_primary or "", context=context
            )
        finally:
            self._owner.execute("reset role")
        return Answer(value=value, changed=self._changed(before, after.changed if after else {}))

    def receives(self, name: str, topic: str, extension: str) -> bool:
        """Return true if Realtime lets a caller join a private topic."""
        with self.undone():
            self._owner.execute("select set_config('realtime.topic', %s, true)", [topic])
            self._owner.execute(
                "insert into realtime.messages (topic, extension) values (%s, %s)",
                [topic, extension],
            )
            self._become(name)
            return bool(self._owner.execute("select from realtime.messages").fetchall())

    def may_send(self, name: str, topic: str, extension: str) -> bool:
        """Return true if Realtime lets a caller send to a private topic."""
        try:
            with self.undone():
                self._owner.execute("select set_config('realtime.topic', %s, true)", [topic])
                self._become(name)
                self._owner.execute(
                    "insert into realtime.messages (topic, extension) values (%s, %s)",
                    [topic, extension],
                )
        except psycopg.errors.InsufficientPrivilege:
            return False
        return True

    def _answered(self, rpc: Rpc, arguments: Mapping[str, object]) -> Any:
        given = [sql.Identifier(argument) for argument in arguments]
        types = [sql.SQL(rpc.arguments[argument]) for argument in arguments]
        columns = [sql.SQL("{} {}").format(*pair) for pair in zip(given, types, strict=True)]
        passed = [sql.SQL("{0} => sent.{0}").format(argument) for argument in given]
        query = sql.SQL("select to_jsonb(answer) from {}public.{}({}) as answer").format(
            sql.SQL("json_to_record(%s::json) as sent ({}), ").format(sql.SQL(", ").join(columns))
            if columns
            else sql.SQL(""),
            sql.Identifier(rpc.name),
            sql.SQL(", ").join(passed),
        )
        values = [json.dumps(with_ids(dict(arguments), self.world))] if columns else []
        rows = self._owner.execute(query, values).fetchall()
        return rows[0][0] if len(rows) == 1 else rows

    def _become(self, name: str) -> None:
        self._owner.execute(
            "select set_config('request.jwt.claims', %s, true), set_config('role', %s, true)",
            [json.dumps(self._claims[name]), self.role(name)],
        )

    def _touched(self) -> dict[str, int]:
        return dict(self._owner.execute(TOUCHED, [SCHEMAS]).fetchall())

    def _changed(
        self, before: Mapping[str, int], earlier: Mapping[str, str | None]
    ) -> dict[str, str | None]:
        self._counts = self._touched()
        touched = [table for table, count in self._counts.items() if count != before[table]]
        found = {table: self._content(table) for table in touched}
        known = {**self._contents, **earlier}
        return {table: content for table, content in found.items() if content != known[table]}

    def _content(self, table: str) -> str | None:
        query = f"select md5(string_agg(t::text, '|' order by t::text)) from {table} as t"  # noqa: S608 -- the catalogue's names
        [(content,)] = self._owner.execute(query.encode()).fetchall()
        return None if content is None else str(content)


def is_raised_inside(answer: Answer) -> bool:
    """Return true if a function raised the error, and not the reading of the arguments."""
    return bool(re.search(r"PL/pgSQL function|SQL function", answer.context))

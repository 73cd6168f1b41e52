"""The store of the fake Stripe: one SQLite file, which survives a restart and a kill."""

import contextlib
import json
import logging
import secrets
import sqlite3
import string
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any


log = logging.getLogger(__name__)

Json = dict[str, Any]

_SCHEMA = """
create table if not exists objects (
  seq integer primary key autoincrement,
  id text not null unique,
  kind text not null,
  created integer not null,
  body text not null,
  private text,
  account text
);
create index if not exists objects_kind on objects (kind, seq);
create index if not exists objects_intent
  on objects (kind, json_extract(body, '$.payment_intent'));
create index if not exists objects_charge on objects (kind, json_extract(body, '$.charge'));
create index if not exists objects_source on objects (kind, json_extract(body, '$.source'));
create index if not exists objects_type on objects (kind, json_extract(body, '$.type'));

create table if not exists idempotency_keys (
  key text primary key,
  path text not null,
  fingerprint text not null,
  status integer not null,
  body text not null,
  request_id text not null,
  created_at real not null
);

create table if not exists deliveries (
  id integer primary key autoincrement,
  event_id text not null,
  event_type text not null,
  object_id text,
  url text not null,
  is_connect integer not null,
  state text not null,
  damage text,
  due_at real
);
create index if not exists deliveries_due on deliveries (state, due_at);
create index if not exists deliveries_event on deliveries (event_id);

create table if not exists attempts (
  delivery_id integer not null,
  number integer not null,
  at real not null,
  status integer,
  body text not null,
  error text,
  duration_ms real not null,
  primary key (delivery_id, number)
);

create table if not exists scheduled_actions (
  object_id text primary key,
  action text not null,
  due_at real
);
"""
#: Increase it with each change of the tables. A file of another version is emptied.
_SCHEMA_VERSION = 2
_TABLES = ("objects", "idempotency_keys", "deliveries", "attempts", "scheduled_actions")
_ALPHABET = string.ascii_letters + string.digits


def new_id(prefix: str, length: int = 24) -> str:
    """Return a random id in Stripe's form."""
    return f"{prefix}_" + "".join(secrets.choice(_ALPHABET) for _ in range(length))


def unix_now() -> int:
    """Return the current time in whole seconds, as Stripe's objects have it."""
    return int(time.time())


class Store:
    """The tables and the objects in them.

    Only the event loop's thread uses it, and no transaction awaits anything. So transactions never
    overlap.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.connection = sqlite3.connect(path, isolation_level=None)
        self.connection.row_factory = sqlite3.Row
        self.connection.execute("pragma journal_mode = wal")
        self.connection.execute("pragma synchronous = normal")
        self._drop_other_version()
        self.connection.executescript(_SCHEMA)

    def close(self) -> None:
        """Close the file."""
        self.connection.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[None]:
        """Commit the changes of the block, or roll all of them back."""
        self.connection.execute("begin immediate")
        try:
            yield
        except BaseException:
            self.connection.execute("rollback")
            raise
        self.connection.execute("commit")

    def clear(self) -> None:
        """Delete all rows."""
        with self.transaction():
            for table in _TABLES:
                self.connection.execute(f"delete from {table}")  # noqa: S608 - names of our own

    def insert(
        self, item: Json, *, private: Mapping[str, Any] | None = None, account: str | None = None
    ) -> None:
        """Add an object to our own account or to the connected `account`.

        The API does not show the fields in `private`.
        """
        self.connection.execute(
            "insert into objects (id, kind, created, body, private, account)"
            " values (?, ?, ?, ?, ?, ?)",
            (
                item["id"],
                item["object"],
                item["created"],
                json.dumps(item),
                json.dumps(private) if private else None,
                account,
            ),
        )

    def replace(self, item: Json) -> None:
        """Overwrite an object."""
        self.connection.execute(
            "update objects set body = ? where id = ?", (json.dumps(item), item["id"])
        )

    def delete(self, object_id: str) -> None:
        """Delete an object."""
        self.connection.execute("delete from objects where id = ?", (object_id,))

    def find(self, kind: str, object_id: str) -> Json | None:
        """Return an object of any account by its id."""
        row = self.connection.execute(
            "select body from objects where id = ? and kind = ?", (object_id, kind)
        ).fetchone()
        return json.loads(row["body"]) if row else None

    def account_of(self, object_id: str) -> str | None:
        """Return the connected account of an object, or None for our own."""
        row = self.connection.execute(
            "select account from objects where id = ?", (object_id,)
        ).fetchone()
        return row["account"] if row else None

    def private(self, object_id: str) -> Json:
        """Return the private fields of an object."""
        row = self.connection.execute(
            "select private from objects where id = ?", (object_id,)
        ).fetchone()
        return json.loads(row["private"]) if row and row["private"] else {}

    def find_all(self, kind: str, field: str, value: str) -> list[Json]:
        """Return the objects of a kind whose `field` is `value`, newest first."""
        rows = self.connection.execute(
            "select body from objects"  # noqa: S608 - field names are our own
            f" where kind = ? and json_extract(body, '$.{field}') = ? order by seq desc",
            (kind, value),
        )
        return [json.loads(row["body"]) for row in rows]

    def schedule(self, object_id: str, action: str, due_at: float | None) -> None:
        """Schedule an action on an object; without a time only `take_scheduled` ends it."""
        self.connection.execute(
            "insert or replace into scheduled_actions (object_id, action, due_at) values (?, ?, ?)",
            (object_id, action, due_at),
        )

    def take_scheduled(self, object_id: str) -> str | None:
        """Delete and return the action that is scheduled on an object."""
        row = self.connection.execute(
            "delete from scheduled_actions where object_id = ? returning action", (object_id,)
        ).fetchone()
        return str(row["action"]) if row else None

    def next_scheduled(self) -> tuple[str | None, float | None]:
        """Return the object whose action is due, or else the seconds until the next one is due."""
        row = self.connection.execute(
            "select object_id, due_at from scheduled_actions"
            " where due_at is not null order by due_at limit 1"
        ).fetchone()
        if row is None:
            return None, None
        wait_s = row["due_at"] - time.time()
        return (row["object_id"], None) if wait_s <= 0 else (None, wait_s)

    def _drop_other_version(self) -> None:
        """Drop the tables that another version wrote; test data needs no migration."""
        [version] = self.connection.execute("pragma user_version").fetchone()
        if version == _SCHEMA_VERSION:
            return
        tables = self.connection.execute(
            "select name from sqlite_master where type = 'table' and name not like 'sqlite_%'"
        ).fetchall()
        if tables:
            log.warning("The state file of the fake Stripe has another version, so it is emptied.")
        for table in tables:
            self.connection.execute(f"drop table {table['name']}")
        self.connection.execute(f"pragma user_version = {_SCHEMA_VERSION}")

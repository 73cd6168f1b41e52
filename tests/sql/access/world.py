"""The readers of the access matrix, and the rows that they meet: one of each kind in each sale."""

import dataclasses
import enum
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
from psycopg import Connection

from tests.sql.actors import signed_up


class Reader(enum.StrEnum):
    """The readers of the matrix; its head says who each is."""

    ANON = "anon"
    OUTSIDER = "outsider"
    BIDDER = "bidder"
    BUYER = "buyer"
    SELLER = "seller"
    SUSPENDED = "suspended"
    SUSPENDED_BUYER = "suspended_buyer"
    SUSPENDED_SELLER = "suspended_seller"
    SUSPENDED_MODERATOR = "suspended_moderator"
    MODERATOR1 = "moderator1"
    MODERATOR = "moderator"
    STAFF_BUYER = "staff_buyer"
    STAFF_SELLER = "staff_seller"
    ADMIN = "admin"
    SERVICE = "service"


#: Words of the matrix that stand for several readers.
GROUPS: Mapping[str, frozenset[Reader]] = {
    "staff": frozenset((Reader.MODERATOR, Reader.ADMIN, Reader.STAFF_BUYER, Reader.STAFF_SELLER)),
    "people": frozenset(Reader) - {Reader.ANON, Reader.SERVICE},
    "everybody": frozenset(Reader) - {Reader.SERVICE},
}
#: The roles of the users table that differ from buyer.
STANDING = {
    Reader.SELLER: "seller",
    Reader.SUSPENDED_SELLER: "seller",
    Reader.SUSPENDED_MODERATOR: "moderator",
    Reader.MODERATOR: "moderator",
    Reader.STAFF_BUYER: "moderator",
    Reader.STAFF_SELLER: "moderator",
    Reader.ADMIN: "admin",
}
SUSPENDED = (
    Reader.SUSPENDED,
    Reader.SUSPENDED_BUYER,
    Reader.SUSPENDED_SELLER,
    Reader.SUSPENDED_MODERATOR,
)
#: The sales by the end of their rows' names, each with its buyer and its seller.
SALES = {
    "": (Reader.BUYER, Reader.SELLER),
    "_of_suspended": (Reader.SUSPENDED_BUYER, Reader.SUSPENDED_SELLER),
    "_of_staff": (Reader.STAFF_BUYER, Reader.STAFF_SELLER),
}
#: They have no row but their profile, so an admin's update of all notifications fails by no check.
WITHOUT_NOTICE = (Reader.OUTSIDER, Reader.MODERATOR1, Reader.ADMIN)
FORBIDDEN = "42501"
#: Counters of the limits, which a refused call may raise too.
COUNTERS = "private.rate_limits"


def readers_in(words: str) -> frozenset[Reader]:
    """Return the readers that a line of the matrix names."""
    return frozenset(
        reader for word in words.split() for reader in GROUPS.get(word) or (Reader(word),)
    )


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """An answer of Postgres: rows, or the SQLSTATE and text of an error."""

    rows: list[tuple[Any, ...]]
    changed: int = 0
    error: str | None = None
    #: The rows that were changed or deleted, as `table name`, and the tables that got rows.
    touched: frozenset[str] = frozenset()


class World:
    """The rows of sale.sql and world.sql, by name, and who looks at them."""

    def __init__(self, owner: Connection) -> None:
        self._owner = owner
        self._ids = _Ids()
        for reader in GROUPS["people"] - {Reader.MODERATOR1}:
            # The sign-up would replace a name of the marketplace's staff by a random one.
            name = f"reader{list(Reader).index(reader)}"
            person = signed_up(owner, name, role=STANDING.get(reader, "buyer"))
            self._ids[reader.value] = _literal(person.id)
        self._ids[Reader.MODERATOR1.value] = self._ids[Reader.MODERATOR.value]
        self._ids["job"] = _literal(_id_of("outbox:matrix"))
        self._ids["other_job"] = _literal(_id_of("outbox:other"))
        for number, suffix in enumerate(SALES):
            self._add_sale(str(1_000_000 + number), suffix)
        owner.execute(self.filled(_text_of("world.sql")))
        for reader in sorted(GROUPS["people"] - set(WITHOUT_NOTICE)):
            self._add_notice(reader)
        suspend = "update public.users set suspended_at = now() where id::text = any(%s)"
        owner.execute(suspend, [[self.value(reader) for reader in SUSPENDED]])
        self._rows = _Rows(owner)

    def _add_sale(self, event: str, suffix: str) -> None:
        for order, auction in {"order": "sold_auction", "paid_order": "paid_auction"}.items():
            text = f"order:{self.value(auction + suffix)}"
            self._ids[order + suffix] = _literal(_id_of(text))
        self._ids[event] = event
        names = _NamesOfSale(self, suffix, order_event=event)
        self._owner.execute(_text_of("sale.sql").format_map(names).encode())

    def _add_notice(self, reader: Reader) -> None:
        query = """
          insert into public.notifications (id, user_id, type, title, message)
          values ({notice_of_%s}, {%s}, 'outbid', 'Outbid', 'Bid again')
        """
        self._owner.execute(self.filled(query % (reader, reader)))

    def filled(self, text: str) -> bytes:
        """Return SQL in which each `{name}` is the id of that row, and `{fresh}` a new id."""
        self._ids["fresh"] = _literal(uuid4())
        return text.format_map(self._ids).encode()

    def in_sale(self, name: str, suffix: str) -> str:
        """Return what a word of the matrix stands for in a sale: a party of it, or a row of it."""
        if name in GROUPS:
            return name
        if name in set(Reader):
            return dict(zip(SALES[""], SALES[suffix], strict=True)).get(Reader(name), name)
        return name + suffix

    def filled_in_sale(self, text: str, suffix: str) -> str:
        """Return SQL like `filled`, with the rows of a sale; `{fresh}` and `{{` stay."""
        names = _NamesOfSale(self, suffix, fresh="{fresh}")
        return re.sub(r"{(\w+)}", lambda match: names[match[1]], text)

    def value(self, name: str) -> str:
        """Return the key of a row as text."""
        return name if name.isdigit() or name.startswith("evt_") else self._ids[name][1:37]

    def literal(self, name: str) -> str:
        """Return the key of a row as SQL."""
        return self._ids[name]

    def name(self, key: str) -> str:
        """Return the name of a row with this key, or the key of a row that has no name."""
        named = (name for name, literal in self._ids.items() if literal[1:37] == key)
        return next(named, key)

    def attempt(self, reader: Reader, query: str, *, is_watched: bool = False) -> Outcome:
        """Run `query` as a reader, and undo it; if watched, return the rows that it touched."""
        try:
            with self._owner.transaction(force_rollback=True):
                before = self._rows.writes() if is_watched else {}
                self._owner.execute(
                    "select set_config('request.jwt.claims', %s, true),"
                    " set_config('role', %s, true)",
                    [json.dumps(self.claims(reader)), self.role(reader)],
                )
                cursor = self._owner.execute(self.filled(query))
                rows = cursor.fetchall() if cursor.description else []
                touched = self._touched(before) if is_watched else frozenset()
                return Outcome(rows=rows, changed=cursor.rowcount, touched=touched)
        except psycopg.Error as error:
            return Outcome(rows=[], error=error.sqlstate)

    def _touched(self, before: Mapping[str, int]) -> frozenset[str]:
        """Return the rows that differ from those of the world, and the tables that got new rows."""
        self._owner.execute("reset role")
        return frozenset(
            table if is_new else f"{table} {'/'.join(map(self.name, key))}"
            for table, key, is_new in self._rows.changes(before)
            if table != COUNTERS
        )

    @property
    def url(self) -> str:
        """Return the address of the world's database."""
        return self._owner.info.dsn

    def role(self, reader: Reader) -> str:
        """Return the database role of a reader."""
        return {Reader.ANON: "anon", Reader.SERVICE: "service_role"}.get(reader, "authenticated")

    def claims(self, reader: Reader) -> dict[str, object]:
        """Return what the token of a reader says."""
        claims: dict[str, object] = {"role": self.role(reader)}
        if reader in GROUPS["people"]:
            claims["sub"] = self.value(reader.value)
            has_second_factor = reader in (*GROUPS["staff"], Reader.SUSPENDED_MODERATOR)
            claims["aal"] = "aal2" if has_second_factor else "aal1"
        return claims


class _Ids(dict[str, str]):
    """Ids as SQL literals; a new name gets an id that follows from it."""

    def __missing__(self, name: str) -> str:
        self[name] = _literal(_id_of(name))
        return self[name]


class _NamesOfSale(dict[str, str]):
    """The ids of a sale's rows and parties as SQL literals, by the names without the sale's end."""

    def __init__(self, world: World, suffix: str, **own: str) -> None:
        super().__init__(own, suffix=suffix)
        self._world = world
        self._suffix = suffix

    def __missing__(self, name: str) -> str:
        return self._world.literal(self._world.in_sale(name, self._suffix))


class _Rows:
    """All rows of the tables that calls could change, in the state of the world."""

    def __init__(self, owner: Connection) -> None:
        self._owner = owner
        self._queries = {
            table: f"select array[{', '.join(f'{column}::text' for column in key)}],"  # noqa: S608 -- the catalogue's names
            f" hashtextextended(t::text, 0) from {table} as t".encode()
            for table, key in owner.execute(_KEYS, [["public", "private", "storage"]])
        }
        self._known = {table: self._read(table) for table in self._queries}

    def writes(self) -> Mapping[str, int]:
        """Return the number of writes of each table in this transaction, also of those undone."""
        return dict(self._owner.execute(_WRITES).fetchall())

    def changes(self, before: Mapping[str, int]) -> Iterator[tuple[str, tuple[str, ...], bool]]:
        """Yield table and key of each row that differs now, and whether the row is new.

        Only the tables are read that have other numbers of writes than `before`.
        """
        for table, count in self.writes().items():
            if table in self._queries and count != before.get(table, 0):
                known, found = self._known[table], self._read(table)
                for key in known.keys() | found.keys():
                    if known.get(key) != found.get(key):
                        yield table, key, key not in known

    def _read(self, table: str) -> Mapping[tuple[str, ...], int]:
        rows = self._owner.execute(self._queries[table]).fetchall()
        return {tuple(key): content for key, content in rows}


#: The tables of these schemas, each with the columns of its key.
_KEYS = """
  select c.oid::regclass::text, array(
    select a.attname::text from pg_attribute as a
    where a.attrelid = c.oid and a.attnum = any(k.conkey) order by a.attnum
  )
  from pg_class as c join pg_constraint as k on k.conrelid = c.oid and k.contype = 'p'
  where c.relnamespace::regnamespace::text = any(%s)
"""


_WRITES = """
  select relid::regclass::text, n_tup_ins + n_tup_upd + n_tup_del
  from pg_stat_xact_all_tables where n_tup_ins + n_tup_upd + n_tup_del > 0
"""


def _text_of(name: str) -> str:
    return Path(__file__).with_name(name).read_text()


def _id_of(text: str) -> UUID:
    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def _literal(value: UUID) -> str:
    return f"'{value}'::uuid"

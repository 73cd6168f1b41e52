"""The readers of the access matrix, and one row of each kind that they meet."""

import dataclasses
import enum
import hashlib
import json
from collections.abc import Mapping
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
    MODERATOR1 = "moderator1"
    MODERATOR = "moderator"
    ADMIN = "admin"
    SERVICE = "service"


#: Words of the matrix that stand for several readers.
GROUPS: Mapping[str, frozenset[Reader]] = {
    "staff": frozenset((Reader.MODERATOR, Reader.ADMIN)),
    "people": frozenset(Reader) - {Reader.ANON, Reader.SERVICE},
    "everybody": frozenset(Reader) - {Reader.SERVICE},
}
#: The roles of the users table that differ from buyer.
STANDING = {Reader.SELLER: "seller", Reader.MODERATOR: "moderator", Reader.ADMIN: "admin"}
FORBIDDEN = "42501"


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


class World:
    """The rows of world.sql, by name, and who looks at them."""

    def __init__(self, owner: Connection) -> None:
        self._owner = owner
        self._ids = _Ids()
        for reader in GROUPS["people"] - {Reader.MODERATOR1}:
            person = signed_up(owner, reader.value, role=STANDING.get(reader, "buyer"))
            self._ids[reader.value] = _literal(person.id)
        self._ids[Reader.MODERATOR1.value] = self._ids[Reader.MODERATOR.value]
        sales = {"order": "sold_auction", "paid_order": "paid_auction"}
        for order, auction in sales.items():
            text = f"order:{UUID(self._ids[auction][1:37])}"
            self._ids[order] = _literal(_id_of(text))
        self._ids["job"] = _literal(_id_of("outbox:matrix"))
        owner.execute(self.filled(Path(__file__).with_name("world.sql").read_text()))
        owner.execute(
            self.filled("update public.users set suspended_at = now() where id = {suspended}")
        )

    def filled(self, text: str) -> bytes:
        """Return SQL in which each `{name}` is the id of that row, and `{fresh}` a new id."""
        self._ids["fresh"] = _literal(uuid4())
        return text.format_map(self._ids).encode()

    def value(self, name: str) -> str:
        """Return the key of a row as text."""
        return name if name.isdigit() or name == "evt_matrix" else self._ids[name][1:37]

    def attempt(self, reader: Reader, query: str) -> Outcome:
        """Run `query` as a reader, and undo it."""
        try:
            with self._owner.transaction(force_rollback=True):
                self._owner.execute(
                    "select set_config('request.jwt.claims', %s, true),"
                    " set_config('role', %s, true)",
                    [json.dumps(self.claims(reader)), self.role(reader)],
                )
                cursor = self._owner.execute(self.filled(query))
                rows = cursor.fetchall() if cursor.description else []
                return Outcome(rows=rows, changed=cursor.rowcount)
        except psycopg.Error as error:
            return Outcome(rows=[], error=error.sqlstate)

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
            claims["aal"] = "aal2" if reader in GROUPS["staff"] else "aal1"
        return claims


class _Ids(dict[str, str]):
    """Ids as SQL literals; a name that is new gets one that follows from it."""

    def __missing__(self, name: str) -> str:
        self[name] = _literal(_id_of(name))
        return self[name]


def _id_of(text: str) -> UUID:
    return UUID(hashlib.md5(text.encode(), usedforsecurity=False).hexdigest())


def _literal(value: UUID) -> str:
    return f"'{value}'::uuid"

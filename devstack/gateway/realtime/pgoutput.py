"""Decode the messages of pgoutput, the logical decoding plugin of Postgres, in version 1."""

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum


#: Postgres counts microseconds from this time.
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
#: The message that begins a transaction: kind, position and time of the commit, transaction id.
BEGIN = struct.Struct("!cQqI")


class Action(StrEnum):
    """The kind of a row's change, as clients spell it."""

    INSERT = "INSERT"
    UPDATE = "UPDATE"
    DELETE = "DELETE"


class Unchanged:
    """Stands for an unchanged value that is stored out of line, which the WAL leaves out."""


UNCHANGED = Unchanged()

#: The values of a row as Postgres prints them; None is null.
Row = tuple[str | Unchanged | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A published column; `is_identity` is true if old rows have its value."""

    name: str
    is_identity: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A table at the time of the change."""

    oid: int
    schema: str
    table: str
    columns: tuple[Column, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One changed row of a committed transaction.

    The table's replica identity decides if there is an `old` row. `has_whole_old` is true if it
    has all columns, and false if it has the identity columns only.
    """

    action: Action
    relation: Relation
    new: Row | None
    old: Row | None
    has_whole_old: bool
    commit_lsn: int
    committed_at: datetime


class _Reader:
    """A position in one message."""

    __slots__ = ("data", "position")

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.position = 0

    def number(self, form: str) -> int:
        value: int = struct.unpack_from(form, self.data, self.position)[0]
        self.position += struct.calcsize(form)
        return value

    def char(self) -> str:
        self.position += 1
        return chr(self.data[self.position - 1])

    def string(self) -> str:
        end = self.data.index(0, self.position)
        text = self.data[self.position : end].decode()
        self.position = end + 1
        return text

    def text(self) -> str:
        length = self.number("!I")
        self.position += length
        return self.data[self.position - length : self.position].decode()


def decode(messages: Iterable[bytes], relations: dict[int, Relation]) -> Iterator[Change]:
    """Yield the changed rows of whole transactions, in commit order.

    `relations` keeps the tables that the stream has described. Postgres describes a table once, and
    again after the table has changed.
    """
    commit_lsn, committed_at = 0, EPOCH
    for message in messages:
        reader = _Reader(message)
        match reader.char():
            case "B":
                commit_lsn = reader.number("!Q")
                committed_at = EPOCH + timedelta(microseconds=reader.number("!q"))
            case "R":
                relation = _relation(reader)
                relations[relation.oid] = relation
            case "I" | "U" | "D" as kind:
                relation = relations[reader.number("!I")]
                action, old, has_whole_old, new = _rows(kind, reader)
                yield Change(
                    action=action,
                    relation=relation,
                    new=new,
                    old=old,
                    has_whole_old=has_whole_old,
                    commit_lsn=commit_lsn,
                    committed_at=committed_at,
                )
            case _:
                # Commits, types, origins and truncates send nothing to subscribers.
                continue


def transaction_ids(messages: Iterable[bytes]) -> set[int]:
    """Return the transactions' ids, of 32 bits each."""
    return {BEGIN.unpack(message)[-1] for message in messages if message.startswith(b"B")}


def _relation(reader: _Reader) -> Relation:
    oid, schema, table = reader.number("!I"), reader.string(), reader.string()
    reader.char()
    columns = []
    for _ in range(reader.number("!H")):
        is_identity = bool(reader.number("!B") & 1)
        columns.append(Column(name=reader.string(), is_identity=is_identity))
        reader.number("!I")
        reader.number("!i")
    # The plugin sends pg_catalog as an empty name.
    return Relation(oid=oid, schema=schema or "pg_catalog", table=table, columns=tuple(columns))


def _rows(kind: str, reader: _Reader) -> tuple[Action, Row | None, bool, Row | None]:
    """Read the one or two rows of a change; a letter before each row names its kind."""
    letter = reader.char()
    old: Row | None = None
    has_whole_old = letter == "O"
    if letter in "KO":
        old = _row(reader)
        if kind == "D":
            return Action.DELETE, old, has_whole_old, None
        reader.char()
    action = Action.INSERT if kind == "I" else Action.UPDATE
    return action, old, has_whole_old, _row(reader)


def _row(reader: _Reader) -> Row:
    return tuple(_value(reader) for _ in range(reader.number("!H")))


def _value(reader: _Reader) -> str | Unchanged | None:
    match reader.char():
        case "n":
            return None
        case "u":
            return UNCHANGED
        case _:
            return reader.text()

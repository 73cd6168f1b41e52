"""Two databases that differ in secrets alone: each has marks of its own in every hidden value."""

import dataclasses
import enum
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import psycopg
from psycopg import Connection, conninfo, sql

from tests.sql.access.test_matrix import MATRIX, key_of
from tests.sql.access.world import Reader, World, readers_in


#: Columns that get a mark in each row of the matrix. Only the readers of a row may find its mark.
COLUMNS: Mapping[str, str] = {
    "public.audit_logs": "description metadata",
    "public.content_reports": "reason",
    "public.dispute_evidence": "title path",
    "public.dispute_messages": "content",
    "public.disputes": "description admin_notes reason",
    "public.ledger_entries": "description meta",
    "public.message_threads": "subject",
    "public.messages": "content",
    "public.metrics": "metadata",
    "public.notifications": "message metadata",
    "public.order_events": "reason",
    "public.orders": "cancel_reason stripe_payment_intent_id",
    "public.outbox": "payload last_error",
    "public.payments": "error_message stripe_charge_id",
    "public.refunds": "reason stripe_refund_id",
    "public.shipment_events": "location",
    "public.shipments": "tracking",
    "public.users": "email phone legal_name stripe_customer_id stripe_connect_account_id",
    "public.webhook_events": "payload error_message",
}
MARK = re.compile(r"zq[ab]\d{3}")
#: The mark of secrets that no reader selects; the numbers among them are marks of their own.
CLOSED = "999"
NUMBERS = {
    "a": {"maximum": 4815162, "reserve": 31415926},
    "b": {"maximum": 4815342, "reserve": 31415358},
}
CLOSED_TEXTS = ("4815162", "4815342", "31415926", "31415358", "c0ffee", "zqa999", "zqb999")


class Side(enum.StrEnum):
    """The two databases."""

    A = "a"
    B = "b"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One hidden value, and the readers that may select it."""

    table: str
    column: str
    row: str
    readers: frozenset[Reader]


def cells() -> Iterator[Cell]:
    """Yield each secret value to plant."""
    for table, columns in COLUMNS.items():
        stated = MATRIX["select"][table]
        # The outsider has no secrets, so all answers to them are the same in both databases.
        rows = {row: words for row, words in stated["rows"].items() if row != Reader.OUTSIDER}
        for row, words in rows.items():
            for column in columns.split():
                yield Cell(
                    table=table,
                    column=column,
                    row=row,
                    readers=readers_in(words)
                    & readers_in(stated["granted"]) - _without(column, stated.get("columns", {})),
                )


def _without(column: str, listed: Mapping[str, str]) -> frozenset[Reader]:
    """Return the readers of listed columns that may not select this one."""
    return frozenset(
        Reader(reader) for reader, columns in listed.items() if column not in columns.split()
    )


CELLS = tuple(cells())


def plant(admin_url: str, database_url: str, world: World, side: Side) -> None:
    """Write the marks of one side; no trigger runs, so the sides differ in nothing else."""
    database = conninfo.conninfo_to_dict(database_url)["dbname"]
    with psycopg.connect(admin_url, dbname=database) as owner:
        owner.execute("set session_replication_role = replica")
        for number, cell in enumerate(CELLS):
            _plant_cell(owner, world, cell, f"zq{side}{_turned(number, side):03d}-secret")
        text = Path(__file__).with_name("planted.sql").read_text()
        for name, value in ({"side": side} | NUMBERS[side]).items():
            text = text.replace("{" + name + "}", str(value))
        owner.execute(world.filled(text))


def _turned(number: int, side: str) -> int:
    """Return the number in a mark: side b counts backwards, so that its order differs too."""
    return number if side == Side.A else len(CELLS) - 1 - number


def _plant_cell(owner: Connection, world: World, cell: Cell, mark: str) -> None:
    value = f'{{"mark": "{mark}"}}' if cell.column in ("payload", "meta", "metadata") else mark
    query = sql.SQL("update {table} set {column} = %s where {key}::text = %s").format(
        table=sql.Identifier(*cell.table.split(".")),
        column=sql.Identifier(cell.column),
        key=sql.Identifier(key_of(cell.table)),
    )
    assert 1 == owner.execute(query, [value, world.value(cell.row)]).rowcount, cell


def leaks(reader: Reader, answer: str, sent: str) -> set[str]:
    """Return each secret in an answer that the reader may not select, and has not sent itself."""
    found = {text for text in CLOSED_TEXTS if text in answer}
    for mark in set(MARK.findall(answer)) - found:
        cell = CELLS[_turned(int(mark[3:]), mark[2])]
        if reader not in cell.readers:
            found.add(f"{mark}: {cell.column} of {cell.row}")
    return {secret for secret in found if secret[:6] not in sent}

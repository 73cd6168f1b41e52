"""A market of any size, filled by SQL, and the people who look at it."""

import enum
import hashlib
from collections.abc import Mapping
from pathlib import Path
from uuid import UUID

import psycopg
from psycopg import Connection, sql


class Role(enum.StrEnum):
    """The readers: a visitor, a user like most, one who buys much, one who sells much, staff."""

    ANON = "anon"
    USER = "user"
    BUYER = "buyer"
    SELLER = "seller"
    STAFF = "staff"


def id_of(kind: str, number: int) -> str:
    """Return the id of a row of the data set, as `plans.id` makes it."""
    return str(UUID(hashlib.md5(f"{kind}:{number}".encode(), usedforsecurity=False).hexdigest()))


def people(listings: int) -> Mapping[Role, str]:
    """Return the ids of the signed-in readers."""
    sellers = listings // 50
    return {
        Role.USER: id_of("user", 10 + sellers + 77),
        Role.BUYER: id_of("user", 0),
        Role.SELLER: id_of("user", 1),
        Role.STAFF: id_of("user", 9 + sellers),
    }


#: The hot live auction, with ten thousand bids; a sold one; the buyer's thread with 1,000 messages;
#: a sale that is in dispute. The smallest data set has all of them.
HOT, SOLD, LONG_THREAD = 100, 511, 511


def rows_of(listings: int) -> Mapping[str, int]:
    """Return about how many rows the large tables have; HOT and LONG_THREAD add a fixed number."""
    return {
        "listings": listings,
        "bids": 4 * listings + 10_000,
        "orders": listings * 4 // 5,
        "messages": listings * 4 // 5 + 1_000,
    }


def fill(admin_url: str, database: str, listings: int) -> None:
    """Fill a database of ours with `listings` listings and all that belongs to them.

    Indexes are made at the end, because random keys fill them slowly.
    """
    with psycopg.connect(admin_url, dbname=database, autocommit=True) as admin:
        admin.execute("set session_replication_role = replica")
        admin.execute("set maintenance_work_mem = '512MB'")
        admin.execute("set work_mem = '256MB'")
        admin.execute("set jit = off")
        admin.execute(sql.SQL("set plans.listings = {}").format(listings))
        indexes = _drop_indexes(admin)
        admin.execute(Path(__file__).with_name("dataset.sql").read_bytes())
        for definition in indexes:
            admin.execute(definition.encode())
        # The same requests as service_role show the cost of row level security.
        admin.execute("grant select on all tables in schema public to service_role")
        admin.execute("vacuum analyze")


def _drop_indexes(admin: Connection) -> list[str]:
    """Drop the indexes that belong to no constraint; return the statements that make them."""
    query = """
      select i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid)
      from pg_index as i join pg_class as c on c.oid = i.indrelid
      where c.relnamespace::regnamespace::text in ('public', 'private')
        and not exists (select from pg_constraint where conindid = i.indexrelid)
    """
    found = admin.execute(query).fetchall()
    for name, _ in found:
        admin.execute(sql.SQL("drop index {}").format(sql.Identifier(*name.split("."))))
    return [definition for _, definition in found]

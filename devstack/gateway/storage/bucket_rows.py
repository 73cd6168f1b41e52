"""The rows of storage.buckets, under the policies for the transaction's role."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import sql

from devstack.gateway.storage.bodies import BucketQuery
from devstack.gateway.storage.context import Cursor
from devstack.gateway.storage.errors import no_such_bucket


_COLUMNS: Final = (
    "id, name, owner, public, file_size_limit, allowed_mime_types, created_at, updated_at, type"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """A row of storage.buckets."""

    id: str
    name: str
    owner: UUID | None
    public: bool | None
    file_size_limit: int | None
    allowed_mime_types: list[str] | None
    created_at: datetime | None
    updated_at: datetime | None
    type: str


async def find(cursor: Cursor, bucket_id: str) -> Bucket:
    """Return a bucket. Raises: StorageError NoSuchBucket."""
    query = f"select {_COLUMNS} from storage.buckets where id = %s"  # noqa: S608 -- our own columns
    await cursor.execute(query.encode(), [bucket_id])
    row = await cursor.fetchone()
    if row is None:
        raise no_such_bucket()
    return Bucket(**row)


async def find_all(cursor: Cursor, query: BucketQuery) -> list[Bucket]:
    """Return the buckets of the page, and in the order, that the query names."""
    statement = sql.SQL(
        "select {columns} from storage.buckets"
        " where strpos(lower(name), lower(%(search)s)) > 0"
        " order by {column} {order} limit %(limit)s offset %(offset)s"
    ).format(
        columns=sql.SQL(_COLUMNS),
        column=sql.Identifier(query.sort_column),
        order=sql.SQL(query.sort_order),
    )
    await cursor.execute(
        statement, {"search": query.search, "limit": query.limit, "offset": query.offset}
    )
    return [Bucket(**row) for row in await cursor.fetchall()]


async def create(cursor: Cursor, fields: Mapping[str, Any]) -> None:
    """Insert a bucket."""
    statement = sql.SQL("insert into storage.buckets ({columns}) values ({values})").format(
        columns=sql.SQL(", ").join(map(sql.Identifier, fields)),
        values=sql.SQL(", ").join(map(sql.Placeholder, fields)),
    )
    await cursor.execute(statement, fields)


async def change(cursor: Cursor, bucket_id: str, fields: Mapping[str, Any]) -> None:
    """Change fields of a bucket. Raises: StorageError NoSuchBucket."""
    pairs = [sql.SQL("{} = {}").format(sql.Identifier(f), sql.Placeholder(f)) for f in fields]
    statement = sql.SQL("update storage.buckets set {} where id = {}").format(
        sql.SQL(", ").join(pairs), sql.Placeholder("bucket_id")
    )
    await cursor.execute(statement, {**fields, "bucket_id": bucket_id})
    if cursor.rowcount == 0:
        raise no_such_bucket()


async def delete(cursor: Cursor, bucket_id: str) -> None:
    """Delete a bucket. Raises: StorageError NoSuchBucket."""
    await cursor.execute("delete from storage.buckets where id = %s", [bucket_id])
    if cursor.rowcount == 0:
        raise no_such_bucket()


async def lock_and_check_empty(cursor: Cursor, bucket_id: str) -> bool:
    """Lock a bucket until the transaction ends; return true if it has no objects.

    Raises: StorageError NoSuchBucket.
    """
    await cursor.execute("select id from storage.buckets where id = %s for update", [bucket_id])
    if await cursor.fetchone() is None:
        raise no_such_bucket()
    await cursor.execute("select from storage.objects where bucket_id = %s limit 1", [bucket_id])
    return await cursor.fetchone() is None

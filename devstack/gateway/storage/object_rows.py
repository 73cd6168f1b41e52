"""The rows of storage.objects, under the policies for the transaction's role."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg import sql
from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from devstack.gateway.storage.bodies import Listing
from devstack.gateway.storage.context import Cursor
from devstack.gateway.storage.errors import duplicate, no_such_key
from devstack.gateway.storage.limits import MAX_LIST_COUNT


_COLUMNS: Final = (
    "id, bucket_id, name, owner, owner_id, version, created_at, updated_at, last_accessed_at,"
    " metadata, user_metadata"
)
_INSERT: Final = """
insert into storage.objects
  (bucket_id, name, owner, owner_id, version, metadata, user_metadata)
values (
  %(bucket_id)s, %(name)s, %(owner)s, %(owner_id)s, %(version)s, %(metadata)s, %(user_metadata)s
)
"""
#: As on hosted Storage, the `returning` clause makes an upsert need a policy for select too.
_UPSERT: Final = f"""
{_INSERT}
on conflict (bucket_id, name) do update set
  owner = coalesce(excluded.owner, objects.owner),
  owner_id = coalesce(excluded.owner_id, objects.owner_id),
  version = excluded.version,
  metadata = excluded.metadata,
  user_metadata = coalesce(excluded.user_metadata, objects.user_metadata)
returning {_COLUMNS}
"""
#: The entries' names leave out the folder's own name, whose length is `within`.
_ENTRIES: Final = """
with objects as (
  select
    o.*,
    substr(o.name, %(within)s + 1) as rest,
    strpos(substr(o.name, length(%(begin)s) + 1), '/') as slash
  from storage.objects as o
  where o.bucket_id = %(bucket_id)s and starts_with(lower(o.name), lower(%(begin)s))
),
entries as (
  (
    select distinct on (lower(left(o.rest, length(%(search)s) + o.slash)))
      left(o.rest, length(%(search)s) + o.slash - 1) as name,
      lower(left(o.rest, length(%(search)s) + o.slash)) as sort_name,
      null::uuid as id, null::timestamptz as updated_at, null::timestamptz as created_at,
      null::timestamptz as last_accessed_at, null::jsonb as metadata
    from objects as o
    where o.slash > 0
    order by lower(left(o.rest, length(%(search)s) + o.slash)), o.name
  )
  union all
  select
    o.rest, lower(o.rest), o.id, o.updated_at, o.created_at, o.last_accessed_at, o.metadata
  from objects as o
  where o.slash = 0
)
select name, id, updated_at, created_at, last_accessed_at, metadata
from entries
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredObject:
    """A row of storage.objects."""

    id: UUID
    bucket_id: str | None
    name: str | None
    owner: UUID | None
    owner_id: str | None
    version: str | None
    created_at: datetime | None
    updated_at: datetime | None
    last_accessed_at: datetime | None
    metadata: Any
    user_metadata: Any

    @property
    def file_metadata(self) -> dict[str, Any]:
        """Return the metadata, or an empty object if a client wrote another JSON value."""
        return self.metadata if isinstance(self.metadata, dict) else {}


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """The values of a row that an upload or a copy writes."""

    bucket_id: str
    name: str
    #: The subject of the uploader's token, which need not be a UUID.
    owner_id: str | None
    version: str
    metadata: dict[str, Any]
    user_metadata: dict[str, Any] | None

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the parameters of the insert."""
        return {
            "bucket_id": self.bucket_id,
            "name": self.name,
            "owner": owner_uuid(self.owner_id),
            "owner_id": self.owner_id,
            "version": self.version,
            "metadata": Jsonb(self.metadata),
            "user_metadata": None if self.user_metadata is None else Jsonb(self.user_metadata),
        }


def owner_uuid(owner_id: str | None) -> UUID | None:
    """Return the value of the older column, `owner`, which can hold UUIDs only."""
    with contextlib.suppress(ValueError):
        return UUID(owner_id) if owner_id else None
    return None


@contextlib.contextmanager
def refusing_duplicates(code: str) -> Iterator[None]:
    """Raise StorageError `code` if the name is in use."""
    try:
        yield
    except UniqueViolation as error:
        raise duplicate(code) from error


async def find(cursor: Cursor, bucket_id: str, key: str) -> StoredObject:
    """Return an object. Raises: StorageError NoSuchKey."""
    query = f"select {_COLUMNS} from storage.objects where bucket_id = %s and name = %s"  # noqa: S608 -- our own columns
    await cursor.execute(query.encode(), [bucket_id, key])
    row = await cursor.fetchone()
    if row is None:
        raise no_such_key()
    return StoredObject(**row)


async def visible_names(cursor: Cursor, bucket_id: str, names: Sequence[str]) -> set[str]:
    """Return the names among `names` that the role can see as objects."""
    query = "select name from storage.objects where bucket_id = %s and name = any(%s)"
    await cursor.execute(query, [bucket_id, list(names)])
    return {row["name"] for row in await cursor.fetchall()}


async def write_on_trial(cursor: Cursor, new: NewObject, *, is_upsert: bool) -> None:
    """Write a row as the role, in a transaction that the caller rolls back.

    Raises: StorageError KeyAlreadyExists.
    """
    with refusing_duplicates("KeyAlreadyExists"):
        await cursor.execute((_UPSERT if is_upsert else _INSERT).encode(), new.parameters)


async def put(
    cursor: Cursor, new: NewObject, *, is_upsert: bool
) -> tuple[StoredObject, str | None]:
    """Write a row; return it, and the version that it replaced.

    A lock makes uploads of one name wait for each other, so that each replaced version is returned
    once, and its file is deleted.

    Raises: StorageError KeyAlreadyExists.
    """
    await _lock_name(cursor, new.bucket_id, new.name)
    query = "select version from storage.objects where bucket_id = %s and name = %s for update"
    await cursor.execute(query, [new.bucket_id, new.name])
    present = await cursor.fetchone()
    if present is not None and not is_upsert:
        raise duplicate("KeyAlreadyExists")
    await cursor.execute(_UPSERT.encode(), new.parameters)
    [row] = await cursor.fetchall()
    return StoredObject(**row), None if present is None else present["version"]


async def delete(cursor: Cursor, bucket_id: str, names: Sequence[str]) -> list[StoredObject]:
    """Delete those of the objects that the role may delete, and return them."""
    statement = (
        "delete from storage.objects where bucket_id = %s and name = any(%s)"  # noqa: S608 -- our own columns
        f" returning {_COLUMNS}"
    )
    await cursor.execute(statement.encode(), [bucket_id, list(names)])
    return [StoredObject(**row) for row in await cursor.fetchall()]


async def delete_all(cursor: Cursor, bucket_id: str) -> list[str | None]:
    """Delete every object of a bucket, and return their versions."""
    statement = "delete from storage.objects where bucket_id = %s returning version"
    await cursor.execute(statement, [bucket_id])
    return [row["version"] for row in await cursor.fetchall()]


async def move(
    cursor: Cursor, source: tuple[str, str], target: tuple[str, str], owner_id: str | None
) -> StoredObject:
    """Give an object another name; `owner_id` becomes its owner unless it is None.

    Raises: StorageError NoSuchKey, ResourceAlreadyExists.
    """
    await _lock_name(cursor, *target)
    await find(cursor, *source)
    statement = f"""
    update storage.objects set
      bucket_id = %s, name = %s,
      owner = coalesce(%s, owner), owner_id = coalesce(%s, owner_id)
    where bucket_id = %s and name = %s
    returning {_COLUMNS}
    """  # noqa: S608 -- our own columns
    values = [*target, owner_uuid(owner_id), owner_id, *source]
    await cursor.execute(statement.encode(), values)
    row = await cursor.fetchone()
    if row is None:
        raise no_such_key()
    return StoredObject(**row)


async def list_folder(cursor: Cursor, bucket_id: str, listing: Listing) -> list[dict[str, Any]]:
    """Return a page of a folder's entries: objects, and the folders that contain any.

    It follows the function `storage.search` of hosted Supabase. The prefix names the folder, and
    `search` is the beginning of the entries' names; both ignore case. Ordered by name, folders and
    objects are mixed; ordered by a time, the folders come first.
    """
    folder = listing.prefix
    if folder and not folder.endswith("/"):
        folder += "/"
    values = {
        "bucket_id": bucket_id,
        "begin": folder + listing.search,
        "search": listing.search,
        "within": len(folder),
        "limit": min(listing.limit, MAX_LIST_COUNT),
        "offset": listing.offset,
    }
    await cursor.execute(_list_statement(listing.sort_by.column, listing.sort_by.order), values)
    return await cursor.fetchall()


async def _lock_name(cursor: Cursor, bucket_id: str, key: str) -> None:
    """Lock a name, which need not have a row yet, until the transaction ends."""
    name = f"{bucket_id}/{key}"
    await cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [name])


def _list_statement(column: str, order: str) -> sql.Composed:
    direction = sql.SQL(order)
    by_name = sql.SQL('sort_name collate "C" {}').format(direction)
    sorting = by_name
    if column != "name":
        by_time = sql.SQL("id is not null, {} {}").format(sql.Identifier(column), direction)
        sorting = sql.SQL(", ").join([by_time, by_name])
    return sql.SQL("{} order by {} limit %(limit)s offset %(offset)s").format(
        sql.SQL(_ENTRIES), sorting
    )

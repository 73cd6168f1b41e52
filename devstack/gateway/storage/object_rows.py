"""The rows of storage.objects, as far as the policies of the transaction's role show them."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from psycopg.errors import UniqueViolation
from psycopg.types.json import Jsonb

from devstack.gateway.storage.context import Cursor
from devstack.gateway.storage.errors import duplicate, no_such_key


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
#: The row is shown again, so that without a policy to select nobody overwrites: as on hosted.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class NewObject:
    """The values of a row to write."""

    bucket_id: str
    name: str
    #: The subject of the uploader's token, which need not be a UUID.
    owner_id: str | None
    version: str
    metadata: dict[str, Any]
    user_metadata: dict[str, Any] | None

    @property
    def parameters(self) -> dict[str, Any]:
        """Return the values of an insert."""
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
    """Return the owner as the older one of the two columns keeps it."""
    with contextlib.suppress(ValueError):
        return UUID(owner_id) if owner_id else None
    return None


@contextlib.contextmanager
def refusing_duplicates(code: str) -> Iterator[None]:
    """Raise StorageError `code` when the name is taken."""
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
    """Return which of the names are objects."""
    query = "select name from storage.objects where bucket_id = %s and name = any(%s)"
    await cursor.execute(query, [bucket_id, list(names)])
    return {row["name"] for row in await cursor.fetchall()}


async def try_out(cursor: Cursor, new: NewObject, *, is_upsert: bool) -> None:
    """Write a row in a transaction that is to be undone, to find out whether the role may."""
    with refusing_duplicates("KeyAlreadyExists"):
        await cursor.execute((_UPSERT if is_upsert else _INSERT).encode(), new.parameters)


async def put(
    cursor: Cursor, new: NewObject, *, is_upsert: bool
) -> tuple[StoredObject, str | None]:
    """Write a row; return it, and the version that it replaced.

    Uploads of the same name take turns, so that each replaced version is told to somebody. Raises:
    StorageError KeyAlreadyExists.
    """
    await _take_turn(cursor, new.bucket_id, new.name)
    query = "select version from storage.objects where bucket_id = %s and name = %s for update"
    await cursor.execute(query, [new.bucket_id, new.name])
    present = await cursor.fetchone()
    if present is not None and not is_upsert:
        raise duplicate("KeyAlreadyExists")
    await cursor.execute(_UPSERT.encode(), new.parameters)
    [row] = await cursor.fetchall()
    return StoredObject(**row), None if present is None else present["version"]


async def delete(cursor: Cursor, bucket_id: str, names: Sequence[str]) -> list[StoredObject]:
    """Delete what is there of these objects, and return it."""
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
    """Give an object another name; it becomes its mover's, where that is a user.

    Raises: StorageError NoSuchKey, ResourceAlreadyExists.
    """
    await _take_turn(cursor, *target)
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


async def _take_turn(cursor: Cursor, bucket_id: str, key: str) -> None:
    """Wait until no other transaction is about to give this name to an object."""
    place = f"{bucket_id}/{key}"
    await cursor.execute("select pg_advisory_xact_lock(hashtextextended(%s, 0))", [place])

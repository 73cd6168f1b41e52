"""JSON of buckets, objects and refusals, as Storage answers them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from starlette.responses import JSONResponse, Response

from devstack.gateway.storage.bucket_rows import Bucket
from devstack.gateway.storage.errors import StorageError
from devstack.gateway.storage.object_rows import StoredObject


JSON = "application/json; charset=utf-8"


def ok(body: Any, headers: Mapping[str, str] | None = None) -> Response:
    """Return a 200 with JSON."""
    return JSONResponse(body, headers=headers, media_type=JSON)


def refusal(error: StorageError, *, is_head: bool) -> Response:
    """Return a refusal; a HEAD gets no more of it than the status."""
    if is_head:
        return Response(status_code=error.http_status)
    return JSONResponse(error.body, error.http_status, media_type=JSON)


def bucket_json(bucket: Bucket) -> dict[str, Any]:
    """Return a bucket as clients parse it."""
    return {
        "id": bucket.id,
        "name": bucket.name,
        "owner": _text(bucket.owner),
        "public": bool(bucket.public),
        "file_size_limit": bucket.file_size_limit,
        "allowed_mime_types": bucket.allowed_mime_types,
        "created_at": moment(bucket.created_at),
        "updated_at": moment(bucket.updated_at),
    }


def object_json(stored: StoredObject) -> dict[str, Any]:
    """Return the row of an object, as it is told of one that was copied or deleted."""
    return {
        "name": stored.name,
        "bucket_id": stored.bucket_id,
        "owner": _text(stored.owner),
        "owner_id": stored.owner_id or "",
        "version": stored.version or "",
        "id": str(stored.id),
        "updated_at": moment(stored.updated_at),
        "created_at": moment(stored.created_at),
        "last_accessed_at": moment(stored.last_accessed_at),
        "metadata": stored.metadata,
        "user_metadata": stored.user_metadata,
    }


def entry_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return a line of a listing; all of a folder but its name is null."""
    return {
        "name": entry["name"],
        "id": None if entry["id"] is None else str(entry["id"]),
        "updated_at": moment(entry["updated_at"]),
        "created_at": moment(entry["created_at"]),
        "last_accessed_at": moment(entry["last_accessed_at"]),
        "metadata": entry["metadata"],
    }


def info_json(stored: StoredObject) -> dict[str, Any]:
    """Return what is known of an object."""
    metadata = stored.metadata if isinstance(stored.metadata, dict) else {}
    return {
        "id": str(stored.id),
        "name": stored.name,
        "version": stored.version,
        "bucket_id": stored.bucket_id,
        "size": metadata.get("size"),
        "content_type": metadata.get("mimetype"),
        "cache_control": metadata.get("cacheControl"),
        "etag": metadata.get("eTag"),
        "metadata": stored.user_metadata,
        "last_modified": moment(stored.updated_at),
        "created_at": moment(stored.created_at),
    }


def moment(value: datetime | None) -> str | None:
    """Write a time as JavaScript does: in UTC, to the millisecond."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(owner: UUID | None) -> str:
    """Write an owner; clients expect a string where there is none."""
    return "" if owner is None else str(owner)

"""Responses of Storage: the JSON of buckets, objects and errors."""

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
    """Return the response to an error; for a HEAD request it is the status alone."""
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
        "created_at": timestamp(bucket.created_at),
        "updated_at": timestamp(bucket.updated_at),
    }


def object_json(stored: StoredObject) -> dict[str, Any]:
    """Return an object's row, as the responses to a copy and a removal show it."""
    return {
        "name": stored.name,
        "bucket_id": stored.bucket_id,
        "owner": _text(stored.owner),
        "owner_id": stored.owner_id or "",
        "version": stored.version or "",
        "id": str(stored.id),
        "updated_at": timestamp(stored.updated_at),
        "created_at": timestamp(stored.created_at),
        "last_accessed_at": timestamp(stored.last_accessed_at),
        "metadata": stored.metadata,
        "user_metadata": stored.user_metadata,
    }


def entry_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry of a listing; a folder has a name, and its other fields are null."""
    return {
        "name": entry["name"],
        "id": None if entry["id"] is None else str(entry["id"]),
        "updated_at": timestamp(entry["updated_at"]),
        "created_at": timestamp(entry["created_at"]),
        "last_accessed_at": timestamp(entry["last_accessed_at"]),
        "metadata": entry["metadata"],
    }


def info_json(stored: StoredObject) -> dict[str, Any]:
    """Return an object's row and file metadata, as `info` shows them."""
    metadata = stored.file_metadata
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
        "last_modified": timestamp(stored.updated_at),
        "created_at": timestamp(stored.created_at),
    }


def timestamp(value: datetime | None) -> str | None:
    """Format a time as JavaScript does: in UTC, to the millisecond."""
    if value is None:
        return None
    return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _text(owner: UUID | None) -> str:
    """Return an owner as text; clients expect an empty string for no owner."""
    return "" if owner is None else str(owner)

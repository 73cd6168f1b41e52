"""Uploads of objects, also by a signed URL.

As on hosted Storage, a row that is rolled back first tests the caller's permission. Then Storage
receives the file, writes the row as itself, and removes the file of the version before.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.caller import Caller
from devstack.gateway.storage import bucket_rows, object_rows, response
from devstack.gateway.storage.bucket_rows import Bucket
from devstack.gateway.storage.caller import SERVICE, owner_of, required_caller
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.files import Draft
from devstack.gateway.storage.limits import (
    MAX_FILE_BYTES,
    UPLOAD_URL_LIFETIME_S,
    check_bucket_name,
    check_key,
    check_media_type,
    is_placeholder,
)
from devstack.gateway.storage.object_rows import NewObject, StoredObject
from devstack.gateway.storage.payloads import Payload, read_payload
from devstack.gateway.storage.signed_urls import UPLOAD, sign_claims, url_path, verify


#: The version in a row that only tests a permission.
TRIAL_VERSION = "1"
#: Fills a draft, and returns the metadata of its row.
Fill = Callable[[Draft], Awaitable[dict[str, Any]]]


async def upload(context: StorageContext, request: Request) -> Response:
    """POST /object/{bucket}/{key}: create an object, or replace it with `x-upsert: true`."""
    return await _upload(context, request, is_upsert=wants_upsert(request))


async def update(context: StorageContext, request: Request) -> Response:
    """PUT /object/{bucket}/{key}: replace an object, or create it."""
    return await _upload(context, request, is_upsert=True)


async def upload_signed(context: StorageContext, request: Request) -> Response:
    """PUT /object/upload/sign/{bucket}/{key}: upload by a signed URL.

    The permission was checked when the URL was signed.
    """
    claims = verify(request, context.keys, UPLOAD)
    owner_id = claims.get("owner")
    await _receive(context, request, SERVICE, owner_id, is_upsert=claims.get("upsert") is True)
    return response.ok({"Key": _object_path(request)})


async def sign_upload(context: StorageContext, request: Request) -> Response:
    """POST /object/upload/sign/{bucket}/{key}: sign a URL for an upload that the caller may do."""
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    caller = required_caller(request, context.keys)
    check_bucket_name(bucket_id)
    check_key(key)
    owner_id, is_upsert = owner_of(caller), wants_upsert(request)
    new = NewObject(
        bucket_id=bucket_id,
        name=key,
        owner_id=owner_id,
        version=TRIAL_VERSION,
        metadata={},
        user_metadata=None,
    )
    await check_write_permission(context, request, caller, new, is_upsert=is_upsert)
    claims: dict[str, Any] = {"url": f"{bucket_id}/{key}", "upsert": is_upsert, "scope": UPLOAD}
    if owner_id is not None:
        claims["owner"] = owner_id
    token = sign_claims(context.keys, claims, UPLOAD_URL_LIFETIME_S)
    url = f"/object/upload/sign/{url_path(bucket_id, key)}?token={token}"
    return response.ok({"url": url, "token": token})


async def check_write_permission(
    context: StorageContext, request: Request, caller: Caller, new: NewObject, *, is_upsert: bool
) -> None:
    """Refuse a caller who may not write a row. Raises: StorageError; psycopg.Error."""
    async with context.transaction(request, caller, is_rolled_back=True) as cursor:
        await object_rows.write_on_trial(cursor, new, is_upsert=is_upsert)


async def store(
    context: StorageContext, request: Request, new: NewObject, fill: Fill, *, is_upsert: bool
) -> StoredObject:
    """Fill a file and write its row; a failure leaves neither.

    The file of the replaced version is removed last, when no row refers to it any more.
    """
    with context.files.drafted() as draft:
        metadata = await fill(draft)
        draft.keep()
        async with context.transaction(request) as cursor:
            final = replace(new, version=draft.version, metadata=metadata)
            stored, replaced = await object_rows.put(cursor, final, is_upsert=is_upsert)
    context.files.remove([replaced])
    return stored


def wants_upsert(request: Request) -> bool:
    """Return true if the upload may replace an object of the same name."""
    return request.headers.get("x-upsert") == "true"


async def _receive(
    context: StorageContext,
    request: Request,
    caller: Caller,
    owner_id: str | None,
    *,
    is_upsert: bool,
) -> StoredObject:
    """Check, receive and store the object that a request uploads. Raises: StorageError."""
    key, bucket = request.path_params["key"], await _bucket(context, request)
    limit = _max_bytes(bucket, key)
    payload = await read_payload(request, limit)
    check_media_type(payload.media_type, None if is_placeholder(key) else bucket.allowed_mime_types)
    check_key(key)
    new = NewObject(
        bucket_id=bucket.id,
        name=key,
        owner_id=owner_id,
        version=TRIAL_VERSION,
        metadata=_trial_metadata(payload),
        user_metadata=payload.user_metadata,
    )
    await check_write_permission(context, request, caller, new, is_upsert=is_upsert)

    async def fill(draft: Draft) -> dict[str, Any]:
        await draft.fill(payload.pieces, limit)
        return _metadata(payload, draft)

    return await store(context, request, new, fill, is_upsert=is_upsert)


async def _upload(context: StorageContext, request: Request, *, is_upsert: bool) -> Response:
    caller = required_caller(request, context.keys)
    stored = await _receive(context, request, caller, owner_of(caller), is_upsert=is_upsert)
    return response.ok({"Key": _object_path(request), "Id": str(stored.id)})


def _object_path(request: Request) -> str:
    return f"{request.path_params['bucket']}/{request.path_params['key']}"


async def _bucket(context: StorageContext, request: Request) -> Bucket:
    bucket_id = request.path_params["bucket"]
    check_bucket_name(bucket_id)
    async with context.transaction(request) as cursor:
        return await bucket_rows.find(cursor, bucket_id)


def _max_bytes(bucket: Bucket, key: str) -> int:
    if is_placeholder(key):
        return 0
    limit = bucket.file_size_limit
    return MAX_FILE_BYTES if limit is None else min(limit, MAX_FILE_BYTES)


def _trial_metadata(payload: Payload) -> dict[str, Any]:
    """Return the metadata that a policy can read before the file has arrived."""
    return {"mimetype": payload.media_type, "contentLength": payload.content_length}


def _metadata(payload: Payload, draft: Draft) -> dict[str, Any]:
    return {
        "eTag": draft.etag,
        "size": draft.size,
        "mimetype": payload.media_type,
        "cacheControl": payload.cache_control,
        "lastModified": response.timestamp(datetime.now(UTC)),
        "contentLength": draft.size,
        "httpStatusCode": 200,
    }

"""Uploads: a new object, a new version of one, or either by a signed link.

As on hosted Storage, the caller's right is checked first, with a row that is rolled back. Then the
file is received, Storage itself writes the row, and the file of the version before is removed.
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.caller import Caller
from devstack.gateway.storage import answers, bucket_rows, object_rows
from devstack.gateway.storage.answers import moment
from devstack.gateway.storage.bucket_rows import Bucket
from devstack.gateway.storage.caller import SERVICE, owner_of, required_caller
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.files import Draft
from devstack.gateway.storage.limits import FILE_BYTES
from devstack.gateway.storage.media_types import check_media_type
from devstack.gateway.storage.names import check_bucket_name, check_key, is_placeholder
from devstack.gateway.storage.object_rows import NewObject, StoredObject
from devstack.gateway.storage.payloads import Payload, read_payload
from devstack.gateway.storage.signatures import UPLOAD, verify


#: The version of a row that is only tried out.
TRIED = "1"
#: Fills a draft, and returns what the row says of it.
Fill = Callable[[Draft], Awaitable[dict[str, Any]]]


async def upload(context: StorageContext, request: Request) -> Response:
    """POST /object/{bucket}/{key}."""
    return await _upload(context, request, upserts=wants_upsert(request))


async def update(context: StorageContext, request: Request) -> Response:
    """PUT /object/{bucket}/{key}: what is not there yet is made."""
    return await _upload(context, request, upserts=True)


async def upload_signed(context: StorageContext, request: Request) -> Response:
    """PUT /object/upload/sign/{bucket}/{key}: the maker of the link was allowed to."""
    claims = verify(request, context.keys, UPLOAD)
    owner_id = claims.get("owner")
    await receive(context, request, SERVICE, owner_id, is_upsert=claims.get("upsert") is True)
    return answers.ok({"Key": _place(request)})


async def receive(
    context: StorageContext,
    request: Request,
    caller: Caller,
    owner_id: str | None,
    *,
    is_upsert: bool,
) -> StoredObject:
    """Receive the object that a request brings. Raises: StorageError."""
    key, bucket = request.path_params["key"], await _bucket(context, request)
    limit = _limit(bucket, key)
    payload = await read_payload(request, limit)
    check_media_type(payload.media_type, None if is_placeholder(key) else bucket.allowed_mime_types)
    check_key(key)
    new = NewObject(
        bucket_id=bucket.id,
        name=key,
        owner_id=owner_id,
        version=TRIED,
        metadata=_announced(payload),
        user_metadata=payload.user_metadata,
    )
    await try_out(context, request, caller, new, is_upsert=is_upsert)

    async def fill(draft: Draft) -> dict[str, Any]:
        await draft.fill(payload.pieces, limit)
        return _metadata(payload, draft)

    return await store(context, request, new, fill, is_upsert=is_upsert)


async def try_out(
    context: StorageContext, request: Request, caller: Caller, new: NewObject, *, is_upsert: bool
) -> None:
    """Find out whether the caller may write a row. Raises: StorageError; psycopg.Error."""
    async with context.acting(request, caller, is_undone=True) as cursor:
        await object_rows.try_out(cursor, new, is_upsert=is_upsert)


async def store(
    context: StorageContext, request: Request, new: NewObject, fill: Fill, *, is_upsert: bool
) -> StoredObject:
    """Have a file filled, and write the row that was tried out; or leave neither.

    The file of the version that is replaced goes last: then nothing leads to it any more.
    """
    with context.files.drafted() as draft:
        metadata = await fill(draft)
        draft.keep()
        async with context.acting(request) as cursor:
            final = replace(new, version=draft.version, metadata=metadata)
            stored, replaced = await object_rows.put(cursor, final, is_upsert=is_upsert)
    context.files.remove([replaced])
    return stored


def wants_upsert(request: Request) -> bool:
    """Say whether an object of the same name is to be replaced."""
    return request.headers.get("x-upsert") == "true"


async def _upload(context: StorageContext, request: Request, *, upserts: bool) -> Response:
    caller = required_caller(request, context.keys)
    stored = await receive(context, request, caller, owner_of(caller), is_upsert=upserts)
    return answers.ok({"Key": _place(request), "Id": str(stored.id)})


def _place(request: Request) -> str:
    return f"{request.path_params['bucket']}/{request.path_params['key']}"


async def _bucket(context: StorageContext, request: Request) -> Bucket:
    bucket_id = request.path_params["bucket"]
    check_bucket_name(bucket_id)
    async with context.acting(request) as cursor:
        return await bucket_rows.find(cursor, bucket_id)


def _limit(bucket: Bucket, key: str) -> int:
    if is_placeholder(key):
        return 0
    return FILE_BYTES if bucket.file_size_limit is None else min(bucket.file_size_limit, FILE_BYTES)


def _announced(payload: Payload) -> dict[str, Any]:
    """Return what a policy may know of the file before it is here."""
    return {"mimetype": payload.media_type, "contentLength": payload.announced_size}


def _metadata(payload: Payload, draft: Draft) -> dict[str, Any]:
    return {
        "eTag": draft.etag,
        "size": draft.size,
        "mimetype": payload.media_type,
        "cacheControl": payload.cache_control,
        "lastModified": moment(datetime.now(UTC)),
        "contentLength": draft.size,
        "httpStatusCode": 200,
    }

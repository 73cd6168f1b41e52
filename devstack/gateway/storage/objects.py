"""Handlers for existing objects: list, remove, move and copy."""

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.caller import Caller
from devstack.gateway.storage import bodies, object_rows, response
from devstack.gateway.storage.caller import owner_of, required_caller
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.errors import access_denied, no_such_key
from devstack.gateway.storage.files import Draft
from devstack.gateway.storage.limits import check_bucket_name, check_header, check_key
from devstack.gateway.storage.object_rows import NewObject, StoredObject
from devstack.gateway.storage.payloads import metadata_header
from devstack.gateway.storage.uploads import (
    TRIAL_VERSION,
    check_write_permission,
    store,
    wants_upsert,
)


async def list_objects(context: StorageContext, request: Request) -> Response:
    """POST /object/list/{bucket}: list a folder; an unknown bucket has an empty list."""
    caller = required_caller(request, context.keys)
    listing = await bodies.read(request, bodies.Listing)
    bucket_id = request.path_params["bucket"]
    check_bucket_name(bucket_id)
    async with context.transaction(request, caller) as cursor:
        entries = await object_rows.list_folder(cursor, bucket_id, listing)
    return response.ok([response.entry_json(entry) for entry in entries])


async def remove(context: StorageContext, request: Request) -> Response:
    """DELETE /object/{bucket}: delete those objects that the caller may, and return them."""
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.Removal)
    bucket_id = request.path_params["bucket"]
    check_bucket_name(bucket_id)
    async with context.transaction(request, caller) as cursor:
        deleted = await object_rows.delete(cursor, bucket_id, body.prefixes)
    context.files.remove(stored.version for stored in deleted)
    return response.ok([response.object_json(stored) for stored in deleted])


async def remove_one(context: StorageContext, request: Request) -> Response:
    """DELETE /object/{bucket}/{key}: delete one object, or refuse a caller who may not."""
    caller = required_caller(request, context.keys)
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    check_bucket_name(bucket_id)
    async with context.transaction(request) as cursor:
        await object_rows.find(cursor, bucket_id, key)
    async with context.transaction(request, caller) as cursor:
        deleted = await object_rows.delete(cursor, bucket_id, [key])
    if not deleted:
        raise access_denied("Access denied")
    context.files.remove(stored.version for stored in deleted)
    return response.ok({"message": "Successfully deleted"})


async def move(context: StorageContext, request: Request) -> Response:
    """POST /object/move: rename an object; its file stays."""
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.Relocation)
    _check_names(body)
    source = (body.bucket_id, body.source_key)
    target = (body.target_bucket, body.destination_key)
    async with context.transaction(request, caller) as cursor:
        stored = await object_rows.move(cursor, source, target, owner_of(caller))
    return response.ok({"message": "Successfully moved", "Id": str(stored.id), "Key": stored.name})


async def copy(context: StorageContext, request: Request) -> Response:
    """POST /object/copy: create an object of the caller's with the same contents."""
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.Copy)
    _check_names(body)
    async with context.transaction(request, caller) as cursor:
        source = await object_rows.find(cursor, body.bucket_id, body.source_key)
    stored = await _copy(context, request, caller, source, body)
    key = f"{body.target_bucket}/{body.destination_key}"
    return response.ok({"Id": str(stored.id), "Key": key, **response.object_json(stored)})


async def _copy(
    context: StorageContext,
    request: Request,
    caller: Caller,
    source: StoredObject,
    body: bodies.Copy,
) -> StoredObject:
    is_upsert = wants_upsert(request)
    new = NewObject(
        bucket_id=body.target_bucket,
        name=body.destination_key,
        owner_id=owner_of(caller),
        version=TRIAL_VERSION,
        metadata=_metadata(source, body),
        user_metadata=source.user_metadata
        if body.copy_metadata
        else metadata_header(request.headers),
    )
    await check_write_permission(context, request, caller, new, is_upsert=is_upsert)

    async def fill(draft: Draft) -> dict[str, Any]:
        draft.copy(context.files.path(source.version))
        return new.metadata | {"lastModified": response.timestamp(datetime.now(UTC))}

    try:
        return await store(context, request, new, fill, is_upsert=is_upsert)
    except FileNotFoundError as error:
        raise no_such_key() from error


def _metadata(source: StoredObject, body: bodies.Copy) -> dict[str, Any]:
    if body.copy_metadata or body.metadata is None:
        return source.file_metadata
    stated = {"mimetype": body.metadata.mimetype, "cacheControl": body.metadata.cache_control}
    for name, value in stated.items():
        check_header(name, value or "")
    return source.file_metadata | {
        name: value for name, value in stated.items() if value is not None
    }


def _check_names(body: bodies.Relocation) -> None:
    check_bucket_name(body.bucket_id)
    check_bucket_name(body.target_bucket)
    check_key(body.destination_key)

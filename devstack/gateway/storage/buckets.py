"""Buckets: create, show, list, change, empty and delete, under the policies of storage.buckets."""

import re
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.storage import bodies, bucket_rows, object_rows, response
from devstack.gateway.storage.caller import SERVICE, owner_of, required_caller
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.errors import (
    access_denied,
    bucket_not_empty,
    invalid_file_size_limit,
    invalid_request,
    not_served,
    too_large,
)
from devstack.gateway.storage.limits import (
    MAX_FILE_BYTES,
    check_bucket_name,
    check_new_bucket_name,
    check_restrictions,
)


#: A longer number would be above the limit.
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(gb|mb|kb|b)", re.IGNORECASE | re.ASCII)
_UNIT_BYTES = {"gb": 10**9, "mb": 10**6, "kb": 1000, "b": 1}
STANDARD = "STANDARD"
FORBIDDEN = 403


async def create(context: StorageContext, request: Request) -> Response:
    """POST /bucket: create a bucket."""
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.NewBucket)
    check_new_bucket_name(body.name)
    check_new_bucket_name(body.id or body.name)
    if body.type not in (None, STANDARD):
        raise not_served(f"A bucket of type {body.type}")
    owner_id = owner_of(caller)
    fields = {
        "id": body.id or body.name,
        "name": body.name,
        "owner": object_rows.owner_uuid(owner_id),
        "owner_id": owner_id,
        "public": bool(body.public),
        **_limits(body),
    }
    with object_rows.refusing_duplicates("BucketAlreadyExists"):
        async with context.transaction(request, caller) as cursor:
            await bucket_rows.create(cursor, fields)
    return response.ok({"name": body.name})


async def show(context: StorageContext, request: Request) -> Response:
    """GET /bucket/{id}: show a bucket."""
    caller = required_caller(request, context.keys)
    async with context.transaction(request, caller) as cursor:
        bucket = await bucket_rows.find(cursor, request.path_params["bucket"])
    return response.ok(response.bucket_json(bucket))


async def list_buckets(context: StorageContext, request: Request) -> Response:
    """GET /bucket: list buckets. Only this response contains a bucket's type."""
    caller = required_caller(request, context.keys)
    query = bodies.read_query(request, bodies.BucketQuery)
    async with context.transaction(request, caller) as cursor:
        buckets = await bucket_rows.find_all(cursor, query)
    return response.ok([response.bucket_json(bucket) | {"type": bucket.type} for bucket in buckets])


async def change(context: StorageContext, request: Request) -> Response:
    """PUT /bucket/{id}: change a bucket's visibility or its limits."""
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.BucketChange)
    bucket_id = request.path_params["bucket"]
    check_bucket_name(bucket_id)
    fields = _limits(body)
    if body.public is not None:
        fields["public"] = body.public
    if not fields:
        raise invalid_request("No content provided")
    async with context.transaction(request, caller) as cursor:
        await bucket_rows.change(cursor, bucket_id, fields)
    return response.ok({"message": "Successfully updated"})


async def empty(context: StorageContext, request: Request) -> Response:
    """POST /bucket/{id}/empty: delete all objects of a bucket, for service_role only.

    Hosted Storage queues this; devstack does it at once.
    """
    caller = required_caller(request, context.keys)
    if caller.role != SERVICE.role:
        raise access_denied("Access denied: Invalid role", http_status=FORBIDDEN)
    bucket_id = request.path_params["bucket"]
    async with context.transaction(request, caller) as cursor:
        await bucket_rows.find(cursor, bucket_id)
        versions = await object_rows.delete_all(cursor, bucket_id)
    context.files.remove(versions)
    message = "Empty bucket has been queued. Completion may take up to an hour."
    return response.ok({"message": message})


async def delete(context: StorageContext, request: Request) -> Response:
    """DELETE /bucket/{id}: delete a bucket that has no objects."""
    caller = required_caller(request, context.keys)
    bucket_id = request.path_params["bucket"]
    async with context.transaction(request) as cursor:
        if not await bucket_rows.lock_and_check_empty(cursor, bucket_id):
            raise bucket_not_empty()
    async with context.transaction(request, caller) as cursor:
        await bucket_rows.delete(cursor, bucket_id)
    return response.ok({"message": "Successfully deleted"})


def _limits(body: bodies.BucketChange) -> dict[str, Any]:
    """Return the limits that a body names; null removes a limit."""
    limits: dict[str, Any] = {}
    if "file_size_limit" in body.model_fields_set:
        limits["file_size_limit"] = _bytes(body.file_size_limit)
    if "allowed_mime_types" in body.model_fields_set:
        types = body.allowed_mime_types
        check_restrictions(types or ())
        limits["allowed_mime_types"] = types and [kind for kind in types if kind]
    return limits


def _bytes(size: int | str | None) -> int | None:
    if isinstance(size, str) and not size.isdecimal():
        match = _SIZE.fullmatch(size)
        if match is None:
            raise invalid_file_size_limit()
        size = round(float(match[1]) * _UNIT_BYTES[match[2].lower()])
    if size is None:
        return None
    if int(size) > MAX_FILE_BYTES:
        raise too_large()
    return int(size)

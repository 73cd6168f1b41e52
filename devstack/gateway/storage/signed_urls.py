"""Signed links: to read one object for a while, or to upload one."""

from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from devstack.emulation.tokens import Keys
from devstack.gateway.storage import answers, bodies, object_rows
from devstack.gateway.storage.caller import owner_of, required_caller
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.errors import not_served
from devstack.gateway.storage.limits import UPLOAD_LINK_S
from devstack.gateway.storage.names import check_bucket_name, check_key
from devstack.gateway.storage.signatures import DOWNLOAD, UPLOAD, sign_claims
from devstack.gateway.storage.uploads import TRIED, try_out, wants_upsert


NOT_FOUND = "Either the object does not exist or you do not have access to it"


async def sign(context: StorageContext, request: Request) -> Response:
    """POST /object/sign/{bucket}/{key}: a link to what the caller may read."""
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.Link)
    if body.transform:
        raise not_served("Image transformation")
    check_bucket_name(bucket_id)
    check_key(key)
    async with context.acting(request, caller) as cursor:
        await object_rows.find(cursor, bucket_id, key)
    return answers.ok({"signedURL": _download_link(context.keys, bucket_id, key, body.expires_in)})


async def sign_many(context: StorageContext, request: Request) -> Response:
    """POST /object/sign/{bucket}: a link, or a reason, for each of the paths."""
    bucket_id = request.path_params["bucket"]
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.Links)
    check_bucket_name(bucket_id)
    async with context.acting(request, caller) as cursor:
        visible = await object_rows.visible_names(cursor, bucket_id, body.paths)

    def line(path: str) -> dict[str, str | None]:
        if path not in visible:
            return {"error": NOT_FOUND, "path": path, "signedURL": None}
        link = _download_link(context.keys, bucket_id, path, body.expires_in)
        return {"error": None, "path": path, "signedURL": link}

    return answers.ok([line(path) for path in body.paths])


async def sign_upload(context: StorageContext, request: Request) -> Response:
    """POST /object/upload/sign/{bucket}/{key}: a link for what the caller may upload."""
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    caller = required_caller(request, context.keys)
    check_bucket_name(bucket_id)
    check_key(key)
    owner_id, upserts = owner_of(caller), wants_upsert(request)
    new = object_rows.NewObject(
        bucket_id=bucket_id,
        name=key,
        owner_id=owner_id,
        version=TRIED,
        metadata={},
        user_metadata=None,
    )
    await try_out(context, request, caller, new, is_upsert=upserts)
    claims: dict[str, Any] = {"url": f"{bucket_id}/{key}", "upsert": upserts, "scope": UPLOAD}
    if owner_id is not None:
        claims["owner"] = owner_id
    token = sign_claims(context.keys, claims, UPLOAD_LINK_S)
    url = f"/object/upload/sign/{_path(bucket_id, key)}?token={token}"
    return answers.ok({"url": url, "token": token})


def _download_link(keys: Keys, bucket_id: str, key: str, life_s: int) -> str:
    token = sign_claims(keys, {"url": f"{bucket_id}/{key}", "scope": DOWNLOAD}, life_s)
    return f"/object/sign/{_path(bucket_id, key)}?token={token}"


def _path(bucket_id: str, key: str) -> str:
    """Write a name as clients expect it in a link: they quote all but the one character."""
    return f"{bucket_id}/{key}".replace("?", quote("?"))

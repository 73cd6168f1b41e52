"""Signed URLs: links by which anybody can read one object until the link expires.

The token in a signed URL names one object and one purpose, a download or an upload.
The handlers here sign downloads; `uploads.sign_upload` signs an upload.
"""

import time
from typing import Any
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from devstack.emulation.tokens import Keys, TokenError
from devstack.gateway.storage import bodies, object_rows, response
from devstack.gateway.storage.caller import reason, required_caller
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.errors import (
    invalid_jwt,
    invalid_signature,
    malformed,
    not_served,
)
from devstack.gateway.storage.limits import check_bucket_name, check_key


DOWNLOAD = "download"
UPLOAD = "upload"
NOT_FOUND = "Either the object does not exist or you do not have access to it"


async def sign(context: StorageContext, request: Request) -> Response:
    """POST /object/sign/{bucket}/{key}: sign a URL of an object that the caller may read."""
    bucket_id, key = request.path_params["bucket"], request.path_params["key"]
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.Sign)
    if body.transform:
        raise not_served("Image transformation")
    check_bucket_name(bucket_id)
    check_key(key)
    async with context.transaction(request, caller) as cursor:
        await object_rows.find(cursor, bucket_id, key)
    return response.ok({"signedURL": _download_url(context.keys, bucket_id, key, body.expires_in)})


async def sign_many(context: StorageContext, request: Request) -> Response:
    """POST /object/sign/{bucket}: return a signed URL or an error for each of the paths."""
    bucket_id = request.path_params["bucket"]
    caller = required_caller(request, context.keys)
    body = await bodies.read(request, bodies.SignMany)
    check_bucket_name(bucket_id)
    async with context.transaction(request, caller) as cursor:
        visible = await object_rows.visible_names(cursor, bucket_id, body.paths)

    def entry(path: str) -> dict[str, str | None]:
        if path not in visible:
            return {"error": NOT_FOUND, "path": path, "signedURL": None}
        url = _download_url(context.keys, bucket_id, path, body.expires_in)
        return {"error": None, "path": path, "signedURL": url}

    return response.ok([entry(path) for path in body.paths])


def sign_claims(keys: Keys, claims: dict[str, Any], lifetime_s: int) -> str:
    """Return a token with these claims that expires after `lifetime_s`."""
    now = int(time.time())
    return keys.sign(claims | {"iat": now, "exp": now + lifetime_s})


def verify(request: Request, keys: Keys, scope: str) -> dict[str, Any]:
    """Return the claims of the request's token, if it was signed for this object and scope.

    Raises: StorageError InvalidJWT, InvalidSignature.
    """
    token = request.query_params.get("token")
    if token is None:
        raise malformed("querystring must have required property 'token'")
    try:
        claims = keys.verify(token)
    except TokenError as error:
        raise invalid_jwt(reason(error)) from error
    if claims.get("scope") != scope:
        raise invalid_signature(f"Token is not scoped for {scope}")
    path = f"{request.path_params['bucket']}/{request.path_params['key']}"
    if claims.get("url") != path or "exp" not in claims:
        raise invalid_signature()
    return claims


def url_path(bucket_id: str, key: str) -> str:
    """Return an object's path in a signed URL. Clients escape every character but `?`."""
    return f"{bucket_id}/{key}".replace("?", quote("?"))


def _download_url(keys: Keys, bucket_id: str, key: str, lifetime_s: int) -> str:
    token = sign_claims(keys, {"url": f"{bucket_id}/{key}", "scope": DOWNLOAD}, lifetime_s)
    return f"/object/sign/{url_path(bucket_id, key)}?token={token}"

"""The routes of Storage: the handler of each path, and the response to each error."""

import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final
from urllib.parse import unquote_to_bytes

import psycopg
from psycopg_pool import PoolTimeout
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from devstack.gateway.context import Context, summary
from devstack.gateway.storage import buckets, downloads, objects, response, signed_urls, uploads
from devstack.gateway.storage.context import StorageContext
from devstack.gateway.storage.errors import (
    INTERNAL_ERROR,
    StorageError,
    from_postgres,
    malformed,
    not_served,
    timed_out,
)
from devstack.gateway.storage.files import Files


_LOG = logging.getLogger(__name__)

Handler = Callable[[StorageContext, Request], Awaitable[Response]]

METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
_OBJECT: Final = "{bucket}/{key:path}"
#: Starlette takes the first route that matches, so these come before the routes for any bucket.
_FIXED: Final[list[tuple[str, str, Handler]]] = [
    ("GET", "/bucket", buckets.list_buckets),
    ("POST", "/bucket", buckets.create),
    ("GET", "/bucket/{bucket}", buckets.show),
    ("PUT", "/bucket/{bucket}", buckets.change),
    ("DELETE", "/bucket/{bucket}", buckets.delete),
    ("POST", "/bucket/{bucket}/empty", buckets.empty),
    ("POST", "/object/list/{bucket}", objects.list_objects),
    ("POST", "/object/move", objects.move),
    ("POST", "/object/copy", objects.copy),
    ("POST", f"/object/upload/sign/{_OBJECT}", uploads.sign_upload),
    ("PUT", f"/object/upload/sign/{_OBJECT}", uploads.upload_signed),
    ("POST", "/object/sign/{bucket}", signed_urls.sign_many),
    ("POST", f"/object/sign/{_OBJECT}", signed_urls.sign),
    ("GET", f"/object/sign/{_OBJECT}", downloads.download_signed),
    ("GET", f"/object/info/public/{_OBJECT}", downloads.info_public),
    ("GET", f"/object/info/authenticated/{_OBJECT}", downloads.info_authenticated),
    ("GET", f"/object/info/{_OBJECT}", downloads.info),
    ("GET", f"/object/public/{_OBJECT}", downloads.download_public),
    ("GET", f"/object/authenticated/{_OBJECT}", downloads.download_authenticated),
]
_ANY_BUCKET: Final[list[tuple[str, str, Handler]]] = [
    ("DELETE", "/object/{bucket}", objects.remove),
    ("GET", f"/object/{_OBJECT}", downloads.download),
    ("POST", f"/object/{_OBJECT}", uploads.upload),
    ("PUT", f"/object/{_OBJECT}", uploads.update),
    ("DELETE", f"/object/{_OBJECT}", objects.remove_one),
]
#: The paths of features that hosted Storage has and devstack does not.
_NOT_SERVED: Final = {
    "/object/list-v2/{rest:path}": "Listing by cursor (list-v2)",
    "/render/{rest:path}": "Image transformation",
    "/upload/{rest:path}": "Resumable upload (TUS)",
    "/s3{rest:path}": "The S3 protocol",
    "/cdn/{rest:path}": "Purging a cache",
    "/iceberg/{rest:path}": "An analytics bucket",
    "/vector/{rest:path}": "A vector bucket",
}


def routes(context: Context) -> list[BaseRoute]:
    """Return the routes below `/storage/v1`."""
    storage_context = StorageContext(
        pool=context.pool, keys=context.keys, files=Files(Path(context.config.files))
    )
    served = [
        [_route(storage_context, path, handler, [method]) for method, path, handler in table]
        for table in (_FIXED, _ANY_BUCKET)
    ]
    refused = [_not_served(storage_context, path, name) for path, name in _NOT_SERVED.items()]
    unknown = Route("/{path:path}", _unknown_path, methods=METHODS)
    return [*served[0], *refused, *served[1], unknown]


def _not_served(storage_context: StorageContext, path: str, feature: str) -> Route:
    async def refuse(_context: StorageContext, _request: Request) -> Response:
        raise not_served(feature)

    return _route(storage_context, path, refuse, METHODS)


def _route(
    storage_context: StorageContext, path: str, handler: Handler, methods: list[str]
) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            _check_path(request)
            return await handler(storage_context, request)
        except (StorageError, psycopg.Error) as error:
            refusal = _refusal(path, error)
            return response.refusal(refusal, is_head=request.method == "HEAD")
        except ClientDisconnect:
            # The client is gone, so the response reaches nobody.
            return Response(status_code=400)

    return Route(path, endpoint, methods=methods)


def _check_path(request: Request) -> None:
    """Refuse a path that is not UTF-8; the server has replaced its wrong bytes."""
    try:
        unquote_to_bytes(request.scope["raw_path"]).decode()
    except UnicodeDecodeError as error:
        raise malformed("The path is not a valid url component", error="FastifyError") from error


def _refusal(path: str, error: StorageError | psycopg.Error) -> StorageError:
    if isinstance(error, StorageError):
        return error
    if isinstance(error, PoolTimeout):
        _LOG.warning("storage found no free database connection: %s", error)
        return timed_out()
    refusal = from_postgres(error)
    if refusal.status == INTERNAL_ERROR:
        _LOG.error("storage could not serve %s: %s", path, summary(error))
    return refusal


async def _unknown_path(request: Request) -> Response:
    """Answer 404 as Fastify does."""
    url = f"{request.method}:/{request.path_params['path']}"
    body = {"message": f"Route {url} not found", "error": "Not Found", "statusCode": 404}
    return JSONResponse(body, 404, media_type=response.JSON)

"""Request bodies and queries as typed values; unknown fields are ignored.

Like Fastify, it accepts a number as a string of digits.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.requests import Request

from devstack.gateway.storage.errors import malformed
from devstack.gateway.storage.limits import (
    DEFAULT_LIST_COUNT,
    MAX_JSON_BYTES,
    MAX_URL_LIFETIME_S,
)


TOO_LARGE = 413


class Body(BaseModel):
    """A request body, or a query."""

    model_config = ConfigDict(extra="ignore", frozen=True)


BodyType = TypeVar("BodyType", bound=Body)

Lifetime = Annotated[int, Field(ge=1, le=MAX_URL_LIFETIME_S)]
Size = Annotated[int, Field(ge=0)]


class BucketChange(Body):
    """The body of PUT /bucket/{id}: a field that is absent stays as it is; null removes a limit."""

    public: bool | None = None
    file_size_limit: Size | str | None = None
    allowed_mime_types: list[str] | None = None


class NewBucket(BucketChange):
    """The body of POST /bucket."""

    name: str
    id: str | None = None
    type: str | None = None


class BucketQuery(Body):
    """The query of GET /bucket."""

    limit: Annotated[int, Field(ge=1)] | None = None
    offset: Size = 0
    sort_column: Literal["id", "name", "created_at", "updated_at"] = Field("id", alias="sortColumn")
    sort_order: Literal["asc", "desc"] = Field("asc", alias="sortOrder")
    search: str = ""


class SortBy(Body):
    """The order of a listing."""

    column: Literal["name", "updated_at", "created_at", "last_accessed_at"] = "name"
    order: Literal["asc", "desc"] = "asc"


class Listing(Body):
    """The body of POST /object/list/{bucket}."""

    prefix: str
    limit: Annotated[int, Field(ge=1)] = DEFAULT_LIST_COUNT
    offset: Size = 0
    sort_by: SortBy = Field(SortBy(), alias="sortBy")
    search: str = ""


class Removal(Body):
    """The body of DELETE /object/{bucket}: `prefixes` are whole names of objects."""

    prefixes: list[str] = Field(min_length=1)


class Relocation(Body):
    """The body of POST /object/move."""

    bucket_id: str = Field(alias="bucketId")
    source_key: str = Field(alias="sourceKey")
    destination_key: str = Field(alias="destinationKey")
    destination_bucket: str | None = Field(None, alias="destinationBucket")

    @property
    def target_bucket(self) -> str:
        """Return the destination bucket, which is by default the source bucket."""
        return self.destination_bucket or self.bucket_id


class CopiedMetadata(Body):
    """The metadata of a copy that replace those of its source."""

    cache_control: str | None = Field(None, alias="cacheControl")
    mimetype: str | None = None


class Copy(Relocation):
    """The body of POST /object/copy."""

    metadata: CopiedMetadata | None = None
    copy_metadata: bool = Field(default=True, alias="copyMetadata")


class Sign(Body):
    """The body of POST /object/sign/{bucket}/{key}."""

    expires_in: Lifetime = Field(alias="expiresIn")
    transform: dict[str, Any] | None = None


class SignMany(Body):
    """The body of POST /object/sign/{bucket}."""

    expires_in: Lifetime = Field(alias="expiresIn")
    paths: list[str] = Field(min_length=1)


async def read(request: Request, kind: type[BodyType]) -> BodyType:
    """Read the request's body as `kind`; a missing body counts as an empty object.

    Raises: StorageError 400, 413.
    """
    raw = await _raw(request)
    try:
        # JSON can escape half of a surrogate pair, which UTF-8 cannot encode, so this refuses it.
        value = json.loads(raw.decode()) if raw else {}
        json.dumps(value, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        message = "Body is not valid JSON but content-type is set to 'application/json'"
        raise malformed(message, error="FastifyError") from error
    return _validated(kind, value, "body")


def read_query(request: Request, kind: type[BodyType]) -> BodyType:
    """Read the request's query as `kind`. Raises: StorageError 400."""
    return _validated(kind, dict(request.query_params), "querystring")


async def _raw(request: Request) -> bytes:
    pieces, size = [], 0
    async for piece in request.stream():
        size += len(piece)
        if size > MAX_JSON_BYTES:
            message = "Request body is too large"
            raise malformed(message, error="FastifyError", status=TOO_LARGE)
        pieces.append(piece)
    return b"".join(pieces)


def _validated(kind: type[BodyType], value: Any, where: str) -> BodyType:
    if not isinstance(value, Mapping):
        raise malformed(f"{where} must be object")
    try:
        return kind.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        *path, last = (str(part) for part in first["loc"])
        if first["type"] == "missing":
            parent = "/".join([where, *path])
            raise malformed(f"{parent} must have required property '{last}'") from error
        raise malformed(f"{'/'.join([where, *path, last])}: {first['msg']}") from error

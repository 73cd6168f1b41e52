"""Reads a write: which rows it brings, and what is to become of them."""

from devstack.gateway.rest.api_request.payload import as_json, content_type, row_keys
from devstack.gateway.rest.api_request.query_params import QueryParams
from devstack.gateway.rest.api_request.query_parser import parse_query
from devstack.gateway.rest.api_request.request import Request, RequestHead
from devstack.gateway.rest.plan.mutate_plan import Write
from devstack.gateway.rest.puts import check_query
from devstack.gateway.rest.schema_cache.tables import Relation


def read_write(
    request: Request, asked: RequestHead, relation: Relation
) -> tuple[Write, list[str], str]:
    """Return the write that a request means, the values of its slots and its body.

    Raises: RestError.
    """
    query, values = parse_query(request.pairs)
    is_put = request.method == "PUT"
    if is_put:
        check_query(query, relation)
    body, keys, is_array = _rows(request, query)
    write = Write(
        method=request.method,
        relation=relation,
        query=query,
        keys=keys,
        is_array=is_array,
        media=asked.accepted.media,
        is_stripped=asked.accepted.is_stripped,
        returns=asked.preferences.returns,
        is_default_for_missing=asked.preferences.missing == "default" and not is_put,
        resolution=_resolution(asked, request.method),
    )
    return write, values, body


def _rows(request: Request, query: QueryParams) -> tuple[str, tuple[str, ...], bool]:
    """Return the body as JSON, the keys of its rows and whether it is an array."""
    if request.method == "DELETE":
        return "", (), False
    body, value = as_json(request.body, content_type(request.headers.get("content-type")))
    is_array = isinstance(value, list)
    if query.columns is not None and request.method != "PUT":
        return body, query.columns, is_array
    return body, row_keys(value), is_array


def _resolution(asked: RequestHead, method: str) -> str | None:
    """Return what becomes of a row that is there already; a PUT has no choice."""
    if method == "PUT":
        return "merge-duplicates"
    return asked.preferences.resolution if method == "POST" else None

"""Reads a call: which function, and what stands for each of its arguments."""

import json
from dataclasses import dataclass

from devstack.gateway.rest.api_request.filter_parser import is_filter
from devstack.gateway.rest.api_request.payload import (
    CSV_TYPE,
    FORM_TYPE,
    as_text,
    content_type,
    form_pairs,
    read_csv,
    read_rows,
    row_keys,
    unacceptable,
)
from devstack.gateway.rest.api_request.query_parser import parse_query
from devstack.gateway.rest.api_request.ranges import ranged
from devstack.gateway.rest.api_request.request import READS, Request, RequestHead
from devstack.gateway.rest.plan.call_plan import RAW_BODIES, Call, find_function
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.text import array


#: What is never an argument, whatever path stands before it.
RESERVED = frozenset(("order", "limit", "offset", "and", "or"))
LISTS = frozenset(("select", "columns", "on_conflict"))

Pairs = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Body:
    """What a call was sent: the arguments one by one, or a text that holds all of them."""

    #: None for a call by GET, which has no body.
    kind: str | None
    text: str = ""
    pairs: Pairs | None = None
    keys: tuple[str, ...] = ()
    is_array: bool = False


def read_call(
    cache: SchemaCache, request: Request, asked: RequestHead, name: str
) -> tuple[Call, list[str], str]:
    """Return the call that a request means, the values of its slots and its body.

    Raises: RestError.
    """
    pairs = ranged(request.method, request.headers, request.pairs)
    if request.method in READS:
        arguments = [pair for pair in pairs if _is_argument(*pair)]
        pairs = [pair for pair in pairs if not _is_argument(*pair)]
        body = _Body(kind=None, pairs=arguments)
    else:
        body = None
    query, values = parse_query(pairs)
    if body is None:
        body = _read_body(request, query.columns)
    given = body.keys
    if body.pairs is not None:
        given = tuple(dict.fromkeys(key for key, _ in body.pairs))
    function, is_raw = find_function(cache, (asked.schema, name), given, body.kind)
    slots = None
    if is_raw and body.pairs is not None:
        # PostgREST fills the one unnamed argument with the named ones, of which there are none.
        body = _Body(kind=body.kind, text="{}")
    elif body.pairs is not None:
        slots = tuple(range(len(values), len(values) + len(given)))
        values += _values(function, given, body.pairs)
    call = Call(
        function=function,
        query=query,
        arguments=() if is_raw else given,
        slots=slots,
        is_raw=is_raw,
        is_array=body.is_array,
        media=asked.accepted.media,
        is_stripped=asked.accepted.is_stripped,
        is_counted=asked.preferences.is_counted,
    )
    return call, values, body.text


def _is_argument(key: str, value: str) -> bool:
    """Tell an argument of a call by GET from what narrows its result."""
    is_reserved = key in LISTS or key.rpartition(".")[2] in RESERVED
    return not (is_reserved or "." in key or is_filter(value))


def _read_body(request: Request, columns: tuple[str, ...] | None) -> _Body:
    """Read a body; `columns` are the arguments where the client names them."""
    kind = content_type(request.headers.get("content-type"))
    if kind == FORM_TYPE:
        return _Body(kind=kind, pairs=form_pairs(request.body))
    if kind == CSV_TYPE:
        rows = read_csv(as_text(request.body, kind))
        return _Body(kind=kind, text=json.dumps(rows), keys=row_keys(rows), is_array=True)
    if kind not in RAW_BODIES:
        raise unacceptable(kind)
    text = as_text(request.body, kind)
    if kind != "application/json":
        return _Body(kind=kind, text=text)
    if columns is not None:
        return _Body(kind=kind, text=text, keys=columns, is_array=not text.lstrip().startswith("{"))
    text, value = read_rows(text or "{}")
    return _Body(kind=kind, text=text, keys=row_keys(value), is_array=isinstance(value, list))


def _values(function: Function, given: tuple[str, ...], pairs: Pairs) -> list[str]:
    """Return the arguments' values: all of a variadic one's, and the last of any other's."""
    variadic = {item.name for item in function.parameters if item.is_variadic}
    last = dict(pairs)
    return [
        array(value for key, value in pairs if key == name) if name in variadic else last[name]
        for name in given
    ]

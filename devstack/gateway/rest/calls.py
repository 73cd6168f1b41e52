"""Reads a call: which function, and what stands for each of its arguments."""

from typing import Any

from devstack.gateway.rest.filters import is_filter, parse_query
from devstack.gateway.rest.functions import Call, find_function
from devstack.gateway.rest.payload import as_text, content_type, read_json
from devstack.gateway.rest.preferences import range_pairs
from devstack.gateway.rest.request import READS, Asked, Request
from devstack.gateway.rest.schema_cache import SchemaCache


#: What is never an argument unless some function of the name takes one that is called so.
RESERVED = frozenset(("select", "order", "limit", "offset", "columns", "on_conflict", "and", "or"))

Pairs = list[tuple[str, str]]


def read_call(
    cache: SchemaCache, request: Request, asked: Asked, name: str
) -> tuple[Call, list[str], str]:
    """Return the call that a request means, the values of its slots and its body.

    Raises: RestError.
    """
    full_name, slots, body = (asked.schema, name), None, ""
    if request.method in READS:
        given, rest = _arguments(cache, full_name, request.pairs)
        function, is_raw = find_function(cache, full_name, given, None)
        query, values = parse_query(range_pairs(request.headers, rest))
        slots = tuple(range(len(values), len(values) + len(given)))
        values += given.values()
    else:
        body_type = content_type(request.headers.get("content-type"))
        body = as_text(request.body, body_type)
        given = dict.fromkeys(_argument_keys(body, body_type), "")
        function, is_raw = find_function(cache, full_name, given, body_type)
        query, values = parse_query(range_pairs(request.headers, request.pairs))
    call = Call(
        function=function,
        query=query,
        arguments=() if is_raw else tuple(given),
        slots=slots,
        is_raw=is_raw,
        media=asked.accepted.media,
        is_stripped=asked.accepted.is_stripped,
        is_counted=asked.preferences.count is not None,
    )
    return call, values, body


def _arguments(
    cache: SchemaCache, name: tuple[str, str], pairs: Pairs
) -> tuple[dict[str, str], Pairs]:
    """Tell the arguments of a call by GET from the filters on what it returns."""
    known = {
        item.name for function in cache.functions.get(name, ()) for item in function.parameters
    }
    given, rest = {}, []
    for key, value in pairs:
        if key in known or not (key in RESERVED or "." in key or is_filter(value)):
            given[key] = value
        else:
            rest.append((key, value))
    return given, rest


def _argument_keys(body: str, body_type: str) -> tuple[str, ...]:
    if body_type != "application/json" or not body:
        return ()
    value: Any = read_json(body)
    # What is no object of arguments may still be the one json that a function takes whole.
    return tuple(value) if isinstance(value, dict) else ()

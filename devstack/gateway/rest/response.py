"""The HTTP response of an outcome: status, Content-Range and the other headers."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote

from devstack.gateway.header import is_header
from devstack.gateway.rest.api_request.preferences import applied
from devstack.gateway.rest.api_request.request import RequestHead
from devstack.gateway.rest.errors import RestError, range_not_satisfiable
from devstack.gateway.rest.plan.mutate_plan import Mutation
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.rest.schema_cache.tables import Relation
from devstack.gateway.rest.transaction import Outcome


Headers = list[tuple[bytes, bytes]]

#: The bits of Postgres's pg_relation_is_updatable.
UPDATABLE, INSERTABLE, DELETABLE = 4, 8, 16


@dataclass(slots=True)
class Response:
    """An HTTP response."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


def read_response(
    outcome: Outcome, head: RequestHead, offset: int, kind: str, location: bytes | None = None
) -> Response:
    """Return the response to a read or a call, as `kind` says; a read has a Content-Location.

    Raises: RestError PGRST103.
    """
    total, page_total = outcome.total, outcome.page_total
    if total is not None and offset > total:
        raise range_not_satisfiable(
            f"An offset of {offset} was requested, but there are only {total} rows.", total
        )
    status = 200 if total is None or page_total >= total else 206
    shown = f"{offset}-{offset + page_total - 1}" if page_total else "*"
    headers = [(b"content-range", f"{shown}/{'*' if total is None else total}".encode())]
    if location is not None:
        headers.append((b"content-location", location))
    return _with_gucs(Response(status, outcome.body, headers + _headers(head, kind)), outcome)


def mutation_response(outcome: Outcome, head: RequestHead, mutation: Mutation) -> Response:
    """Return the response to a write."""
    method = mutation.method
    if not mutation.conflict_columns:
        # Without a unique key there was no conflict to resolve, so the preference had no effect.
        head = replace(head, preferences=replace(head.preferences, resolution=None))
    headers: Headers = []
    if outcome.location is not None:
        headers.append((b"location", _location(mutation.relation.name, outcome.location)))
    if method != "PUT":
        is_range = method == "PATCH" and outcome.page_total
        shown = f"0-{outcome.page_total - 1}" if is_range else "*"
        count = str(outcome.page_total) if head.preferences.is_counted else "*"
        headers.append((b"content-range", f"{shown}/{count}".encode()))
    headers += _headers(head, method, is_typed=mutation.is_represented)
    body = outcome.body if mutation.is_represented else b""
    return _with_gucs(Response(_mutation_status(outcome, head, method), body, headers), outcome)


def void_response(outcome: Outcome, head: RequestHead) -> Response:
    """Return the response to a call of a void function."""
    headers = [(b"content-range", b"0-0/*"), *_headers(head, "call", is_typed=False)]
    return _with_gucs(Response(204, b"", headers), outcome)


def explain_response(outcome: Outcome, head: RequestHead) -> Response:
    """Return the response that shows the EXPLAIN of a request."""
    return Response(200, outcome.body, _content_headers(head))


def relation_options_response(relation: Relation, updatability: int) -> Response:
    """Return the response to OPTIONS on a relation; `updatability` has the bits of its writes."""
    methods = ["OPTIONS", "GET", "HEAD"]
    if updatability & INSERTABLE:
        methods.append("POST")
    if updatability & INSERTABLE and updatability & UPDATABLE and relation.primary_key:
        methods.append("PUT")
    if updatability & UPDATABLE:
        methods.append("PATCH")
    if updatability & DELETABLE:
        methods.append("DELETE")
    return Response(200, b"", [(b"allow", ",".join(methods).encode())])


def function_options_response(overloads: Sequence[Function]) -> Response:
    """Return the response to OPTIONS on a function; GET is for functions that only read."""
    is_read_only = overloads and all(function.is_read_only for function in overloads)
    allowed = b"OPTIONS,GET,HEAD,POST" if is_read_only else b"OPTIONS,POST"
    return Response(200, b"", [(b"allow", allowed)])


@functools.lru_cache(1024)
def content_location(name: str, pairs: tuple[tuple[str, str], ...]) -> bytes:
    """Return the Content-Location of a read: the path and the pairs, sorted and grouped by name."""
    grouped: dict[str, list[str]] = {}
    for key, value in sorted(pairs, key=lambda pair: pair[0]):
        grouped.setdefault(key, []).append(quote(value, safe=""))
    query = "&".join(f"{quote(key, safe='')}={','.join(found)}" for key, found in grouped.items())
    return _path(name) + (f"?{query}".encode() if query else b"")


def _mutation_status(outcome: Outcome, head: RequestHead, method: str) -> int:
    preferences = head.preferences
    if method == "POST":
        is_only_updated = preferences.resolution == "merge-duplicates" and not outcome.inserted
        return 200 if is_only_updated else 201
    if preferences.returns != "representation":
        return 204
    return 201 if method == "PUT" and outcome.inserted else 200


def _location(name: str, found: bytes) -> bytes:
    pairs: Sequence[tuple[str, str]] = json.loads(found)
    query = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)
    return _path(name) + f"?{query}".encode()


def _path(name: str) -> bytes:
    return f"/{quote(name, safe=' ')}".encode()


def _headers(head: RequestHead, kind: str, *, is_typed: bool = True) -> Headers:
    headers = _content_headers(head) if is_typed else []
    preference_applied = applied(head.preferences, kind)
    if preference_applied is not None:
        headers.append((b"preference-applied", preference_applied.encode()))
    return headers


def _content_headers(head: RequestHead) -> Headers:
    headers = [(b"content-type", head.accepted.content_type)]
    if head.is_profiled:
        headers.append((b"content-profile", head.schema.encode()))
    return headers


def _with_gucs(response: Response, outcome: Outcome) -> Response:
    """Apply the settings response.status and response.headers of the transaction."""
    if outcome.status is not None:
        response.status = _guc_status(outcome.status)
    if outcome.headers is not None:
        own = _guc_headers(outcome.headers)
        names = {name for name, _ in own}
        response.headers = [pair for pair in response.headers if pair[0] not in names] + own
    return response


def _guc_status(text: bytes) -> int:
    if text.isdigit() and len(text) == len("200") and text[:1] in b"2345":
        return int(text)
    raise RestError("PGRST112", "response.status guc must be a valid status code")


def _guc_headers(text: bytes) -> Headers:
    try:
        # An entry that has not exactly one key fails to unpack.
        entries = [pair for entry in json.loads(text) for [pair] in [entry.items()]]
        if all(is_header(name, value) for name, value in entries):
            return [(name.lower().encode(), value.encode("latin-1")) for name, value in entries]
    except (ValueError, AttributeError, TypeError):
        pass
    raise RestError(
        "PGRST111",
        "response.headers guc must be a JSON array composed of objects with a single key and "
        "a string value",
    )

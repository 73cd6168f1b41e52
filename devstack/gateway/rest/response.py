"""What came of a request, as HTTP: status, Content-Range and the other headers."""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from devstack.gateway.header import is_header
from devstack.gateway.rest.api_request.preferences import applied
from devstack.gateway.rest.api_request.request import RequestHead
from devstack.gateway.rest.errors import RestError, range_not_satisfiable
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.rest.schema_cache.tables import Relation
from devstack.gateway.rest.transaction import Outcome


Headers = list[tuple[bytes, bytes]]

#: The bits of Postgres's pg_relation_is_updatable.
UPDATABLE, INSERTABLE, DELETABLE = 4, 8, 16


@dataclass(slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


def read_answer(
    outcome: Outcome, asked: RequestHead, offset: int, kind: str, location: bytes | None = None
) -> Answer:
    """Return the answer to a read or to a call, which `kind` tells; `location` is the read's own.

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
    return _altered(Answer(status, outcome.body, headers + _head(asked, kind)), outcome)


def write_answer(outcome: Outcome, asked: RequestHead, method: str, name: str) -> Answer:
    """Return the answer to a write to the relation of this name."""
    preferences = asked.preferences
    is_represented = preferences.returns == "representation"
    headers: Headers = []
    if outcome.location is not None:
        headers.append((b"location", _location(name, outcome.location)))
    if method != "PUT":
        is_range = method == "PATCH" and outcome.page_total
        shown = f"0-{outcome.page_total - 1}" if is_range else "*"
        count = str(outcome.page_total) if preferences.is_counted else "*"
        headers.append((b"content-range", f"{shown}/{count}".encode()))
    headers += _head(asked, method, is_typed=is_represented)
    status = _written(outcome, asked, method)
    return _altered(Answer(status, outcome.body if is_represented else b"", headers), outcome)


def void_answer(outcome: Outcome, asked: RequestHead) -> Answer:
    """Return the answer to a call of a function that returns nothing."""
    headers = [(b"content-range", b"0-0/*"), *_head(asked, "call", is_typed=False)]
    return _altered(Answer(204, b"", headers), outcome)


def plan_answer(outcome: Outcome, asked: RequestHead) -> Answer:
    """Return the answer that shows a plan."""
    return Answer(200, outcome.body, _typed(asked))


def relation_options(relation: Relation, updatability: int) -> Answer:
    """Return the answer to OPTIONS on a relation, with the bits of the writes that it allows."""
    methods = ["OPTIONS", "GET", "HEAD"]
    if updatability & INSERTABLE:
        methods.append("POST")
    if updatability & INSERTABLE and updatability & UPDATABLE and relation.primary_key:
        methods.append("PUT")
    if updatability & UPDATABLE:
        methods.append("PATCH")
    if updatability & DELETABLE:
        methods.append("DELETE")
    return Answer(200, b"", [(b"allow", ",".join(methods).encode())])


def function_options(overloads: Sequence[Function]) -> Answer:
    """Return the answer to OPTIONS on a function; GET is for functions that only read."""
    is_read_only = overloads and all(function.is_read_only for function in overloads)
    allowed = b"OPTIONS,GET,HEAD,POST" if is_read_only else b"OPTIONS,POST"
    return Answer(200, b"", [(b"allow", allowed)])


@functools.lru_cache(1024)
def canonical(name: str, pairs: tuple[tuple[str, str], ...]) -> bytes:
    """Return the Content-Location of a read: its pairs by name, those of one name together."""
    grouped: dict[str, list[str]] = {}
    for key, value in sorted(pairs, key=lambda pair: pair[0]):
        grouped.setdefault(key, []).append(quote(value, safe=""))
    query = "&".join(f"{quote(key, safe='')}={','.join(found)}" for key, found in grouped.items())
    return _path(name) + (f"?{query}".encode() if query else b"")


def _written(outcome: Outcome, asked: RequestHead, method: str) -> int:
    preferences = asked.preferences
    if method == "POST":
        is_old = preferences.resolution == "merge-duplicates" and not outcome.inserted
        return 200 if is_old else 201
    if preferences.returns != "representation":
        return 204
    return 201 if method == "PUT" and outcome.inserted else 200


def _location(name: str, found: bytes) -> bytes:
    pairs: Sequence[tuple[str, str]] = json.loads(found)
    query = "&".join(f"{quote(key, safe='')}={quote(value, safe='')}" for key, value in pairs)
    return _path(name) + f"?{query}".encode()


def _path(name: str) -> bytes:
    return f"/{quote(name, safe=' ')}".encode()


def _head(asked: RequestHead, kind: str, *, is_typed: bool = True) -> Headers:
    headers = _typed(asked) if is_typed else []
    echoed = applied(asked.preferences, kind)
    if echoed is not None:
        headers.append((b"preference-applied", echoed.encode()))
    return headers


def _typed(asked: RequestHead) -> Headers:
    headers = [(b"content-type", asked.accepted.content_type)]
    if asked.is_profiled:
        headers.append((b"content-profile", asked.schema.encode()))
    return headers


def _altered(answer: Answer, outcome: Outcome) -> Answer:
    """Apply what the transaction left in response.status and response.headers."""
    if outcome.status is not None:
        answer.status = _status(outcome.status)
    if outcome.headers is not None:
        own = _headers(outcome.headers)
        names = {name for name, _ in own}
        answer.headers = [pair for pair in answer.headers if pair[0] not in names] + own
    return answer


def _status(text: bytes) -> int:
    if text.isdigit() and len(text) == len("200") and text[:1] in b"2345":
        return int(text)
    raise RestError("PGRST112", "response.status guc must be a valid status code")


def _headers(text: bytes) -> Headers:
    try:
        # Each entry has to have a single key, or it does not unpack.
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

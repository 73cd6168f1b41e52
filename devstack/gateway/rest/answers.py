"""What came of a request, as HTTP: status, Content-Range and the other headers."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.preferences import Accepted, Preferences, applied
from devstack.gateway.rest.run import Outcome


Headers = list[tuple[bytes, bytes]]


@dataclass(slots=True)
class Answer:
    """One HTTP answer."""

    status: int
    body: bytes = b""
    headers: Headers = field(default_factory=list)


def check_single(outcome: Outcome) -> None:
    """Raise PGRST116 unless there is exactly one row."""
    if outcome.page_total != 1:
        raise RestError(
            406,
            "PGRST116",
            "Cannot coerce the result to a single JSON object",
            details=f"The result contains {outcome.page_total} rows",
        )


def check_affected(outcome: Outcome, limit: int) -> None:
    """Raise PGRST124 when a write did more than was allowed."""
    if outcome.page_total > limit:
        raise RestError(
            400,
            "PGRST124",
            "Query result exceeds max-affected preference constraint",
            details=f"The query affects {outcome.page_total} rows",
        )


def read_answer(
    outcome: Outcome, accepted: Accepted, preferences: Preferences, offset: int, method: str
) -> Answer:
    """Return the answer to a read, or to a call that returned rows. Raises: RestError PGRST103."""
    total, page_total = outcome.total, outcome.page_total
    if total is not None and offset > total:
        raise RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            details=f"An offset of {offset} was requested, but there are only {total} rows.",
            headers={"content-range": f"*/{total}"},
        )
    status = 200 if total is None or page_total >= total else 206
    shown = f"{offset}-{offset + page_total - 1}" if page_total else "*"
    answer = _answer(status, outcome.body, accepted, preferences, method)
    count = "*" if total is None else str(total)
    answer.headers.append((b"content-range", f"{shown}/{count}".encode()))
    return _altered(answer, outcome)


def write_answer(
    outcome: Outcome,
    accepted: Accepted,
    preferences: Preferences,
    method: str,
    *,
    is_represented: bool,
) -> Answer:
    """Return the answer to an insert, an update or a delete."""
    count = str(outcome.page_total) if preferences.count == "exact" else "*"
    if method == "POST":
        is_old = preferences.resolution is not None and not outcome.inserted
        status = 200 if is_old else 201
        shown = "*"
    else:
        status = 200 if is_represented else 204
        is_range = method == "PATCH" and outcome.page_total
        shown = f"0-{outcome.page_total - 1}" if is_range else "*"
    body = outcome.body if is_represented else b""
    answer = _answer(status, body, accepted, preferences, method, is_typed=is_represented)
    answer.headers.append((b"content-range", f"{shown}/{count}".encode()))
    return _altered(answer, outcome)


def void_answer(outcome: Outcome, preferences: Preferences, method: str) -> Answer:
    """Return the answer to a call of a function that returns nothing."""
    answer = Answer(204, b"", _echo(preferences, method))
    answer.headers.append((b"content-range", b"0-0/*"))
    return _altered(answer, outcome)


def _answer(
    status: int,
    body: bytes,
    accepted: Accepted,
    preferences: Preferences,
    method: str,
    *,
    is_typed: bool = True,
) -> Answer:
    headers = _echo(preferences, method)
    if is_typed:
        headers.append((b"content-type", accepted.content_type.encode()))
    return Answer(status, body, headers)


def _echo(preferences: Preferences, method: str) -> Headers:
    echoed = applied(preferences, method)
    return [] if echoed is None else [(b"preference-applied", echoed.encode())]


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
    if text.isdigit() and len(text) == len("200"):
        return int(text)
    raise RestError(500, "PGRST112", "response.status guc must be a valid status code")


def _headers(text: bytes) -> Headers:
    try:
        entries: Sequence[dict[str, str]] = json.loads(text)
        return [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for entry in entries
            for name, value in entry.items()
        ]
    except (ValueError, AttributeError, TypeError) as error:
        raise RestError(
            500,
            "PGRST111",
            "response.headers guc must be a JSON array composed of objects with a single key and "
            "a string value",
        ) from error

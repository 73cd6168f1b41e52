"""A request, its parsed head, and its range of rows."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from devstack.gateway.caller import Caller
from devstack.gateway.rest.api_request.media_types import Accepted, parse_accept
from devstack.gateway.rest.api_request.preferences import Preferences, parse_prefer
from devstack.gateway.rest.api_request.query_parser import NUMBER, Pairs
from devstack.gateway.rest.configuration import Configuration
from devstack.gateway.rest.errors import RestError, range_not_satisfiable


READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE")
RANGE = re.compile(r"(?:items=)?(\d{1,18})-(\d{1,18})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request with its caller."""

    method: str
    path: str
    pairs: Pairs
    headers: Mapping[str, str]
    body: bytes
    caller: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestHead:
    """The parsed headers: schema, preferences and media type of the response."""

    schema: str
    preferences: Preferences
    accepted: Accepted
    #: True if the response names its schema, because the client could choose it.
    is_profiled: bool


def parse_head(
    request: Request, configuration: Configuration, time_zones: frozenset[str] = frozenset()
) -> RequestHead:
    """Parse the headers. Raises: RestError."""
    headers, schemas = request.headers, configuration.schemas
    preferences = parse_prefer(headers.get("prefer", ""), time_zones)
    if preferences.tx is not None and not configuration.is_tx_served:
        preferences = replace(preferences, tx=None)
    profile = "content-profile" if request.method in WRITES else "accept-profile"
    return RequestHead(
        schema=choose_schema(headers, profile, schemas),
        preferences=preferences,
        accepted=parse_accept(
            headers.get("accept", "*/*"), is_plan_served=configuration.plan_enabled
        ),
        is_profiled=len(schemas) > 1 or profile in headers,
    )


def choose_schema(headers: Mapping[str, str], name: str, schemas: tuple[str, ...]) -> str:
    """Return the schema of the profile header `name`, or the default.

    Raises: RestError PGRST106 when it is not exposed.
    """
    requested = headers.get(name)
    if requested is None:
        return schemas[0]
    if requested not in schemas:
        raise RestError(
            "PGRST106",
            f"Invalid schema: {requested}",
            hint=f"Only the following schemas are exposed: {', '.join(schemas)}",
        )
    return requested


def narrow_to_range(method: str, headers: Mapping[str, str], pairs: Pairs) -> Pairs:
    """Return the query's pairs with limit and offset narrowed to the `Range` header of a GET.

    Raises: RestError PGRST103 when the header and the parameters have no row in common.
    """
    header = headers.get("range") if method == "GET" else None
    found = RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        # PostgREST ignores a range in another unit, such as bytes.
        return pairs
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise range_not_satisfiable(
            "The lower boundary must be lower than or equal to the upper boundary in the Range "
            "header."
        )
    limit, offset = _number(pairs, "limit"), max(_number(pairs, "offset") or 0, 0)
    if limit == 0:
        return pairs
    ends = [end for end in (last, None if limit is None else offset + limit - 1) if end is not None]
    start, end = max(first, offset), min(ends, default=None)
    if end is not None and end < start:
        raise range_not_satisfiable("Limit should be greater than or equal to zero.")
    kept = [pair for pair in pairs if pair[0] not in ("limit", "offset")]
    kept.append(("offset", str(start)))
    return kept if end is None else [*kept, ("limit", str(end - start + 1))]


def _number(pairs: Pairs, name: str) -> int | None:
    value = dict(pairs).get(name, "")
    return int(value) if NUMBER.fullmatch(value) else None

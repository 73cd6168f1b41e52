"""A request and its parsed head."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from devstack.gateway.caller import Caller
from devstack.gateway.rest.api_request.media_types import Accepted, parse_accept
from devstack.gateway.rest.api_request.preferences import Preferences, parse_prefer
from devstack.gateway.rest.configuration import Configuration
from devstack.gateway.rest.errors import RestError


READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """An HTTP request with its caller."""

    method: str
    path: str
    pairs: list[tuple[str, str]]
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

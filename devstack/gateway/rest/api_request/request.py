"""A request as the handlers see it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from devstack.gateway.caller import Caller
from devstack.gateway.rest.api_request.media_types import Accepted, parse_accept
from devstack.gateway.rest.api_request.preferences import Preferences, choose_schema, parse_prefer
from devstack.gateway.rest.configuration import Configuration


READS = ("GET", "HEAD")
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, read and attributed."""

    method: str
    path: str
    pairs: list[tuple[str, str]]
    headers: Mapping[str, str]
    body: bytes
    caller: Caller


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request's head asks for, beside its path and query."""

    schema: str
    preferences: Preferences
    accepted: Accepted
    #: Whether the answer says which schema it is from: where there was a choice, it does.
    is_profiled: bool


def read_head(
    request: Request, configuration: Configuration, timezones: frozenset[str] = frozenset()
) -> Asked:
    """Read what the head asks for. Raises: RestError."""
    headers, schemas = request.headers, configuration.schemas
    preferences = parse_prefer(headers.get("prefer", ""), timezones)
    if preferences.tx is not None and not configuration.is_tx_served:
        preferences = replace(preferences, tx=None)
    profile = "content-profile" if request.method in WRITES else "accept-profile"
    return Asked(
        schema=choose_schema(headers, profile, schemas),
        preferences=preferences,
        accepted=parse_accept(
            headers.get("accept", "*/*"), is_plan_served=configuration.plan_enabled
        ),
        is_profiled=len(schemas) > 1 or profile in headers,
    )

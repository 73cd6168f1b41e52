"""A request as the handlers see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from devstack.gateway.caller import Caller
from devstack.gateway.rest.preferences import (
    Accepted,
    Preferences,
    choose_schema,
    parse_accept,
    parse_prefer,
)


READS = ("GET", "HEAD")
WRITES = ("POST", "PATCH", "DELETE")


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


def read_head(request: Request, schemas: tuple[str, ...]) -> Asked:
    """Read what the head asks for. Raises: RestError."""
    headers = request.headers
    profile = "accept-profile" if request.method in READS else "content-profile"
    return Asked(
        schema=choose_schema(headers, profile, schemas),
        preferences=parse_prefer(headers.get("prefer", "")),
        accepted=parse_accept(headers.get("accept", "*/*")),
    )

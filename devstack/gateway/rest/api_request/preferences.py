"""What a `Prefer` header asks for, what of it was applied, and the schema that is meant."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass

from devstack.gateway.rest.errors import RestError


CHOICES = {
    "return": ("minimal", "headers-only", "representation"),
    "count": ("exact", "planned", "estimated"),
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "missing": ("default", "null"),
    "handling": ("strict", "lenient"),
    "tx": ("commit", "rollback"),
}
NUMBER = re.compile(r"[0-9]+")
#: More digits say no more: no table has so many rows.
MOST_DIGITS = 18
#: How many different headers are kept with what they mean.
REMEMBERED = 1024
#: What each kind of request has a use for, in the order in which its answer names it.
HEEDED = {
    "read": ("count", "tx", "handling", "timezone"),
    "call": ("count", "tx", "handling", "timezone", "max-affected"),
    "POST": ("resolution", "missing", "return", "count", "tx", "handling", "timezone"),
    "PUT": ("return", "count", "tx", "handling", "timezone"),
    "PATCH": ("missing", "return", "count", "tx", "handling", "timezone", "max-affected"),
    "DELETE": ("return", "count", "tx", "handling", "timezone", "max-affected"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What `Prefer` said, as far as it was understood."""

    returns: str | None = None
    count: str | None = None
    resolution: str | None = None
    missing: str | None = None
    handling: str | None = None
    tx: str | None = None
    timezone: str | None = None
    max_affected: int | None = None
    unknown: tuple[str, ...] = ()

    @property
    def is_counted(self) -> bool:
        """Say whether the rows are counted; the planner's guess is no count."""
        return self.count in ("exact", "estimated")


def names_timezone(header: str) -> bool:
    """Say whether the header can only be read by one who knows the names of the time zones."""
    return "timezone=" in header


@functools.lru_cache(REMEMBERED)
def parse_prefer(header: str, timezones: frozenset[str] = frozenset()) -> Preferences:
    """Read a `Prefer` header. Raises: RestError PGRST122 when strict and not understood."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    for entry in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = entry.partition("=")
        is_number = key == "max-affected" and NUMBER.fullmatch(value)
        is_timezone = key == "timezone" and value in timezones
        if value in CHOICES.get(key, ()) or is_number or is_timezone:
            # The first of its kind counts.
            found.setdefault(key, value)
        else:
            unknown.append(entry)
    if unknown and found.get("handling") == "strict":
        raise RestError(
            400,
            "PGRST122",
            "Invalid preferences given with handling=strict",
            details=f"Invalid preferences: {', '.join(unknown)}",
        )
    limit = found.get("max-affected") if found.get("handling") == "strict" else None
    return Preferences(
        returns=found.get("return"),
        count=found.get("count"),
        resolution=found.get("resolution"),
        missing=found.get("missing"),
        handling=found.get("handling"),
        tx=found.get("tx"),
        timezone=found.get("timezone"),
        max_affected=int(limit[:MOST_DIGITS]) if limit else None,
        unknown=tuple(unknown),
    )


@functools.lru_cache(REMEMBERED)
def applied(preferences: Preferences, kind: str) -> str | None:
    """Return the `Preference-Applied` of an answer to one of the kinds of `HEEDED`."""
    limit = preferences.max_affected
    said = {
        "resolution": preferences.resolution,
        "missing": preferences.missing,
        "return": preferences.returns,
        "count": preferences.count,
        "tx": preferences.tx,
        "handling": preferences.handling,
        "timezone": preferences.timezone,
        "max-affected": None if limit is None else str(limit),
    }
    echoed = [f"{key}={said[key]}" for key in HEEDED[kind] if said[key] is not None]
    return ", ".join(echoed) or None


def choose_schema(headers: Mapping[str, str], name: str, schemas: tuple[str, ...]) -> str:
    """Return the schema that the profile header `name` asks for.

    Raises: RestError PGRST106 when it is not exposed.
    """
    asked = headers.get(name)
    if asked is None:
        return schemas[0]
    if asked not in schemas:
        raise RestError(
            406,
            "PGRST106",
            f"Invalid schema: {asked}",
            hint=f"Only the following schemas are exposed: {', '.join(schemas)}",
        )
    return asked

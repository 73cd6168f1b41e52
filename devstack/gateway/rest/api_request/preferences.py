"""The `Prefer` header, and the `Preference-Applied` of the response."""

import functools
import re
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
#: Further digits of a limit are ignored, because no table has so many rows.
MAX_DIGITS = 18
#: The number of different headers whose parsed form is cached.
CACHE_SIZE = 1024
#: The preferences that each kind of request follows, in the order of its Preference-Applied.
APPLICABLE = {
    "read": ("count", "tx", "handling", "timezone"),
    "call": ("count", "tx", "handling", "timezone", "max-affected"),
    "POST": ("resolution", "missing", "return", "count", "tx", "handling", "timezone"),
    "PUT": ("return", "count", "tx", "handling", "timezone"),
    "PATCH": ("missing", "return", "count", "tx", "handling", "timezone", "max-affected"),
    "DELETE": ("return", "count", "tx", "handling", "timezone", "max-affected"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The preferences of a `Prefer` header that PostgREST supports."""

    returns: str | None = None
    count: str | None = None
    resolution: str | None = None
    missing: str | None = None
    handling: str | None = None
    tx: str | None = None
    timezone: str | None = None
    max_affected: int | None = None

    @property
    def is_counted(self) -> bool:
        """Return true if the statement counts rows; `planned` is only the estimate of Postgres."""
        return self.count in ("exact", "estimated")


def names_time_zone(header: str) -> bool:
    """Return true if parsing the header needs the names of the time zones."""
    return "timezone=" in header


@functools.lru_cache(CACHE_SIZE)
def parse_prefer(header: str, time_zones: frozenset[str] = frozenset()) -> Preferences:
    """Parse a `Prefer` header.

    Raises: RestError PGRST122 for an unknown preference with handling=strict.
    """
    found: dict[str, str] = {}
    unknown: list[str] = []
    for entry in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = entry.partition("=")
        is_number = key == "max-affected" and NUMBER.fullmatch(value)
        is_timezone = key == "timezone" and value in time_zones
        if value in CHOICES.get(key, ()) or is_number or is_timezone:
            # Of a repeated preference, the first one counts.
            found.setdefault(key, value)
        else:
            unknown.append(entry)
    if unknown and found.get("handling") == "strict":
        raise _invalid_preferences(unknown)
    limit = found.get("max-affected") if found.get("handling") == "strict" else None
    return Preferences(
        returns=found.get("return"),
        count=found.get("count"),
        resolution=found.get("resolution"),
        missing=found.get("missing"),
        handling=found.get("handling"),
        tx=found.get("tx"),
        timezone=found.get("timezone"),
        max_affected=int(limit[:MAX_DIGITS]) if limit else None,
    )


def _invalid_preferences(unknown: list[str]) -> RestError:
    return RestError(
        "PGRST122",
        "Invalid preferences given with handling=strict",
        details=f"Invalid preferences: {', '.join(unknown)}",
    )


@functools.lru_cache(CACHE_SIZE)
def applied(preferences: Preferences, kind: str) -> str | None:
    """Return the `Preference-Applied` of a response; `kind` is a key of `APPLICABLE`."""
    limit = preferences.max_affected
    values = {
        "resolution": preferences.resolution,
        "missing": preferences.missing,
        "return": preferences.returns,
        "count": preferences.count,
        "tx": preferences.tx,
        "handling": preferences.handling,
        "timezone": preferences.timezone,
        "max-affected": None if limit is None else str(limit),
    }
    echoed = [f"{key}={values[key]}" for key in APPLICABLE[kind] if values[key] is not None]
    return ", ".join(echoed) or None

"""What a request's head asks for: `Prefer`, `Accept`, `Range` and the schema."""

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.query import Media


CHOICES = {
    "return": ("minimal", "headers-only", "representation"),
    "count": ("exact", "planned", "estimated"),
    "resolution": ("merge-duplicates", "ignore-duplicates"),
    "missing": ("default", "null"),
    "handling": ("strict", "lenient"),
    "tx": ("commit", "rollback"),
}
RANGE = re.compile(r"(?:items=)?(\d{1,18})-(\d{1,18})?")
NUMBER = re.compile(r"[0-9]+")
#: More digits say no more: no table has so many rows.
MOST_DIGITS = 18
#: How many different headers are kept with what they mean.
REMEMBERED = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What `Prefer` said; `applied` is echoed, as far as the request has a use for it."""

    returns: str | None = None
    count: str | None = None
    resolution: str | None = None
    missing: str | None = None
    handling: str | None = None
    tx: str | None = None
    timezone: str | None = None
    max_affected: int | None = None
    unknown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Accepted:
    """The form that the answer is to have."""

    media: Media
    is_stripped: bool = False

    @property
    def is_single(self) -> bool:
        """Say whether exactly one row is wanted, as an object."""
        return self.media is Media.OBJECT

    @property
    def content_type(self) -> str:
        """Return the answer's Content-Type."""
        nulls = ";nulls=stripped" if self.is_stripped else ""
        kind = self.media.value
        if self.is_stripped and self.media is Media.JSON:
            kind = "application/vnd.pgrst.array+json"
        charset = "" if self.media is Media.BINARY else "; charset=utf-8"
        return f"{kind}{nulls}{charset}"


@functools.lru_cache(REMEMBERED)
def parse_prefer(header: str) -> Preferences:
    """Read a `Prefer` header. Raises: RestError PGRST122 when strict and not understood."""
    found: dict[str, str] = {}
    unknown: list[str] = []
    for entry in filter(None, (part.strip() for part in header.split(","))):
        key, _, value = entry.partition("=")
        is_number = key == "max-affected" and NUMBER.fullmatch(value)
        if value in CHOICES.get(key, ()) or is_number or (key == "timezone" and value):
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
def parse_accept(header: str) -> Accepted:
    """Choose the form of the answer. Raises: RestError PGRST107 when none is possible."""
    for entry in header.split(","):
        kind, _, options = (part.strip().lower() for part in entry.partition(";"))
        is_stripped = "nulls=stripped" in options.replace(" ", "")
        if kind in ("", "*/*", "application/*", "application/json", "text/*"):
            return Accepted(Media.JSON)
        if kind in ("application/vnd.pgrst.object+json", "application/vnd.pgrst.object"):
            return Accepted(Media.OBJECT, is_stripped)
        if kind in ("application/vnd.pgrst.array+json", "application/vnd.pgrst.array"):
            return Accepted(Media.JSON, is_stripped)
        if kind in (Media.CSV, Media.BINARY, Media.TEXT):
            return Accepted(Media(kind))
    raise RestError(
        406, "PGRST107", f"None of these media types are available: {header.replace(',', ', ')}"
    )


def range_pairs(headers: Mapping[str, str], pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return a query's pairs with what a `Range` header adds: the limits of the query win.

    Raises: RestError PGRST103 when the range ends before it begins.
    """
    header = headers.get("range")
    found = RANGE.fullmatch(header.strip()) if header else None
    if found is None:
        # PostgREST passes over what is no range of items, such as bytes.
        return pairs
    first, last = int(found[1]), int(found[2]) if found[2] else None
    if last is not None and last < first:
        raise RestError(
            416,
            "PGRST103",
            "Requested range not satisfiable",
            details="The lower boundary must be lower than or equal to the upper boundary "
            "in the Range header.",
        )
    keys = {key for key, _ in pairs}
    added = [("offset", str(first))] if "offset" not in keys else []
    if last is not None and "limit" not in keys:
        added.append(("limit", str(last - first + 1)))
    return pairs + added


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


@functools.lru_cache(REMEMBERED)
def applied(preferences: Preferences, method: str) -> str | None:
    """Return the `Preference-Applied` of an answer."""
    kept = preferences
    if method in ("GET", "HEAD"):
        kept = replace(kept, returns=None, resolution=None, missing=None, max_affected=None)
    if method != "POST":
        kept = replace(kept, resolution=None)
    if method not in ("POST", "PATCH"):
        kept = replace(kept, missing=None)
    fields = (
        ("resolution", kept.resolution),
        ("missing", kept.missing),
        ("return", kept.returns),
        ("count", kept.count),
        ("tx", kept.tx),
        ("handling", kept.handling),
        ("timezone", kept.timezone),
        ("max-affected", None if kept.max_affected is None else str(kept.max_affected)),
    )
    return ", ".join(f"{key}={value}" for key, value in fields if value is not None) or None

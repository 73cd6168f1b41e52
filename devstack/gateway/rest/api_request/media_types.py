"""Content negotiation: the `Accept` header, with PostgREST's own media types."""

import functools
from dataclasses import dataclass
from enum import StrEnum

from devstack.gateway.rest.errors import RestError


class Media(StrEnum):
    """The media types of a response's body."""

    JSON = "application/json"
    OBJECT = "application/vnd.pgrst.object+json"
    CSV = "text/csv"


EXPLAIN_OPTIONS = ("analyze", "verbose", "settings", "buffers", "wal")
#: The media type of each name that PostgREST accepts.
MEDIA_TYPES = {
    "*/*": Media.JSON,
    "application/json": Media.JSON,
    "application/vnd.pgrst.array": Media.JSON,
    "application/vnd.pgrst.array+json": Media.JSON,
    "application/vnd.pgrst.object": Media.OBJECT,
    "application/vnd.pgrst.object+json": Media.OBJECT,
    "text/csv": Media.CSV,
}
EXPLAIN_FORMATS = {
    "application/vnd.pgrst.plan": "text",
    "application/vnd.pgrst.plan+text": "text",
    "application/vnd.pgrst.plan+json": "json",
}
#: The number of different headers whose parsed form is cached.
CACHE_SIZE = 1024


@dataclass(frozen=True, slots=True)
class Explain:
    """The format and options of an EXPLAIN that replaces the request's result."""

    format: str
    options: tuple[str, ...]

    @property
    def sql(self) -> str:
        """Return the SQL that precedes the statement."""
        options = [f"format {self.format}", *self.options]
        return f"explain ({', '.join(options)}) "


@dataclass(frozen=True, slots=True)
class Accepted:
    """The media type of the response, with its options."""

    media: Media
    is_stripped: bool = False
    explain: Explain | None = None

    @property
    def is_single(self) -> bool:
        """Return true if the response must be exactly one row, as an object."""
        return self.media is Media.OBJECT

    @property
    def content_type(self) -> bytes:
        """Return the response's Content-Type."""
        media_type = self.media.value
        if self.is_stripped and self.media is Media.JSON:
            media_type = "application/vnd.pgrst.array+json"
        if self.is_stripped:
            media_type += ";nulls=stripped"
        if self.explain is not None:
            options = "|".join(self.explain.options)
            media_type = f'application/vnd.pgrst.plan+{self.explain.format}; for="{media_type}"' + (
                f"; options={options}" if options else ""
            )
        return f"{media_type}; charset=utf-8".encode()


@functools.lru_cache(CACHE_SIZE)
def parse_accept(header: str, *, is_plan_served: bool = True) -> Accepted:
    """Choose the response's media type; a plan is available only if `is_plan_served`.

    Raises: RestError PGRST107 when none is available.
    """
    entries = [_entry(part) for part in header.split(",")]
    # The sort is stable: of media types of equal quality, the first in the header wins.
    entries.sort(key=lambda entry: -_quality(entry[1]))
    for media_type, options in entries:
        accepted = _accepted(media_type, options)
        if accepted is not None and (is_plan_served or accepted.explain is None):
            return accepted
    media_types = ", ".join(media_type for media_type, _ in entries)
    raise RestError("PGRST107", f"None of these media types are available: {media_types}")


def _accepted(media_type: str, options: dict[str, str]) -> Accepted | None:
    if media_type in EXPLAIN_FORMATS:
        return _explained(EXPLAIN_FORMATS[media_type], options)
    media = MEDIA_TYPES.get(media_type or "*/*")
    if media is None:
        return None
    is_vendored = media_type.startswith("application/vnd.pgrst.")
    return Accepted(media, is_vendored and options.get("nulls") == "stripped")


def _explained(format_: str, options: dict[str, str]) -> Accepted | None:
    # The quoted media type of the option `for` may have options too.
    media_type, own = _entry(options.get("for", "").strip('"') or "application/json")
    accepted = None if media_type in EXPLAIN_FORMATS else _accepted(media_type, own)
    if accepted is None:
        return None
    requested = options.get("options", "").split("|")
    chosen = tuple(option for option in EXPLAIN_OPTIONS if option in requested)
    return Accepted(accepted.media, accepted.is_stripped, Explain(format_, chosen))


def _entry(part: str) -> tuple[str, dict[str, str]]:
    """Split a media type and its parameters at the semicolons outside of quotes."""
    fields, is_quoted = [""], False
    for letter in part.lower():
        is_quoted ^= letter == '"'
        if letter == ";" and not is_quoted:
            fields.append("")
        else:
            fields[-1] += letter
    options = (field.partition("=") for field in fields[1:])
    return fields[0].strip(), {key.strip(): value.strip() for key, _, value in options}


def _quality(options: dict[str, str]) -> float:
    try:
        return float(options.get("q", "1"))
    except ValueError:
        return 1.0

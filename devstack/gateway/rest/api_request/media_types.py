"""Which form of answer an `Accept` header asks for, PostgREST's own media types included."""

import functools
from dataclasses import dataclass

from devstack.gateway.rest.api_request.query_params import Media
from devstack.gateway.rest.errors import RestError


EXPLAIN_OPTIONS = ("analyze", "verbose", "settings", "buffers", "wal")
#: Each media type that can be made, by all the names that it has.
KINDS = {
    "*/*": Media.JSON,
    "application/json": Media.JSON,
    "application/vnd.pgrst.array": Media.JSON,
    "application/vnd.pgrst.array+json": Media.JSON,
    "application/vnd.pgrst.object": Media.OBJECT,
    "application/vnd.pgrst.object+json": Media.OBJECT,
    "text/csv": Media.CSV,
}
PLANS = {
    "application/vnd.pgrst.plan": "text",
    "application/vnd.pgrst.plan+text": "text",
    "application/vnd.pgrst.plan+json": "json",
}
#: How many different headers are kept with what they mean.
REMEMBERED = 1024


@dataclass(frozen=True, slots=True)
class Explain:
    """How the plan of a request is to be shown, instead of its result."""

    form: str
    options: tuple[str, ...]

    @property
    def sql(self) -> str:
        """Return what has to stand before the statement."""
        words = [f"format {self.form}", *self.options]
        return f"explain ({', '.join(words)}) "


@dataclass(frozen=True)
class Accepted:
    """The form that the answer is to have."""

    media: Media
    is_stripped: bool = False
    explain: Explain | None = None

    @property
    def is_single(self) -> bool:
        """Say whether exactly one row is wanted, as an object."""
        return self.media is Media.OBJECT

    @functools.cached_property
    def content_type(self) -> bytes:
        """Return the answer's Content-Type."""
        kind = self.media.value
        if self.is_stripped and self.media is Media.JSON:
            kind = "application/vnd.pgrst.array+json"
        if self.is_stripped:
            kind += ";nulls=stripped"
        if self.explain is not None:
            options = "|".join(self.explain.options)
            kind = f'application/vnd.pgrst.plan+{self.explain.form}; for="{kind}"' + (
                f"; options={options}" if options else ""
            )
        return f"{kind}; charset=utf-8".encode()


@functools.lru_cache(REMEMBERED)
def parse_accept(header: str, *, is_plan_served: bool = True) -> Accepted:
    """Choose the form of the answer; plans are a form only if `is_plan_served`.

    Raises: RestError PGRST107 when none is possible.
    """
    entries = [_entry(part) for part in header.split(",")]
    # Of two that are wanted as much the first one is taken, for the sort is stable.
    entries.sort(key=lambda entry: -_quality(entry[1]))
    for kind, options in entries:
        accepted = _accepted(kind, options)
        if accepted is not None and (is_plan_served or accepted.explain is None):
            return accepted
    kinds = ", ".join(kind for kind, _ in entries)
    raise RestError(406, "PGRST107", f"None of these media types are available: {kinds}")


def _accepted(kind: str, options: dict[str, str]) -> Accepted | None:
    if kind in PLANS:
        return _explained(PLANS[kind], options)
    media = KINDS.get(kind or "*/*")
    if media is None:
        return None
    is_vendored = kind.startswith("application/vnd.pgrst.")
    return Accepted(media, is_vendored and options.get("nulls") == "stripped")


def _explained(form: str, options: dict[str, str]) -> Accepted | None:
    # The media type that the plan is for has options of its own, within its quotes.
    kind, own = _entry(options.get("for", "").strip('"') or "application/json")
    accepted = None if kind in PLANS else _accepted(kind, own)
    if accepted is None:
        return None
    asked = options.get("options", "").split("|")
    chosen = tuple(option for option in EXPLAIN_OPTIONS if option in asked)
    return Accepted(accepted.media, accepted.is_stripped, Explain(form, chosen))


def _entry(part: str) -> tuple[str, dict[str, str]]:
    """Return a media type and its parameters, apart where a semicolon stands outside of quotes."""
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

"""One SQL statement in the making: its parameters, and what it reports of its rows."""

from dataclasses import dataclass

from devstack.gateway.rest.api_request.media_types import Explain, Media


#: The slot of the request's body.
BODY = -1
SOURCE = "pgrst_source"
ROWS = "pgrst_rows"
TOTAL = "pgrst_total"
#: How a row of the answer, and the value of a scalar function, are called.
ROW = "_pgrst_row"
SCALAR = "pgrst_scalar"
#: Counts the rows that an upsert inserted; the rest of what it wrote was there before.
INSERTED = "pgrst.inserted"

GUCS = (
    "nullif(current_setting('response.headers', true), '') as response_headers, "
    "nullif(current_setting('response.status', true), '') as response_status"
)
CSV_BODY = (
    "(select coalesce(string_agg(head.key, ','), '') from "  # noqa: S608 -- a constant
    "(select json_object_keys(one.line) as key"
    f" from (select row_to_json(_first) as line from {ROWS} as _first limit 1) as one) as head)"
    f" || e'\\n' || coalesce(string_agg(substring({ROW}::text, 2, length({ROW}::text) - 2),"
    " e'\\n'), '')"
)

#: The key of the one row that was inserted, each column's name with the filter that finds it.
LOCATION = (
    f"case when count({ROW}) = 1 then (select json_agg(json_build_array("  # noqa: S608 -- a constant
    "field.key, coalesce('eq.' || field.value, 'is.null')))"
    f" from (select row_to_json(_first) as line from {SOURCE} as _first limit 1) as one"
    " cross join json_each_text(one.line) as field) end"
)


class Parameters:
    """The values that a statement takes, in the order of their numbers, each by its slot."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def place(self, slot: int) -> str:
        """Return the placeholder of a slot's value."""
        number = self._numbers.setdefault(slot, len(self._numbers) + 1)
        return f"${number}"

    @property
    def slots(self) -> tuple[int, ...]:
        """Return the slots in the order in which the statement wants their values."""
        return tuple(self._numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A statement that serves every request of one shape.

    It answers one row: total, page_total, body, response_headers, response_status, inserted and
    location. One that is explained answers lines of text instead.
    """

    sql: bytes
    slots: tuple[int, ...]
    #: What to EXPLAIN when an estimated count was asked for.
    count_sql: bytes | None = None
    count_slots: tuple[int, ...] = ()
    #: Up to here the statement's own count is exact, and beats the estimate.
    count_ceiling: int = 0
    is_explained: bool = False

    def explained(self, explain: Explain) -> "Plan":
        """Return the plan that shows how Postgres goes about this one."""
        return Plan(sql=explain.sql.encode() + self.sql, slots=self.slots, is_explained=True)


def reporting(
    rows: str,
    *,
    source: str | None,
    total: str | None,
    body: str,
    is_upsert: bool = False,
    is_located: bool = False,
) -> str:
    """Return the statement that a request runs.

    `rows` selects the answer's rows, from the step `source` if there is one; `total` selects one
    row for each that there would be without a limit. `is_located` wants the key of what the step
    `source` inserted, which then has the key's columns alone.
    """
    steps = [
        f"{name} as ({step})"
        for name, step in ((SOURCE, source), (ROWS, rows), (TOTAL, total))
        if step is not None
    ]
    count = f"(select count(*) from {TOTAL})" if total else "null::bigint"  # noqa: S608 -- a constant
    inserted = f"nullif(current_setting('{INSERTED}', true), '')" if is_upsert else "null"
    return (
        f"with {', '.join(steps)} "  # noqa: S608 -- built of quoted names alone
        f"select {count} as total, count({ROW}) as page_total, {body} as body, {GUCS}, "
        f"{inserted} as inserted, {LOCATION if is_located else 'null'} as location "
        f"from {ROWS} as {ROW}"
    )


def body_sql(media: Media, *, is_scalar: bool, is_single: bool, is_stripped: bool) -> str:
    """Return the SQL that makes the answer's body of the rows of the answer."""
    value = f"{ROW}.{SCALAR}" if is_scalar else ROW
    if media is Media.CSV:
        return CSV_BODY
    listed = f"json_agg({value})"
    if is_stripped:
        listed = f"json_strip_nulls({listed})"
    if is_single:
        return f"coalesce({listed} -> 0, 'null')"
    return f"coalesce({listed}, '[]')"

"""The SQL statement that a request runs: its parameters, and the one row that it reports."""

from dataclasses import dataclass

from devstack.gateway.rest.api_request.media_types import Explain, Media


#: The slot of the request's body, which is the last of the values.
BODY = -1
SOURCE = "pgrst_source"
ROWS = "pgrst_rows"
TOTAL = "pgrst_total"
#: The aliases of a row of the response and of the value of a scalar function.
ROW = "_pgrst_row"
SCALAR = "pgrst_scalar"
#: The setting that counts the rows an upsert inserted rather than updated.
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

#: The key of the one inserted row: each column's name with the filter that finds it.
LOCATION = (
    f"case when count({ROW}) = 1 then (select json_agg(json_build_array("  # noqa: S608 -- a constant
    "field.key, coalesce('eq.' || field.value, 'is.null')))"
    f" from (select row_to_json(_first) as line from {SOURCE} as _first limit 1) as one"
    " cross join json_each_text(one.line) as field) end"
)


class Parameters:
    """The parameters of a statement, numbered in the order of first use, each for a slot."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}

    def placeholder(self, slot: int) -> str:
        """Return the placeholder of a slot's value."""
        number = self._numbers.setdefault(slot, len(self._numbers) + 1)
        return f"${number}"

    @property
    def slots(self) -> tuple[int, ...]:
        """Return the slots in the order of their parameters' numbers."""
        return tuple(self._numbers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """A statement for every request of one shape.

    It returns one row: total, page_total, body, response_headers, response_status, inserted and
    location. An EXPLAIN returns lines of text instead.
    """

    sql: bytes
    slots: tuple[int, ...]
    #: The EXPLAIN that estimates the count, for `count=planned` and `count=estimated`.
    count_sql: bytes | None = None
    count_slots: tuple[int, ...] = ()
    #: The statement itself counts up to this number; such a count replaces the estimate.
    count_ceiling: int = 0
    is_explained: bool = False

    def explained(self, explain: Explain) -> "Statement":
        """Return the EXPLAIN of this statement."""
        return Statement(sql=explain.sql.encode() + self.sql, slots=self.slots, is_explained=True)


def statement_sql(
    rows: str,
    *,
    source: str | None,
    total: str | None,
    body: str,
    is_upsert: bool = False,
    is_located: bool = False,
) -> str:
    """Return the SQL of a statement.

    `rows` selects the response's rows, from the step `source` if there is one; `total` selects
    the rows that a limit would hide, too. `is_located` reports the key of the row that the step
    `source` inserted; the step then has only the columns of the key.
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
    """Return the SQL that aggregates the rows into the response's body."""
    value = f"{ROW}.{SCALAR}" if is_scalar else ROW
    if media is Media.CSV:
        return CSV_BODY
    listed = f"json_agg({value})"
    if is_stripped:
        listed = f"json_strip_nulls({listed})"
    if is_single:
        return f"coalesce({listed} -> 0, 'null')"
    return f"coalesce({listed}, '[]')"

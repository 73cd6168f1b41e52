"""Plans inserts, updates and deletes: the body stays one parameter, read by Postgres as JSON."""

from dataclasses import dataclass

from devstack.gateway.rest.api_request.media_types import Media
from devstack.gateway.rest.api_request.query_params import QueryParams
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.embed_planner import Reader
from devstack.gateway.rest.puts import check_columns
from devstack.gateway.rest.query.sql_fragment import Level
from devstack.gateway.rest.query.statement import (
    BODY,
    INSERTED,
    SOURCE,
    Parameters,
    Plan,
    body_sql,
    reporting,
)
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.tables import Relation, TableColumn
from devstack.gateway.text import identifier, literal, qualified


COUNTED = f"coalesce(nullif(current_setting('{INSERTED}', true), '')::int, 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """The shape of a write, but for its query."""

    method: str
    relation: Relation
    query: QueryParams
    #: The keys of the body's rows, and whether they came as an array.
    keys: tuple[str, ...]
    is_array: bool
    media: Media
    is_stripped: bool
    #: minimal, headers-only, representation or None.
    returns: str | None
    is_default_for_missing: bool
    resolution: str | None

    @property
    def is_represented(self) -> bool:
        """Say whether the rows come back."""
        return self.returns == "representation"

    @property
    def is_located(self) -> bool:
        """Say whether only the key of what was inserted comes back, by a header."""
        is_asked = self.method == "POST" and self.returns == "headers-only"
        return is_asked and bool(self.relation.primary_key)

    @property
    def conflict_columns(self) -> tuple[str, ...]:
        """Return the columns by which a row is known to be there already."""
        return self.query.on_conflict or self.relation.primary_key


def plan_write(cache: SchemaCache, write: Write) -> Plan:
    """Return the statement of a write, whose answer no setting cuts short. Raises: RestError."""
    parameters = Parameters()
    reader = Reader(cache, write.query, parameters, max_rows=None)
    level = Level(write.relation, write.relation.name)
    returned = _returning(write, reader, level)
    source = _change(write, reader, level, parameters, returned)
    rows, body = f"select * from {SOURCE}", "''"  # noqa: S608 -- a constant
    if write.is_represented:
        rows = reader.select(level, f"{SOURCE} as {identifier(level.alias)}", is_narrowed=False)
        body = body_sql(
            write.media,
            is_scalar=False,
            is_single=write.media is Media.OBJECT,
            is_stripped=write.is_stripped,
        )
    sql = reporting(
        rows,
        source=source,
        total=None,
        body=body,
        is_upsert=write.resolution is not None,
        is_located=write.is_located,
    )
    return Plan(sql=sql.encode(), slots=parameters.slots)


def _change(
    write: Write, reader: Reader, level: Level, parameters: Parameters, returned: str
) -> str:
    table = qualified(write.relation.schema, write.relation.name)
    target = f"{table} as {identifier(level.alias)}"
    if write.method == "DELETE":
        where = _needed(reader.where(level), "DELETE")
        return f"delete from {target}{where} returning {returned}"  # noqa: S608 -- built of quoted names alone
    columns = _columns(write)
    if write.method == "POST":
        return f"{_insert(write, columns, target, parameters)} returning {returned}"
    if write.method == "PUT":
        check_columns(columns, write.relation)
        # A row of the body that is not the URL's is passed over.
        where = reader.where(Level(write.relation, "pgrst_body"))
        return f"{_insert(write, columns, target, parameters, where)} returning {returned}"
    if not columns:
        # Nothing to set is nothing changed, whatever the conditions.
        return f"select {returned} from {target} where false"  # noqa: S608 -- built of quoted names alone
    assigned = ", ".join(f"{identifier(name)} = pgrst_body.{identifier(name)}" for name in columns)
    source = _body_rows(write, columns, parameters)
    where = _needed(reader.where(level), "UPDATE")
    return f"update {target} set {assigned} from {source}{where} returning {returned}"  # noqa: S608 -- built of quoted names alone


def _needed(where: str, what: str) -> str:
    """Return the conditions, or refuse to change a whole table as pg-safeupdate does when hosted.

    Raises: RestError 21000.
    """
    if not where:
        raise RestError("21000", f"{what} requires a WHERE clause", status=400)
    return where


def _columns(write: Write) -> tuple[str, ...]:
    columns = write.keys if write.query.columns is None else write.query.columns
    for column in columns:
        if column not in write.relation.columns:
            raise RestError(
                "PGRST204",
                f"Could not find the '{column}' column of '{write.relation.name}' "
                "in the schema cache",
            )
    return tuple(dict.fromkeys(columns))


def _insert(
    write: Write,
    columns: tuple[str, ...],
    target: str,
    parameters: Parameters,
    where: str = "",
) -> str:
    conflict = _on_conflict(write, columns)
    if not columns:
        if not write.is_array:
            return f"insert into {target} default values{conflict}"
        body = parameters.place(BODY)
        return f"insert into {target} select from json_array_elements({body}::json){conflict}"
    names = ", ".join(identifier(name) for name in columns)
    values = ", ".join(f"pgrst_body.{identifier(name)}" for name in columns)
    source = _body_rows(write, columns, parameters)
    if write.resolution:
        counted = f"set_config('{INSERTED}', ({COUNTED} + 1)::text, true) <> '0'"
        # What is not inserted is not counted either, and only `case` keeps to the order.
        where = f" where case when {where.removeprefix(' where ') or 'true'} then {counted} end"
    return f"insert into {target} ({names}) select {values} from {source}{where}{conflict}"  # noqa: S608 -- built of quoted names alone


def _body_rows(write: Write, columns: tuple[str, ...], parameters: Parameters) -> str:
    """Return the body's rows as a `from` item, with the columns' own types."""
    known = write.relation.columns
    rows = _typed_rows(write, columns, parameters)
    if not any(known[name].from_json for name in columns):
        return rows
    read = ", ".join(_read(known[name]) for name in columns)
    return f"(select {read} from {rows}) as pgrst_body"  # noqa: S608 -- built of quoted names alone


def _read(column: TableColumn) -> str:
    """Return a column of the body; a domain may read it from its JSON."""
    name = identifier(column.name)
    value = f"pgrst_body.{name}"
    return f"{column.from_json}({value}) as {name}" if column.from_json else value


def _typed_rows(write: Write, columns: tuple[str, ...], parameters: Parameters) -> str:
    known = write.relation.columns
    types = {name: "json" if known[name].from_json else known[name].type for name in columns}
    typed = ", ".join(f"{identifier(name)} {types[name]}" for name in columns)
    body = f"{parameters.place(BODY)}::json"
    defaults = [known[name] for name in columns if known[name].default]
    if write.is_default_for_missing and defaults:
        pairs = ", ".join(f"{literal(item.name)}, {item.default}" for item in defaults)
        element = "element" if write.is_array else f"{body}::jsonb"
        filled = f"jsonb_build_object({pairs}) || {element}"
        if write.is_array:
            filled = (
                f"(select coalesce(jsonb_agg({filled}), '[]') "  # noqa: S608 -- built of quoted names alone
                f"from jsonb_array_elements({body}::jsonb) as element)"
            )
        function = "jsonb_to_recordset" if write.is_array else "jsonb_to_record"
        return f"{function}({filled}) as pgrst_body ({typed})"
    function = "json_to_recordset" if write.is_array else "json_to_record"
    return f"{function}({body}) as pgrst_body ({typed})"


def _on_conflict(write: Write, columns: tuple[str, ...]) -> str:
    target = write.conflict_columns
    if write.resolution is None or not target:
        return ""
    names = ", ".join(identifier(name) for name in target)
    if write.resolution == "ignore-duplicates" or not columns:
        return f" on conflict ({names}) do nothing"
    assigned = ", ".join(f"{identifier(name)} = excluded.{identifier(name)}" for name in columns)
    counted = f"set_config('{INSERTED}', ({COUNTED} - 1)::text, true) <> '-1'"
    return f" on conflict ({names}) do update set {assigned} where {counted}"


def _returning(write: Write, reader: Reader, level: Level) -> str:
    if write.is_located:
        return ", ".join(level.column(name) for name in write.relation.primary_key)
    if not write.is_represented:
        return "1"
    names = reader.needed_columns(level) if write.query.items else write.relation.primary_key
    if names is None:
        return f"{identifier(level.alias)}.*"
    return ", ".join(level.column(name) for name in names) or "1"

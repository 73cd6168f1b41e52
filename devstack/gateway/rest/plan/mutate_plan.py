"""The plan of a write: Postgres reads the body from one parameter, as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass

from devstack.gateway.quoting import identifier, literal, qualified
from devstack.gateway.rest.api_request.media_types import Media
from devstack.gateway.rest.api_request.payload import Payload
from devstack.gateway.rest.api_request.query_params import Comparison, Condition, QueryParams
from devstack.gateway.rest.api_request.request import RequestHead
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.embed_planner import EmbedPlanner
from devstack.gateway.rest.query.sql_fragment import TableAlias
from devstack.gateway.rest.query.statement import (
    BODY,
    INSERTED,
    SOURCE,
    Parameters,
    Statement,
    body_sql,
    statement_sql,
)
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.tables import Relation, TableColumn


COUNTED = f"coalesce(nullif(current_setting('{INSERTED}', true), '')::int, 0)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """The shape of a write."""

    method: str
    relation: Relation
    query: QueryParams
    #: The keys of the body's rows, and whether the body is an array.
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
        """Return true if the response has the rows."""
        return self.returns == "representation"

    @property
    def is_located(self) -> bool:
        """Return true if the response has only the key of the inserted row, in a header."""
        is_requested = self.method == "POST" and self.returns == "headers-only"
        return is_requested and bool(self.relation.primary_key)

    @property
    def conflict_columns(self) -> tuple[str, ...]:
        """Return the columns of the unique key that an upsert conflicts on."""
        return self.query.on_conflict or self.relation.primary_key


def mutation_of(
    method: str, head: RequestHead, relation: Relation, query: QueryParams, payload: Payload
) -> Mutation:
    """Return the shape of a write. Raises: RestError PGRST105, PGRST114 for a PUT."""
    is_put = method == "PUT"
    if is_put:
        _check_put_query(query, relation)
    return Mutation(
        method=method,
        relation=relation,
        query=query,
        keys=payload.keys,
        is_array=payload.is_array,
        media=head.accepted.media,
        is_stripped=head.accepted.is_stripped,
        returns=head.preferences.returns,
        is_default_for_missing=head.preferences.missing == "default" and not is_put,
        resolution=_resolution(head, method),
    )


def plan_mutation(cache: SchemaCache, mutation: Mutation) -> Statement:
    """Return the statement of a write; `max-rows` does not limit its rows. Raises: RestError."""
    parameters = Parameters()
    planner = EmbedPlanner(cache, mutation.query, parameters, max_rows=None)
    table = TableAlias(mutation.relation, mutation.relation.name)
    returned = _returning(mutation, planner, table)
    source = _change(mutation, planner, table, parameters, returned)
    rows, body = f"select * from {SOURCE}", "''"  # noqa: S608 -- a constant
    if mutation.is_represented:
        rows = planner.select(table, f"{SOURCE} as {identifier(table.alias)}", is_filtered=False)
        body = body_sql(
            mutation.media,
            is_scalar=False,
            is_single=mutation.media is Media.OBJECT,
            is_stripped=mutation.is_stripped,
        )
    sql = statement_sql(
        rows,
        source=source,
        total=None,
        body=body,
        is_upsert=mutation.resolution is not None,
        is_located=mutation.is_located,
    )
    return Statement(sql=sql.encode(), slots=parameters.slots)


def _change(
    mutation: Mutation,
    planner: EmbedPlanner,
    table: TableAlias,
    parameters: Parameters,
    returned: str,
) -> str:
    name = qualified(mutation.relation.schema, mutation.relation.name)
    target = f"{name} as {identifier(table.alias)}"
    if mutation.method == "DELETE":
        where = _required(planner.where(table), "DELETE")
        return f"delete from {target}{where} returning {returned}"  # noqa: S608 -- built of quoted names alone
    columns = _columns(mutation)
    if mutation.method == "POST":
        return f"{_insert(mutation, columns, target, parameters)} returning {returned}"
    if mutation.method == "PUT":
        _check_put_columns(columns, mutation.relation)
        # The condition skips a row of the body that the URL does not name.
        where = planner.where(TableAlias(mutation.relation, "pgrst_body"))
        return f"{_insert(mutation, columns, target, parameters, where)} returning {returned}"
    if not columns:
        # Without a column to set, the update changes no row.
        return f"select {returned} from {target} where false"  # noqa: S608 -- built of quoted names alone
    assigned = ", ".join(f"{identifier(name)} = pgrst_body.{identifier(name)}" for name in columns)
    source = _body_rows(mutation, columns, parameters)
    where = _required(planner.where(table), "UPDATE")
    return f"update {target} set {assigned} from {source}{where} returning {returned}"  # noqa: S608 -- built of quoted names alone


def _required(where: str, command: str) -> str:
    """Return the conditions, or refuse to change a whole table, as hosted pg-safeupdate does.

    Raises: RestError 21000.
    """
    if not where:
        raise RestError("21000", f"{command} requires a WHERE clause", status=400)
    return where


def _columns(mutation: Mutation) -> tuple[str, ...]:
    columns = mutation.keys if mutation.query.columns is None else mutation.query.columns
    for column in columns:
        if column not in mutation.relation.columns:
            raise RestError(
                "PGRST204",
                f"Could not find the '{column}' column of '{mutation.relation.name}' "
                "in the schema cache",
            )
    return tuple(dict.fromkeys(columns))


def _insert(
    mutation: Mutation,
    columns: tuple[str, ...],
    target: str,
    parameters: Parameters,
    where: str = "",
) -> str:
    conflict = _on_conflict(mutation, columns)
    if not columns:
        if not mutation.is_array:
            return f"insert into {target} default values{conflict}"
        body = parameters.placeholder(BODY)
        return f"insert into {target} select from json_array_elements({body}::json){conflict}"
    names = ", ".join(identifier(name) for name in columns)
    values = ", ".join(f"pgrst_body.{identifier(name)}" for name in columns)
    source = _body_rows(mutation, columns, parameters)
    if mutation.resolution:
        counted = f"set_config('{INSERTED}', ({COUNTED} + 1)::text, true) <> '0'"
        # A skipped row must not be counted. Only `case` guarantees the order of evaluation.
        where = f" where case when {where.removeprefix(' where ') or 'true'} then {counted} end"
    return f"insert into {target} ({names}) select {values} from {source}{where}{conflict}"  # noqa: S608 -- built of quoted names alone


def _body_rows(mutation: Mutation, columns: tuple[str, ...], parameters: Parameters) -> str:
    """Return the body's rows as a `from` item, with the columns' own types."""
    known = mutation.relation.columns
    rows = _typed_rows(mutation, columns, parameters)
    if not any(known[name].from_json for name in columns):
        return rows
    read = ", ".join(_converted(known[name]) for name in columns)
    return f"(select {read} from {rows}) as pgrst_body"  # noqa: S608 -- built of quoted names alone


def _converted(column: TableColumn) -> str:
    """Return a column of the body, converted by the representation of its domain."""
    name = identifier(column.name)
    value = f"pgrst_body.{name}"
    return f"{column.from_json}({value}) as {name}" if column.from_json else value


def _typed_rows(mutation: Mutation, columns: tuple[str, ...], parameters: Parameters) -> str:
    known = mutation.relation.columns
    types = {name: "json" if known[name].from_json else known[name].type for name in columns}
    typed = ", ".join(f"{identifier(name)} {types[name]}" for name in columns)
    body = f"{parameters.placeholder(BODY)}::json"
    defaults = [known[name] for name in columns if known[name].default]
    if mutation.is_default_for_missing and defaults:
        pairs = ", ".join(f"{literal(item.name)}, {item.default}" for item in defaults)
        element = "element" if mutation.is_array else f"{body}::jsonb"
        filled = f"jsonb_build_object({pairs}) || {element}"
        if mutation.is_array:
            filled = (
                f"(select coalesce(jsonb_agg({filled}), '[]') "  # noqa: S608 -- built of quoted names alone
                f"from jsonb_array_elements({body}::jsonb) as element)"
            )
        function = "jsonb_to_recordset" if mutation.is_array else "jsonb_to_record"
        return f"{function}({filled}) as pgrst_body ({typed})"
    function = "json_to_recordset" if mutation.is_array else "json_to_record"
    return f"{function}({body}) as pgrst_body ({typed})"


def _on_conflict(mutation: Mutation, columns: tuple[str, ...]) -> str:
    target = mutation.conflict_columns
    if mutation.resolution is None or not target:
        return ""
    names = ", ".join(identifier(name) for name in target)
    if mutation.resolution == "ignore-duplicates" or not columns:
        return f" on conflict ({names}) do nothing"
    assigned = ", ".join(f"{identifier(name)} = excluded.{identifier(name)}" for name in columns)
    counted = f"set_config('{INSERTED}', ({COUNTED} - 1)::text, true) <> '-1'"
    return f" on conflict ({names}) do update set {assigned} where {counted}"


def _returning(mutation: Mutation, planner: EmbedPlanner, table: TableAlias) -> str:
    if mutation.is_located:
        return ", ".join(table.column(name) for name in mutation.relation.primary_key)
    if not mutation.is_represented:
        return "1"
    names = planner.needed_columns(table) if mutation.query.items else mutation.relation.primary_key
    if names is None:
        return f"{identifier(table.alias)}.*"
    return ", ".join(table.column(name) for name in names) or "1"


def _check_put_query(query: QueryParams, relation: Relation) -> None:
    """Raise PGRST114 or PGRST105 unless the filters name one row by its whole primary key."""
    root, key = query.root, relation.primary_key
    if root.limit_slot is not None or root.offset_slot is not None:
        raise RestError("PGRST114", "limit/offset querystring parameters are not allowed for PUT")
    if not key or sorted(_named(root.conditions)) != sorted(key):
        raise RestError(
            "PGRST105",
            "Filters must include all and only primary key columns with 'eq' operators",
        )


def _check_put_columns(columns: Sequence[str], relation: Relation) -> None:
    """Raise PGRST115 when the body lacks a column of the primary key."""
    if not set(relation.primary_key) <= set(columns):
        raise put_mismatch()


def _named(conditions: Sequence[Condition]) -> list[str]:
    """Return the columns of `eq` filters, and an empty name for any other condition."""
    return [
        condition.field.name
        if isinstance(condition, Comparison) and _is_plain_eq(condition)
        else ""
        for condition in conditions
    ]


def _is_plain_eq(comparison: Comparison) -> bool:
    is_plain = not (comparison.is_negated or comparison.quantifier or comparison.field.path)
    return is_plain and comparison.operator == "eq"


def put_mismatch() -> RestError:
    """Return PGRST115: the body of a PUT does not hold the row that the URL names."""
    return RestError("PGRST115", "Payload values do not match URL in primary key column(s)")


def _resolution(head: RequestHead, method: str) -> str | None:
    """Return how an upsert resolves a conflict; a PUT always merges."""
    if method == "PUT":
        return "merge-duplicates"
    return head.preferences.resolution if method == "POST" else None

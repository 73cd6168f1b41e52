"""The plan of a function call."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from devstack.gateway.quoting import array, identifier, qualified
from devstack.gateway.rest.api_request.media_types import Media
from devstack.gateway.rest.api_request.payload import Payload
from devstack.gateway.rest.api_request.query_params import Column, Field, QueryParams
from devstack.gateway.rest.api_request.request import RequestHead
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.embed_planner import EmbedPlanner
from devstack.gateway.rest.plan.resolution import find_function
from devstack.gateway.rest.query.sql_fragment import TableAlias
from devstack.gateway.rest.query.statement import (
    BODY,
    SCALAR,
    SOURCE,
    Parameters,
    Statement,
    body_sql,
    statement_sql,
)
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.rest.schema_cache.tables import Relation


VALUE = (Column(Field(SCALAR)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The shape of a call."""

    function: Function
    query: QueryParams
    #: The arguments by name. `slots` has the slot of each, unless the body holds them all.
    arguments: tuple[str, ...]
    slots: tuple[int, ...] | None
    is_raw: bool
    #: True if the body is an array, whose first object has the arguments.
    is_array: bool
    media: Media
    is_stripped: bool
    is_counted: bool


def call_of(
    cache: SchemaCache,
    head: RequestHead,
    name: str,
    query: QueryParams,
    payload: Payload,
    *,
    slot_count: int,
) -> tuple[Call, list[str]]:
    """Return the call of the function that takes the arguments, with the values of its slots.

    The slots follow the query's `slot_count`. The body is the last value. Raises: RestError.
    """
    arguments, body = payload.arguments, payload.text
    given = payload.keys if arguments is None else tuple(dict.fromkeys(key for key, _ in arguments))
    function, is_raw = find_function(cache, (head.schema, name), given, payload.media_type)
    if head.preferences.max_affected is not None and not function.is_set:
        raise _not_a_set()
    values: list[str] = []
    slots = None
    if is_raw and arguments is not None:
        # PostgREST passes the named arguments as the one unnamed argument. Here there are none.
        body = "{}"
    elif arguments is not None:
        values = _values(function, given, arguments)
        slots = tuple(range(slot_count, slot_count + len(given)))
    call = Call(
        function=function,
        query=query,
        arguments=() if is_raw else given,
        slots=slots,
        is_raw=is_raw,
        is_array=payload.is_array,
        media=head.accepted.media,
        is_stripped=head.accepted.is_stripped,
        is_counted=head.preferences.is_counted,
    )
    return call, [*values, body]


def _not_a_set() -> RestError:
    """Return PGRST128: `max-affected` counts rows, and the function returns no set of them."""
    return RestError(
        "PGRST128",
        "Function must return SETOF or TABLE when max-affected preference is used with "
        "handling=strict",
    )


def plan_call(cache: SchemaCache, call: Call) -> Statement:
    """Return the statement of a call. Raises: RestError."""
    parameters = Parameters()
    function = call.function
    is_scalar = function.kind != "composite"
    # A scalar is selected as a whole; the select list of the client has no effect.
    query = replace(call.query, items=VALUE) if is_scalar else call.query
    relation = cache.relations.get(function.returns) if function.returns else None
    table = _result_table(function, relation)
    planner = EmbedPlanner(cache, query, parameters, cache.configuration.max_rows)
    computed = () if is_scalar or relation is None else _computed(relation, table, planner)
    source = _source(call, parameters, computed)
    origin = f"{SOURCE} as {identifier(table.alias)}"
    rows = planner.select(table, origin)
    total = planner.count(table, origin) if call.is_counted else None
    body = body_sql(
        call.media,
        is_scalar=is_scalar,
        is_single=not function.is_set or call.media is Media.OBJECT,
        is_stripped=call.is_stripped,
    )
    if function.kind == "void":
        body = "''"
    sql = statement_sql(rows, source=source, total=total, body=body)
    return Statement(sql=sql.encode(), slots=parameters.slots)


def _result_table(function: Function, relation: Relation | None) -> TableAlias:
    """Return the alias of the result, whose rows are of a relation or of a record type."""
    name = function.returns[1] if function.returns else function.name
    record = Relation(schema=function.schema, name=name, is_view=False, columns={}, primary_key=())
    return TableAlias(relation or record, name)


def _computed(relation: Relation, table: TableAlias, planner: EmbedPlanner) -> tuple[str, ...]:
    """Return the selected computed columns; only the function's own rows can compute them."""
    names = planner.needed_columns(table) or ()
    return tuple(name for name in names if name not in relation.columns)


def _source(call: Call, parameters: Parameters, computed: tuple[str, ...]) -> str:
    function = call.function
    called, arguments = _called(call, parameters)
    if function.kind == "composite":
        origin = f"{arguments}, lateral {called}" if arguments else called
        columns = ", ".join(["pgrst_call.*", *(f"pgrst_call.{identifier(n)}" for n in computed)])
        return f"select {columns} from {origin} as pgrst_call"  # noqa: S608 -- built of quoted names alone
    origin = f" from {arguments}" if arguments else ""
    return f"select {called} as {SCALAR}{origin}"


def _called(call: Call, parameters: Parameters) -> tuple[str, str]:
    """Return the call, and the `from` item of its arguments if the body holds them."""
    function = call.function
    name = qualified(function.schema, function.name)
    if call.is_raw:
        return f"{name}({parameters.placeholder(BODY)}::{function.parameters[0].type})", ""
    taken = [item for item in function.parameters if item.name in call.arguments]
    if not taken:
        return f"{name}()", ""
    if call.slots is not None:
        slots = dict(zip(call.arguments, call.slots, strict=True))
        values = {
            item.name: f"{parameters.placeholder(slots[item.name])}::{item.read_type}"
            for item in taken
        }
        arguments = ""
    else:
        values = {item.name: f"pgrst_args.{identifier(item.name)}" for item in taken}
        typed = ", ".join(f"{identifier(item.name)} {item.read_type}" for item in taken)
        arguments = _read_arguments(f"{parameters.placeholder(BODY)}::json", typed, call)
    listed = ", ".join(
        f"{'variadic ' if item.is_variadic else ''}{identifier(item.name)} => {values[item.name]}"
        for item in taken
    )
    return f"{name}({listed})", arguments


def _read_arguments(body: str, typed: str, call: Call) -> str:
    """Return the `from` item of the arguments in a body: one object, or the first of several."""
    if not call.is_array:
        return f"json_to_record({body}) as pgrst_args ({typed})"
    rows = f"json_to_recordset({body}) as pgrst_rows ({typed})"
    return f"(select * from {rows} limit 1) as pgrst_args"  # noqa: S608 -- built of quoted names alone


def _values(
    function: Function, given: tuple[str, ...], pairs: Sequence[tuple[str, str]]
) -> list[str]:
    """Return the arguments' values: all values of a variadic one, the last value of any other."""
    variadic = {item.name for item in function.parameters if item.is_variadic}
    last = dict(pairs)
    return [
        array(value for key, value in pairs if key == name) if name in variadic else last[name]
        for name in given
    ]

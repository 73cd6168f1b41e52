"""Finds the function that a call means, and plans the call."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from devstack.gateway.rest.api_request.media_types import Media
from devstack.gateway.rest.api_request.query_params import Column, Field, QueryParams
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.embed_planner import Reader
from devstack.gateway.rest.plan.similar_names import SOMEWHAT_ALIKE, similar
from devstack.gateway.rest.query.sql_fragment import Level
from devstack.gateway.rest.query.statement import (
    BODY,
    SCALAR,
    SOURCE,
    Parameters,
    Plan,
    body_sql,
    reporting,
)
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.rest.schema_cache.tables import Relation
from devstack.gateway.text import identifier, qualified


#: The types that one unnamed parameter may have, by the body's media type.
RAW_BODIES = {
    "application/json": ("json", "jsonb"),
    "text/plain": ("text",),
    "text/xml": ("xml",),
    "application/octet-stream": ("bytea",),
}
#: Bodies that are nothing but the one argument.
WHOLE_BODIES = frozenset(RAW_BODIES) - {"application/json"}
VALUE = (Column(Field(SCALAR)),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """The shape of a call, but for its values."""

    function: Function
    query: QueryParams
    #: The arguments by name; where each has a slot of its own, in `slots`.
    arguments: tuple[str, ...]
    slots: tuple[int, ...] | None
    is_raw: bool
    #: The body is an array, whose first object has the arguments.
    is_array: bool
    media: Media
    is_stripped: bool
    is_counted: bool


def find_function(
    cache: SchemaCache, name: tuple[str, str], given: Collection[str], body_type: str | None
) -> tuple[Function, bool]:
    """Return the function of this name that takes the given arguments.

    The second value says whether it takes the whole body as its one unnamed argument. `body_type`
    is None for a call by GET. Raises: RestError PGRST202 when there is none, PGRST203 when there
    are several.
    """
    candidates = cache.functions.get(name, ())
    named = [function for function in candidates if _takes(function, given, body_type)]
    if len(named) > 1:
        raise _ambiguous(named)
    if named:
        return named[0], [item.name for item in named[0].parameters] == [""]
    raw = [function for function in candidates if _takes_body(function, body_type)]
    if len(raw) == 1:
        return raw[0], True
    if raw:
        raise _ambiguous(raw)
    raise _missing(cache, name, given, body_type)


def plan_call(cache: SchemaCache, call: Call) -> Plan:
    """Return the statement of a call. Raises: RestError."""
    parameters = Parameters()
    function = call.function
    is_scalar = function.kind != "composite"
    # The select list of a scalar is the value, whatever the client says.
    query = replace(call.query, items=VALUE) if is_scalar else call.query
    relation = cache.relations.get(function.returns) if function.returns else None
    level = _level(function, relation)
    reader = Reader(cache, query, parameters, cache.configuration.max_rows)
    computed = () if is_scalar or relation is None else _computed(relation, level, reader)
    source = _source(call, parameters, computed)
    origin = f"{SOURCE} as {identifier(level.alias)}"
    rows = reader.select(level, origin)
    total = reader.count(level, origin) if call.is_counted else None
    body = body_sql(
        call.media,
        is_scalar=is_scalar,
        is_single=not function.is_set or call.media is Media.OBJECT,
        is_stripped=call.is_stripped,
    )
    if function.kind == "void":
        body = "''"
    sql = reporting(rows, source=source, total=total, body=body)
    return Plan(sql=sql.encode(), slots=parameters.slots)


def _level(function: Function, relation: Relation | None) -> Level:
    """Return the result as a level: as its relation's rows, or as rows of no relation."""
    name = function.returns[1] if function.returns else function.name
    nameless = Relation(
        schema=function.schema, name=name, is_view=False, columns={}, primary_key=()
    )
    return Level(relation or nameless, name)


def _computed(relation: Relation, level: Level, reader: Reader) -> tuple[str, ...]:
    """Return the computed columns that are asked for: of the answer's rows they cannot be had."""
    names = reader.needed_columns(level) or ()
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
    """Return the call itself and the `from` item that its arguments come from, if they do."""
    function = call.function
    name = qualified(function.schema, function.name)
    if call.is_raw:
        return f"{name}({parameters.place(BODY)}::{function.parameters[0].type})", ""
    taken = [item for item in function.parameters if item.name in call.arguments]
    if not taken:
        return f"{name}()", ""
    if call.slots is not None:
        slots = dict(zip(call.arguments, call.slots, strict=True))
        values = {
            item.name: f"{parameters.place(slots[item.name])}::{item.read_type}" for item in taken
        }
        arguments = ""
    else:
        values = {item.name: f"pgrst_args.{identifier(item.name)}" for item in taken}
        typed = ", ".join(f"{identifier(item.name)} {item.read_type}" for item in taken)
        arguments = _read_arguments(f"{parameters.place(BODY)}::json", typed, call)
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


def _takes(function: Function, given: Collection[str], body_type: str | None) -> bool:
    if not function.parameters and body_type in WHOLE_BODIES:
        return False
    names = {item.name for item in function.parameters}
    required = {item.name for item in function.parameters if item.is_required}
    return required <= set(given) <= names


def _takes_body(function: Function, body_type: str | None) -> bool:
    if body_type is None or len(function.parameters) != 1:
        return False
    [parameter] = function.parameters
    return parameter.name == "" and parameter.type in RAW_BODIES.get(body_type, ())


def _ambiguous(functions: Sequence[Function]) -> RestError:
    listed = ", ".join(function.signature for function in functions)
    return RestError(
        "PGRST203",
        f"Could not choose the best candidate function between: {listed}",
        hint="Try renaming the parameters or the function itself in the database so function "
        "overloading can be resolved",
    )


def _missing(
    cache: SchemaCache, name: tuple[str, str], given: Collection[str], body_type: str | None
) -> RestError:
    full, words = ".".join(name), sorted(given)
    listed = ", ".join(words)
    if body_type in WHOLE_BODIES:
        [kind] = RAW_BODIES[body_type]
        shown, searched = "", f" with a single unnamed {kind} parameter"
    elif words:
        shown = f"({listed})"
        searched = f" with parameter{'s' if len(words) > 1 else ''} {listed}"
    else:
        shown = searched = " without parameters"
    if body_type == "application/json":
        searched += " or with a single unnamed json/jsonb parameter"
    return RestError(
        "PGRST202",
        f"Could not find the function {full}{shown} in the schema cache",
        details=f"Searched for the function {full}{searched}, but no matches were found "
        "in the schema cache.",
        hint=None if body_type in WHOLE_BODIES else _hint(cache, name, words),
    )


def _hint(cache: SchemaCache, name: tuple[str, str], words: Sequence[str]) -> str | None:
    schema, word = name
    overloads = cache.functions.get(name)
    if overloads:
        lists = [_listed(item.name for item in one.parameters) for one in overloads]
        arguments = similar(_listed(words), lists, SOMEWHAT_ALIKE)
        meant = None if arguments is None else word + arguments
    else:
        meant = similar(word, [name for owner, name in cache.functions if owner == schema])
    return None if meant is None else f"Perhaps you meant to call the function {schema}.{meant}"


def _listed(names: Iterable[str]) -> str:
    return f"({', '.join(sorted(names))})"

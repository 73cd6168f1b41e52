"""The lookup of the relation, relationship or function that a request names.

A name without an object is an error, with a similar name as a hint.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Any

from devstack.gateway.rest.api_request.payload import RAW_BODIES
from devstack.gateway.rest.api_request.query_params import Embed
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.rest.schema_cache.relationships import Relationship
from devstack.gateway.rest.schema_cache.tables import Relation


#: The media types of bodies that are a single argument as a whole.
WHOLE_BODIES = frozenset(RAW_BODIES) - {"application/json"}
#: The least similarity of a hint: for two names, and for two lists of arguments.
HIGH_SIMILARITY = 0.75
LOW_SIMILARITY = 0.33
IGNORED = re.compile(r"[^\w, ]+|_")


def find_relation(cache: SchemaCache, schema: str, name: str) -> Relation:
    """Return the relation of this name. Raises: RestError PGRST205."""
    relation = cache.relations.get((schema, name))
    if relation is None:
        similar = most_similar(name, [known for owner, known in cache.relations if owner == schema])
        raise RestError(
            "PGRST205",
            f"Could not find the table '{schema}.{name}' in the schema cache",
            hint=f"Perhaps you meant the table '{schema}.{similar}'" if similar else None,
        )
    return relation


def find_relationship(cache: SchemaCache, origin: Relation, embed: Embed) -> Relationship:
    """Return the relationship of `origin` that the embed names, by its target and its hint.

    Raises: RestError PGRST200 when there is none, PGRST201 when there are several.
    """
    relationships = cache.relationships.get((origin.schema, origin.name), ())
    computed = [
        relationship
        for relationship in relationships
        if relationship.function and relationship.constraint == embed.relation
    ]
    if computed and embed.hint is None:
        return computed[0]
    found = [
        relationship
        for relationship in relationships
        if not relationship.function and _matches(relationship, embed, origin.schema)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous_relationship(origin, embed, found)
    raise _missing_relationship(cache, origin, embed, relationships)


def _matches(relationship: Relationship, embed: Embed, schema: str) -> bool:
    if relationship.target.schema != schema:
        return False
    is_target = relationship.target.name == embed.relation
    if relationship.is_self:
        return _matches_self(relationship, embed, is_target=is_target)
    hint = embed.hint
    if hint is None:
        return is_target or (
            not relationship.target.is_view and _is_key(relationship, embed.relation)
        )
    return is_target and (
        _is_key(relationship, hint)
        or _is_single(relationship, hint, far=True)
        or (relationship.junction is not None and relationship.junction.table.name == hint)
    )


def _matches_self(relationship: Relationship, embed: Embed, *, is_target: bool) -> bool:
    """Return true if an embed names this direction of a relation's foreign key to itself.

    The relation's name means the to-many side, the column's name the to-one side. A hint can only
    be the column. PostgREST has no one-to-one and no junction of a relation to itself.
    """
    if relationship.cardinality == "one-to-many" and is_target:
        return embed.hint is None or _is_single(relationship, embed.hint, far=True)
    is_parent = relationship.cardinality == "many-to-one" and embed.hint is None
    return is_parent and _is_single(relationship, embed.relation, far=False)


def _is_key(relationship: Relationship, word: str) -> bool:
    """Return true if the word is the constraint's name, or its only column in the origin."""
    if relationship.junction is not None:
        return False
    return relationship.constraint == word or _is_single(relationship, word, far=False)


def _is_single(relationship: Relationship, word: str, *, far: bool) -> bool:
    return len(relationship.columns) == 1 and relationship.columns[0][1 if far else 0] == word


def _missing_relationship(
    cache: SchemaCache, origin: Relation, embed: Embed, relationships: tuple[Relationship, ...]
) -> RestError:
    near, far = origin.name, embed.relation
    using = f" using the hint '{embed.hint}'" if embed.hint else ""
    return RestError(
        "PGRST200",
        f"Could not find a relationship between '{near}' and '{far}' in the schema cache",
        details=f"Searched for a foreign key relationship between '{near}' and '{far}'{using} "
        f"in the schema '{origin.schema}', but no matches were found.",
        hint=_relationship_hint(cache, origin, far, relationships),
    )


def _relationship_hint(
    cache: SchemaCache, origin: Relation, far: str, relationships: tuple[Relationship, ...]
) -> str | None:
    """Suggest a target, or another origin when this one has no relationship."""
    missed, names = far, {relationship.target.name for relationship in relationships}
    if not relationships:
        missed = origin.name
        names = {name for schema, name in cache.relationships if schema == origin.schema}
    if missed in names:
        # The target exists, so the mistake is in the embed's hint.
        return None
    suggested = most_similar(missed, names, LOW_SIMILARITY)
    return f"Perhaps you meant '{suggested}' instead of '{missed}'." if suggested else None


def _ambiguous_relationship(
    origin: Relation, embed: Embed, relationships: list[Relationship]
) -> RestError:
    hints = ", ".join(
        f"'{embed.relation}!{_hint_name(relationship)}'" for relationship in relationships
    )
    return RestError(
        "PGRST201",
        "Could not embed because more than one relationship was found for "
        f"'{origin.name}' and '{embed.relation}'",
        details=[_described(relationship) for relationship in relationships],
        hint=f"Try changing '{embed.relation}' to one of the following: {hints}. "
        "Find the desired relationship in the 'details' key.",
    )


def _hint_name(relationship: Relationship) -> str:
    return relationship.junction.table.name if relationship.junction else relationship.constraint


def _described(relationship: Relationship) -> dict[str, Any]:
    return {
        "cardinality": relationship.cardinality,
        "embedding": f"{relationship.origin.name} with {relationship.target.name}",
        "relationship": _description(relationship),
    }


def _description(relationship: Relationship) -> str:
    junction = relationship.junction
    if junction is None:
        near = ", ".join(own for own, _ in relationship.columns)
        far = ", ".join(other for _, other in relationship.columns)
        origin, target = relationship.origin.name, relationship.target.name
        return f"{relationship.constraint} using {origin}({near}) and {target}({far})"
    first = ", ".join(column for column, _ in junction.to_origin)
    second = ", ".join(column for column, _ in junction.to_target)
    return (
        f"{junction.table.name} using {junction.first_constraint}({first}) "
        f"and {junction.second_constraint}({second})"
    )


def find_function(
    cache: SchemaCache, name: tuple[str, str], given: Collection[str], body_type: str | None
) -> tuple[Function, bool]:
    """Return the function of this name that takes the given arguments.

    The second value is true if the whole body is its one unnamed argument. `body_type`
    is None for a call by GET. Raises: RestError PGRST202 when there is none, PGRST203 when there
    are several.
    """
    candidates = cache.functions.get(name, ())
    named = [function for function in candidates if _takes(function, given, body_type)]
    if len(named) > 1:
        raise _ambiguous_function(named)
    if named:
        return named[0], [item.name for item in named[0].parameters] == [""]
    raw = [function for function in candidates if _takes_body(function, body_type)]
    if len(raw) == 1:
        return raw[0], True
    if raw:
        raise _ambiguous_function(raw)
    raise _missing_function(cache, name, given, body_type)


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


def _ambiguous_function(functions: Sequence[Function]) -> RestError:
    listed = ", ".join(function.signature for function in functions)
    return RestError(
        "PGRST203",
        f"Could not choose the best candidate function between: {listed}",
        hint="Try renaming the parameters or the function itself in the database so function "
        "overloading can be resolved",
    )


def _missing_function(
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
        hint=None if body_type in WHOLE_BODIES else _function_hint(cache, name, words),
    )


def _function_hint(cache: SchemaCache, name: tuple[str, str], words: Sequence[str]) -> str | None:
    schema, word = name
    overloads = cache.functions.get(name)
    if overloads:
        lists = [_parenthesized(item.name for item in one.parameters) for one in overloads]
        arguments = most_similar(_parenthesized(words), lists, LOW_SIMILARITY)
        suggested = None if arguments is None else word + arguments
    else:
        suggested = most_similar(word, [name for owner, name in cache.functions if owner == schema])
    return (
        None
        if suggested is None
        else f"Perhaps you meant to call the function {schema}.{suggested}"
    )


def _parenthesized(names: Iterable[str]) -> str:
    return f"({', '.join(sorted(names))})"


def most_similar(word: str, words: Iterable[str], least: float = HIGH_SIMILARITY) -> str | None:
    """Return the most similar of the words, or None if its similarity is below `least`.

    PostgREST uses the library `fuzzyset`. It takes the words that share a pair of adjacent letters,
    and of these the nearest by edit distance.
    """
    pairs = _pairs(word)
    similarity, found = max(
        (
            (_similarity(word, other, least), other)
            for other in sorted(words)
            if pairs & _pairs(other)
        ),
        default=(0.0, ""),
        key=lambda scored: scored[0],
    )
    return found if similarity >= least else None


def _pairs(word: str) -> set[str]:
    padded = f"-{IGNORED.sub('', word.lower())}-"
    return {padded[at : at + 2] for at in range(len(padded) - 1)}


def _similarity(word: str, other: str, least: float) -> float:
    longer = max(len(word), len(other))
    # The length alone rules the word out. The distance of long texts takes time.
    if 1 - abs(len(word) - len(other)) / longer < least:
        return 0
    return 1 - _distance(word.lower(), other.lower()) / longer


def _distance(word: str, other: str) -> int:
    """Return Levenshtein's distance."""
    row = list(range(len(other) + 1))
    for at, letter in enumerate(word, start=1):
        before, row[0] = row[0], at
        for column, against in enumerate(other, start=1):
            changed = before + (letter != against)
            before = row[column]
            row[column] = min(changed, row[column] + 1, row[column - 1] + 1)
    return row[-1]

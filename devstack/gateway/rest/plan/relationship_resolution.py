"""Which relationship an embed means: by the relation's name, and by the hint after `!`."""

from typing import Any

from devstack.gateway.rest.api_request.query_params import Embed
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.similar_names import SOMEWHAT_ALIKE, similar
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.relationships import Relationship
from devstack.gateway.rest.schema_cache.tables import Relation


def find_relationship(cache: SchemaCache, origin: Relation, embed: Embed) -> Relationship:
    """Return the one way from `origin` that the embed names.

    Raises: RestError PGRST200 when there is none, PGRST201 when there are several.
    """
    ways = cache.relationships.get((origin.schema, origin.name), ())
    computed = [way for way in ways if way.function and way.constraint == embed.relation]
    if computed and embed.hint is None:
        return computed[0]
    found = [way for way in ways if not way.function and _matches(way, embed, origin.schema)]
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous(origin, embed, found)
    raise _missing(cache, origin, embed, ways)


def _matches(way: Relationship, embed: Embed, schema: str) -> bool:
    if way.target.schema != schema:
        return False
    is_target = way.target.name == embed.relation
    if way.is_self:
        return _matches_self(way, embed, is_target=is_target)
    hint = embed.hint
    if hint is None:
        return is_target or (not way.target.is_view and _is_key(way, embed.relation))
    return is_target and (
        _is_key(way, hint)
        or _is_single(way, hint, far=True)
        or (way.junction is not None and way.junction.table.name == hint)
    )


def _matches_self(way: Relationship, embed: Embed, *, is_target: bool) -> bool:
    """Tell the two directions of a key of a relation to itself.

    The relation's name means its many, the name of the column means the one it points to. A hint
    can only be the column; PostgREST knows no one-to-one and no junction of a relation to itself.
    """
    if way.cardinality == "one-to-many" and is_target:
        return embed.hint is None or _is_single(way, embed.hint, far=True)
    is_parent = way.cardinality == "many-to-one" and embed.hint is None
    return is_parent and _is_single(way, embed.relation, far=False)


def _is_key(way: Relationship, word: str) -> bool:
    """Say whether the word is the constraint's name, or its one column on this side."""
    if way.junction is not None:
        return False
    return way.constraint == word or _is_single(way, word, far=False)


def _is_single(way: Relationship, word: str, *, far: bool) -> bool:
    return len(way.columns) == 1 and way.columns[0][1 if far else 0] == word


def _missing(
    cache: SchemaCache, origin: Relation, embed: Embed, ways: tuple[Relationship, ...]
) -> RestError:
    near, far = origin.name, embed.relation
    using = f" using the hint '{embed.hint}'" if embed.hint else ""
    return RestError(
        "PGRST200",
        f"Could not find a relationship between '{near}' and '{far}' in the schema cache",
        details=f"Searched for a foreign key relationship between '{near}' and '{far}'{using} "
        f"in the schema '{origin.schema}', but no matches were found.",
        hint=_hint(cache, origin, far, ways),
    )


def _hint(
    cache: SchemaCache, origin: Relation, far: str, ways: tuple[Relationship, ...]
) -> str | None:
    """Guess at the other end, or at this one when nothing leads away from it."""
    missed, names = far, {way.target.name for way in ways}
    if not ways:
        missed = origin.name
        names = {name for schema, name in cache.relationships if schema == origin.schema}
    if missed in names:
        # It is there, so the mistake is in the hint after it.
        return None
    meant = similar(missed, names, SOMEWHAT_ALIKE)
    return f"Perhaps you meant '{meant}' instead of '{missed}'." if meant else None


def _ambiguous(origin: Relation, embed: Embed, ways: list[Relationship]) -> RestError:
    hints = ", ".join(f"'{embed.relation}!{_name(way)}'" for way in ways)
    return RestError(
        "PGRST201",
        "Could not embed because more than one relationship was found for "
        f"'{origin.name}' and '{embed.relation}'",
        details=[_described(way) for way in ways],
        hint=f"Try changing '{embed.relation}' to one of the following: {hints}. "
        "Find the desired relationship in the 'details' key.",
    )


def _name(way: Relationship) -> str:
    return way.junction.table.name if way.junction else way.constraint


def _described(way: Relationship) -> dict[str, Any]:
    return {
        "cardinality": way.cardinality,
        "embedding": f"{way.origin.name} with {way.target.name}",
        "relationship": _route(way),
    }


def _route(way: Relationship) -> str:
    junction = way.junction
    if junction is None:
        near = ", ".join(own for own, _ in way.columns)
        far = ", ".join(other for _, other in way.columns)
        return f"{way.constraint} using {way.origin.name}({near}) and {way.target.name}({far})"
    first = ", ".join(column for column, _ in junction.to_origin)
    second = ", ".join(column for column, _ in junction.to_target)
    return (
        f"{junction.table.name} using {junction.first_constraint}({first}) "
        f"and {junction.second_constraint}({second})"
    )

"""The embeds of one level, and what may be asked of them there."""

from dataclasses import dataclass

from devstack.gateway.rest.api_request.query_params import Comparison, Embed
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.items import Place, not_embedded
from devstack.gateway.rest.query.sql_fragment import Level
from devstack.gateway.rest.schema_cache.relationships import Relationship
from devstack.gateway.text import identifier


@dataclass(slots=True)
class Child:
    """An embed of a level, under the alias that its rows have there."""

    embed: Embed
    place: Place
    way: Relationship
    level: Level


def named(children: list[Child], name: str) -> Child | None:
    """Return the embed that is called so."""
    return next((child for child in children if child.embed.name == name), None)


def ordered_child(children: list[Child], name: str, level: Level) -> Level:
    """Return the to-one embed whose field is sorted by. Raises: RestError PGRST108, PGRST118."""
    child = named(children, name)
    if child is None:
        raise not_embedded(name)
    if not child.way.is_to_one:
        raise RestError(
            "PGRST118",
            f"A related order on '{name}' is not possible",
            details=f"'{level.alias}' and '{name}' do not form a many-to-one or one-to-one "
            "relationship",
        )
    return child.level


def is_of_column(test: Comparison, level: Level) -> bool:
    """Return true if a test is of the column that an embed shares its name with.

    Such is the column of a foreign key. `is.null` is of the embed all the same.
    """
    is_null_test = test.operator == "is" and test.keyword == "null"
    return not is_null_test and test.field.name in level.relation.columns


def asks_for_null(test: Comparison) -> bool:
    """Say whether a null test wants the rows without a match. Raises: RestError PGRST120."""
    if test.operator == "is" and test.keyword in ("null", "not_null"):
        return (test.keyword == "null") is not test.is_negated
    raise RestError(
        "PGRST120",
        f"Bad operator on the '{test.field.name}' embedded resource",
        details="Only is null or not is null filters are allowed on embedded resources",
    )


def is_missing(child: Child, *, is_null: bool) -> str:
    """Return the test of whether an embed has rows; it stands where its join is."""
    alias = identifier(child.level.alias)
    rows = alias if child.way.is_to_one else f"{alias}.{alias}"
    return f"{rows} is {'not ' if is_null else ''}distinct from null"

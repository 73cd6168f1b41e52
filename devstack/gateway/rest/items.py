"""The items of a select list: where its embeds stand, and what its columns are called."""

from devstack.gateway.rest.api_request.query_params import Column, Embed, Field, Item
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.query.sql_fragment import Level
from devstack.gateway.text import identifier


#: Where an embed stands: its index among the items of each level above it.
Place = tuple[int, ...]


def find_place(items: tuple[Item, ...], path: tuple[str, ...]) -> Place:
    """Find the embed that a path of names leads to. Raises: RestError PGRST108."""
    place: list[int] = []
    for name in path:
        found = _index(items, name)
        if found is None:
            raise not_embedded(name)
        place.append(found[0])
        items = found[1].items
    return tuple(place)


def not_embedded(name: str) -> RestError:
    """Return PGRST108: something is asked of an embed that is not there."""
    return RestError(
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )


def column_sql(level: Level, item: Column) -> str:
    """Return an item of a select list that is a column."""
    if item.field.name == "*":
        return _all_columns(level)
    value = level.shown(item.field)
    if item.cast:
        value = f"cast({value} as {item.cast})"
    elif value == level.column(item.field.name) and item.alias is None:
        return value
    return f"{value} as {identifier(column_name(item))}"


def _all_columns(level: Level) -> str:
    if not level.relation.has_representations:
        return f"{identifier(level.alias)}.*"
    columns = (Column(Field(name)) for name in level.relation.columns)
    return ", ".join(column_sql(level, column) for column in columns)


def column_name(item: Column) -> str:
    """Return the key of a column in the answer; a JSON path is called by its last key."""
    if item.alias:
        return item.alias
    keys = [step.key for step in item.field.path if isinstance(step.key, str)]
    return keys[-1] if keys else item.field.name


def _index(items: tuple[Item, ...], name: str) -> tuple[int, Embed] | None:
    embeds = [(index, item) for index, item in enumerate(items) if isinstance(item, Embed)]
    by_alias = [found for found in embeds if found[1].name == name]
    by_relation = [found for found in embeds if found[1].relation == name]
    return next(iter(by_alias + by_relation), None)

"""The parser of the query string: its lists, and the parameters of each embedded resource."""

import re
from dataclasses import dataclass, field

from devstack.gateway.rest.api_request.filter_parser import (
    is_filter,
    parse_filter,
    parse_logic_tree,
)
from devstack.gateway.rest.api_request.query_params import (
    ALL_COLUMNS,
    Condition,
    Item,
    OrderTerm,
    QueryParams,
    ResourceParams,
)
from devstack.gateway.rest.api_request.scanner import parse_error, parse_key
from devstack.gateway.rest.api_request.select_parser import (
    parse_columns,
    parse_order,
    parse_select,
)
from devstack.gateway.rest.errors import range_not_satisfiable


TREE_KEY = re.compile(r"(?:(?!not\.(?:and|or)$)(.+?)\.)?(not\.)?(and|or)")
NUMBER = re.compile(r"-?[0-9]{1,18}")
#: A key is no argument of a call if its last part is in RESERVED, or if it is in LISTS.
RESERVED = frozenset(("order", "limit", "offset", "and", "or"))
LISTS = frozenset(("select", "columns", "on_conflict"))

Pairs = list[tuple[str, str]]


@dataclass(slots=True)
class _Resource:
    """The parameters of one resource, root or embedded, while the query is being parsed."""

    conditions: list[Condition] = field(default_factory=list)
    order: tuple[OrderTerm, ...] = ()
    limit_slot: int | None = None
    offset_slot: int | None = None


def parse_query(pairs: Pairs) -> tuple[QueryParams, list[str]]:
    """Parse the pairs of a query string; return the parameters, and the values of their slots."""
    values: list[str] = []
    resources: dict[tuple[str, ...], _Resource] = {(): _Resource()}
    items: tuple[Item, ...] = ALL_COLUMNS
    lists: dict[str, tuple[str, ...]] = {}
    for key, value in pairs:
        if key == "select":
            items = parse_select(value)
        elif key in ("columns", "on_conflict"):
            lists[key] = parse_columns(value, key)
        else:
            _parse_pair(key, value, resources, values)
    query = QueryParams(
        items=items,
        resources=tuple(_finished(path, resource) for path, resource in resources.items()),
        columns=lists.get("columns"),
        on_conflict=lists.get("on_conflict"),
    )
    return query, values


def split_arguments(pairs: Pairs) -> tuple[Pairs, Pairs]:
    """Split the query string of a call by GET into arguments and parameters of its result."""
    arguments = [pair for pair in pairs if _is_argument(*pair)]
    return arguments, [pair for pair in pairs if not _is_argument(*pair)]


def _is_argument(key: str, value: str) -> bool:
    is_reserved = key in LISTS or key.rpartition(".")[2] in RESERVED
    return not (is_reserved or "." in key or is_filter(value))


def _finished(path: tuple[str, ...], resource: _Resource) -> ResourceParams:
    return ResourceParams(
        path, tuple(resource.conditions), resource.order, resource.limit_slot, resource.offset_slot
    )


def _parse_pair(
    key: str, value: str, resources: dict[tuple[str, ...], _Resource], values: list[str]
) -> None:
    """Parse a pair for one resource: an order, a limit, an offset, a logic tree or a filter."""
    tree = TREE_KEY.fullmatch(key)
    if tree is not None:
        resource = _resource_at(resources, tree[1])
        resource.conditions.append(
            parse_logic_tree(tree[3], value, values, is_negated=bool(tree[2]))
        )
        return
    path, _, word = key.rpartition(".")
    if word == "order":
        _resource_at(resources, path).order = parse_order(value)
    elif word == "limit":
        _resource_at(resources, path).limit_slot = _number_slot(word, value, values)
    elif word == "offset":
        _resource_at(resources, path).offset_slot = _number_slot(word, value, values)
    else:
        steps, found = parse_key(key)
        resource = resources.setdefault(steps, _Resource())
        resource.conditions.append(parse_filter(found, value, values))


def _resource_at(resources: dict[tuple[str, ...], _Resource], path: str | None) -> _Resource:
    if not path:
        return resources[()]
    steps, last = parse_key(path)
    return resources.setdefault((*steps, last.name), _Resource())


def _number_slot(word: str, value: str, values: list[str]) -> int:
    if NUMBER.fullmatch(value) is None:
        raise parse_error(word, value, 0, "no whole number", "digits")
    if value.startswith("-"):
        if word == "limit":
            raise range_not_satisfiable("Limit should be greater than or equal to zero.")
        # A negative offset skips no row.
        value = "0"
    values.append(value)
    return len(values) - 1

"""The embed planner: one `select` of a query, with a lateral join for each embed."""

from collections import defaultdict
from dataclasses import dataclass

from devstack.gateway.quoting import identifier, qualified
from devstack.gateway.rest.api_request.query_params import (
    ALL_COLUMNS,
    Column,
    Comparison,
    Condition,
    Embed,
    Item,
    OrderTerm,
    QueryParams,
    ResourceParams,
)
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.plan.resolution import find_relationship
from devstack.gateway.rest.query.sql_fragment import TableAlias, column_name, column_sql
from devstack.gateway.rest.query.statement import Parameters
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.relationships import Relationship
from devstack.gateway.rest.schema_cache.tables import Relation


#: The path to an embed: its index among the items of each embed above it.
EmbedPath = tuple[int, ...]


@dataclass(slots=True)
class _EmbedNode:
    """An embed with its path, its relationship and the alias of its rows."""

    embed: Embed
    path: EmbedPath
    relationship: Relationship
    table: TableAlias


class EmbedPlanner:
    """Writes the select of one query, from a table or from an earlier step of the statement."""

    def __init__(
        self, cache: SchemaCache, query: QueryParams, parameters: Parameters, max_rows: int | None
    ) -> None:
        self._cache = cache
        self._query = query
        self._parameters = parameters
        self._max_rows = max_rows
        self._alias_count = 0
        self._resources: dict[EmbedPath, list[ResourceParams]] = defaultdict(list)
        for resource in query.resources:
            self._resources[_find_path(query.items, resource.path)].append(resource)

    def select(self, root: TableAlias, source: str, *, is_filtered: bool = True) -> str:
        """Return the select of the response's rows.

        `is_filtered` is false for the rows that a write returns, because the write applied the
        filters.
        """
        return self._select(root, source, self._query.items, (), (), is_filtered=is_filtered)

    def count(self, root: TableAlias, source: str) -> str:
        """Return a select of one row for each row of the response without a limit."""
        conditions = self._where(
            root, (), self._nodes(root, self._query.items, ()), [], is_count=True
        )
        return f"select 1 from {source}{conditions}"  # noqa: S608 -- built of quoted names alone

    def where(self, root: TableAlias) -> str:
        """Return the `where` of a write to the root relation."""
        conditions = [
            root.condition(condition, self._parameters, lambda _: None)
            for resource in self._resources[()]
            for condition in resource.conditions
        ]
        return f" where {' and '.join(conditions)}" if conditions else ""

    def needed_columns(self, root: TableAlias) -> tuple[str, ...] | None:
        """Return the columns that the response needs of a write, or None for all of them."""
        names: dict[str, None] = {}
        for item in self._query.items:
            if isinstance(item, Column):
                if item.field.name == "*":
                    return None
                names[item.field.name] = None
                continue
            relationship = find_relationship(self._cache, root.relation, item)
            if relationship.function:
                return None
            pairs = (
                relationship.junction.to_origin if relationship.junction else relationship.columns
            )
            names |= dict.fromkeys(pair[1 if relationship.junction else 0] for pair in pairs)
        for resource in self._resources[()]:
            names |= dict.fromkeys(term.field.name for term in resource.order if not term.relation)
        return tuple(names)

    def _select(
        self,
        table: TableAlias,
        source: str,
        items: tuple[Item, ...],
        path: EmbedPath,
        joins: tuple[str, ...],
        *,
        is_filtered: bool = True,
    ) -> str:
        nodes = self._nodes(table, items, path)
        # Embeds follow the columns; an empty select means all columns.
        columns = [column_sql(table, i) for i in items or ALL_COLUMNS if isinstance(i, Column)]
        for node in nodes:
            columns += self._embedded(node)
        laterals = "".join(self._lateral(table, node) for node in nodes)
        where = self._where(table, path, nodes, list(joins), is_count=False) if is_filtered else ""
        order = table.order(self._order(path), lambda name: _order_table(nodes, name, table))
        limit = self._limit(path) if is_filtered else ""
        return f"select {', '.join(columns)} from {source}{laterals}{where}{order}{limit}"  # noqa: S608 -- built of quoted names alone

    def _nodes(
        self, table: TableAlias, items: tuple[Item, ...], path: EmbedPath
    ) -> list[_EmbedNode]:
        nodes = []
        for index, item in enumerate(items):
            if isinstance(item, Embed):
                relationship = find_relationship(self._cache, table.relation, item)
                self._alias_count += 1
                alias = f"{relationship.target.name[:40]}_{self._alias_count}"
                nodes.append(
                    _EmbedNode(
                        item, (*path, index), relationship, TableAlias(relationship.target, alias)
                    )
                )
        return nodes

    def _embedded(self, node: _EmbedNode) -> list[str]:
        """Return the columns that an embed adds to its parent."""
        alias, embed = identifier(node.table.alias), node.embed
        if embed.is_spread:
            return [f"{alias}.{name}" for name in self._spread(node)]
        if embed.is_empty:
            return []
        if node.relationship.is_to_one:
            return [f"row_to_json({alias}.*) as {identifier(embed.name)}"]
        return [f"coalesce({alias}.{alias}, '[]') as {identifier(embed.name)}"]

    def _spread(self, node: _EmbedNode) -> list[str]:
        """Return the names that the fields of a spread embed have in the parent."""
        return self._names(
            node.embed, node.relationship.target, is_listed=not node.relationship.is_to_one
        )

    def _names(self, spread: Embed, relation: Relation, *, is_listed: bool) -> list[str]:
        """Return the names of a spread embed's fields; `is_listed` expands `*` to each column."""
        names: list[str] = []
        for item in spread.items:
            if isinstance(item, Column):
                names += _column_names(item, relation, is_listed=is_listed)
        for item in spread.items:
            if isinstance(item, Column) or item.is_empty:
                continue
            if not item.is_spread:
                names.append(identifier(item.name))
                continue
            relationship = find_relationship(self._cache, relation, item)
            names += self._names(
                item, relationship.target, is_listed=is_listed or not relationship.is_to_one
            )
        return names

    def _lateral(self, table: TableAlias, node: _EmbedNode) -> str:
        source, joins = self._related(table, node)
        inner = self._select(node.table, source, node.embed.items, node.path, joins)
        alias = identifier(node.table.alias)
        kind = "inner" if node.embed.is_inner else "left"
        if node.relationship.is_to_one:
            return f" {kind} join lateral ({inner}) as {alias} on true"
        match = f"{alias}.{alias} is not null" if node.embed.is_inner else "true"
        lists = [f"json_agg({alias}) as {alias}"]
        if node.embed.is_spread:
            # Each field of a to-many spread becomes an array, in the order of the rows.
            names = self._spread(node)
            lists += [f"coalesce(json_agg({alias}.{name}), '[]') as {name}" for name in names]
        return (
            f" {kind} join lateral (select {', '.join(lists)} "  # noqa: S608 -- built of quoted names alone
            f"from ({inner}) as {alias}) as {alias} on {match}"
        )

    def _related(self, table: TableAlias, node: _EmbedNode) -> tuple[str, tuple[str, ...]]:
        """Return the `from` item of an embed, and the conditions that join it to its parent."""
        relationship, alias = node.relationship, identifier(node.table.alias)
        if relationship.function:
            origin = f"{identifier(table.alias)}::{_table(relationship.origin)}"
            return f"{relationship.function}({origin}) as {alias}", ()
        source = f"{_table(relationship.target)} as {alias}"
        junction = relationship.junction
        if junction is None:
            pairs = [
                (table.column(own), node.table.column(other)) for own, other in relationship.columns
            ]
            return source, tuple(f"{far} = {near}" for near, far in pairs)
        middle = TableAlias(junction.table, f"{node.table.alias}_over")
        joins = [f"{middle.column(own)} = {table.column(far)}" for own, far in junction.to_origin]
        joins += [
            f"{middle.column(own)} = {node.table.column(far)}" for own, far in junction.to_target
        ]
        between = f"{_table(junction.table)} as {identifier(middle.alias)}"
        return f"{source}, {between}", tuple(joins)

    def _where(
        self,
        table: TableAlias,
        path: EmbedPath,
        nodes: list[_EmbedNode],
        conditions: list[str],
        *,
        is_count: bool,
    ) -> str:
        def null_filter(comparison: Comparison) -> str | None:
            node = _node_named(nodes, comparison.field.name) if not comparison.field.path else None
            if node is None or _is_on_column(comparison, table):
                return None
            is_null = _keeps_nulls(comparison)
            if is_count:
                return f"{'not ' if is_null else ''}{self._exists(table, node)}"
            return _null_condition(node, is_null=is_null)

        conditions += [
            table.condition(condition, self._parameters, null_filter)
            for condition in self._conditions(path)
        ]
        if is_count:
            conditions += [self._exists(table, c) for c in nodes if c.embed.is_inner]
        return f" where {' and '.join(conditions)}" if conditions else ""

    def _exists(self, table: TableAlias, node: _EmbedNode) -> str:
        source, joins = self._related(table, node)
        below = self._nodes(node.table, node.embed.items, node.path)
        where = self._where(node.table, node.path, below, list(joins), is_count=True)
        return f"exists (select 1 from {source}{where})"  # noqa: S608 -- built of quoted names alone

    def _conditions(self, path: EmbedPath) -> list[Condition]:
        return [c for resource in self._resources.get(path, ()) for c in resource.conditions]

    def _order(self, path: EmbedPath) -> tuple[OrderTerm, ...]:
        return tuple(t for resource in self._resources.get(path, ()) for t in resource.order)

    def _limit(self, path: EmbedPath) -> str:
        max_rows = self._max_rows
        limit, offset = "" if max_rows is None else f" limit {max_rows}", ""
        for resource in self._resources.get(path, ()):
            if resource.limit_slot is not None:
                given = f"{self._parameters.placeholder(resource.limit_slot)}::bigint"
                limit = f" limit {given if max_rows is None else f'least({given}, {max_rows})'}"
            if resource.offset_slot is not None:
                offset = f" offset {self._parameters.placeholder(resource.offset_slot)}::bigint"
        return limit + offset


def root_table(relation: Relation) -> tuple[TableAlias, str]:
    """Return the alias of the root relation, and its `from` item."""
    return TableAlias(relation, relation.name), f"{_table(relation)} as {identifier(relation.name)}"


def _column_names(item: Column, relation: Relation, *, is_listed: bool) -> list[str]:
    if item.field.name != "*":
        return [identifier(column_name(item))]
    return list(map(identifier, relation.columns)) if is_listed else ["*"]


def _table(relation: Relation) -> str:
    return qualified(relation.schema, relation.name)


def _find_path(items: tuple[Item, ...], names: tuple[str, ...]) -> EmbedPath:
    """Return the path of the embed under these names. Raises: RestError PGRST108."""
    path: list[int] = []
    for name in names:
        found = _find_embed(items, name)
        if found is None:
            raise _not_embedded(name)
        path.append(found[0])
        items = found[1].items
    return tuple(path)


def _find_embed(items: tuple[Item, ...], name: str) -> tuple[int, Embed] | None:
    embeds = [(index, item) for index, item in enumerate(items) if isinstance(item, Embed)]
    by_alias = [found for found in embeds if found[1].name == name]
    by_relation = [found for found in embeds if found[1].relation == name]
    return next(iter(by_alias + by_relation), None)


def _not_embedded(name: str) -> RestError:
    """Return PGRST108: a parameter names an embed that the select does not have."""
    return RestError(
        "PGRST108",
        f"'{name}' is not an embedded resource in this request",
        hint=f"Verify that '{name}' is included in the 'select' query parameter.",
    )


def _node_named(nodes: list[_EmbedNode], name: str) -> _EmbedNode | None:
    """Return the embed of this name."""
    return next((node for node in nodes if node.embed.name == name), None)


def _order_table(nodes: list[_EmbedNode], name: str, table: TableAlias) -> TableAlias:
    """Return the alias of a to-one embed to sort by. Raises: RestError PGRST108, PGRST118."""
    node = _node_named(nodes, name)
    if node is None:
        raise _not_embedded(name)
    if not node.relationship.is_to_one:
        raise RestError(
            "PGRST118",
            f"A related order on '{name}' is not possible",
            details=f"'{table.alias}' and '{name}' do not form a many-to-one or one-to-one "
            "relationship",
        )
    return node.table


def _is_on_column(comparison: Comparison, table: TableAlias) -> bool:
    """Return true if a filter is on the column that an embed shares its name with.

    A foreign key's column is such a column. `is.null` filters the embed all the same.
    """
    is_null_filter = comparison.operator == "is" and comparison.keyword == "null"
    return not is_null_filter and comparison.field.name in table.relation.columns


def _keeps_nulls(comparison: Comparison) -> bool:
    """Return true if a null filter keeps the rows without a match. Raises: RestError PGRST120."""
    if comparison.operator == "is" and comparison.keyword in ("null", "not_null"):
        return (comparison.keyword == "null") is not comparison.is_negated
    raise RestError(
        "PGRST120",
        f"Bad operator on the '{comparison.field.name}' embedded resource",
        details="Only is null or not is null filters are allowed on embedded resources",
    )


def _null_condition(node: _EmbedNode, *, is_null: bool) -> str:
    """Return the condition that the join of an embed found rows, or none if `is_null`."""
    alias = identifier(node.table.alias)
    rows = alias if node.relationship.is_to_one else f"{alias}.{alias}"
    return f"{rows} is {'not ' if is_null else ''}distinct from null"

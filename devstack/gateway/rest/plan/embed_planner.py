"""Plans reads: a query and what the schema cache knows become one `select`, embeds within it."""

from collections import defaultdict

from devstack.gateway.rest.api_request.query_params import (
    EVERYTHING,
    Column,
    Comparison,
    Condition,
    Embed,
    Item,
    OrderTerm,
    QueryParams,
    ResourceParams,
)
from devstack.gateway.rest.children import (
    Child,
    asks_for_null,
    is_missing,
    is_of_column,
    named,
    ordered_child,
)
from devstack.gateway.rest.items import Place, column_name, column_sql, find_place
from devstack.gateway.rest.plan.relationship_resolution import find_relationship
from devstack.gateway.rest.query.sql_fragment import Level
from devstack.gateway.rest.query.statement import Parameters
from devstack.gateway.rest.schema_cache.cache import SchemaCache
from devstack.gateway.rest.schema_cache.tables import Relation
from devstack.gateway.text import identifier, qualified


class Reader:
    """Writes the select of one query. What it reads from may be a table or an earlier step."""

    def __init__(
        self, cache: SchemaCache, query: QueryParams, parameters: Parameters, max_rows: int | None
    ) -> None:
        self._cache = cache
        self._query = query
        self._parameters = parameters
        self._max_rows = max_rows
        self._alias_count = 0
        self._narrowings: dict[Place, list[ResourceParams]] = defaultdict(list)
        for narrowing in query.resources:
            self._narrowings[find_place(query.items, narrowing.path)].append(narrowing)

    def select(self, root: Level, source: str, *, is_narrowed: bool = True) -> str:
        """Return the select of the answer's rows.

        `is_narrowed` is off for what a write returns: its conditions were the write's own.
        """
        return self._select(root, source, self._query.items, (), (), is_narrowed=is_narrowed)

    def count(self, root: Level, source: str) -> str:
        """Return a select of one row for each row that the answer would have without a limit."""
        conditions = self._where(
            root, (), self._children(root, self._query.items, ()), [], is_count=True
        )
        return f"select 1 from {source}{conditions}"  # noqa: S608 -- built of quoted names alone

    def where(self, root: Level) -> str:
        """Return the `where` of a write on the root's own relation."""
        conditions = [
            root.condition(condition, self._parameters, self._no_embed)
            for narrowing in self._narrowings[()]
            for condition in narrowing.conditions
        ]
        return f" where {' and '.join(conditions)}" if conditions else ""

    def needed_columns(self, root: Level) -> tuple[str, ...] | None:
        """Return the columns that a write has to return, or None for all of them."""
        names: dict[str, None] = {}
        for item in self._query.items:
            if isinstance(item, Column):
                if item.field.name == "*":
                    return None
                names[item.field.name] = None
                continue
            way = find_relationship(self._cache, root.relation, item)
            if way.function:
                return None
            pairs = way.junction.to_origin if way.junction else way.columns
            names |= dict.fromkeys(pair[1 if way.junction else 0] for pair in pairs)
        for narrowing in self._narrowings[()]:
            names |= dict.fromkeys(term.field.name for term in narrowing.order if not term.relation)
        return tuple(names)

    def _no_embed(self, _test: Comparison) -> None:
        return None

    def _select(
        self,
        level: Level,
        source: str,
        items: tuple[Item, ...],
        place: Place,
        joins: tuple[str, ...],
        *,
        is_narrowed: bool = True,
    ) -> str:
        children = self._children(level, items, place)
        # Embeds follow the columns, and a select of nothing is one of everything.
        columns = [column_sql(level, i) for i in items or EVERYTHING if isinstance(i, Column)]
        for child in children:
            columns += self._embedded(child)
        laterals = "".join(self._lateral(level, child) for child in children)
        where = (
            self._where(level, place, children, list(joins), is_count=False) if is_narrowed else ""
        )
        order = level.order(self._order(place), lambda name: ordered_child(children, name, level))
        limit = self._limit(place) if is_narrowed else ""
        return f"select {', '.join(columns)} from {source}{laterals}{where}{order}{limit}"  # noqa: S608 -- built of quoted names alone

    def _children(self, level: Level, items: tuple[Item, ...], place: Place) -> list[Child]:
        children = []
        for index, item in enumerate(items):
            if isinstance(item, Embed):
                way = find_relationship(self._cache, level.relation, item)
                self._alias_count += 1
                alias = f"{way.target.name[:40]}_{self._alias_count}"
                children.append(Child(item, (*place, index), way, Level(way.target, alias)))
        return children

    def _embedded(self, child: Child) -> list[str]:
        """Return what an embed adds to the columns of the level above it."""
        alias, embed = identifier(child.level.alias), child.embed
        if embed.is_spread:
            return [f"{alias}.{name}" for name in self._spread(child)]
        if embed.is_empty:
            return []
        if child.way.is_to_one:
            return [f"row_to_json({alias}.*) as {identifier(embed.name)}"]
        return [f"coalesce({alias}.{alias}, '[]') as {identifier(embed.name)}"]

    def _spread(self, child: Child) -> list[str]:
        """Return the names, in the row above, of the fields of a spread embed."""
        return self._names(child.embed, child.way.target, is_listed=not child.way.is_to_one)

    def _names(self, spread: Embed, relation: Relation, *, is_listed: bool) -> list[str]:
        """Return the names of a spread embed's fields; `is_listed` names each column of a `*`."""
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
            way = find_relationship(self._cache, relation, item)
            names += self._names(item, way.target, is_listed=is_listed or not way.is_to_one)
        return names

    def _lateral(self, level: Level, child: Child) -> str:
        source, joins = self._related(level, child)
        inner = self._select(child.level, source, child.embed.items, child.place, joins)
        alias = identifier(child.level.alias)
        kind = "inner" if child.embed.is_inner else "left"
        if child.way.is_to_one:
            return f" {kind} join lateral ({inner}) as {alias} on true"
        match = f"{alias}.{alias} is not null" if child.embed.is_inner else "true"
        lists = [f"json_agg({alias}) as {alias}"]
        if child.embed.is_spread:
            # Each field of the many rows becomes an array, in the order of the rows.
            names = self._spread(child)
            lists += [f"coalesce(json_agg({alias}.{name}), '[]') as {name}" for name in names]
        return (
            f" {kind} join lateral (select {', '.join(lists)} "  # noqa: S608 -- built of quoted names alone
            f"from ({inner}) as {alias}) as {alias} on {match}"
        )

    def _related(self, level: Level, child: Child) -> tuple[str, tuple[str, ...]]:
        """Return where an embed's rows come from, and what ties them to the row above."""
        way, alias = child.way, identifier(child.level.alias)
        if way.function:
            origin = f"{identifier(level.alias)}::{_table(way.origin)}"
            return f"{way.function}({origin}) as {alias}", ()
        source = f"{_table(way.target)} as {alias}"
        junction = way.junction
        if junction is None:
            pairs = [(level.column(own), child.level.column(other)) for own, other in way.columns]
            return source, tuple(f"{far} = {near}" for near, far in pairs)
        middle = Level(junction.table, f"{child.level.alias}_over")
        joins = [f"{middle.column(own)} = {level.column(far)}" for own, far in junction.to_origin]
        joins += [
            f"{middle.column(own)} = {child.level.column(far)}" for own, far in junction.to_target
        ]
        between = f"{_table(junction.table)} as {identifier(middle.alias)}"
        return f"{source}, {between}", tuple(joins)

    def _where(
        self,
        level: Level,
        place: Place,
        children: list[Child],
        conditions: list[str],
        *,
        is_count: bool,
    ) -> str:
        def null_test(test: Comparison) -> str | None:
            child = named(children, test.field.name) if not test.field.path else None
            if child is None or is_of_column(test, level):
                return None
            is_null = asks_for_null(test)
            if is_count:
                return f"{'not ' if is_null else ''}{self._exists(level, child)}"
            return is_missing(child, is_null=is_null)

        conditions += [
            level.condition(condition, self._parameters, null_test)
            for condition in self._conditions(place)
        ]
        if is_count:
            conditions += [self._exists(level, c) for c in children if c.embed.is_inner]
        return f" where {' and '.join(conditions)}" if conditions else ""

    def _exists(self, level: Level, child: Child) -> str:
        source, joins = self._related(level, child)
        below = self._children(child.level, child.embed.items, child.place)
        where = self._where(child.level, child.place, below, list(joins), is_count=True)
        return f"exists (select 1 from {source}{where})"  # noqa: S608 -- built of quoted names alone

    def _conditions(self, place: Place) -> list[Condition]:
        return [c for narrowing in self._narrowings.get(place, ()) for c in narrowing.conditions]

    def _order(self, place: Place) -> tuple[OrderTerm, ...]:
        return tuple(t for narrowing in self._narrowings.get(place, ()) for t in narrowing.order)

    def _limit(self, place: Place) -> str:
        most = self._max_rows
        limit, offset = f" limit {most}" if most is not None else "", ""
        for narrowing in self._narrowings.get(place, ()):
            if narrowing.limit_slot is not None:
                asked = f"{self._parameters.place(narrowing.limit_slot)}::bigint"
                limit = f" limit {asked if most is None else f'least({asked}, {most})'}"
            if narrowing.offset_slot is not None:
                offset = f" offset {self._parameters.place(narrowing.offset_slot)}::bigint"
        return limit + offset


def table_level(relation: Relation) -> tuple[Level, str]:
    """Return a relation as the root of a read, and its `from` item."""
    return Level(relation, relation.name), f"{_table(relation)} as {identifier(relation.name)}"


def _column_names(item: Column, relation: Relation, *, is_listed: bool) -> list[str]:
    if item.field.name != "*":
        return [identifier(column_name(item))]
    return list(map(identifier, relation.columns)) if is_listed else ["*"]


def _table(relation: Relation) -> str:
    return qualified(relation.schema, relation.name)

"""Ways between relations: from foreign keys, through the columns of views, over junctions."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

from devstack.gateway.rest.schema_cache.cache import Junction, Relation, Relationship


Pairs = tuple[tuple[str, str], ...]
Ways = dict[tuple[str, str], list[Relationship]]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key, by the ids of its tables; `is_unique` when its columns are a unique key.

    A constraint makes it so. An index does not, for PostgREST: with one the other end stays an
    array.
    """

    name: str
    table: int
    target: int
    columns: list[list[str]]
    is_unique: bool


@dataclass(frozen=True, slots=True)
class ViewColumn:
    """A column of a view, and the column of the relation below that it is."""

    view: int
    name: str
    source: int
    source_name: str


@dataclass(frozen=True, slots=True)
class _Face:
    """A relation that shows a table's columns: the table itself, or a view with its names.

    A view may show a column more than once.
    """

    relation: Relation
    names: Mapping[str, Sequence[str]]

    def shown(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Return the ways to name these columns here; none if one of them is not shown."""
        return product(*(self.names.get(column, ()) for column in columns))


def with_view_keys(
    relations: Mapping[int, Relation], view_columns: Sequence[ViewColumn]
) -> dict[int, Relation]:
    """Give each view the primary keys of the tables whose whole keys it shows, one after another.

    Of a column that it shows more than once, the first counts.
    """
    keyed = dict(relations)
    for oid, relation in relations.items():
        if not relation.is_view:
            continue
        sources = _sources(oid, view_columns)
        # The order of `relations`, which is that of their names.
        keys = [(sources[s], relations[s].primary_key) for s in relations if s in sources]
        shown = tuple(
            names[column][0]
            for names, key in keys
            if all(column in names for column in key)
            for column in key
        )
        keyed[oid] = replace(relation, primary_key=shown)
    return keyed


def relationships(
    exposed: Mapping[int, Relation], keys: Sequence[ForeignKey], view_columns: Sequence[ViewColumn]
) -> Ways:
    """Return all ways that start at an exposed relation and end at one, by where they start."""
    faces = _faces(exposed, view_columns)
    ways: Ways = defaultdict(list)
    for key in keys:
        for way in _direct(key, faces):
            ways[way.origin.schema, way.origin.name].append(way)
            back = _reverse(way)
            ways[back.origin.schema, back.origin.name].append(back)
    for relation in exposed.values():
        for way in _over(relation, ways.get((relation.schema, relation.name), [])):
            ways[way.origin.schema, way.origin.name].append(way)
    return ways


def _sources(view: int, view_columns: Sequence[ViewColumn]) -> dict[int, dict[str, list[str]]]:
    """Return, for each table below a view, how the view calls the table's columns."""
    by_view: dict[int, list[ViewColumn]] = defaultdict(list)
    for column in view_columns:
        by_view[column.view].append(column)
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for column in by_view[view]:
        source, name = column.source, column.source_name
        # A view may stand on another view; no view stands on itself, so this ends.
        while source in by_view:
            below = next((c for c in by_view[source] if c.name == name), None)
            if below is None:
                break
            source, name = below.source, below.source_name
        found[source][name].append(column.name)
    return found


def _faces(
    exposed: Mapping[int, Relation], view_columns: Sequence[ViewColumn]
) -> dict[int, list[_Face]]:
    faces: dict[int, list[_Face]] = defaultdict(list)
    for oid, relation in exposed.items():
        if not relation.is_view:
            faces[oid].append(_Face(relation, {name: [name] for name in relation.columns}))
            continue
        for source, names in _sources(oid, view_columns).items():
            faces[source].append(_Face(relation, names))
    return faces


def _direct(key: ForeignKey, faces: Mapping[int, list[_Face]]) -> Iterator[Relationship]:
    own, other = ([pair[side] for pair in key.columns] for side in (0, 1))
    for near, far in product(faces.get(key.table, []), faces.get(key.target, [])):
        for columns in product(near.shown(own), far.shown(other)):
            yield Relationship(
                origin=near.relation,
                target=far.relation,
                cardinality="one-to-one" if key.is_unique else "many-to-one",
                constraint=key.name,
                columns=tuple(zip(*columns, strict=True)),
            )


def _reverse(way: Relationship) -> Relationship:
    return replace(
        way,
        origin=way.target,
        target=way.origin,
        cardinality="one-to-one" if way.cardinality == "one-to-one" else "one-to-many",
        columns=tuple((other, own) for own, other in way.columns),
        is_reverse=True,
    )


def _over(table: Relation, ways: Sequence[Relationship]) -> Iterator[Relationship]:
    """Return the ways over a table whose primary key holds two of its foreign keys."""
    own = [
        way
        for way in ways
        if way.cardinality == "many-to-one"
        and {column for column, _ in way.columns} <= set(table.primary_key)
    ]
    for first, second in permutations(own, 2):
        if first.constraint == second.constraint:
            # One key, to a table and to a view of it.
            continue
        yield Relationship(
            origin=first.target,
            target=second.target,
            cardinality="many-to-many",
            constraint=first.constraint,
            junction=Junction(
                table=table,
                first_constraint=first.constraint,
                second_constraint=second.constraint,
                to_origin=first.columns,
                to_target=second.columns,
            ),
        )

"""The relationships between relations: foreign keys, also of views; junctions; computed ones."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import permutations, product

from devstack.gateway.quoting import qualified
from devstack.gateway.rest.schema_cache.functions import Function
from devstack.gateway.rest.schema_cache.tables import Name, Relation
from devstack.gateway.rest.schema_cache.views import ViewColumn, source_names


#: A partition repeats the keys of its parent, so only the parent's are read.
FOREIGN_KEYS = """
  select
    k.conname, k.conrelid::int8, k.confrelid::int8,
    (
      select json_agg(json_build_array(a.attname, b.attname) order by key.position)
      from unnest(k.conkey, k.confkey) with ordinality as key (own, other, position)
      join pg_attribute as a on a.attrelid = k.conrelid and a.attnum = key.own
      join pg_attribute as b on b.attrelid = k.confrelid and b.attnum = key.other
    ),
    exists (
      select from pg_constraint as u
      where u.conrelid = k.conrelid and u.contype in ('p', 'u')
        and u.conkey @> k.conkey and u.conkey <@ k.conkey
    )
  from pg_constraint as k
  where k.contype = 'f' and k.conparentid = 0
  order by k.conrelid, k.conname
"""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relationship:
    """A relationship from the relation `origin` to the relation `target`."""

    origin: Relation
    target: Relation
    #: many-to-one, one-to-one, one-to-many or many-to-many.
    cardinality: str
    constraint: str
    #: Pairs of a column of the origin and one of the target; none when there is a junction.
    columns: tuple[tuple[str, str], ...] = ()
    junction: "Junction | None" = None
    #: The function that computes the target's rows from a row of the origin, qualified and quoted.
    function: str | None = None

    @property
    def is_to_one(self) -> bool:
        """Return true if the embed is an object and not an array."""
        return self.cardinality in ("many-to-one", "one-to-one")

    @property
    def is_self(self) -> bool:
        """Return true if both ends are the same relation."""
        return self.origin is self.target


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Junction:
    """The table in the middle of a many-to-many relationship."""

    table: Relation
    first_constraint: str
    second_constraint: str
    #: Pairs of a column of the junction and one of the relation that it references.
    to_origin: tuple[tuple[str, str], ...]
    to_target: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """A foreign key, by the oids of its tables; `is_unique` if a unique constraint has its columns.

    PostgREST ignores a unique index without a constraint: the embed stays an array.
    """

    name: str
    table: int
    target: int
    columns: list[list[str]]
    is_unique: bool


@dataclass(frozen=True, slots=True)
class _Projection:
    """A relation that shows a table's columns: the table itself, or a view with its names.

    A view may show a column more than once.
    """

    relation: Relation
    names: Mapping[str, Sequence[str]]

    def names_of(self, columns: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Return all lists of names for these columns; none if the relation lacks one of them."""
        return product(*(self.names.get(column, ()) for column in columns))


def relationships(
    exposed: Mapping[int, Relation],
    keys: Sequence[ForeignKey],
    view_columns: Sequence[ViewColumn],
    functions: Iterable[Function],
) -> dict[Name, tuple[Relationship, ...]]:
    """Return all relationships between exposed relations, by the name of their origin."""
    projections = _projections(exposed, view_columns)
    found: dict[Name, list[Relationship]] = defaultdict(list)
    for key in keys:
        for relationship in _from_foreign_key(key, projections):
            for one in (relationship, _reversed(relationship)):
                found[_name(one.origin)].append(one)
    for relation in exposed.values():
        for relationship in _many_to_many(relation, found.get(_name(relation), [])):
            found[_name(relationship.origin)].append(relationship)
    for relationship in _computed(functions, {_name(one): one for one in exposed.values()}):
        found[_name(relationship.origin)].append(relationship)
    return {name: tuple(listed) for name, listed in found.items()}


def _projections(
    exposed: Mapping[int, Relation], view_columns: Sequence[ViewColumn]
) -> dict[int, list[_Projection]]:
    projections: dict[int, list[_Projection]] = defaultdict(list)
    for oid, relation in exposed.items():
        if not relation.is_view:
            projections[oid].append(
                _Projection(relation, {name: [name] for name in relation.columns})
            )
            continue
        for source, names in source_names(oid, view_columns).items():
            projections[source].append(_Projection(relation, names))
    return projections


def _from_foreign_key(
    key: ForeignKey, projections: Mapping[int, list[_Projection]]
) -> Iterator[Relationship]:
    own, other = ([pair[side] for pair in key.columns] for side in (0, 1))
    for near, far in product(projections.get(key.table, []), projections.get(key.target, [])):
        for columns in product(near.names_of(own), far.names_of(other)):
            yield Relationship(
                origin=near.relation,
                target=far.relation,
                cardinality="one-to-one" if key.is_unique else "many-to-one",
                constraint=key.name,
                columns=tuple(zip(*columns, strict=True)),
            )


def _reversed(relationship: Relationship) -> Relationship:
    return replace(
        relationship,
        origin=relationship.target,
        target=relationship.origin,
        cardinality="one-to-one" if relationship.cardinality == "one-to-one" else "one-to-many",
        columns=tuple((other, own) for own, other in relationship.columns),
    )


def _many_to_many(table: Relation, relationships: Sequence[Relationship]) -> Iterator[Relationship]:
    """Return the relationships over a table whose primary key holds two of its foreign keys."""
    own = [
        relationship
        for relationship in relationships
        if relationship.cardinality == "many-to-one"
        and {column for column, _ in relationship.columns} <= set(table.primary_key)
    ]
    for first, second in permutations(own, 2):
        if first.constraint == second.constraint:
            # Both are the same key, to a table and to a view of it.
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


def _computed(
    functions: Iterable[Function], relations: Mapping[Name | None, Relation]
) -> Iterator[Relationship]:
    """Return the functions that take a row of one relation and return rows of another."""
    for function in functions:
        origin, target = relations.get(function.row_argument), relations.get(function.returns)
        if origin is None or target is None:
            continue
        is_to_many = function.is_set and function.row_estimate != 1
        yield Relationship(
            origin=origin,
            target=target,
            cardinality="one-to-many" if is_to_many else "many-to-one",
            constraint=function.name,
            function=qualified(function.schema, function.name),
        )


def _name(relation: Relation) -> Name:
    return relation.schema, relation.name

"""The configuration, and the exposed schemas: relations, their keys, functions, role settings.

It is read once, and again when somebody says `notify pgrst, 'reload schema'`; a request looks
nothing up in the catalogue.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from devstack.gateway.rest.configuration import Configuration
from devstack.gateway.rest.query.statement import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnInfo:
    """A column; `default` is the SQL that fills it when it is left out."""

    name: str
    type: str
    #: The type below all domains, if the type is one.
    base_type: str
    default: str | None
    #: Functions that give a domain another form: in answers, in bodies and in filters.
    to_json: str | None = None
    from_json: str | None = None
    from_text: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relation:
    """A table or a view that may be asked for."""

    schema: str
    name: str
    is_view: bool
    columns: Mapping[str, ColumnInfo]
    primary_key: tuple[str, ...]

    @property
    def has_json_forms(self) -> bool:
        """Return true if the answer has another form of some column."""
        return any(column.to_json for column in self.columns.values())


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Junction:
    """The table in the middle of a many-to-many relationship."""

    table: Relation
    first_constraint: str
    second_constraint: str
    #: Pairs of a column of the junction and one of the relation that it points to.
    to_origin: tuple[tuple[str, str], ...]
    to_target: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Relationship:
    """A way from one relation to another, seen from `origin`."""

    origin: Relation
    target: Relation
    #: many-to-one, one-to-one, one-to-many or many-to-many.
    cardinality: str
    constraint: str
    #: Pairs of a column of the origin and one of the target; none when there is a junction.
    columns: tuple[tuple[str, str], ...] = ()
    #: The foreign key is the target's, and points here.
    is_reverse: bool = False
    junction: Junction | None = None
    #: The function that computes the target's rows of one row of the origin, qualified and quoted.
    function: str | None = None

    @property
    def is_to_one(self) -> bool:
        """Say whether the embed is an object and not an array."""
        return self.cardinality in ("many-to-one", "one-to-one")

    @property
    def is_self(self) -> bool:
        """Say whether both ends are the same relation."""
        return self.origin is self.target


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """An argument that a function takes; without a name only the request's body can fill it."""

    name: str
    type: str
    #: The type that a value is read as: a plain character or bit would be cut to length 1.
    read_type: str
    is_required: bool
    is_variadic: bool


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Function:
    """A function that may be called; `kind` is void, scalar or composite."""

    schema: str
    name: str
    parameters: tuple[Parameter, ...]
    kind: str
    is_set: bool
    #: The relation whose rows it returns, by schema and name.
    returns: tuple[str, str] | None
    is_read_only: bool
    #: Its own SET clauses that hold for the whole call, such as statement_timeout.
    settings: tuple[tuple[str, str], ...]

    @property
    def signature(self) -> str:
        """Return the function as an error names it."""
        arguments = ", ".join(f"{item.name} => {item.type}" for item in self.parameters)
        return f"{self.schema}.{self.name}({arguments})"


@dataclass(frozen=True, kw_only=True, eq=False)
class SchemaCache:
    """One state of the database's schema. A new state is a new object, with new plans."""

    configuration: Configuration
    relations: Mapping[tuple[str, str], Relation]
    relationships: Mapping[tuple[str, str], tuple[Relationship, ...]]
    functions: Mapping[tuple[str, str], tuple[Function, ...]]
    role_settings: Mapping[str, tuple[tuple[str, str], ...]]
    #: Statements made from this state, by the shape of their request.
    plans: dict[object, Plan] = field(default_factory=dict)

    def names_in(self, schema: str) -> list[str]:
        """Return the relations of a schema."""
        return [name for owner, name in self.relations if owner == schema]

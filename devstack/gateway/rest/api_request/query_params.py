"""The query parameters of a request, as plain values free of SQL.

They are hashable and contain no value that a client compares with, only slots: indexes into a
separate list of values. So one plan serves every request of one shape.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class JsonStep:
    """One arrow of a JSON path; `is_text` means `->>`, which returns text."""

    key: str | int
    is_text: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or the part of it under a JSON path."""

    name: str
    path: tuple[JsonStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A selected field; the name `*` stands for all columns."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Embed:
    """The related rows of each row; `is_spread` merges their fields into the row."""

    relation: str
    alias: str | None = None
    hint: str | None = None
    is_inner: bool = False
    is_spread: bool = False
    items: "tuple[Column | Embed, ...]" = ()

    @property
    def name(self) -> str:
        """Return the embed's key in the response and in filters."""
        return self.alias or self.relation

    @property
    def is_empty(self) -> bool:
        """Return true if it selects nothing at any depth, so the response has no key for it."""
        return all(isinstance(item, Embed) and item.is_empty for item in self.items)


Item = Column | Embed


@dataclass(frozen=True, slots=True)
class Comparison:
    """One filter on a field: `operator` is PostgREST's name, `keyword` follows `is`."""

    field: Field
    operator: str
    is_negated: bool = False
    quantifier: str | None = None
    language: str | None = None
    keyword: str | None = None
    slot: int = -1


@dataclass(frozen=True, slots=True)
class LogicTree:
    """Conditions joined by `and` or by `or`."""

    operator: str
    members: "tuple[Comparison | LogicTree, ...]"
    is_negated: bool = False


Condition = Comparison | LogicTree


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """A sort key; `relation` names the to-one embed that has the field."""

    field: Field
    is_descending: bool = False
    nulls: str | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class ResourceParams:
    """The filters, order, limit and offset of the embedded resource at `path`."""

    path: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit_slot: int | None = None
    offset_slot: int | None = None


@dataclass(frozen=True, slots=True)
class QueryParams:
    """A whole query string without its values; the first resource is the request's own."""

    items: tuple[Item, ...]
    resources: tuple[ResourceParams, ...]
    #: `columns=` and `on_conflict=` of a write.
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None

    @property
    def root(self) -> ResourceParams:
        """Return the parameters of the request's own resource."""
        return self.resources[0]


ALL_COLUMNS: tuple[Item, ...] = (Column(Field("*")),)

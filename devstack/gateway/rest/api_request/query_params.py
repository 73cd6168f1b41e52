"""What a request asks for, as plain values that say nothing of SQL.

They are hashable, and the values that a client compares with or writes are not in them: a slot is
an index into the list that travels beside them. So one plan serves every request of one shape.
"""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class JsonStep:
    """One arrow of a JSON path; `is_text` is the arrow that ends as text."""

    key: str | int
    is_text: bool


@dataclass(frozen=True, slots=True)
class Field:
    """A column, or what lies in it under a JSON path."""

    name: str
    path: tuple[JsonStep, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A field of the answer; the name `*` stands for all columns."""

    field: Field
    alias: str | None = None
    cast: str | None = None


@dataclass(frozen=True, slots=True)
class Embed:
    """Another relation's rows within each row; `is_spread` puts their fields beside the row's."""

    relation: str
    alias: str | None = None
    hint: str | None = None
    is_inner: bool = False
    is_spread: bool = False
    items: "tuple[Column | Embed, ...]" = ()

    @property
    def name(self) -> str:
        """Return the key under which the embed is found in the answer and in filters."""
        return self.alias or self.relation

    @property
    def is_empty(self) -> bool:
        """Return true if the answer has no key for it: it selects nothing, at no depth."""
        return all(isinstance(item, Embed) and item.is_empty for item in self.items)


Item = Column | Embed


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison: `operator` is the client's word for it, `keyword` what follows an `is`."""

    field: Field
    operator: str
    is_negated: bool = False
    quantifier: str | None = None
    language: str | None = None
    keyword: str | None = None
    slot: int = -1


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by `and` or by `or`."""

    word: str
    members: "tuple[Comparison | Group, ...]"
    is_negated: bool = False


Condition = Comparison | Group


@dataclass(frozen=True, slots=True)
class OrderTerm:
    """What to sort by; `relation` names the to-one embed whose field it is."""

    field: Field
    is_descending: bool = False
    nulls: str | None = None
    relation: str | None = None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Which rows of the relation at `path` are wanted, in which order and how many."""

    path: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    order: tuple[OrderTerm, ...] = ()
    limit_slot: int | None = None
    offset_slot: int | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """A whole query string but for its values: the first narrowing is the root's own."""

    items: tuple[Item, ...]
    narrowings: tuple[Narrowing, ...]
    #: `columns=` and `on_conflict=` of a write.
    columns: tuple[str, ...] | None = None
    on_conflict: tuple[str, ...] | None = None

    @property
    def root(self) -> Narrowing:
        """Return what holds for the relation of the path itself."""
        return self.narrowings[0]


class Media(StrEnum):
    """The forms of an answer."""

    JSON = "application/json"
    OBJECT = "application/vnd.pgrst.object+json"
    CSV = "text/csv"


EVERYTHING: tuple[Item, ...] = (Column(Field("*")),)

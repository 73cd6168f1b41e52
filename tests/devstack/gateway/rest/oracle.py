"""Evaluate PostgREST's filters, orders and pages in plain Python and three-valued logic.

https://docs.postgrest.org/en/stable/references/api/tables_views.html
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


Row = dict[str, Any]
#: Python's None stands for SQL's unknown.
Truth = bool | None

ARRAYS = ("cs", "cd", "ov", "eq(any)")
BRACE = re.compile(r"[{}]")
RESERVED = re.compile(r'[,.:()"\\{}\s*]|^$')


@dataclass(frozen=True)
class Comparison:
    """A comparison: Python compares with `value`, and the request sends `text`."""

    field: str
    operator: str
    value: Any
    text: str
    is_negated: bool = False

    def sent(self) -> tuple[str, str]:
        """Return the comparison as a pair of a query string."""
        return self.field, self._operator() + self.text

    def sent_in_tree(self) -> str:
        """Return the comparison as a member of a tree, with quotes around special characters."""
        text = self.text
        if self.operator in ARRAYS:
            # An array ends at its brace, so quotes protect a value that holds another brace.
            must_quote = BRACE.search(text[1:-1]) is not None
        else:
            must_quote = self.operator not in ("in", "is") and RESERVED.search(text) is not None
        if must_quote:
            text = quoted(text)
        return f"{self.field}.{self._operator()}{text}"

    def holds(self, row: Row) -> Truth:
        """Return true if the comparison holds for a row, None if that is unknown."""
        found = OPERATORS[self.operator](_field(row, self.field), self.value)
        return negated(found) if self.is_negated else found

    def _operator(self) -> str:
        return f"{'not.' if self.is_negated else ''}{self.operator}."


@dataclass(frozen=True)
class Tree:
    """Conditions joined by `and` or by `or`."""

    word: str
    members: "tuple[Comparison | Tree, ...]"
    is_negated: bool = False

    def sent(self) -> tuple[str, str]:
        """Return the tree as a pair of a query string."""
        return f"{'not.' if self.is_negated else ''}{self.word}", self._listed()

    def sent_in_tree(self) -> str:
        """Return the tree as a member of another tree."""
        return "".join(self.sent())

    def holds(self, row: Row) -> Truth:
        """Return true if the tree holds for a row, None if that is unknown."""
        found = joined(self.word, [member.holds(row) for member in self.members])
        return negated(found) if self.is_negated else found

    def _listed(self) -> str:
        return f"({','.join(member.sent_in_tree() for member in self.members)})"


Condition = Comparison | Tree


@dataclass(frozen=True)
class Term:
    """One term of a sort order."""

    field: str
    is_descending: bool
    nulls: str | None

    def sent(self) -> str:
        """Return the term in the notation of `order`."""
        nulls = f".nulls{self.nulls}" if self.nulls else ""
        return f"{self.field}.{'desc' if self.is_descending else 'asc'}{nulls}"


def joined(word: str, found: Sequence[Truth]) -> Truth:
    """Join truths as SQL does: a truth that decides wins over an unknown one."""
    decides = word == "or"
    if decides in found:
        return decides
    return None if None in found else not decides


def negated(found: Truth) -> Truth:
    """Negate a truth; an unknown truth stays unknown."""
    return None if found is None else not found


def quoted(text: str) -> str:
    """Quote a value, as the clients do."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def sort(rows: Sequence[Row], terms: Sequence[Term]) -> list[Row]:
    """Sort rows; nulls count as larger than every value unless a term says otherwise."""
    found = list(rows)
    for term in reversed(terms):
        are_nulls_first = (term.nulls or ("first" if term.is_descending else "last")) == "first"
        known = [row for row in found if _field(row, term.field) is not None]
        nulls = [row for row in found if _field(row, term.field) is None]
        known.sort(key=lambda row: _field(row, term.field), reverse=term.is_descending)
        found = nulls + known if are_nulls_first else known + nulls
    return found


def _field(row: Row, name: str) -> Any:
    column, arrow, key = name.partition("->>")
    value = row[column]
    if not arrow or value is None:
        return value
    found = value.get(key)
    if isinstance(found, bool):
        return str(found).lower()
    return found if found is None else str(found)


def _known(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], Truth]:
    return lambda found, value: None if found is None else compare(found, value)


def _among(found: Any, values: Sequence[Any]) -> Truth:
    # An empty list contains nothing, so even an unknown value is certainly not in it.
    if not values:
        return False
    return None if found is None else found in values


def _like(found: str, pattern: str, flags: int = 0) -> bool:
    parts = {"%": ".*", "*": ".*", "_": "."}
    expression = "".join(parts.get(letter, re.escape(letter)) for letter in pattern)
    return re.fullmatch(expression, found, flags | re.DOTALL) is not None


def _is(found: Any, word: str) -> bool:
    words = {"null": None, "unknown": None, "true": True, "false": False}
    return found is not None if word == "not_null" else found is words[word]


OPERATORS: dict[str, Callable[[Any, Any], Truth]] = {
    "eq": _known(lambda found, value: bool(found == value)),
    "neq": _known(lambda found, value: bool(found != value)),
    "gt": _known(lambda found, value: bool(found > value)),
    "gte": _known(lambda found, value: bool(found >= value)),
    "lt": _known(lambda found, value: bool(found < value)),
    "lte": _known(lambda found, value: bool(found <= value)),
    # PostgREST reads a list of one empty text as an empty list.
    "in": lambda found, value: _among(found, [] if value == [""] else value),
    "eq(any)": _among,
    "like": _known(_like),
    "ilike": _known(lambda found, pattern: _like(found, pattern, re.IGNORECASE)),
    "isdistinct": lambda found, value: found != value,
    "is": _is,
    "cs": _known(lambda found, value: set(value) <= set(found)),
    "cd": _known(lambda found, value: set(found) <= set(value)),
    "ov": _known(lambda found, value: bool(set(found) & set(value))),
}

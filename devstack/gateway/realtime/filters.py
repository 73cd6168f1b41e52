"""The filter of a Postgres Changes binding: `column=op.value`, several joined by commas.

The text is read here and judged by Postgres, with the column's own type. What Postgres says of a
condition is true, false or null; null, a value that is not there, never matches.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass


#: Operator to its SQL; the column is `{column}` as type `{type}`, the value is `value`.
OPERATORS = {
    "eq": "{column}::{type} = value::{type}",
    "neq": "{column}::{type} <> value::{type}",
    "lt": "{column}::{type} < value::{type}",
    "lte": "{column}::{type} <= value::{type}",
    "gt": "{column}::{type} > value::{type}",
    "gte": "{column}::{type} >= value::{type}",
    "in": "{column}::{type} = value::{type}",
    "like": "{column}::text like value",
    "ilike": "{column}::text ilike value",
    "match": "{column}::text ~ value",
    "imatch": "{column}::text ~* value",
    "isdistinct": "{column}::{type} is distinct from value::{type}",
}
#: `is` compares with one of these words.
TRUTHS = {
    "null": "{column} is null",
    "true": "{column}::{type} is true",
    "false": "{column}::{type} is false",
    "unknown": "{column}::{type} is unknown",
}
MAX_VALUES = 100
NEGATION = "not."


class FilterError(ValueError):
    """A filter that says nothing; the text says what is wrong with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One comparison. `values` are alternatives; None is SQL's null."""

    column: str
    operator: str
    values: tuple[str | None, ...]
    is_negated: bool

    @property
    def test(self) -> tuple[str, str]:
        """Return what Postgres is asked, values apart: column and operator."""
        return self.column, self.operator

    def holds(self, answers: Sequence[bool | None]) -> bool:
        """Say whether the row matches, from what Postgres answered for each value."""
        known = [answer for answer in answers if answer is not None]
        if not known:
            return False
        return any(known) is not self.is_negated


def parse_filter(text: str) -> tuple[Condition, ...]:
    """Read a filter. Raises: FilterError."""
    return tuple(_condition(part) for part in _split(text))


def _condition(text: str) -> Condition:
    column, equals, rest = text.strip().partition("=")
    if not column or not equals:
        raise FilterError(f"{text.strip()!r} is not of the form column=op.value")
    is_negated = rest.startswith(NEGATION)
    operator, dot, value = rest.removeprefix(NEGATION).partition(".")
    if not dot:
        raise FilterError(f"{text.strip()!r} has no operator")
    if operator == "is":
        return _truth(column, value, is_negated=is_negated)
    if operator not in OPERATORS:
        raise FilterError(f"operator {operator!r} is not one of {', '.join(OPERATORS)}, is")
    return Condition(
        column=column,
        operator=operator,
        values=_values(operator, value),
        is_negated=is_negated,
    )


def _truth(column: str, word: str, *, is_negated: bool) -> Condition:
    if word not in TRUTHS:
        raise FilterError(f"is takes one of {', '.join(TRUTHS)}")
    # The word is part of the question, for there is no value to compare with.
    return Condition(column=column, operator=f"is.{word}", values=(None,), is_negated=is_negated)


def _values(operator: str, text: str) -> tuple[str | None, ...]:
    if operator == "isdistinct" and text == "null":
        return (None,)
    if operator != "in":
        return (_unquoted(text),)
    if not (text.startswith("(") and text.endswith(")")):
        raise FilterError("in takes a list in parentheses")
    values = tuple(_unquoted(part) for part in _split(text[1:-1]))
    if len(values) > MAX_VALUES:
        raise FilterError(f"in takes at most {MAX_VALUES} values")
    return values


def _split(text: str) -> Iterator[str]:
    """Split at the commas that stand outside quotes and parentheses."""
    start, depth, is_quoted, is_escaped = 0, 0, False, False
    for position, char in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif is_quoted:
            is_escaped, is_quoted = char == "\\", char != '"'
        elif char == '"':
            is_quoted = True
        elif char in "()":
            depth += 1 if char == "(" else -1
        elif char == "," and depth == 0:
            yield text[start:position]
            start = position + 1
    if is_quoted:
        raise FilterError("a quote is not closed")
    yield text[start:]


def _unquoted(text: str) -> str:
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):  # noqa: PLR2004 -- a pair of quotes
        return text
    return "".join(_unescaped(text[1:-1]))


def _unescaped(text: str) -> Iterator[str]:
    is_escaped = False
    for char in text:
        if char == "\\" and not is_escaped:
            is_escaped = True
            continue
        is_escaped = False
        yield char

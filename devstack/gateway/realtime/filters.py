"""The filter of a Postgres Changes binding: conditions `column=op.value`, joined by commas.

This module parses filters; Postgres evaluates them with the column's own type. The result of a
condition is true, false or null, and null never matches.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass


#: The SQL of each operator, which compares `{column}` of type `{type}` with `value`.
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
#: The SQL of each word that may follow the operator `is`.
TRUTHS = {
    "null": "{column} is null",
    "true": "{column}::{type} is true",
    "false": "{column}::{type} is false",
    "unknown": "{column}::{type} is unknown",
}
MAX_VALUES = 100
#: A quote opens only after one of these characters.
BEFORE_QUOTE = ".(,"
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
NEGATION = "not."


class FilterError(ValueError):
    """A filter with a wrong syntax; the text is Realtime's message for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A column's comparison with one of several values; None stands for SQL's null."""

    column: str
    operator: str
    values: tuple[str | None, ...]
    is_negated: bool

    @property
    def comparison(self) -> tuple[str, str]:
        """Return the column and the operator, which Postgres evaluates for many values at once."""
        return self.column, self.operator

    def holds(self, results: Sequence[bool | None]) -> bool:
        """Return true if the row matches, given the results of Postgres for each value."""
        known = [result for result in results if result is not None]
        if not known:
            return False
        return any(known) is not self.is_negated


def parse_filter(text: str) -> tuple[Condition, ...]:
    """Read a filter; a blank text has no conditions. Raises: FilterError."""
    return tuple(_condition(part.strip()) for part in _split(text)) if text.strip() else ()


def _condition(text: str) -> Condition:
    if not text:
        raise FilterError("filter must not contain empty segments (check for extra commas)")
    column, equals, rest = text.partition("=")
    is_negated = rest.startswith(NEGATION)
    operator, dot, value = rest.removeprefix(NEGATION).partition(".")
    if not equals or not dot:
        raise FilterError(_inspected(operator if equals else text))
    if operator == "is":
        return _is_condition(column, value, is_negated=is_negated)
    if operator not in OPERATORS:
        raise FilterError(_inspected(operator, value))
    return Condition(
        column=column,
        operator=operator,
        values=_values(operator, value),
        is_negated=is_negated,
    )


def _inspected(*parts: str) -> str:
    """Format the parts as a list in Elixir's syntax, as hosted Realtime's messages have them."""
    return json.dumps(parts, ensure_ascii=False)


def _is_condition(column: str, word: str, *, is_negated: bool) -> Condition:
    if word not in TRUTHS:
        raise FilterError(f"`is` filter value must be one of {', '.join(TRUTHS)}")
    # The word is part of the operator, because SQL has no value there.
    return Condition(column=column, operator=f"is.{word}", values=(None,), is_negated=is_negated)


def _values(operator: str, text: str) -> tuple[str | None, ...]:
    if operator == "isdistinct" and text == "null":
        return (None,)
    if operator != "in":
        return (_unquoted(text),)
    if not (text.startswith("(") and text.endswith(")")):
        raise FilterError("`in` filter value must be wrapped by parentheses")
    inner = text[1:-1]
    # Blanks around an element are ignored, as in an array literal of Postgres.
    values = tuple(_unquoted(part.strip()) for part in _split(inner)) if inner.strip() else ()
    if len(values) > MAX_VALUES:
        raise FilterError(f"`in` filter value must have at most {MAX_VALUES} elements")
    return values


def _split(text: str) -> Iterator[str]:
    """Split at the commas outside quotes and parentheses."""
    start, depth, is_quoted, is_escaped, before = 0, 0, False, False, ","
    for position, char in enumerate(text):
        if is_escaped:
            is_escaped = False
        elif is_quoted:
            is_escaped, is_quoted = char == "\\", char != '"'
        elif char == '"' and before in BEFORE_QUOTE:
            is_quoted = True
        elif char in "()":
            depth = depth + 1 if char == "(" else max(0, depth - 1)
        elif char == "," and depth == 0:
            yield text[start:position]
            start = position + 1
        before = char
    yield text[start:]


def _unquoted(text: str) -> str:
    """Remove the quotes around a value; a value that is quoted only in part stays as it is."""
    match = QUOTED.fullmatch(text)
    return text if match is None else ESCAPED.sub(r"\1", match[1])

"""The filter of a Postgres Changes binding: `column=op.value`, several joined by commas.

The text is read here and judged by Postgres, with the column's own type. What Postgres says of a
condition is true, false or null; null, a value that is not there, never matches.
"""

import json
import re
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
#: The characters that a quote has to follow.
BEFORE_QUOTE = ".(,"
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)
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
    """Read a filter; blank text is none. Raises: FilterError."""
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
        return _truth(column, value, is_negated=is_negated)
    if operator not in OPERATORS:
        raise FilterError(_inspected(operator, value))
    return Condition(
        column=column,
        operator=operator,
        values=_values(operator, value),
        is_negated=is_negated,
    )


def _inspected(*parts: str) -> str:
    """Spell what was found where a condition was expected, as Realtime's own language does."""
    return json.dumps(parts, ensure_ascii=False)


def _truth(column: str, word: str, *, is_negated: bool) -> Condition:
    if word not in TRUTHS:
        raise FilterError(f"`is` filter value must be one of {', '.join(TRUTHS)}")
    # The word is part of the question, for there is no value to compare with.
    return Condition(column=column, operator=f"is.{word}", values=(None,), is_negated=is_negated)


def _values(operator: str, text: str) -> tuple[str | None, ...]:
    if operator == "isdistinct" and text == "null":
        return (None,)
    if operator != "in":
        return (_unquoted(text),)
    if not (text.startswith("(") and text.endswith(")")):
        raise FilterError("`in` filter value must be wrapped by parentheses")
    inner = text[1:-1]
    # Blanks around an element count as little as in an array's literal.
    values = tuple(_unquoted(part.strip()) for part in _split(inner)) if inner.strip() else ()
    if len(values) > MAX_VALUES:
        raise FilterError(f"`in` filter value must have at most {MAX_VALUES} elements")
    return values


def _split(text: str) -> Iterator[str]:
    """Split at the commas outside quotes and parentheses; a quote begins what it quotes."""
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
    """Take the quotes off; what is not quoted as a whole means itself."""
    match = QUOTED.fullmatch(text)
    return text if match is None else ESCAPED.sub(r"\1", match[1])

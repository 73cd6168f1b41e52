"""The parser of filters: operators with their values, and logic trees of them."""

import re
from dataclasses import dataclass

from devstack.gateway.quoting import array
from devstack.gateway.rest.api_request.query_params import Comparison, Condition, Field, LogicTree
from devstack.gateway.rest.api_request.scanner import MAX_DEPTH, Scanner, parse_field


#: Operators that compare with one value.
SIMPLE = frozenset(
    ("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "isdistinct")
)
ARRAYS = frozenset(("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"))
TEXT_SEARCH = frozenset(("fts", "plfts", "phfts", "wfts"))
OPERATORS = SIMPLE | ARRAYS | TEXT_SEARCH | {"in", "is"}
#: Operators that take `(any)` or `(all)`, to compare with the members of an array.
QUANTIFIABLE = frozenset(("eq", "like", "ilike", "gt", "gte", "lt", "lte", "match", "imatch"))
PATTERNS = frozenset(("like", "ilike"))
KEYWORDS = frozenset(("null", "not_null", "true", "false", "unknown"))

OPERATOR_HEAD = re.compile(r"(not\.)?([a-z]+)(?:\(([^()]*)\))?\.")
TREE_HEAD = re.compile(r"(not\.)?(and|or)[ \t]*\([ \t]*")
QUOTED_VALUE = re.compile(r'"((?:\\.|[^"\\])*)"(?=[,)]|$)', re.DOTALL)
ARRAY_VALUE = re.compile(r"\{[^{}]*\}(?=[ \t]*(?:[,)]|$))")
PLAIN_VALUE = re.compile(r"[^,)]*")
LANGUAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def is_filter(value: str) -> bool:
    """Return true if a value has the form of a filter, so it is no argument of a function."""
    head = OPERATOR_HEAD.match(value)
    return head is not None and head[2] in OPERATORS


def parse_filter(field: Field, text: str, values: list[str]) -> Comparison:
    """Parse `operator.value`; outside a logic tree the value is the rest of the text.

    The value is appended to `values`, and the comparison holds its index.
    """
    scanner = Scanner(text, "filter")
    operator = _operator(scanner)
    if operator.name in ("in", "is"):
        comparison = _comparison(field, operator, scanner, values)
        scanner.finish()
        return comparison
    return _with_value(field, operator, text[scanner.position :], values)


def parse_logic_tree(operator: str, text: str, values: list[str], *, is_negated: bool) -> LogicTree:
    """Parse the parenthesis after `and` or `or`; append the values to `values`."""
    scanner = Scanner(text, "logic tree")
    scanner.expect_spaced("(")
    tree = _logic_tree(operator, scanner, values, 0, is_negated=is_negated)
    scanner.finish()
    return tree


def _logic_tree(
    operator: str, scanner: Scanner, values: list[str], depth: int, *, is_negated: bool
) -> LogicTree:
    """Parse the members after an opening parenthesis, and the closing one."""
    if depth > MAX_DEPTH:
        scanner.fail(f"at most {MAX_DEPTH} levels of nesting")
    members: list[Condition] = [_member(scanner, values, depth)]
    while scanner.take_spaced(","):
        members.append(_member(scanner, values, depth))
    scanner.expect_spaced(")")
    return LogicTree(operator, tuple(members), is_negated)


def _member(scanner: Scanner, values: list[str], depth: int) -> Condition:
    tree = scanner.match(TREE_HEAD)
    if tree is not None:
        return _logic_tree(tree[2], scanner, values, depth + 1, is_negated=bool(tree[1]))
    field = parse_field(scanner)
    scanner.expect(".")
    return _comparison(field, _operator(scanner), scanner, values)


@dataclass(frozen=True, slots=True)
class _Operator:
    """An operator with its negation and its argument, a quantifier or a language."""

    name: str
    is_negated: bool
    argument: str | None


def _operator(scanner: Scanner) -> _Operator:
    head = scanner.match(OPERATOR_HEAD)
    if head is None or head[2] not in OPERATORS:
        scanner.position = 0 if head is None else head.start()
        scanner.fail('"not" or operator (eq, gt, ...)')
    name, argument = head[2], head[3]
    is_quantified = argument in ("any", "all") and name in QUANTIFIABLE
    is_language = name in TEXT_SEARCH and LANGUAGE.fullmatch(argument or "") is not None
    if argument is not None and not is_quantified and not is_language:
        scanner.position = head.start(3)
        scanner.fail(f"no such argument of {name}")
    return _Operator(name, head[1] is not None, argument)


def _comparison(
    field: Field, operator: _Operator, scanner: Scanner, values: list[str]
) -> Comparison:
    """Parse the value of an operator, which ends at a comma or parenthesis of the logic tree."""
    if operator.name == "is":
        value = scanner.match(PLAIN_VALUE)
        keyword = value[0].rstrip(" \t").lower() if value else ""
        if keyword not in KEYWORDS:
            scanner.fail("null, not_null, true, false or unknown")
        return Comparison(field, "is", operator.is_negated, keyword=keyword)
    if operator.name == "in":
        values.append(array(_list(scanner)))
        return Comparison(field, "in", operator.is_negated, slot=len(values) - 1)
    return _with_value(field, operator, _value(scanner), values)


def _with_value(field: Field, operator: _Operator, value: str, values: list[str]) -> Comparison:
    values.append(value.replace("*", "%") if operator.name in PATTERNS else value)
    is_quantified = operator.name in QUANTIFIABLE
    return Comparison(
        field,
        operator.name,
        operator.is_negated,
        quantifier=operator.argument if is_quantified else None,
        language=None if is_quantified else operator.argument,
        slot=len(values) - 1,
    )


def _value(scanner: Scanner) -> str:
    """Parse a value in a logic tree; blanks are part of it, and an array may contain commas."""
    found = scanner.match(ARRAY_VALUE)
    return found[0] if found else _element(scanner)


def _element(scanner: Scanner) -> str:
    quoted = scanner.match(QUOTED_VALUE)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    found = scanner.match(PLAIN_VALUE)
    return found[0] if found else ""


def _list(scanner: Scanner) -> list[str]:
    """Parse `(a,"b c")`. An empty list is valid and has no members."""
    scanner.expect_spaced("(")
    members = [_element(scanner)]
    while scanner.take(","):
        members.append(_element(scanner))
    scanner.expect_spaced(")")
    return [] if members == [""] else members

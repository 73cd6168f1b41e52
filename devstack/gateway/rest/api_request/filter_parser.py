"""The grammar of filters and of the query string as a whole: text in, plain values out."""

import re
from dataclasses import dataclass, field

from devstack.gateway.rest.api_request.query_params import (
    EVERYTHING,
    Comparison,
    Condition,
    Field,
    Group,
    Item,
    Narrowing,
    OrderTerm,
    Query,
)
from devstack.gateway.rest.api_request.ranges import unsatisfiable
from devstack.gateway.rest.api_request.select_parser import (
    MAX_DEPTH,
    Scanner,
    parse_columns,
    parse_error,
    parse_key,
    parse_order,
    parse_select,
)
from devstack.gateway.rest.api_request.select_parser import field as scan_field
from devstack.gateway.text import array


#: Operators that compare with one value.
SIMPLE = frozenset(
    ("eq", "neq", "gt", "gte", "lt", "lte", "like", "ilike", "match", "imatch", "isdistinct")
)
ARRAYS = frozenset(("cs", "cd", "ov", "sl", "sr", "nxr", "nxl", "adj"))
TEXT_SEARCH = frozenset(("fts", "plfts", "phfts", "wfts"))
OPERATORS = SIMPLE | ARRAYS | TEXT_SEARCH | {"in", "is"}
#: Those that may be asked of any or of all members of an array.
QUANTIFIABLE = frozenset(("eq", "like", "ilike", "gt", "gte", "lt", "lte", "match", "imatch"))
PATTERNS = frozenset(("like", "ilike"))
KEYWORDS = frozenset(("null", "not_null", "true", "false", "unknown"))

HEAD = re.compile(r"(not\.)?([a-z]+)(?:\(([^()]*)\))?\.")
TREE_KEY = re.compile(r"(?:(?!not\.(?:and|or)$)(.+?)\.)?(not\.)?(and|or)")
TREE_HEAD = re.compile(r"(not\.)?(and|or)[ \t]*\([ \t]*")
QUOTED_VALUE = re.compile(r'"((?:\\.|[^"\\])*)"(?=[,)]|$)', re.DOTALL)
ARRAY_VALUE = re.compile(r"\{[^{}]*\}(?=[ \t]*(?:[,)]|$))")
PLAIN_VALUE = re.compile(r"[^,)]*")
WORD = re.compile(r"[^,)]*")
NUMBER = re.compile(r"-?\d{1,18}")
LANGUAGE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(slots=True)
class _Draft:
    """A narrowing while it is being read."""

    conditions: list[Condition] = field(default_factory=list)
    order: tuple[OrderTerm, ...] = ()
    limit_slot: int | None = None
    offset_slot: int | None = None


def parse_query(pairs: list[tuple[str, str]]) -> tuple[Query, list[str]]:
    """Read a query string's pairs; return what they ask and the values of its slots."""
    values: list[str] = []
    drafts: dict[tuple[str, ...], _Draft] = {(): _Draft()}
    items: tuple[Item, ...] = EVERYTHING
    lists: dict[str, tuple[str, ...]] = {}
    for key, value in pairs:
        if key == "select":
            items = parse_select(value)
        elif key in ("columns", "on_conflict"):
            lists[key] = parse_columns(value, key)
        else:
            _read_pair(key, value, drafts, values)
    query = Query(
        items=items,
        narrowings=tuple(_narrowing(path, draft) for path, draft in drafts.items()),
        columns=lists.get("columns"),
        on_conflict=lists.get("on_conflict"),
    )
    return query, values


def is_filter(value: str) -> bool:
    """Say whether a value reads as a filter, and not as the argument of a function."""
    head = HEAD.match(value)
    return head is not None and head[2] in OPERATORS


def _narrowing(path: tuple[str, ...], draft: _Draft) -> Narrowing:
    return Narrowing(
        path, tuple(draft.conditions), draft.order, draft.limit_slot, draft.offset_slot
    )


def _read_pair(
    key: str, value: str, drafts: dict[tuple[str, ...], _Draft], values: list[str]
) -> None:
    """Read a pair that narrows some level: an order, a limit, a tree of conditions or a filter."""
    tree = TREE_KEY.fullmatch(key)
    if tree is not None:
        draft = _at(drafts, tree[1])
        draft.conditions.append(_parse_tree(tree[3], value, values, is_negated=bool(tree[2])))
        return
    path, _, word = key.rpartition(".")
    if word == "order":
        _at(drafts, path).order = parse_order(value)
    elif word == "limit":
        _at(drafts, path).limit_slot = _number_slot(word, value, values)
    elif word == "offset":
        _at(drafts, path).offset_slot = _number_slot(word, value, values)
    else:
        steps, found = parse_key(key)
        draft = drafts.setdefault(steps, _Draft())
        draft.conditions.append(_parse_filter(found, value, values))


def _at(drafts: dict[tuple[str, ...], _Draft], path: str | None) -> _Draft:
    if not path:
        return drafts[()]
    steps, last = parse_key(path)
    return drafts.setdefault((*steps, last.name), _Draft())


def _number_slot(word: str, value: str, values: list[str]) -> int:
    if NUMBER.fullmatch(value) is None:
        raise parse_error(word, value, 0, "no whole number", "digits")
    if value.startswith("-"):
        if word == "limit":
            raise unsatisfiable("Limit should be greater than or equal to zero.")
        # Nothing is before the first row.
        value = "0"
    values.append(value)
    return len(values) - 1


def _parse_filter(found: Field, text: str, values: list[str]) -> Comparison:
    """Read `operator.value`; outside of a tree the value is all that follows."""
    scanner = Scanner(text, "filter")
    head = _head(scanner)
    rest = text[scanner.at :]
    if head.operator in ("in", "is"):
        test = _finish_test(found, head, scanner, values)
        scanner.finish()
        return test
    return _with_value(found, head, rest, values)


def _parse_tree(word: str, text: str, values: list[str], *, is_negated: bool) -> Group:
    scanner = Scanner(text, "logic tree")
    scanner.need_spaced("(")
    group = _group(word, scanner, values, 0, is_negated=is_negated)
    scanner.finish()
    return group


def _group(
    word: str, scanner: Scanner, values: list[str], depth: int, *, is_negated: bool
) -> Group:
    """Read what follows an opening parenthesis, and the closing one."""
    if depth > MAX_DEPTH:
        scanner.fail(f"at most {MAX_DEPTH} levels of nesting")
    members: list[Condition] = [_member(scanner, values, depth)]
    while scanner.take_spaced(","):
        members.append(_member(scanner, values, depth))
    scanner.need_spaced(")")
    return Group(word, tuple(members), is_negated)


def _member(scanner: Scanner, values: list[str], depth: int) -> Condition:
    tree = scanner.match(TREE_HEAD)
    if tree is not None:
        return _group(tree[2], scanner, values, depth + 1, is_negated=bool(tree[1]))
    found = scan_field(scanner)
    scanner.need(".")
    return _finish_test(found, _head(scanner), scanner, values)


@dataclass(frozen=True, slots=True)
class _Head:
    """An operator with what stands around it."""

    operator: str
    is_negated: bool
    argument: str | None


def _head(scanner: Scanner) -> _Head:
    head = scanner.match(HEAD)
    if head is None or head[2] not in OPERATORS:
        scanner.at = 0 if head is None else head.start()
        scanner.fail('"not" or operator (eq, gt, ...)')
    operator, argument = head[2], head[3]
    is_quantified = argument in ("any", "all") and operator in QUANTIFIABLE
    is_language = operator in TEXT_SEARCH and LANGUAGE.fullmatch(argument or "") is not None
    if argument is not None and not is_quantified and not is_language:
        scanner.at = head.start(3)
        scanner.fail(f"no such argument of {operator}")
    return _Head(operator, head[1] is not None, argument)


def _finish_test(found: Field, head: _Head, scanner: Scanner, values: list[str]) -> Comparison:
    """Read a value up to where it ends within a tree."""
    if head.operator == "is":
        word = scanner.match(WORD)
        keyword = word[0].rstrip(" \t").lower() if word else ""
        if keyword not in KEYWORDS:
            scanner.fail("null, not_null, true, false or unknown")
        return Comparison(found, "is", head.is_negated, keyword=keyword)
    if head.operator == "in":
        values.append(array(_list(scanner)))
        return Comparison(found, "in", head.is_negated, slot=len(values) - 1)
    return _with_value(found, head, _value(scanner), values)


def _with_value(found: Field, head: _Head, value: str, values: list[str]) -> Comparison:
    values.append(value.replace("*", "%") if head.operator in PATTERNS else value)
    is_quantified = head.operator in QUANTIFIABLE
    return Comparison(
        found,
        head.operator,
        head.is_negated,
        quantifier=head.argument if is_quantified else None,
        language=None if is_quantified else head.argument,
        slot=len(values) - 1,
    )


def _value(scanner: Scanner) -> str:
    """Read a value of a tree; blanks belong to it. An array may hold commas."""
    found = scanner.match(ARRAY_VALUE)
    return found[0] if found else _element(scanner)


def _element(scanner: Scanner) -> str:
    quoted = scanner.match(QUOTED_VALUE)
    if quoted is not None:
        return re.sub(r"\\(.)", r"\1", quoted[1], flags=re.DOTALL)
    found = scanner.match(PLAIN_VALUE)
    return found[0] if found else ""


def _list(scanner: Scanner) -> list[str]:
    """Read `(a,"b c")`. An empty list has no member: nothing is in it, and that is no error."""
    scanner.need_spaced("(")
    members = [_element(scanner)]
    while scanner.take(","):
        members.append(_element(scanner))
    scanner.need_spaced(")")
    return [] if members == [""] else members

"""The parser of `select`, `order`, `columns` and `on_conflict`."""

import functools
import re

from devstack.gateway.rest.api_request.query_params import Column, Embed, Field, Item, OrderTerm
from devstack.gateway.rest.api_request.scanner import (
    CACHE_SIZE,
    MAX_DEPTH,
    Scanner,
    parse_field,
    parse_name,
)
from devstack.gateway.rest.errors import RestError


#: The limit of selected items. Postgres refuses more than 1,664 with an internal error.
MAX_ITEMS = 500

#: A type in plain characters, because the statement contains the cast as it was written.
CAST = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*(?:\(\d{1,4}(?:,\d{1,4})?\))?(?:\[\])*")
AGGREGATE = re.compile(r"(?:sum|avg|min|max|count)\(\)")
NULLS = {"nullsfirst": "first", "nullslast": "last"}


@functools.lru_cache(CACHE_SIZE)
def parse_select(text: str) -> tuple[Item, ...]:
    """Parse a select list with its embeds."""
    scanner = Scanner(text, "select parameter")
    items = _items(scanner, 0)
    scanner.finish()
    return items


@functools.lru_cache(CACHE_SIZE)
def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """Parse an `order` list."""
    scanner = Scanner(text, "order")
    terms = [_order_term(scanner)]
    while scanner.take(","):
        terms.append(_order_term(scanner))
    scanner.finish()
    return tuple(terms)


@functools.lru_cache(CACHE_SIZE)
def parse_columns(text: str, parameter: str) -> tuple[str, ...]:
    """Parse the list of column names of `columns` or `on_conflict`."""
    scanner = Scanner(text, f"{parameter} parameter")
    names = [parse_name(scanner)]
    while scanner.take_spaced(","):
        names.append(parse_name(scanner))
    scanner.finish()
    return tuple(names)


def _items(scanner: Scanner, depth: int) -> tuple[Item, ...]:
    if depth > MAX_DEPTH:
        scanner.fail(f"at most {MAX_DEPTH} levels of embedding")
    if scanner.is_done() or scanner.is_next(")"):
        return ()
    items = [_item(scanner, depth)]
    while scanner.take_spaced(","):
        if len(items) == MAX_ITEMS:
            scanner.fail(f"at most {MAX_ITEMS} items")
        items.append(_item(scanner, depth))
    return tuple(items)


def _item(scanner: Scanner, depth: int) -> Item:
    scanner.skip_blanks()
    if scanner.take("..."):
        return _embed(scanner, parse_name(scanner), None, depth, is_spread=True)
    if scanner.take("*"):
        scanner.skip_blanks()
        return Column(Field("*"))
    if scanner.match(AGGREGATE):
        raise _no_aggregates()
    found = parse_field(scanner)
    alias = None
    if scanner.is_next(":") and not scanner.is_next("::"):
        scanner.expect(":")
        alias = found.name
        scanner.skip_blanks()
        if scanner.match(AGGREGATE):
            raise _no_aggregates()
        found = parse_field(scanner)
    if not found.path and (scanner.is_next("!") or scanner.is_next("(")):
        return _embed(scanner, found.name, alias, depth, is_spread=False)
    return _column(scanner, found, alias)


def _column(scanner: Scanner, found: Field, alias: str | None) -> Column:
    cast = None
    if scanner.take("::"):
        match = scanner.match(CAST)
        if match is None:
            scanner.fail("a type")
        cast = match[0].strip()
    if scanner.take("."):
        if scanner.match(AGGREGATE) is None:
            scanner.fail("an aggregate function")
        raise _no_aggregates()
    scanner.skip_blanks()
    return Column(found, alias, cast)


def _embed(
    scanner: Scanner, relation: str, alias: str | None, depth: int, *, is_spread: bool
) -> Embed:
    if is_spread and scanner.take(":"):
        alias, relation = relation, parse_name(scanner)
    hint, is_inner = None, False
    while scanner.take("!"):
        word = parse_name(scanner)
        if word in ("inner", "left"):
            is_inner = word == "inner"
        else:
            hint = word
    scanner.expect("(")
    items = _items(scanner, depth + 1)
    scanner.expect(")")
    scanner.skip_blanks()
    return Embed(relation, alias, hint, is_inner, is_spread, items)


def _order_term(scanner: Scanner) -> OrderTerm:
    found, relation = parse_field(scanner), None
    if scanner.take("("):
        relation, found = found.name, parse_field(scanner)
        scanner.expect(")")
    direction = _word(scanner, ("asc", "desc"))
    nulls = _word(scanner, tuple(NULLS))
    scanner.skip_blanks()
    if scanner.is_next("."):
        scanner.fail('"asc", "desc", "nullsfirst" or "nullslast"')
    return OrderTerm(found, direction == "desc", NULLS.get(nulls or ""), relation)


def _word(scanner: Scanner, words: tuple[str, ...]) -> str | None:
    """Step over a dot and one of the words, if they come next."""
    return next((word for word in words if scanner.take(f".{word}")), None)


def _no_aggregates() -> RestError:
    """Return PGRST123: aggregates are off, as on hosted Supabase by default."""
    return RestError("PGRST123", "Use of aggregate functions is not allowed")

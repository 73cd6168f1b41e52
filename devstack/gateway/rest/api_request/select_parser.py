"""The grammar of `select`, `order`, `columns` and field names: text in, plain values out."""

import functools
import re
from typing import NoReturn

from devstack.gateway.rest.api_request.query_params import (
    Column,
    Embed,
    Field,
    Item,
    JsonStep,
    OrderTerm,
)
from devstack.gateway.rest.errors import RestError


#: Deeper than any person writes, and shallow enough for every stack that it meets.
MAX_DEPTH = 32
#: Postgres itself refuses above 1,664, as if it were a mistake of the server.
MAX_ITEMS = 500
PARSED = 2048

QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
PLAIN = re.compile(r"(?:[\w $]|-(?!>))+")
INDEX = re.compile(r"-?\d{1,9}(?=->|::|[,.)]|$)")
#: Letters and blanks alone, so that what is written into the statement can be nothing but a type.
CAST = re.compile(r"[A-Za-z_][A-Za-z0-9_ ]*(?:\(\d{1,4}(?:,\d{1,4})?\))?(?:\[\])*")
AGGREGATE = re.compile(r"(?:sum|avg|min|max|count)\(\)")
BLANKS = re.compile(r"[ \t]*")
NULLS = {"nullsfirst": "first", "nullslast": "last"}


class Scanner:
    """A position in a text, and what may come next."""

    def __init__(self, text: str, what: str) -> None:
        self.text = text
        self.what = what
        self.at = 0

    def is_at(self, literal: str) -> bool:
        """Say whether this comes next."""
        return self.text.startswith(literal, self.at)

    def is_done(self) -> bool:
        """Say whether nothing is left."""
        return self.at >= len(self.text)

    def take(self, literal: str) -> bool:
        """Step over this if it comes next."""
        if not self.text.startswith(literal, self.at):
            return False
        self.at += len(literal)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Step over what the pattern finds here."""
        found = pattern.match(self.text, self.at)
        if found is not None:
            self.at = found.end()
        return found

    def need(self, literal: str) -> None:
        """Step over this, or fail."""
        if not self.take(literal):
            self.fail(f'"{literal}"')

    def skip_blanks(self) -> None:
        """Step over blanks and tabs, which mean nothing around a name or a parenthesis."""
        self.match(BLANKS)

    def take_spaced(self, literal: str) -> bool:
        """Step over this and the blanks around it, if it comes next."""
        self.skip_blanks()
        if not self.take(literal):
            return False
        self.skip_blanks()
        return True

    def need_spaced(self, literal: str) -> None:
        """Step over this and the blanks around it, or fail."""
        if not self.take_spaced(literal):
            self.fail(f'"{literal}"')

    def finish(self) -> None:
        """Fail when something is left."""
        if not self.is_done():
            self.fail("end of input")

    def fail(self, expecting: str) -> NoReturn:
        """Raise PGRST100, with the place and what was expected there."""
        rest = self.text[self.at : self.at + 1]
        unexpected = f'"{rest}"' if rest else "end of input"
        raise parse_error(self.what, self.text, self.at, f"unexpected {unexpected}", expecting)


def parse_error(what: str, text: str, at: int, unexpected: str, expecting: str) -> RestError:
    """Return PostgREST's answer to a text that it cannot read."""
    return RestError(
        400,
        "PGRST100",
        f'"failed to parse {what} ({text})" (line 1, column {at + 1})',
        details=f"{unexpected} expecting {expecting}",
    )


def no_aggregates() -> RestError:
    """Return PGRST123: aggregates are off, as hosted Supabase has them unless told otherwise."""
    return RestError(400, "PGRST123", "Use of aggregate functions is not allowed")


@functools.lru_cache(PARSED)
def parse_select(text: str) -> tuple[Item, ...]:
    """Read a select list, embeds and all."""
    scanner = Scanner(text, "select parameter")
    items = _items(scanner, 0)
    scanner.finish()
    return items


@functools.lru_cache(PARSED)
def parse_order(text: str) -> tuple[OrderTerm, ...]:
    """Read an `order` list."""
    scanner = Scanner(text, "order")
    terms = [_order_term(scanner)]
    while scanner.take(","):
        terms.append(_order_term(scanner))
    scanner.finish()
    return tuple(terms)


@functools.lru_cache(PARSED)
def parse_columns(text: str, what: str) -> tuple[str, ...]:
    """Read a list of column names, such as `columns` and `on_conflict` are."""
    scanner = Scanner(text, f"{what} parameter")
    names = [name(scanner)]
    while scanner.take_spaced(","):
        names.append(name(scanner))
    scanner.finish()
    return tuple(names)


@functools.lru_cache(PARSED)
def parse_key(text: str) -> tuple[tuple[str, ...], Field]:
    """Read the left side of a filter: the embeds that lead to it, and its field."""
    scanner = Scanner(text, "tree path")
    parts = [field(scanner)]
    while scanner.take("."):
        parts.append(field(scanner))
    scanner.finish()
    if len(parts) > MAX_DEPTH:
        raise parse_error("tree path", text, 0, "more than 32 levels", "fewer")
    return tuple(part.name for part in parts[:-1]), parts[-1]


def name(scanner: Scanner) -> str:
    """Read an identifier, in double quotes or plain."""
    if scanner.is_at('"'):
        quoted = scanner.match(QUOTED)
        if quoted is None:
            scanner.fail('a closing "')
        return re.sub(r"\\(.)", r"\1", quoted[1])
    plain = scanner.match(PLAIN)
    if plain is None or not plain[0].strip():
        scanner.fail("field name (* or [a..z0..9_$])")
    return plain[0].strip()


def field(scanner: Scanner) -> Field:
    """Read a column with its JSON path, if it has one."""
    scanner.skip_blanks()
    column = name(scanner)
    steps: list[JsonStep] = []
    while scanner.is_at("->"):
        is_text = scanner.take("->>")
        if not is_text:
            scanner.need("->")
        index = scanner.match(INDEX)
        steps.append(JsonStep(int(index[0]) if index else name(scanner), is_text))
    scanner.skip_blanks()
    return Field(column, tuple(steps))


def _items(scanner: Scanner, depth: int) -> tuple[Item, ...]:
    if depth > MAX_DEPTH:
        scanner.fail(f"at most {MAX_DEPTH} levels of embedding")
    if scanner.is_done() or scanner.is_at(")"):
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
        return _embed(scanner, name(scanner), None, depth, is_spread=True)
    if scanner.take("*"):
        scanner.skip_blanks()
        return Column(Field("*"))
    if scanner.match(AGGREGATE):
        raise no_aggregates()
    found = field(scanner)
    alias = None
    if scanner.is_at(":") and not scanner.is_at("::"):
        scanner.need(":")
        alias = found.name
        scanner.skip_blanks()
        if scanner.match(AGGREGATE):
            raise no_aggregates()
        found = field(scanner)
    if not found.path and (scanner.is_at("!") or scanner.is_at("(")):
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
        raise no_aggregates()
    scanner.skip_blanks()
    return Column(found, alias, cast)


def _embed(
    scanner: Scanner, relation: str, alias: str | None, depth: int, *, is_spread: bool
) -> Embed:
    if is_spread and scanner.take(":"):
        alias, relation = relation, name(scanner)
    hint, is_inner = None, False
    while scanner.take("!"):
        word = name(scanner)
        if word in ("inner", "left"):
            is_inner = word == "inner"
        else:
            hint = word
    scanner.need("(")
    items = _items(scanner, depth + 1)
    scanner.need(")")
    scanner.skip_blanks()
    return Embed(relation, alias, hint, is_inner, is_spread, items)


def _order_term(scanner: Scanner) -> OrderTerm:
    found, relation = field(scanner), None
    if scanner.take("("):
        relation, found = found.name, field(scanner)
        scanner.need(")")
    direction = _word(scanner, ("asc", "desc"))
    nulls = _word(scanner, tuple(NULLS))
    scanner.skip_blanks()
    if scanner.is_at("."):
        scanner.fail('"asc", "desc", "nullsfirst" or "nullslast"')
    return OrderTerm(found, direction == "desc", NULLS.get(nulls or ""), relation)


def _word(scanner: Scanner, words: tuple[str, ...]) -> str | None:
    """Step over a dot and one of the words, if they come next."""
    return next((word for word in words if scanner.take(f".{word}")), None)

"""A scanner of query parameters, and the names and fields that all of them are made of."""

import functools
import re
from typing import NoReturn

from devstack.gateway.rest.api_request.query_params import Field, JsonStep
from devstack.gateway.rest.errors import RestError


#: More levels than a person writes, and few enough for the stacks of Python and Postgres.
MAX_DEPTH = 32
#: The size of each cache of parsed texts.
PARSED = 2048

QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
PLAIN = re.compile(r"(?:[\w $]|-(?!>))+")
INDEX = re.compile(r"-?\d{1,9}(?=->|::|[,.)]|$)")
BLANKS = re.compile(r"[ \t]*")


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
        "PGRST100",
        f'"failed to parse {what} ({text})" (line 1, column {at + 1})',
        details=f"{unexpected} expecting {expecting}",
    )


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

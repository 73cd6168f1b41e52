"""The scanner of query parameters, and the parsers of names and fields that all parsers use."""

import functools
import re
from typing import NoReturn

from devstack.gateway.rest.api_request.query_params import Field, JsonStep
from devstack.gateway.rest.errors import RestError


#: The limit of nesting: more than people write, and few enough for the stacks of Python and
#: Postgres.
MAX_DEPTH = 32
#: The number of different texts whose parsed form is cached.
CACHE_SIZE = 2048

QUOTED = re.compile(r'"((?:\\.|[^"\\])*)"')
PLAIN = re.compile(r"(?:[\w $]|-(?!>))+")
INDEX = re.compile(r"-?\d{1,9}(?=->|::|[,.)]|$)")
BLANKS = re.compile(r"[ \t]*")


class Scanner:
    """A position in a text, which moves over each expected token."""

    def __init__(self, text: str, subject: str) -> None:
        self.text = text
        self.subject = subject
        self.position = 0

    def is_next(self, literal: str) -> bool:
        """Return true if the literal comes next."""
        return self.text.startswith(literal, self.position)

    def is_done(self) -> bool:
        """Return true if the text ends here."""
        return self.position >= len(self.text)

    def take(self, literal: str) -> bool:
        """Step over the literal if it comes next; return true if it did."""
        if not self.text.startswith(literal, self.position):
            return False
        self.position += len(literal)
        return True

    def match(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        """Step over a match of the pattern if it comes next, and return the match."""
        found = pattern.match(self.text, self.position)
        if found is not None:
            self.position = found.end()
        return found

    def expect(self, literal: str) -> None:
        """Step over the literal, or fail."""
        if not self.take(literal):
            self.fail(f'"{literal}"')

    def skip_blanks(self) -> None:
        """Step over blanks and tabs, which are allowed around a name or a parenthesis."""
        self.match(BLANKS)

    def take_spaced(self, literal: str) -> bool:
        """Step over the literal and the blanks around it; return true if it came next."""
        self.skip_blanks()
        if not self.take(literal):
            return False
        self.skip_blanks()
        return True

    def expect_spaced(self, literal: str) -> None:
        """Step over the literal and the blanks around it, or fail."""
        if not self.take_spaced(literal):
            self.fail(f'"{literal}"')

    def finish(self) -> None:
        """Fail unless the text ends here."""
        if not self.is_done():
            self.fail("end of input")

    def fail(self, expecting: str) -> NoReturn:
        """Raise PGRST100 with the position and the expected token."""
        rest = self.text[self.position : self.position + 1]
        unexpected = f'"{rest}"' if rest else "end of input"
        raise parse_error(
            self.subject, self.text, self.position, f"unexpected {unexpected}", expecting
        )


def parse_error(subject: str, text: str, at: int, unexpected: str, expecting: str) -> RestError:
    """Return PGRST100 for a text that the parser does not accept."""
    return RestError(
        "PGRST100",
        f'"failed to parse {subject} ({text})" (line 1, column {at + 1})',
        details=f"{unexpected} expecting {expecting}",
    )


@functools.lru_cache(CACHE_SIZE)
def parse_key(text: str) -> tuple[tuple[str, ...], Field]:
    """Parse the left side of a filter; return the path of embeds, and the field."""
    scanner = Scanner(text, "tree path")
    parts = [parse_field(scanner)]
    while scanner.take("."):
        parts.append(parse_field(scanner))
    scanner.finish()
    if len(parts) > MAX_DEPTH:
        raise parse_error("tree path", text, 0, "more than 32 levels", "fewer")
    return tuple(part.name for part in parts[:-1]), parts[-1]


def parse_name(scanner: Scanner) -> str:
    """Parse an identifier, in double quotes or plain."""
    if scanner.is_next('"'):
        quoted = scanner.match(QUOTED)
        if quoted is None:
            scanner.fail('a closing "')
        return re.sub(r"\\(.)", r"\1", quoted[1])
    plain = scanner.match(PLAIN)
    if plain is None or not plain[0].strip():
        scanner.fail("field name (* or [a..z0..9_$])")
    return plain[0].strip()


def parse_field(scanner: Scanner) -> Field:
    """Parse a column with its JSON path, if it has one."""
    scanner.skip_blanks()
    column = parse_name(scanner)
    steps: list[JsonStep] = []
    while scanner.is_next("->"):
        is_text = scanner.take("->>")
        if not is_text:
            scanner.expect("->")
        index = scanner.match(INDEX)
        steps.append(JsonStep(int(index[0]) if index else parse_name(scanner), is_text))
    scanner.skip_blanks()
    return Field(column, tuple(steps))

"""One small fault in the SQL."""

import dataclasses
from pathlib import Path


SQL = Path(__file__).parents[2] / "sql"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A fault: `before` stands once in the file, and `after` instead of it is wrong."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]

    def applied(self) -> str:
        """Return the file's text with the fault in it."""
        text = (SQL / self.file).read_text()
        for before, after in self.changes:
            if text.count(before) != 1:
                message = f"{self.name}: not once in {self.file}: {before!r}"
                raise ValueError(message)
            text = text.replace(before, after)
        return text


def mutation(
    name: str, file: str, before: str, after: str, tests: tuple[str, ...], *more: tuple[str, str]
) -> Mutation:
    """Make a mutation of one change, and of `more` where it needs them."""
    return Mutation(name=name, file=file, changes=((before, after), *more), tests=tests)

"""One small fault in the SQL or in a Python module."""

import dataclasses
from pathlib import Path


ROOT = Path(__file__).parents[2]
SQL = ROOT / "sql"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Mutation:
    """A fault: `before` stands once in the file, and `after` instead of it is wrong."""

    name: str
    file: str
    changes: tuple[tuple[str, str], ...]
    tests: tuple[str, ...]

    @property
    def is_python(self) -> bool:
        """Return true if the fault is in a Python module, whose path begins at the root."""
        return self.file.endswith(".py")

    @property
    def path(self) -> Path:
        """Return the file that has the fault."""
        return (ROOT if self.is_python else SQL) / self.file

    def applied(self) -> str:
        """Return the file's text with the fault in it."""
        text = self.path.read_text()
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

"""The RPCs as docs/api.md states them; `make check` compares that page with `sql/`."""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path


PAGE = Path(__file__).parents[3] / "docs/api.md"
ROLES = {
    "anyone": "anon",
    "signed-in users": "authenticated",
    "our own processes (service role)": "service_role",
}
_HEADING = re.compile(r"^### (\w+)$", re.MULTILINE)
_CALLERS = re.compile(r"^Callers: (.*?)\. Refusals: (.*?)\.$", re.MULTILINE)
_ARGUMENT = re.compile(r"^\| `(\w+)` \| `([^`]+)` \| (.+?) \|$", re.MULTILINE)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Rpc:
    """One public function: the types of its arguments, and its documented refusals."""

    name: str
    arguments: Mapping[str, str]
    optional: frozenset[str]
    callers: frozenset[str]
    codes: frozenset[str]

    def __str__(self) -> str:
        """Return the name, which names the tests too."""
        return self.name


def _documented() -> Iterator[Rpc]:
    _, *sections = _HEADING.split(PAGE.read_text().partition("## RPCs for the web app")[2])
    for name, section in zip(sections[::2], sections[1::2], strict=True):
        stated = _CALLERS.search(section)
        assert stated is not None, name
        rows = _ARGUMENT.findall(section)
        yield Rpc(
            name=name,
            arguments={argument: kind for argument, kind, _ in rows},
            optional=frozenset(argument for argument, _, default in rows if default != "required"),
            callers=frozenset(ROLES[caller] for caller in stated[1].split(", ")),
            codes=frozenset(re.findall(r"`(\w+)`", stated[2])),
        )


RPCS: tuple[Rpc, ...] = tuple(_documented())

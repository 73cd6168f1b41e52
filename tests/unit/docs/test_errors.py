"""`docs/errors.md`: the catalogue of codes is complete, and has none that nobody raises."""

import re
from collections.abc import Iterable
from pathlib import Path

from service.errors import STATUS_OF_CODE


ROOT = Path(__file__).parents[3]
DOCUMENTED = re.compile(r"^\| `([A-Z_]+)` \|(?: (\d{3}) \|)?", re.MULTILINE)
RAISED_IN_SQL = re.compile(
    r"(?:private\.refusal\(|raise sqlstate 'PT\d{3}' using\s+message =|v_code(?: text)? :=)"
    r"\s*'([A-Z_]+)'"
)
RAISED_IN_PYTHON = re.compile(r"(?:Market|Rejected|Transient)Error\(\s*\"([A-Z_]+)\"")


def found(pattern: re.Pattern[str], files: Iterable[Path]) -> set[str]:
    return {code for file in files for code in pattern.findall(file.read_text())}


def catalogue() -> dict[str, str]:
    return dict(DOCUMENTED.findall((ROOT / "docs/errors.md").read_text()))


def raised() -> set[str]:
    modules = (path for name in ("market", "service") for path in (ROOT / name).rglob("*.py"))
    return (
        found(RAISED_IN_SQL, (ROOT / "sql").rglob("*.sql"))
        | found(RAISED_IN_PYTHON, modules)
        | set(STATUS_OF_CODE)
    )


def test_every_code_is_in_the_catalogue() -> None:
    """A caller can look up each code; the page has no code that nothing raises."""
    assert raised() == set(catalogue())


def test_statuses_are_those_of_the_service() -> None:
    """The catalogue promises the status that the service gives."""
    promised = {code: int(status) for code, status in catalogue().items() if status}

    assert {code: STATUS_OF_CODE[code] for code in promised} == promised

"""The tests of the product and those of devstack import nothing of each other."""

import ast
from collections.abc import Iterator
from pathlib import Path

from devstack.paths import ROOT
from tests.unit.statements import statements


TESTS = ROOT / "tests"
#: Modules that both may import.
SUPPORT = "tests.support"
DEVSTACK = "tests.devstack"


def _part(module: str) -> str:
    for part in (SUPPORT, DEVSTACK):
        if module == part or module.startswith(f"{part}."):
            return part
    return "tests"


def _imports(source: str) -> Iterator[str]:
    for node in statements(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _crossings(module: str, source: str) -> list[str]:
    """Return the imports of another part's tests in a module."""
    allowed = {_part(module), SUPPORT}
    names = (name for name in _imports(source) if name.startswith("tests."))
    return [f"{module} imports {name}" for name in names if _part(name) not in allowed]


def _modules() -> Iterator[tuple[str, Path]]:
    for path in TESTS.rglob("*.py"):
        if "node_modules" not in path.parts:
            yield ".".join(path.relative_to(ROOT).with_suffix("").parts), path


def test_product_tests_and_devstack_tests_import_only_their_own_and_support() -> None:
    found = {module: _crossings(module, path.read_text()) for module, path in _modules()}

    assert {_part(module) for module in found} == {"tests", SUPPORT, DEVSTACK}
    assert [line for lines in found.values() for line in lines] == []


def test_crossing_is_found_in_each_form_of_an_import() -> None:
    crossings = (
        ("tests.sql.test_bids", "from tests.devstack.stripe import clients"),
        ("tests.sql.test_bids", "import tests.devstack.stripe.clients"),
        ("tests.sql.test_bids", "from tests import devstack"),
        ("tests.devstack.stripe.test_lists", "from tests.sql.actors import Actor"),
        ("tests.support.stack", "from tests.sql.actors import Actor"),
    )

    assert all(_crossings(module, source) for module, source in crossings)

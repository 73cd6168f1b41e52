"""The docstring of a package is the map of it: no module is left out."""

import ast
from pathlib import Path

import pytest

import devstack


ROOT = Path(devstack.__file__).parent
PACKAGES = sorted(path.parent for path in ROOT.rglob("__init__.py"))


def modules(package: Path) -> set[str]:
    """Return the names of a package's modules and of the packages in it."""
    files = {path.stem for path in package.glob("*.py")}
    folders = {path.parent.name for path in package.glob("*/__init__.py")}
    return (files | folders) - {"__init__"}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT.parent)))
def test_every_module_stands_in_the_docstring_of_its_package(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8"))) or ""

    missing = {name for name in modules(package) if f"`{name}`" not in text}

    assert set() == missing

"""The locks of packages: each package has a hash, and only public registries are named."""

import json
import re
import tomllib

import pytest

from devstack.paths import ROOT


INDEX = "https://pypi.org/simple"
FILES = "https://files.pythonhosted.org/"
NPM_LOCKS = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.glob("*/**/package-lock.json")
    if {"node_modules", ".venv", ".tools"}.isdisjoint(path.parts)
)


def test_python_packages_have_hashes_of_the_public_index() -> None:
    """`uv sync --frozen` refuses a file whose hash differs from the lock's."""
    packages = tomllib.loads((ROOT / "uv.lock").read_text())["package"]
    files = [
        file
        for package in packages
        for file in [*package.get("wheels", []), *filter(None, [package.get("sdist")])]
    ]

    assert {INDEX} == {
        package["source"]["registry"] for package in packages if "registry" in package["source"]
    }
    assert [] == [file["url"] for file in files if not file["url"].startswith(FILES)]
    assert [] == [file["url"] for file in files if not file["hash"].startswith("sha256:")]


@pytest.mark.parametrize("lock", NPM_LOCKS)
def test_javascript_packages_have_hashes_and_no_address(lock: str) -> None:
    """A client takes the registry of its machine, and refuses a file whose hash differs."""
    text = (ROOT / lock).read_text()
    packages = {name: value for name, value in json.loads(text)["packages"].items() if name}

    assert packages
    assert [] == [name for name, value in packages.items() if "integrity" not in value]
    assert not re.search(r'"resolved"', text)

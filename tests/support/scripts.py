"""Import a script of `.ci/`, which belongs to no package."""

import importlib.util
from typing import Any

from devstack.paths import ROOT


def imported(name: str) -> Any:
    """Return the module of `.ci/<name>.py`."""
    spec = importlib.util.spec_from_file_location(name, ROOT / f".ci/{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module

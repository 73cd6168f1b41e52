"""Specs in the place of adapters; a test shares none with another test that runs."""

from collections import defaultdict
from typing import Any
from unittest.mock import create_autospec


#: To make the spec of a large adapter takes 10 ms, so the tests take turns at each.
_free: dict[type, list[Any]] = defaultdict(list)
_taken: list[tuple[type, Any]] = []


def spec_of(adapter: type) -> Any:
    """Return a spec of an instance of `adapter` that nothing has called yet."""
    free = _free[adapter]
    spec = free.pop() if free else create_autospec(adapter, instance=True)
    _taken.append((adapter, spec))
    return spec


def return_specs() -> None:
    """Forget the calls and the answers of all specs in use, and let other tests take them."""
    while _taken:
        adapter, spec = _taken.pop()
        spec.reset_mock(return_value=True, side_effect=True)
        _free[adapter].append(spec)

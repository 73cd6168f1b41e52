"""Set the number of inputs that Hypothesis draws for a test that sends them to a server."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings


Test = TypeVar("Test", bound=Callable[..., Any])
#: `make fuzz` draws this many times as many inputs as `make test`.
TIMES = int(os.environ.get("FUZZ_TIMES", "1"))


def fuzzed(examples: int) -> Callable[[Test], Test]:
    """Draw `examples` inputs, TIMES over; all of them share the server and the fixtures."""
    budget = settings(
        max_examples=examples * TIMES,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )

    def decorate(test: Test) -> Test:
        marked: Test = pytest.mark.fuzz(budget(test))
        return marked

    return decorate

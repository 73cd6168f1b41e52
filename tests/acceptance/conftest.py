"""The stack of the canary's acceptance tests."""

from collections.abc import Iterator, Mapping

import pytest

from tests.acceptance.canary_runs import prepare_accounts
from tests.support.stack import running_stack


@pytest.fixture(scope="module")
def prepared_stack() -> Iterator[Mapping[str, str]]:
    """Start the whole system, with the canary's accounts on it."""
    with running_stack() as environment:
        prepare_accounts(environment)
        yield environment

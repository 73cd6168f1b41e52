"""Each test of the supervisor has a stack on a data folder of its own."""

from collections.abc import Iterator

import pytest

from tests.devstack.supervisor.devstacks import Devstack, new_devstack


@pytest.fixture
def devstack() -> Iterator[Devstack]:
    with new_devstack() as devstack:
        yield devstack

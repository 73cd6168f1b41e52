"""Take back the specs that a unit test used."""

from collections.abc import Iterator

import pytest

from tests.unit.specs import return_specs


@pytest.fixture(autouse=True)
def _specs_are_returned() -> Iterator[None]:
    yield
    return_specs()

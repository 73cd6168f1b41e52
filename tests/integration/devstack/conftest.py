"""What tests of the stack itself may rely on: stacks of their own, on data of their own."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.devstack.devstacks import Devstack


@pytest.fixture
def devstack() -> Iterator[Devstack]:
    # Not pytest's own folder: that one is closed to the user who runs Postgres for root.
    folder = Path(tempfile.mkdtemp(prefix="market-devstack-"))
    folder.chmod(0o711)
    found = Devstack(folder)
    try:
        yield found
    finally:
        found.close()
        shutil.rmtree(folder)

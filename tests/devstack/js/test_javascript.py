"""The official JavaScript client against the gateway: each file of this folder, run by Node."""

from collections.abc import Mapping

import pytest

from tests.support import node


#: One gateway serves them all.
pytestmark = pytest.mark.xdist_group("js")


@pytest.mark.parametrize("file", node.test_files())
def test_javascript_client(settings: Mapping[str, str], file: str) -> None:
    """What the file says of the client is so."""
    result = node.run_tests(file, settings)

    assert result.returncode == 0, result.stdout

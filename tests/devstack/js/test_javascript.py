"""Node runs each file of this folder, which tests the official JavaScript client on the gateway."""

from collections.abc import Mapping

import pytest

from tests.support import node


#: All files share one gateway.
pytestmark = pytest.mark.xdist_group("js")


@pytest.mark.parametrize("file", node.test_files())
def test_javascript_client(settings: Mapping[str, str], file: str) -> None:
    """Each test of the file passes."""
    result = node.run_tests(file, settings)

    assert result.returncode == 0, result.stdout

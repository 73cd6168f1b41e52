"""`deploy/proxy.conf`: its limits of bodies are those of the service."""

import re

from devstack.paths import ROOT
from service.requests import BODY_LIMIT, UPLOAD_BODY_LIMIT, UPLOAD_PATH


MIB = 1024 * 1024


def test_limits_of_bodies_are_those_of_the_service() -> None:
    """A larger one in the proxy would cost it disk, a smaller one would refuse files."""
    text = (ROOT / "deploy/proxy.conf").read_text()
    limits = [int(size) * MIB for size in re.findall(r"client_max_body_size (\d+)m;", text)]
    route = re.search(rf"location = {UPLOAD_PATH} {{\s+client_max_body_size (\d+)m;", text)

    assert [BODY_LIMIT, UPLOAD_BODY_LIMIT] == limits
    assert route is not None
    assert UPLOAD_BODY_LIMIT == int(route[1]) * MIB

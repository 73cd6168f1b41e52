"""`deploy/proxy.conf`: its limits of bodies are those of the service, and it buffers bodies."""

import re

from devstack.paths import ROOT
from service.requests import (
    BODY_LIMIT,
    UPLOAD_BODY_LIMIT,
    UPLOAD_PATH,
    WEBHOOK_BODY_LIMIT,
    WEBHOOKS,
)


CONFIGURATION = (ROOT / "deploy/proxy.conf").read_text()
SIZES = {"k": 1024, "m": 1024 * 1024}
#: The braces of a block, and the directive of a limit.
PARTS = re.compile(r"(?P<head>\w[^;{}]*)\{|client_max_body_size (?P<size>\d+[km]);|\}")


def limits() -> dict[str, int]:
    """Return each limit of a body by the head of its block."""
    found: dict[str, int] = {}
    blocks: list[str] = []
    text = re.sub(r"#.*|'[^']*'", "", CONFIGURATION)
    for part in PARTS.finditer(text):
        if part["head"]:
            blocks.append(part["head"].strip())
        elif part["size"]:
            found[blocks[-1]] = int(part["size"][:-1]) * SIZES[part["size"][-1]]
        else:
            blocks.pop()
    return found


def test_limits_of_bodies_are_those_of_the_service() -> None:
    """The proxy has the body limits of the service.

    A larger one would cost disk, and a smaller one would refuse files.
    """
    assert limits() == {
        "http": BODY_LIMIT,
        f"location {WEBHOOKS}": WEBHOOK_BODY_LIMIT,
        f"location = {UPLOAD_PATH}": UPLOAD_BODY_LIMIT,
    }


def test_bodies_reach_the_service_whole() -> None:
    """Four senders of slow files would else hold the four places that a process has for them."""
    assert ["on"] == re.findall(r"^\s*proxy_request_buffering (\w+);", CONFIGURATION, re.MULTILINE)

"""The commands by which a newcomer breaks the system work, and those that end the faults too."""

import os
import re
import subprocess
from collections.abc import Mapping

import httpx
import pytest

from devstack.paths import ROOT
from tests.support import pages


pytestmark = pytest.mark.xdist_group("stack")

README = (ROOT / "README.md").read_text()
SECTION = README.partition("### Break it")[2].partition("### Test it")[0]


def answers(block: str, stack: Mapping[str, str]) -> list[str]:
    """Run the calls of a block in a shell that has read the env file; return their answers."""
    lines = [line.partition("    #")[0] for line in pages.joined_lines(block)]
    calls = [line for line in lines if line.startswith("curl ")]
    return [
        subprocess.run(  # noqa: S603 - a command of our own page
            ["/bin/bash", "-c", call.replace("curl ", "curl --fail --silent ", 1)],
            check=True,
            capture_output=True,
            text=True,
            env=os.environ | dict(stack),
        ).stdout
        for call in calls
    ]


def test_faults_of_the_readme_begin_and_end(stack: Mapping[str, str]) -> None:
    """A newcomer sees lost webhooks and lost answers, and afterwards a healthy system."""
    breaking, mending = pages.blocks(SECTION, "sh")

    try:
        dropped, faults = answers(breaking, stack)
    finally:
        normal, _ = answers(mending, stack)

    assert '"mode":"drop"' in dropped
    assert re.search(r'"times":\d+', faults)
    assert '"mode":"normal"' in normal
    assert [] == httpx.get(f"{stack['SUPABASE_URL']}/_control/faults").json()["faults"]

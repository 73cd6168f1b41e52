"""The canary's two workflows agree with the program and with the tree."""

import re

import pytest

from devstack.paths import ROOT
from tests.canary import age
from tests.canary.settings import needed


WORKFLOWS = ROOT / ".github/workflows"
CANARY = (WORKFLOWS / "canary.yml").read_text()
AGE = (WORKFLOWS / "canary-age.yml").read_text()


def test_workflow_passes_the_secrets_that_the_program_reads() -> None:
    """The workflow passes each secret that the program reads, and no others."""
    passed = re.findall(r"^ +(\w+): \$\{\{ secrets\.(\w+) \}\}$", CANARY, re.MULTILINE)

    assert [(name, name) for name in sorted(needed("staging"))] == sorted(passed)


def test_changed_paths_exist() -> None:
    """Each path of the workflow exists, because a renamed one would start no run."""
    section = CANARY.partition("    paths:\n")[2].partition("  workflow_call:")[0]
    paths = re.findall(r"^ +- (\S+)$", section, re.MULTILINE)

    assert {"tests/canary/**", "service/webhooks.py", "service/canary.py"} <= set(paths)
    assert [] == [path for path in paths if not (ROOT / path.removesuffix("/**")).exists()]


@pytest.mark.parametrize(
    "line",
    [
        "  workflow_dispatch:",
        "        options: [staging, production]",
        '    - cron: "17 */6 * * *"',
        "  workflow_call:",
        "    timeout-minutes: 10",
        "    environment: ${{ inputs.environment || 'staging' }}",
        "          CANARY_ENVIRONMENT: ${{ inputs.environment || 'staging' }}",
    ],
)
def test_canary_runs_when_and_where_it_must(line: str) -> None:
    """The canary runs by hand, every six hours, and when a deployment calls it."""
    assert f"\n{line}\n" in CANARY


def test_check_of_the_age_knows_the_title_and_the_limit() -> None:
    """The check finds a run by its title; its own texts name the same limit as the program."""
    assert "\nrun-name: canary on ${{ inputs.environment || 'staging' }}\n" in CANARY
    assert "/workflows/canary.yml/runs?" in AGE
    assert {f"{age.MOST_HOURS:g}"} == set(re.findall(r"(\d+) hours", AGE))

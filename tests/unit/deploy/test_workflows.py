"""The workflows run fixed versions of foreign code, and see few secrets."""

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from devstack.paths import ROOT


FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
CHECKOUT = "actions/checkout@"


def read(path: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(path.read_text())
    return loaded


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_action_is_fixed(path: Path) -> None:
    """A tag can be moved to other code, a hash cannot; the comment names the version."""
    used = re.findall(r"uses: (?!\$/)(.+)$", path.read_text(), re.MULTILINE)

    assert [] == [use for use in used if not re.fullmatch(r"\S+@[0-9a-f]{40} # v[\d.]+", use)]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_checkout_keeps_no_token(path: Path) -> None:
    """A later step cannot push with the token of the run."""
    settings = [s["with"] for s in steps(path) if s.get("uses", "").startswith(CHECKOUT)]

    assert [] == [one for one in settings if one["persist-credentials"] is not False]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_rights_are_read_only_unless_a_job_needs_more(path: Path) -> None:
    """A workflow begins with no more than reading the code."""
    assert {"contents": "read"} == read(path)["permissions"]


def test_hashes_of_one_action_agree() -> None:
    """All workflows use the same version of an action."""
    used = {
        use.partition("@")[::2]
        for path in FILES
        for use in re.findall(r"uses: (?!\$/)(\S+)", path.read_text())
    }

    assert len({name for name, _ in used}) == len(used)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_no_script_contains_an_expression(path: Path) -> None:
    """Values reach a script as variables, so none can become a command or appear in an argument."""
    assert [] == [step["run"] for step in steps(path) if "${{" in step.get("run", "")]


def test_deployment_goes_on_only_after_each_green_step() -> None:
    """Test, build, migration, roll-out and canary each need the step before to be green."""
    jobs = read(ROOT / ".github/workflows/deploy.yml")["jobs"]

    assert {
        "gate": None,
        "image": "gate",
        "migrate": ["gate", "image"],
        "roll_out": ["gate", "image", "migrate"],
        "canary": "roll_out",
        "release": ["gate", "canary"],
    } == {name: job.get("needs") for name, job in jobs.items()}
    assert {"always()"}.isdisjoint(str(job.get("if")) for job in jobs.values())


def test_canary_sees_the_secrets_of_its_environment() -> None:
    """The canary runs against the environment that was deployed."""
    canary = read(ROOT / ".github/workflows/deploy.yml")["jobs"]["canary"]

    assert "$/.github/workflows/canary.yml" == canary["uses"]
    assert "inherit" == canary["secrets"]
    assert {"environment": "${{ inputs.environment }}"} == canary["with"]


def test_job_with_secrets_names_its_environment() -> None:
    """The rules of an environment, such as a reviewer, guard its secrets."""
    jobs = read(ROOT / ".github/workflows/deploy.yml")["jobs"]

    with_secrets = {name for name, job in jobs.items() if "secrets." in str(job.get("steps"))}
    assert {"migrate", "roll_out"} == with_secrets
    assert {"${{ inputs.environment }}"} == {jobs[name]["environment"] for name in with_secrets}


def test_waiting_canary_is_not_replaced_by_another_workflow() -> None:
    """GitHub cancels a waiting run if a later one joins its group, so each workflow has its own."""
    group = read(ROOT / ".github/workflows/canary.yml")["concurrency"]["group"]

    assert "canary-${{ inputs.environment || 'staging' }}-${{ github.workflow }}" == group


@pytest.mark.parametrize(
    "name", ["market.env", "canary.env", "deploy-key", "deploy-key.pub", "known_hosts"]
)
def test_secrets_of_a_deployment_cannot_be_committed(name: str) -> None:
    """The page has an operator write these files into the checkout."""
    patterns = (ROOT / ".gitignore").read_text().split()

    assert any(fnmatch(f"/{name}", pattern) for pattern in patterns)

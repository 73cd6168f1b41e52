"""The gate of `deploy.yml` lets tested commits of main pass, and chooses that of production."""

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml

from devstack.paths import ROOT


OLD, NEW, HEAD = "a" * 40, "b" * 40, "c" * 40
WORKFLOW = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())
SCRIPT = WORKFLOW["jobs"]["gate"]["steps"][0]["run"]
#: Stands for `gh run list`: prints the green runs that agree with the options.
GH = """
import sys
options = dict(zip(sys.argv[3::2], sys.argv[4::2]))
assert ["run", "list", "success"] == [*sys.argv[1:3], options["--status"]]
for workflow, branch, event, commit, title in RUNS:
    run = {"--workflow": workflow, "--branch": branch, "--event": event, "--commit": commit}
    if all(options.get(name, value) == value for name, value in run.items()):
        print(commit, title)
"""


def ci(commit: str, *, branch: str = "main", event: str = "push") -> tuple[str, ...]:
    return ("ci.yml", branch, event, commit, "a commit")


def deployed(commit: str, title: str = "deploy to staging") -> tuple[str, ...]:
    return ("deploy.yml", "main", "workflow_dispatch", commit, title)


def passed(
    folder: Path, runs: Sequence[tuple[str, ...]], environment: str, earlier: str = ""
) -> str | None:
    """Return the commit that the gate chooses, or None if it refuses."""
    gh = folder / "gh"
    gh.write_text(f"#!{sys.executable} -IS\nRUNS = {list(runs)!r}\n{GH}")
    gh.chmod(0o700)
    output = folder / "output"
    output.write_text("")
    done = subprocess.run(  # noqa: S603 -- our own script
        ["/bin/bash", "-e", "-c", SCRIPT],
        check=False,
        stdout=subprocess.PIPE,
        text=True,
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_REF": "refs/heads/main",
            "GITHUB_SHA": HEAD,
            "GITHUB_OUTPUT": str(output),
            "ENVIRONMENT": environment,
            "EARLIER_COMMIT": earlier,
        },
    )
    chosen = output.read_text().strip().removeprefix("commit=")
    assert bool(chosen) == (done.returncode == 0), shlex.quote(done.stdout)
    return chosen or None


def test_staging_takes_the_newest_commit(tmp_path: Path) -> None:
    """A commit of main that CI has tested passes."""
    assert HEAD == passed(tmp_path, [ci(HEAD)], "staging")


@pytest.mark.parametrize("run", [ci(NEW), ci(HEAD, branch="idea"), ci(HEAD, event="pull_request")])
def test_untested_commit_is_refused(tmp_path: Path, run: tuple[str, ...]) -> None:
    """A green run of another commit, of a branch or of a pull request proves nothing."""
    assert passed(tmp_path, [run], "staging") is None


def test_production_takes_the_commit_of_staging(tmp_path: Path) -> None:
    """Commits that were merged after the deployment to staging wait for the next one."""
    runs = [ci(HEAD), ci(NEW), ci(OLD), deployed(NEW), deployed(OLD)]

    assert NEW == passed(tmp_path, runs, "production")


@pytest.mark.parametrize(
    "newest",
    [f"go back to {OLD} on staging", "deploy to production", f"go back to {OLD} on production"],
)
def test_way_back_is_no_deployment_to_staging(tmp_path: Path, newest: str) -> None:
    """Only a deployment to staging with its migrations allows one to production."""
    assert passed(tmp_path, [ci(HEAD), ci(OLD), deployed(HEAD, newest)], "production") is None


def test_production_refuses_the_release_that_staging_left(tmp_path: Path) -> None:
    """Production refuses a release from which staging was taken back."""
    runs = [ci(HEAD), ci(NEW), deployed(HEAD, f"go back to {OLD} on staging"), deployed(NEW)]

    assert passed(tmp_path, runs, "production") is None


def test_production_goes_back_to_a_commit_of_staging(tmp_path: Path) -> None:
    """An earlier commit needs its own green deployment to staging."""
    runs = [ci(NEW), ci(OLD), deployed(NEW), deployed(OLD)]

    assert OLD == passed(tmp_path, runs, "production", OLD)
    assert passed(tmp_path, [ci(OLD), deployed(NEW)], "production", OLD) is None


def test_abbreviated_commit_is_refused(tmp_path: Path) -> None:
    """The tag of an image is the full hash."""
    assert passed(tmp_path, [ci(OLD[:7])], "staging", OLD[:7]) is None


def test_title_tells_the_way_back_from_a_deployment() -> None:
    """The title of a run names its kind, because the gate reads it."""
    title = WORKFLOW["run-name"]

    assert title.startswith("${{ inputs.earlier_commit && format('go back to {0} on {1}',")
    assert title.endswith("|| format('deploy to {0}', inputs.environment) }}")


def test_each_job_uses_the_chosen_commit() -> None:
    """Each job checks out the chosen commit, and not the newest one."""
    jobs = {name: str(job) for name, job in WORKFLOW["jobs"].items() if "steps" in job}

    assert {"image", "migrate", "roll_out", "release"} == {
        name for name, text in jobs.items() if "'ref': '${{ needs.gate.outputs.commit }}'" in text
    }

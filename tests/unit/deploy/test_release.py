"""A release has one version, and its image gets the tag of the version once."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

from devstack.paths import ROOT
from market import VERSION
from service.app import create_app
from service.openapi import document
from tests.support.factories import make_settings


COMMIT = "a" * 40
IMAGE = "ghcr.io/owner/name"
JOBS = yaml.safe_load((ROOT / ".github/workflows/deploy.yml").read_text())["jobs"]
#: Stands for docker: knows the images of KNOWN, and writes down each call.
DOCKER = """
import sys
with open(CALLS, "a") as calls:
    print(*sys.argv[1:], file=calls)
if sys.argv[1:3] == ["manifest", "inspect"]:
    sys.exit(sys.argv[3] not in KNOWN)
"""


def calls_of(folder: Path, job: str, *known: str) -> list[str]:
    """Return the calls of docker in a job's last step, after the sign-in."""
    calls = folder / "calls"
    docker = folder / "docker"
    docker.write_text(
        f"#!{sys.executable} -IS\nCALLS = {str(calls)!r}\nKNOWN = {known!r}\n{DOCKER}"
    )
    docker.chmod(0o700)
    subprocess.run(  # noqa: S603 -- our own script
        ["/bin/bash", "-e", "-c", JOBS[job]["steps"][-1]["run"]],
        check=False,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        env={
            "PATH": f"{folder}:{os.environ['PATH']}",
            "GITHUB_REPOSITORY": "Owner/Name",
            "GITHUB_SERVER_URL": "https://github.com",
            "GITHUB_ACTOR": "somebody",
            "COMMIT": COMMIT,
            "TOKEN": "token",
        },
    )
    return [line for line in calls.read_text().splitlines() if not line.startswith("login ")]


def test_version_is_one_everywhere() -> None:
    """The project, the code, OpenAPI and the newest section of the changelog name one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [newest, *_] = re.findall(r"^## (\d\S+) \(", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    info = document(create_app(make_settings())).info
    assert VERSION == project["version"] == info["version"] == newest


def test_image_is_labelled_with_its_version(tmp_path: Path) -> None:
    """A host shows which release an image is."""
    build = next(call for call in calls_of(tmp_path, "image") if call.startswith("build "))

    assert f"--build-arg VERSION={VERSION} " in build
    assert 'org.opencontainers.image.version="${VERSION}"' in (ROOT / "Dockerfile").read_text()


def test_release_is_tagged_with_its_version(tmp_path: Path) -> None:
    """The tag names the image that was deployed, and builds no other."""
    assert [
        f"manifest inspect {IMAGE}:{COMMIT}",
        f"manifest inspect {IMAGE}:{VERSION}",
        f"buildx imagetools create --tag {IMAGE}:{VERSION} {IMAGE}:{COMMIT}",
    ] == calls_of(tmp_path, "release", f"{IMAGE}:{COMMIT}")


def test_tag_of_a_version_never_moves(tmp_path: Path) -> None:
    """A later commit of the same version is no release."""
    calls = calls_of(tmp_path, "release", f"{IMAGE}:{COMMIT}", f"{IMAGE}:{VERSION}")

    assert f"manifest inspect {IMAGE}:{VERSION}" == calls[-1]


def test_registry_that_cannot_be_read_gets_no_tag(tmp_path: Path) -> None:
    """The step fails, because the tag may be there."""
    assert [f"manifest inspect {IMAGE}:{COMMIT}"] == calls_of(tmp_path, "release")


def test_only_production_makes_a_release() -> None:
    """The tag needs a green canary, and a way back is no release."""
    release = JOBS["release"]

    assert "inputs.environment == 'production' && inputs.earlier_commit == ''" == release["if"]
    assert "canary" in release["needs"]

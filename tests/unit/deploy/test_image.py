"""The image has the Python and the uv of the tests, and few rights."""

import re
import tomllib

import yaml

from devstack.paths import ROOT


DOCKERFILE = (ROOT / "Dockerfile").read_text()
#: The files and folders that the image gets from the repository.
COPIED = {
    name
    for names in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    for name in names.split()
}


def workflow(name: str) -> str:
    return (ROOT / f".github/workflows/{name}.yml").read_text()


def test_ci_tests_the_python_of_the_image() -> None:
    """The image, CI and the oldest Python that we support are one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [image] = set(re.findall(r"^FROM python:(\d+\.\d+)\.", DOCKERFILE, re.MULTILINE))
    [tested] = set(re.findall(r'python-version: "([\d.]+)"', workflow("ci")))

    assert image == tested
    assert f">={image}" == project["requires-python"]


def test_base_is_one_fixed_image() -> None:
    """A tag may move; the digest names the same image for ever."""
    bases = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE))

    [base] = bases
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-bookworm@sha256:[0-9a-f]{64}", base)


def test_image_is_built_by_the_uv_of_the_project() -> None:
    """The image uses the project's version of uv, because another may read the lock differently."""
    setup = (ROOT / ".ci/setup.py").read_text()

    assert re.findall(r"uv==([\d.]+)", DOCKERFILE) == re.findall(r'UV_VERSION = "([\d.]+)"', setup)


def test_image_runs_as_a_numeric_user() -> None:
    """Kubernetes refuses a name, because it cannot know that it is not root."""
    assert ["10001:10001"] == re.findall(r"^USER (.+)$", DOCKERFILE, re.MULTILINE)


def test_image_checks_the_readiness_of_the_service() -> None:
    """`docker run` alone shows the health, too."""
    [check] = re.findall(r"^HEALTHCHECK (?:.|\n)*?CMD (.+)$", DOCKERFILE, re.MULTILINE)
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["service"]

    assert ["CMD", *yaml.safe_load(check)] == service["healthcheck"]["test"]


def test_context_has_only_copied_files() -> None:
    """The build context has only files that the Dockerfile copies, so no secrets."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = {line[1:] for line in lines if line.startswith("!")}

    assert "*" == lines[0]
    assert allowed == COPIED


def test_image_has_the_product_alone() -> None:
    """The image gets three packages, and none of the tools: no devstack, saleroom or tests."""
    assert {
        "gunicorn.conf.py",
        "market",
        "pyproject.toml",
        "service",
        "uv.lock",
        "workers",
    } == COPIED
    assert 1 == len(re.findall(r"^RUN uv sync --frozen --no-dev ", DOCKERFILE, re.MULTILINE))

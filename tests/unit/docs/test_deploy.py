"""`docs/deploy.md` names each event, variable and secret that a deployment needs."""

import re
from typing import cast

import pytest

from deploy import roll_out
from devstack.paths import ROOT
from devstack.supervisor import programs
from market import stripe_events
from market.database import Database
from market.stripe_api import StripeApi
from tests.support.factories import ENVIRONMENT


PAGE = (ROOT / "docs/deploy.md").read_text()
#: The push to `supabase start`.
LOCAL_PUSH = "supabase db push"
EVENT = re.compile(r"`([a-z_]+(?:\.[a-z_]+)+)`")


def listed() -> set[str]:
    """Return the events in the page's rows of endpoints."""
    rows = [line for line in PAGE.splitlines() if line.lstrip().startswith("| `/api/webhooks/")]
    return {event for row in rows for event in EVENT.findall(row)}


def section(number: int) -> str:
    """Return the text of a numbered section."""
    [text] = re.findall(rf"^## {number}\. (.+?)^## ", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


def first_cells(text: str) -> set[str]:
    """Return the names in the first column of the tables of a text."""
    cells = [line.split("|")[1] for line in text.splitlines() if line.lstrip().startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_the_endpoints_listen_to_the_handled_events() -> None:
    """The dashboard sends exactly the events that have a handler."""
    handled = stripe_events.handlers(cast("StripeApi", None), cast("Database", None))

    assert set(handled) == listed()


def test_the_local_endpoints_listen_to_the_same_events() -> None:
    """The fake Stripe delivers what the page tells operators to choose, and nothing else."""
    assert {*programs.MONEY_EVENTS, *programs.IDENTITY_EVENTS} == listed()


def test_each_variable_has_its_value() -> None:
    """An operator learns where the value of each variable comes from."""
    known = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    assert known == first_cells(section(3)) - {"PROXY_ADDRESS"}


def test_variables_of_compose_are_explained() -> None:
    """The roll-out writes three of them, the page explains the others."""
    used = set(re.findall(r"\$\{(\w+)", (ROOT / "compose.yaml").read_text()))

    assert used - {"IMAGE", "TAG", "MARKET_ENV"} <= first_cells(section(3))


def test_each_secret_of_a_workflow_is_listed() -> None:
    """The page lists the secrets and variables that the workflows read, and no others."""
    texts = [(ROOT / f".github/workflows/{name}.yml").read_text() for name in ("deploy", "canary")]
    read = {name for text in texts for name in re.findall(r"\b(?:secrets|vars)\.(\w+)", text)}

    assert read == first_cells(section(5))


@pytest.mark.parametrize(
    "path", sorted(set(re.findall(r"`((?:deploy|tests|docs|supabase|sql)/[\w./-]+)`", PAGE)))
)
def test_named_file_exists(path: str) -> None:
    """A reader finds each file that the page names."""
    assert (ROOT / path).exists()


def test_local_settings_complete_the_example() -> None:
    """With the values of the page's last table, the copied example starts the containers."""
    example = dict(re.findall(r"^(\w+)=(.*)$", (ROOT / ".env.example").read_text(), re.MULTILINE))
    needed = {name for name in ENVIRONMENT if not example[name]}
    [local] = re.findall(r"^## Try the containers(.+?)^## ", PAGE, re.MULTILINE | re.DOTALL)

    assert needed <= first_cells(local)
    assert local.index("cp .env.example .env") < local.index("docker compose up")


def test_settings_change_as_the_roll_out_starts() -> None:
    """By hand and in a deployment, compose reads the same files."""
    assert f'compose() {{ {roll_out.COMPOSE} "$@"; }}' in PAGE


@pytest.mark.parametrize("name", ["docs/deploy.md", ".github/workflows/deploy.yml"])
def test_each_command_names_its_project(name: str) -> None:
    """A command that takes the linked project may reach production instead of staging."""
    lines = [line.strip() for line in (ROOT / name).read_text().splitlines()]
    hosted = re.compile(r"supabase (migration|db|config|ssl-enforcement|backups|link) ")
    commands = [line for line in lines if hosted.match(line) and line != LOCAL_PUSH]

    assert commands
    assert [] == [c for c in commands if c.count("supabase ") != c.count(" --remote=")]

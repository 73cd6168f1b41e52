"""The SQL of `docs/deploy.md` runs as role postgres, as in the SQL editor."""

import re

import psycopg
import pytest

from devstack.paths import ROOT
from service.app import create_app
from tests.sql.actors import Actor
from tests.support.factories import make_settings


PAGE = (ROOT / "docs/deploy.md").read_text()
BLOCKS = [
    block
    for block in re.findall(r"^ *```sql\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
    if "cron." not in block
]


@pytest.mark.parametrize("block", BLOCKS, ids=range(len(BLOCKS)))
def test_statement_runs(owner: psycopg.Connection, block: str) -> None:
    """Each statement of the page runs."""
    owner.execute(block.encode())


def test_gateway_settings_are_those_of_the_page(owner: psycopg.Connection) -> None:
    """The query returns the settings that the page shows."""
    [query] = [block for block in BLOCKS if "pg_db_role_setting" in block]

    settings = {setting for (setting,) in owner.execute(query.encode())}

    assert {
        "pgrst.db_pre_request=private.check_request",
        "pgrst.db_tx_end=commit",
        "pgrst.db_max_rows=1000",
        "random_page_cost=1",
    } <= settings


def test_first_admin_gets_the_role(owner: psycopg.Connection, alice: Actor) -> None:
    """The statement of the page makes a user an admin."""
    [statement] = [block for block in BLOCKS if "'admin'" in block]
    owner.execute("update public.users set email = 'you@example.com' where id = %s", [alice.id])

    owner.execute(statement.encode())

    assert [("admin",)] == owner.execute(
        "select role from public.users where id = %s", [alice.id]
    ).fetchall()


def test_first_admin_asks_a_route_of_staff() -> None:
    """The page's call goes to a route that the service has."""
    [path] = re.findall(r"curl https://shop\.example\.com(/api/admin/\S+)", PAGE)

    assert path in {rule.rule for rule in create_app(make_settings()).url_map.iter_rules()}

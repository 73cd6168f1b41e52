"""`docs/api.md`: its tables list each route of the service and each table of users, and no other.

`make check` compares the sections of the RPCs with `sql/`.
"""

import re
from pathlib import Path

from service.app import create_app
from service.route_table import routes_of
from tests.support.factories import make_settings


ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/api.md").read_text()
ROUTE = re.compile(r"^\| `([A-Z]+) (/\S*)` \|", re.MULTILINE)
VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def test_each_route_has_a_row() -> None:
    """A caller finds each route with its request and answer; a removed route leaves the page."""
    served = {
        (method, VARIABLE.sub(r":\1", rule))
        for method, rule, _ in routes_of(create_app(make_settings()))
    }

    assert served == set(ROUTE.findall(PAGE))


def test_each_table_of_users_has_a_row() -> None:
    """A caller finds each table and view that the API lets a user or a visitor select."""
    snapshot = (ROOT / "tests/sql/access/snapshot.txt").read_text()
    section = PAGE.partition("## Tables")[2].partition("\n## ")[0]

    readable = re.compile(r"^(?:anon|authenticated) select public\.(\w+) ", re.MULTILINE)
    rows = re.compile(r"^\| `(\w+)` \| \S", re.MULTILINE)
    assert set(readable.findall(snapshot)) == set(rows.findall(section))

"""`docs/api.md`: its table of routes lists each route of the service, and no other.

`make check` compares the sections of the RPCs with `sql/`.
"""

import re
from pathlib import Path

from service.app import create_app
from tests.factories import make_settings


ROOT = Path(__file__).parents[3]
ROUTE = re.compile(r"^\| `([A-Z]+) (/\S*)` \|", re.MULTILINE)
VARIABLE = re.compile(r"<(?:\w+:)?(\w+)>")


def test_each_route_has_a_row() -> None:
    """A caller finds each route with its request and answer; a removed route leaves the page."""
    served = {
        (method, VARIABLE.sub(r":\1", rule.rule))
        for rule in create_app(make_settings()).url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }

    assert served == set(ROUTE.findall((ROOT / "docs/api.md").read_text()))

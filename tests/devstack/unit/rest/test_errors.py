"""The error table has the codes that the package raises."""

import re
from pathlib import Path

from devstack.gateway import rest
from devstack.gateway.rest.errors import PGRST_STATUSES


RAISED = re.compile(r'RestError\(\s*"(PGRST\w+)"')


def test_table_has_each_raised_code_and_no_other() -> None:
    """A raised code without a status would fail the request with a KeyError."""
    modules = Path(rest.__path__[0]).rglob("*.py")
    raised = {code for module in modules for code in RAISED.findall(module.read_text())}

    assert raised == set(PGRST_STATUSES)

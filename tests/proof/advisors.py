"""Supabase's own linter over our schema: every finding above info is reviewed.

`make advisors` runs this file. pytest collects only `test_*.py`, so `make test`
skips it: the CLI takes seconds.
"""

import json
from collections.abc import Mapping
from pathlib import Path

import psycopg

from devstack.postgres.schema import build_database, declared_files
from tests.support.supabase_cli import address_of, run_cli


#: A finding by its key, and the reason for which it stays. Review a change as a decision.
REVIEWED: Mapping[str, str] = {
    "security_definer_view_public_public_profiles": (
        "The view has its owner's rights on purpose: it shows everybody four harmless columns of"
        " users, whose rows only the person and staff may read."
    ),
}


def database_address(admin_url: str) -> str:
    """Build a database from `sql/`, as the API sees it; return its address for the CLI."""
    url = build_database(admin_url, "advisors", declared_files())
    with psycopg.connect(admin_url, autocommit=True) as admin:
        # The linter looks only at the schemas that the API serves.
        admin.execute("alter database advisors set pgrst.db_schemas = 'public'")
    return address_of(url)


def findings(address: str, home: Path) -> dict[str, str]:
    """Run the linter; return the detail of each finding at error or warn, by its key."""
    output = run_cli(address, home, "db", "advisors", "--level=warn", "--output-format=json")
    return {entry["cacheKey"]: entry["detail"] for entry in json.loads(output.result)["results"]}


def test_findings_are_the_reviewed_ones(admin_url: str, tmp_path: Path) -> None:
    """A new finding fails, and so does an entry of the list that no longer occurs."""
    found = findings(database_address(admin_url), tmp_path)

    assert REVIEWED.keys() == found.keys(), found

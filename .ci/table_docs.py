"""Write the tables and views that users read as Markdown, from the policies in `sql/`.

The comment of a policy says in words which rows it shows.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any

import pglast


ROOT = Path(__file__).parents[1]


def tables_page() -> str:
    """Return a table of everything that a policy or a view shows, with the rules in words."""
    rules: dict[str, list[str]] = defaultdict(list)
    for name in ("policies", "views"):
        for path in sorted((ROOT / "sql").glob(f"*/{name}.sql")):
            statements: list[Any] = [raw.stmt for raw in pglast.parse_sql(path.read_text())]
            shown = {_key(statement) for statement in statements}
            for statement in statements:
                if type(statement).__name__ == "CommentStmt":
                    key = tuple(part.sval for part in statement.object)
                    if key in shown:
                        rules[key[1]].append(statement.comment)
    rows = [f"| `{table}` | {' '.join(rules[table])} |" for table in sorted(rules)]
    return "\n".join(["| table | who reads which rows |", "|---|---|", *rows, ""])


def _key(statement: Any) -> tuple[str, ...]:
    """Return the name by which a comment names a policy for reading or a view of ours."""
    match type(statement).__name__:
        case "CreatePolicyStmt" if statement.cmd_name == "select":
            return (statement.table.schemaname, statement.table.relname, statement.policy_name)
        case "ViewStmt" if statement.view.schemaname == "public":
            return (statement.view.schemaname, statement.view.relname)
    return ()

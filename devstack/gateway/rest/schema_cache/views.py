"""Reads the catalogue's form of a parsed query, to see which column each column of a view is.

pg_get_viewdef would tell it as SQL, but locks every relation that the view reads.
"""

import re
from collections.abc import Iterator


#: A word, whose special characters are escaped, or a delimiter.
TOKEN = re.compile(r"(?:\\.|[^\\\s(){}])+|[(){}]", re.DOTALL)


def origins(tree: str) -> Iterator[tuple[int, int, int]]:
    """Return the position of each column of a query that is a relation's, and where it is from.

    The second number is the relation's oid, the third one the position there. Postgres has
    followed the column through subqueries already, but not through another view.
    """
    depth, field, key = 0, "", ""
    entry: dict[str, str] = {}
    for word in TOKEN.findall(tree):
        if word == "{":
            depth += 1
        elif word == "}":
            if depth == 2 and entry.get(":resorigtbl", "0") != "0":  # noqa: PLR2004 -- an entry's own level
                yield int(entry[":resno"]), int(entry[":resorigtbl"]), int(entry[":resorigcol"])
            depth -= 1
            if depth == 1:
                entry = {}
        elif word.startswith(":"):
            field, key = (word, "") if depth == 1 else (field, word)
        elif depth == 2 and field == ":targetList":  # noqa: PLR2004 -- an entry's own level
            entry.setdefault(key, word)

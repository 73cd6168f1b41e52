"""The parser finds the origin of a view's columns."""

from devstack.gateway.rest.schema_cache.views import source_columns


#: A name with blanks and braces, as the catalogue escapes them.
NAME = r"a\ \{b\}"


def entry(position: int, table: int, column: int, expression: str = "{VAR :varno 1}") -> str:
    origin = f":resorigtbl {table} :resorigcol {column} :resjunk false"
    words = f"TARGETENTRY :expr {expression} :resno {position} :resname {NAME} {origin}"
    return "{" + words + "}"


def query(columns: str) -> str:
    return "{QUERY :commandType 1 :rtable ({RTE :relid 7}) :targetList " + columns + " :limit <>}"


def test_columns_of_relations_are_found() -> None:
    """A computed column has no origin, and a column within an expression is none of the view's."""
    within = "{SUBLINK :subselect " + query(f"({entry(1, 9, 9)})") + "}"
    columns = " ".join((entry(1, 16400, 2), entry(2, 0, 0, within), entry(3, 16401, 1)))

    assert list(source_columns(f"({query(f'({columns})')})")) == [(1, 16400, 2), (3, 16401, 1)]


def test_query_without_columns_has_none() -> None:
    """A view may have no columns: `create view nothing as select`."""
    assert list(source_columns(f"({query('<>')})")) == []

"""What a PUT may be: the one row that its URL names by the whole primary key."""

from collections.abc import Sequence

from devstack.gateway.rest.api_request.query_params import Comparison, Condition, QueryParams
from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.schema_cache.tables import Relation
from devstack.gateway.rest.transaction import Outcome


def check_query(query: QueryParams, relation: Relation) -> None:
    """Raise PGRST114 or PGRST105 when the query names anything but the one row."""
    root, key = query.root, relation.primary_key
    if root.limit_slot is not None or root.offset_slot is not None:
        raise RestError("PGRST114", "limit/offset querystring parameters are not allowed for PUT")
    if not key or sorted(_named(root.conditions)) != sorted(key):
        raise RestError(
            "PGRST105",
            "Filters must include all and only primary key columns with 'eq' operators",
        )


def check_columns(columns: Sequence[str], relation: Relation) -> None:
    """Raise PGRST115 when the body leaves out what the URL says."""
    if not set(relation.primary_key) <= set(columns):
        raise _mismatch()


def check_outcome(outcome: Outcome) -> None:
    """Raise PGRST115 unless the one row of the URL was in the body."""
    if outcome.page_total != 1:
        raise _mismatch()


def _named(conditions: Sequence[Condition]) -> list[str]:
    """Return the columns that are compared by `eq`; what else is asked has no column's name."""
    return [
        test.field.name
        if isinstance(test, Comparison) and _is_plain(test) and test.operator == "eq"
        else ""
        for test in conditions
    ]


def _is_plain(test: Comparison) -> bool:
    return not (test.is_negated or test.quantifier or test.field.path)


def _mismatch() -> RestError:
    return RestError("PGRST115", "Payload values do not match URL in primary key column(s)")

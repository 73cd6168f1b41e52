"""What has to hold of an outcome before its transaction is committed."""

from devstack.gateway.rest.errors import RestError
from devstack.gateway.rest.puts import check_outcome
from devstack.gateway.rest.transaction import Check, Outcome


def checks(*, is_single: bool, limit: int | None, is_put: bool = False) -> Check | None:
    """Return what looks at an outcome and raises where it may not be; None if all may be."""
    if not (is_single or is_put) and limit is None:
        return None

    def check(outcome: Outcome) -> None:
        if is_put:
            check_outcome(outcome)
        elif is_single:
            check_single(outcome)
        if limit is not None:
            check_affected(outcome, limit)

    return check


def check_single(outcome: Outcome) -> None:
    """Raise PGRST116 unless there is exactly one row."""
    if outcome.page_total != 1:
        raise RestError(
            "PGRST116",
            "Cannot coerce the result to a single JSON object",
            details=f"The result contains {outcome.page_total} rows",
        )


def check_affected(outcome: Outcome, limit: int) -> None:
    """Raise PGRST124 when more was done than was allowed."""
    if outcome.page_total > limit:
        raise RestError(
            "PGRST124",
            "Query result exceeds max-affected preference constraint",
            details=f"The query affects {outcome.page_total} rows",
        )

"""The queries of the operators' console, as the functions that read for its pages send them."""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any
from unittest.mock import create_autospec

from market.database import Database
from service.console import reading
from tests.proof.plans.dataset import Role
from tests.proof.plans.pages import Page


_NO_ONE = "00000000-0000-4000-8000-000000000000"
_LONG_AGO = f"2020-01-01T00:00:00+00:00~{_NO_ONE}"
_FAR_AHEAD = f"2090-01-01T00:00:00+00:00~{_NO_ONE}"
_SMALL = "the policy lets the planner expect few rows, so it sorts all those of a small market"
#: A row of any table, with the parts that the pages look for.
_ROW: Mapping[str, Any] = {
    **dict.fromkeys(("events", "payments", "refunds", "payouts", "disputes", "ledger"), ()),
    **dict.fromkeys(("id", "order_id"), _NO_ONE),
    "auctions": [{}],
    "end_at": "",
}
#: Each read of a page: the function, and the tables that its queries may read from end to end, with
#: the reason.
_READS: Mapping[str, tuple[Callable[[Database], object], Mapping[str, str]]] = {
    "live auctions": (lambda database: reading.live_auctions(database, None), {}),
    "next live auctions": (lambda database: reading.live_auctions(database, _LONG_AGO), {}),
    "closes": (reading.closes, {}),
    "auction": (lambda database: reading.auction(database, "{hot}"), {}),
    "orders": (lambda database: reading.orders(database, None, None), {"orders": _SMALL}),
    "next orders": (
        lambda database: reading.orders(database, None, _FAR_AHEAD),
        {"orders": _SMALL},
    ),
    "order": (lambda database: reading.order(database, "{order}"), {}),
    "disputes": (lambda database: reading.disputes(database, None), {"disputes": _SMALL}),
    "audit log": (lambda database: reading.audit(database, None), {"audit_logs": _SMALL}),
    "user": (lambda database: reading.user(database, "{seller}"), {}),
    "search by an id": (lambda database: reading.search(database, _NO_ONE), {}),
    "search by an intent": (lambda database: reading.search(database, "pi_1"), {}),
    "search by a charge": (lambda database: reading.search(database, "ch_1"), {}),
    "search by a refund": (lambda database: reading.search(database, "re_1"), {}),
    "search by a dispute": (lambda database: reading.search(database, "dp_1"), {}),
    "search by a transfer": (lambda database: reading.search(database, "tr_1"), {}),
    "search by an account": (lambda database: reading.search(database, "acct_1"), {}),
}


def _pages_of(
    name: str, read: Callable[[Database], object], scans: Mapping[str, str]
) -> Mapping[str, Page]:
    """Return the queries of a read by name."""
    database: Any = create_autospec(Database, instance=True)
    database.select.return_value = [_ROW]
    read(database)
    return {
        f"console, {name}, {place}: {call.args[0]}": _page(*call.args, **call.kwargs, scans=scans)
        for place, call in enumerate(database.select.call_args_list, start=1)
    }


def _page(
    table: str,
    columns: str,
    where: Mapping[str, str],
    *,
    order: Sequence[str] = (),
    limit: int,
    scans: Mapping[str, str],
) -> Page:
    sorting = ",".join(
        f"{key.removeprefix('-')}.{'desc' if '-' in key else 'asc'}" for key in order
    )
    filters = {name: f"({value})" if name == "or" else value for name, value in where.items()}
    own: Collection[str] = {table} & scans.keys()
    return Page(
        query=table,
        columns=columns,
        where=filters | ({"order": sorting} if sorting else {}) | {"limit": str(limit)},
        roles=(Role.STAFF,),
        reads=40_000 if own else 5_000,
        scans=own,
        because="".join(scans[table] for table in own),
    )


CONSOLE_PAGES: Mapping[str, Page] = {
    name: page
    for read_name, (read, scans) in _READS.items()
    for name, page in _pages_of(read_name, read, scans).items()
}

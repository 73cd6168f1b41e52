"""Pages of objects, newest first: https://docs.stripe.com/api/pagination."""

import dataclasses
import json
from collections.abc import Iterable
from typing import Any

from devstack.stripe.errors import invalid, missing
from devstack.stripe.params import Params
from devstack.stripe.store import Json, Store
from devstack.stripe.transaction import Transaction


_DEFAULT_LIMIT = 10
_MAX_LIMIT = 100
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A part of a where clause, with its values."""

    sql: str
    values: tuple[Any, ...]


def equals(field: str, value: str | None) -> list[Condition]:
    """Return the condition that a field has a value; no condition if the value is None."""
    if value is None:
        return []
    return [Condition(sql=f"json_extract(body, '$.{field}') = ?", values=(value,))]


def read_page(
    tx: Transaction,
    params: Params,
    kind: str,
    *,
    url: str,
    filters: Iterable[str] = (),
    conditions: Iterable[Condition] = (),
) -> Json:
    """Return a page of `kind` in the account that the request acts on.

    It reads the paging parameters, and each of the `filters`: a parameter that must equal the field
    of its name. It refuses other parameters.
    """
    where = [
        Condition(sql="kind = ? and account is ?", values=(kind, tx.origin.account)),
        *_created(params),
        *[condition for field in filters for condition in equals(field, params.text(field))],
        *conditions,
    ]
    limit = params.positive("limit", _MAX_LIMIT) or _DEFAULT_LIMIT
    after, before = params.text("starting_after"), params.text("ending_before")
    params.finish()
    if after and before:
        raise invalid(
            "You may only specify one of these parameters: ending_before, starting_after."
        )

    if after:
        where.append(_beyond(tx.store, kind, after, "<", "starting_after"))
    if before:
        where.append(_beyond(tx.store, kind, before, ">", "ending_before"))
    rows = _select(tx.store, where, ascending=before is not None, limit=limit + 1)
    page = rows[:limit]
    if before:
        page.reverse()
    return {"object": "list", "url": url, "has_more": len(rows) > limit, "data": page}


def whole_list(items: list[Json], *, url: str) -> Json:
    """Return a list of one page, as an object contains it."""
    return {"object": "list", "url": url, "has_more": False, "data": items}


def _created(params: Params) -> list[Condition]:
    created = params.number_or_nested("created")
    if created is None:
        return []
    if isinstance(created, int):
        return [Condition(sql="created = ?", values=(created,))]
    bounds = [(sign, created.integer(name)) for name, sign in _COMPARISONS.items()]
    return [
        Condition(sql=f"created {sign} ?", values=(value,))
        for sign, value in bounds
        if value is not None
    ]


def _beyond(store: Store, kind: str, object_id: str, sign: str, param: str) -> Condition:
    row = store.connection.execute(
        "select seq from objects where id = ? and kind = ?", (object_id, kind)
    ).fetchone()
    if row is None:
        raise missing(kind, object_id, param=param)
    return Condition(sql=f"seq {sign} ?", values=(row["seq"],))


def _select(store: Store, where: list[Condition], *, ascending: bool, limit: int) -> list[Json]:
    clause = " and ".join(condition.sql for condition in where)
    values = [value for condition in where for value in condition.values]
    order = "asc" if ascending else "desc"
    rows = store.connection.execute(
        f"select body from objects where {clause} order by seq {order} limit ?",  # noqa: S608 - made of our own pieces; values are bound
        (*values, limit),
    )
    return [json.loads(row["body"]) for row in rows]

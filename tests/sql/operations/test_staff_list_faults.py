"""`staff_list_faults`: orders whose books disagree, and outages, for staff."""

from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor


def add_outages(owner: Connection, count: int) -> None:
    owner.execute(
        """
        insert into private.outages (started_at, ended_at)
        select private.clock() - n * interval '1 hour',
          private.clock() - n * interval '1 hour' + interval '1 minute'
        from generate_series(1, %s) as n
        """,
        [count],
    )


def spoil(owner: Connection, order_id: UUID, **changes: Any) -> None:
    """Record that the last check of an order found a fault."""
    values = {"drift": False, "cents": 0, "blocked": False} | changes
    owner.execute(
        """
        insert into private.order_checks as last_check (
          order_id, checked_at, has_drift, difference_cents, differs_since, is_blocked
        )
        values (
          %(id)s, private.clock(), %(drift)s, %(cents)s,
          case when %(cents)s <> 0 then private.clock() end, %(blocked)s
        )
        on conflict (order_id) do update set
          has_drift = excluded.has_drift,
          difference_cents = excluded.difference_cents,
          differs_since = excluded.differs_since,
          is_blocked = excluded.is_blocked
        """,
        {"id": order_id, **values},
    )


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({}, []),
        ({"drift": True}, [(True, 0, False)]),
        ({"cents": -100}, [(False, -100, False)]),
        ({"cents": 100, "blocked": True}, [(False, 100, True)]),
    ],
)
def test_order_is_listed_while_its_books_disagree(
    owner: Connection, moderator: Actor, order_id: UUID, changes: dict[str, Any], listed: list[Any]
) -> None:
    """A good check takes the order from the list."""
    spoil(owner, order_id, **changes)

    orders = moderator.call("staff_list_faults")["orders"]

    assert listed == [
        (row["has_drift"], row["difference_cents"], row["is_blocked"]) for row in orders
    ]
    assert {str(order_id)} >= {row["order_id"] for row in orders}


def test_outages_come_newest_first(owner: Connection, moderator: Actor) -> None:
    """The length of the list is bounded."""
    add_outages(owner, 3)

    outages = moderator.call("staff_list_faults", max_rows=2)["outages"]

    starts = [row["started_at"] for row in outages]
    assert sorted(starts, reverse=True) == starts
    assert 2 == len(starts)
    assert 3 == len(moderator.call("staff_list_faults")["outages"])


@pytest.mark.parametrize("max_rows", [0, 101, None])
def test_length_of_a_page_is_bounded(moderator: Actor, max_rows: int | None) -> None:
    """The bounds are those of the other lists for staff."""
    assert "VALIDATION_ERROR" == moderator.call("staff_list_faults", max_rows=max_rows)["code"]

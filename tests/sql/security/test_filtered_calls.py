"""`refuse_filtered_call`: no caller can undo a call by a filter on its answer."""

from typing import LiteralString
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection, sql

from tests.sql.actors import Actor


# The statement of PostgREST 12 for a function with one value, but for what selects from it.
CALL: LiteralString = """
    with pgrst_source as (
      select "pgrst_call"."pgrst_scalar" from (
        select public.place_bid(auction_id => %(auction_id)s, amount_cents => 1000) as pgrst_scalar
      ) as pgrst_call
    )
    select
      null::bigint as total_result_set,
      coalesce(json_agg(_postgrest_t.pgrst_scalar)->0, 'null') as body
    from (SELECT {} FROM "pgrst_source" AS "place_bid" {} LIMIT ALL OFFSET 0) as _postgrest_t
"""
PLAIN: LiteralString = '"place_bid".*'


@pytest.mark.parametrize(
    ("selected", "filtered"),
    [
        (PLAIN, """ WHERE  "place_bid"."pgrst_scalar"->>'reserve_met' LIKE 'tru\\'"""),
        (PLAIN, """ WHERE  "place_bid"."pgrst_scalar"->>'is_leading' = 'true'"""),
        ("""CAST("pgrst_scalar"->>'success' AS uuid) AS "pgrst_scalar" """, ""),
    ],
)
def test_filtered_call_is_refused(
    owner: Connection,
    alice: Actor,
    auction_id: UUID,
    selected: LiteralString,
    filtered: LiteralString,
) -> None:
    """A filter or cast that could undo the bid for one answer is refused."""
    with pytest.raises(psycopg.Error, match="FILTER_REFUSED") as raised:
        alice.rows(
            sql.SQL(CALL).format(sql.SQL(selected), sql.SQL(filtered)), auction_id=auction_id
        )

    assert "PT400" == raised.value.sqlstate
    assert [(0,)] == owner.execute("select count(*) from public.bids").fetchall()


def test_plain_call_is_served(owner: Connection, alice: Actor, auction_id: UUID) -> None:
    """A call without filters is served in the statement that PostgREST builds."""
    [(_total, answer)] = alice.rows(
        sql.SQL(CALL).format(sql.SQL(PLAIN), sql.SQL("")), auction_id=auction_id
    )

    assert answer["success"]
    assert [(1,)] == owner.execute("select count(*) from public.bids").fetchall()

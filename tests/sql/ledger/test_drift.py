"""`ledger_drift`: it returns nothing for consistent rows, and names each contradiction."""

from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL

from tests.sql.actors import Actor
from tests.sql.ledger.falsified_fields import FALSIFICATIONS
from tests.sql.ledger.sound_orders import SOUND
from tests.sql.paying import balances, drift, ordered, paid, refund_requested


@pytest.mark.parametrize("name", SOUND)
def test_drift_names_nothing_while_all_is_well(
    owner: Connection, order_id: UUID, name: str
) -> None:
    """In each state that an order can reach, the rows agree."""
    SOUND[name](owner, order_id)

    assert [] == drift(owner)


#: Drift makes new plans for each call, which would take most of this test's time.
KEEP_PLANS = """
  do $$
  declare
    v_function regprocedure;
  begin
    for v_function in
      select oid from pg_catalog.pg_proc
      where 'plan_cache_mode=force_custom_plan' = any(proconfig)
    loop
      execute format('alter function %s reset plan_cache_mode', v_function);
    end loop;
  end;
  $$
"""
#: Run one statement, ask `ledger_drift`, and undo the statement. Return null if it changes no row,
#: else true if a rule refuses it or drift names it. One call for all saves their round trips.
NOTICED = """
  create function pg_temp.is_noticed(p_statement text) returns boolean language plpgsql as $$
  declare
    v_changed bigint;
    v_is_noticed boolean;
  begin
    execute p_statement;
    get diagnostics v_changed = row_count;
    if v_changed > 0 then
      v_is_noticed := exists (select from public.ledger_drift());
    end if;
    raise sqlstate 'UNDO0';
  exception
    when sqlstate 'UNDO0' then
      return v_is_noticed;
    when integrity_constraint_violation or raise_exception then
      return true;
  end;
  $$
"""


@pytest.mark.parametrize("name", SOUND)
def test_drift_names_whatever_was_spoiled(owner: Connection, order_id: UUID, name: str) -> None:
    """A change of any column about money or state is named, in each state of an order."""
    SOUND[name](owner, order_id)
    owner.execute("select set_config('market.order_in_transition', %s, true)", [str(order_id)])
    owner.execute("set local search_path = public")
    owner.execute(KEEP_PLANS)
    owner.execute(NOTICED)

    statements = [
        SQL(text).format(value).as_string()
        for text, values in FALSIFICATIONS.items()
        for value in values
    ]
    query = "select statement, pg_temp.is_noticed(statement) from unnest(%s::text[]) as statement"
    noticed: dict[str, bool | None] = dict(owner.execute(query, [statements]).fetchall())

    assert len(statements) == len(noticed)
    assert [] == [statement for statement, is_noticed in noticed.items() if is_noticed is False]
    assert list(noticed.values()).count(True) > 10


@pytest.mark.parametrize(
    ("name", "falsification", "named"),
    [
        ("paid", "update public.payments set amount_cents = 9999", "orders.amount_cents"),
        ("paid", "update public.payments set settles_order = false", "orders.amount_cents"),
        ("attached", "update public.payments set amount_cents = 9999", "payments.amount_cents"),
        ("paid", "update public.orders set refunded_cents = 1", "orders.refunded_cents"),
        (
            "paid, all back",
            "update public.orders set refunded_cents = 9999",
            "orders.refunded_cents",
        ),
        ("paid", "update public.orders set refund_pending = true", "orders.refund_pending"),
        (
            "paid, part pending",
            "update public.orders set refund_pending = false",
            "orders.refund_pending",
        ),
        ("paid", "update public.payments set status = 'refunded'", "payments.status"),
        ("paid", "update public.payments set status = 'partially_refunded'", "payments.status"),
        (
            "paid, part succeeded",
            "update public.payments set status = 'captured'",
            "payments.status",
        ),
        ("paid, all back", "update public.payments set status = 'captured'", "payments.status"),
        ("stray and pay", "update public.payments set status = 'refunded'", "payments.status"),
        ("paid", "update public.orders set state = 'refunded'", "orders.state"),
        ("paid", "update public.orders set state = 'cancelled'", "orders.state"),
        ("paid", "update public.orders set state = 'pending_payment'", "orders.state"),
        ("paid", "update public.orders set state = 'released'", "order_events.to_state"),
        ("paid, all back", "update public.orders set state = 'paid'", "orders.state"),
        ("paid, all back", "update public.orders set state = 'pending_payment'", "orders.state"),
        ("cancelled attached", "update public.orders set state = 'refunded'", "orders.state"),
        ("cancelled attached", "update public.orders set state = 'paid'", "orders.state"),
        (
            "attached",
            "update public.orders set stripe_payment_intent_id = 'pi_other'",
            "orders.stripe_payment_intent_id",
        ),
        (
            "paid",
            "update public.orders set stripe_payment_intent_id = 'pi_other'",
            "orders.stripe_payment_intent_id",
        ),
        ("unpaid", "update public.orders set paid_at = created_at", "orders.paid_at"),
        ("paid", "update public.orders set paid_at = null", "orders.paid_at"),
        ("released", "update public.orders set released_at = null", "seller_payable"),
        ("paid", "update public.payments set fee_cents = 0", "payments.fee_cents"),
        ("paid", "update public.payments set currency = 'nzd'", "payments.currency"),
        (
            "paid",
            "update public.orders set amount_cents = 9999, seller_amount_cents = 9499",
            "orders.amount_cents",
        ),
        (
            "paid",
            "update public.orders set platform_fee_cents = 0, seller_amount_cents = amount_cents",
            "orders.platform_fee_cents",
        ),
        (
            "paid",
            "update public.orders set buyer_id = seller_id, seller_id = buyer_id",
            "ledger_entries.user_id",
        ),
        (
            "disputed",
            "update public.orders set state_before_dispute = 'shipped'",
            "orders.state_before_dispute",
        ),
        ("released", "update public.orders set shipped_at = null", "orders.shipped_at"),
        ("released", "update public.orders set delivered_at = null", "orders.delivered_at"),
        ("released", "update public.orders set ready_at = shipped_at", "orders.ready_at"),
        ("released", "update public.orders set released_at = null", "orders.released_at"),
        ("paid, all back", "update public.orders set refunded_at = null", "orders.refunded_at"),
        ("cancelled unpaid", "update public.orders set cancelled_at = null", "orders.cancelled_at"),
        (
            "paid, part succeeded",
            "update public.refunds set status = 'pending'",
            "orders.refund_pending",
        ),
        (
            "paid, part succeeded",
            "update public.refunds set status = 'failed'",
            "orders.refunded_cents",
        ),
        (
            "paid, part succeeded",
            "update public.refunds set amount_cents = 2999",
            "orders.refunded_cents",
        ),
        ("paid, part pending", "update public.refunds set amount_cents = 2999", "refunds"),
        (
            "paid, all back",
            "update public.refunds set amount_cents = 10001",
            "refunds.amount_cents",
        ),
        (
            "paid, all back",
            "update public.refunds set target_state = 'none'",
            "refunds.target_state",
        ),
        *[
            (f"paid, {name}", f"update public.disputes set {change}", column)  # noqa: S608 - our own text
            for name, change, column in (
                ("withdrawn", "withdrawn_cents = 7001", "disputes.withdrawn_cents"),
                ("withdrawn", "reinstated_cents = 1", "disputes.reinstated_cents"),
                ("withdrawn", "withdrawn_cents = 7001", "dispute_hold"),
                ("withdrawn", "stripe_status = 'under_review'", "disputes.status"),
                ("withdrawn", "status = 'closed'", "disputes.status"),
                ("withdrawn", "status = 'closed'", "orders.state"),
                ("won", "stripe_status = 'lost'", "disputes.status"),
                ("lost", "stripe_status = 'won'", "dispute_hold"),
                ("won", "resolved_at = null", "disputes.status"),
                ("won", "currency = 'nzd'", "disputes.currency"),
                ("won", "decision = 'deny'", "disputes.decision"),
            )
        ],
        ("disputed", "update public.disputes set status = 'resolved'", "orders.state"),
        ("disputed", "update public.disputes set status = 'closed'", "disputes.status"),
        (
            "disputed, denied",
            "update public.disputes set decision = 'refund'",
            "disputes.refund_cents",
        ),
        (
            "disputed, refunded",
            "update public.disputes set refund_cents = 9999",
            "disputes.refund_cents",
        ),
        (
            "released, transferred",
            "update public.payouts set amount_cents = 9501",
            "payouts.amount_cents",
        ),
        (
            "released, transferred",
            "update public.payouts set amount_cents = 9501",
            "seller_payable",
        ),
        (
            "released, transferred, part back",
            "update public.payouts set reversed_cents = 501",
            "payouts.reversed_cents",
        ),
        (
            "released, transferred",
            """
            update public.payouts
            set seller_id = (select buyer_id from public.orders where id = order_id)
            """,
            "payouts.seller_id",
        ),
    ],
)
def test_drift_says_where_the_contradiction_is(
    owner: Connection, order_id: UUID, *, name: str, falsification: str, named: str
) -> None:
    """The answer names the column or the account, with amounts that differ."""
    SOUND[name](owner, order_id)
    owner.execute("select set_config('market.order_in_transition', %s, true)", [str(order_id)])

    owner.execute(falsification.encode())

    assert named in [account for account, _, _ in drift(owner)]
    assert all(expected != actual for _, expected, actual in drift(owner))


def test_drift_names_a_refund_of_another_order(
    owner: Connection, order_id: UUID, seller: Actor, bob: Actor
) -> None:
    """A refund belongs to the order of its payment."""
    paid(owner, order_id)
    refund_requested(owner, order_id, 3_000)
    other_id = ordered(seller, bob)
    assert [] == drift(owner)

    owner.execute("update public.refunds set order_id = %s", [other_id])

    assert [("refunds.order_id", 0, 3_000)] == drift(owner)


@pytest.mark.parametrize(
    "state", ["paid", "released", "paid, withdrawn", "released, lost", "released, transferred"]
)
@pytest.mark.parametrize(
    "account",
    ["buyer", "stripe_clearing", "platform_fee", "seller_payable", "refunds", "dispute_hold"],
)
def test_drift_names_an_account_that_is_one_cent_off(
    owner: Connection, order_id: UUID, *, state: str, account: str
) -> None:
    """A cent too much in any account is named, with what it should hold."""
    SOUND[state](owner, order_id)
    before = balances(owner, order_id)
    other = "refunds" if account == "buyer" else "buyer"
    owner.execute(
        """
        select private.post(
          o, 'spoiled', 'aud',
          array[(%s, 'ADJUST', 1), (%s, 'ADJUST', -1)]::private.ledger_line[], 'Spoiled'
        ) from public.orders as o
        """,
        [account, other],
    )

    expected = {
        name: (before.get(name, 0), before.get(name, 0) + cent)
        for name, cent in ((account, 1), (other, -1))
    }
    assert expected == {name: (should, holds) for name, should, holds in drift(owner)}


def test_drift_of_one_order_leaves_out_the_others(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """A look at one order names that order alone."""
    paid(owner, order_id)
    owner.execute("update public.orders set refunded_cents = 1")

    query = "select count(*) from private.ledger_drift(%s)"
    assert [(1,)] == owner.execute(query, [order_id]).fetchall()
    assert [(0,)] == owner.execute(query, [alice.id]).fetchall()


def test_drift_is_for_our_own_processes(alice: Actor, moderator: Actor, service: Actor) -> None:
    """No user calls the function, because it reads every order."""
    for actor in (alice, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows("select * from public.ledger_drift()")
    nothing: list[tuple[Any, ...]] = []
    assert nothing == service.rows("select * from public.ledger_drift()")

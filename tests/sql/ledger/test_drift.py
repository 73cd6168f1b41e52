"""`ledger_drift`: silent while all is well, and it names whatever contradicts the rest."""

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection
from psycopg.sql import SQL, Identifier

from tests.sql.actors import Actor, signed_up
from tests.sql.disputing import dispute_told, lost, won
from tests.sql.paying import (
    INTENT,
    ROUTES,
    attached,
    balances,
    brought_to,
    canceled,
    declined,
    drift,
    moved,
    ordered,
    outbox_rows,
    paid,
    refund_requested,
    refund_told,
    succeeded,
)
from tests.sql.settling import reversed_by, transferred


Bring: TypeAlias = Callable[[Connection, UUID], object]


def brought(state: str) -> Bring:
    return lambda owner, order_id: brought_to(owner, order_id, state)


def _then(*steps: Bring) -> Bring:
    def bring(owner: Connection, order_id: UUID) -> None:
        for step in steps:
            step(owner, order_id)

    return bring


def _returned(amount: int, status: str = "succeeded", intent: str = INTENT) -> Bring:
    return lambda owner, _: refund_told(
        owner, status, amount, stripe_refund_id=f"re_{intent}_{amount}", intent=intent
    )


def _stray(amount: int = 77, currency: str = "usd", intent: str = "pi_stray") -> Bring:
    return lambda owner, order_id: succeeded(
        owner, order_id, intent, amount_cents=amount, currency=currency
    )


def _stray_settled(status: str, amount: int = 77, intent: str = "pi_stray") -> Bring:
    """Let Stripe answer `status` to our own refund of the stray."""
    return lambda owner, _: refund_told(
        owner,
        status,
        amount,
        outbox_id=outbox_rows(owner, "auto_refund")[-1]["id"],
        stripe_refund_id="re_stray",
        intent=intent,
    )


def _cancelled(owner: Connection, order_id: UUID) -> None:
    assert moved(owner, order_id, "cancelled", "admin")["success"]


def _requested(owner: Connection, order_id: UUID) -> None:
    assert refund_requested(owner, order_id, 3_000)["success"]


def _told(*reading: Any, **more: Any) -> Bring:
    return lambda owner, _: dispute_told(owner, *reading, **more)


def _lost(amount: int) -> Bring:
    return lambda owner, _: lost(owner, amount)


def _won(owner: Connection, _order_id: UUID) -> None:
    won(owner)


def _decided(decision: str, cents: int | None = None) -> Bring:
    def decide(owner: Connection, _order_id: UUID) -> None:
        staff = signed_up(owner, "judge", role="admin").with_second_factor()
        [(dispute_id,)] = owner.execute("select id from public.disputes").fetchall()
        answer = staff.call(
            "resolve_dispute",
            dispute_id=dispute_id,
            decision=decision,
            note="Decided",
            refund_cents=cents,
        )
        assert answer["success"], answer

    return decide


def _decision_settled(status: str) -> Bring:
    def settle(owner: Connection, _order_id: UUID) -> None:
        [row] = outbox_rows(owner, "refund")
        refund_told(owner, status, row["payload"]["amount_cents"], outbox_id=row["id"])

    return settle


def _transferred(amount: int, back: int = 0) -> Bring:
    def transfer(owner: Connection, order_id: UUID) -> None:
        transferred(owner, order_id, amount)
        if back:
            reversed_by(owner, back)

    return transfer


#: An order in every state that it can reach, with what money can have done on the way.
SOUND: dict[str, Bring] = {
    "unpaid": lambda _owner, _order_id: None,
    "attached": attached,
    "declined": _then(attached, lambda owner, order_id: declined(owner, order_id, "ch_1")),
    "detached": _then(attached, canceled),
    "attached again": _then(
        attached, canceled, lambda owner, order_id: attached(owner, order_id, "pi_2")
    ),
    "cancelled unpaid": _cancelled,
    "cancelled attached": _then(attached, _cancelled),
    "cancelled, late money": _then(attached, _cancelled, succeeded),
    "cancelled, late money back": _then(
        attached, _cancelled, succeeded, _stray_settled("succeeded", 10_000, INTENT)
    ),
    "wrong amount": _then(
        attached, lambda owner, order_id: succeeded(owner, order_id, amount_cents=9_999)
    ),
    "stray of the unpaid": _stray(),
    "stray refused": _then(_stray(), _stray_settled("failed")),
    "stray and pay": _then(_stray(), paid),
    **{state: brought(state) for state in ROUTES},
    **{f"{state}, refund asked": _then(brought(state), _requested) for state in list(ROUTES)[:4]},
    **{
        f"{state}, part {status}": _then(brought(state), _returned(3_000, status))
        for state, status in itertools.product(ROUTES, ("pending", "succeeded", "failed"))
    },
    **{f"{state}, all back": _then(brought(state), _returned(10_000)) for state in ROUTES},
    "part back, stray back": _then(paid, _returned(3_000), _stray(), _stray_settled("succeeded")),
    "all back, stray pending": _then(paid, _returned(10_000), _stray(10_000, "aud")),
    "stray in part": _then(paid, _stray(), _returned(7, "succeeded", "pi_stray")),
    "ours and outside": _then(paid, _requested, _returned(9_000)),
    **{
        f"{state}, {name}": _then(brought(state), step)
        for state, (name, step) in itertools.product(
            ("paid", "released"),
            {
                "inquiry": _told("warning_needs_response"),
                "withdrawn": _told("needs_response", 7_000),
                "won": _won,
                "won, money missing": _told("won", 7_000, 1_000),
                "lost": _lost(7_000),
                "all lost": _lost(10_000),
                "lost, part back": _then(_lost(7_000), _told("lost", 7_000, 1_000)),
                "prevented": _told("prevented", 7_000, 1_000),
                "lost and asked again": _then(
                    _lost(10_000), _told("warning_needs_response", dispute_id="du_2")
                ),
            }.items(),
        )
    },
    "refunded in part, all lost": _then(paid, _returned(3_000), _lost(10_000)),
    "stray disputed": _then(
        paid,
        _stray(),
        _stray_settled("failed"),
        _told("needs_response", 77, intent="pi_stray", currency="usd"),
    ),
    **{
        f"disputed, {name}": _then(brought("disputed"), step)
        for name, step in {
            "denied": _decided("deny"),
            "to refund": _decided("refund"),
            "to refund in part": _decided("partial", 2_500),
            "refunded": _then(_decided("refund"), _decision_settled("succeeded")),
            "refunded in part": _then(_decided("partial", 2_500), _decision_settled("succeeded")),
            "refund failed": _then(_decided("refund"), _decision_settled("failed")),
            "by the bank too": _told("needs_response", 7_000),
        }.items()
    },
    "released, transferred": _then(brought("released"), _transferred(9_500)),
    "released, transferred, part back": _then(brought("released"), _transferred(9_500, 500)),
    "released, transferred, lost": _then(brought("released"), _transferred(9_500), _lost(10_000)),
    "released, transferred, lost, back": _then(
        brought("released"), _transferred(9_500, 9_500), _lost(10_000)
    ),
}


@pytest.mark.parametrize("name", SOUND)
def test_drift_names_nothing_while_all_is_well(
    owner: Connection, order_id: UUID, name: str
) -> None:
    """In each state that an order can reach, the rows agree."""
    SOUND[name](owner, order_id)

    assert [] == drift(owner)


STATES = (*ROUTES, "pending_payment", "refunded", "cancelled")
MOVES = ("paid", "ready", "shipped", "delivered", "released", "refunded", "cancelled")
UNCAPTURED = ("requires_payment", "processing", "authorized", "failed", "cancelled")
CAPTURED = ("captured", "partially_refunded", "refunded")
DISPUTE_STATUSES = ("open", "under_review", "escalated", "resolved", "closed")
DISPUTE_STATES = ("open", "review", "needs_evidence", "resolved")
STRIPE_STATUSES = ("warning_needs_response", "needs_response", "under_review", "won", "lost")
REFUND_STATUSES = ("pending", "succeeded", "failed", "canceled")

#: Statements that falsify one field, each with the values to try.
SPOILS: dict[str, tuple[object, ...]] = {
    """
    update orders set state = {0},
      state_before_dispute = case when {0} = 'disputed' then 'paid' end::order_state
    where state <> {0}
    """: STATES,
    """
    update orders set state_before_dispute = {0}
    where state = 'disputed' and state_before_dispute <> {0}
    """: STATES,
    "update orders set {0} = case when {0} is null then created_at end": tuple(
        Identifier(f"{move}_at") for move in MOVES
    ),
    "update orders set refund_pending = {0} where refund_pending <> {0}": (True, False),
    "update orders set refunded_cents = refunded_cents + {0}": (1, -1),
    "update orders set stripe_payment_intent_id = {0}": ("pi_other",),
    """
    update orders
    set amount_cents = amount_cents + {0}, seller_amount_cents = seller_amount_cents + {0}
    where exists (
      select from payments
      where settles_order or status not in ('captured', 'partially_refunded', 'refunded')
    )
    """: (1, -1),
    """
    update orders
    set platform_fee_cents = platform_fee_cents + {0},
      seller_amount_cents = seller_amount_cents - {0}
    """: (1, -1),
    "update payments set settles_order = {0} where status = 'captured' and settles_order <> {0}": (
        True,
        False,
    ),
    "update payments set amount_cents = amount_cents + {0}": (1, -1),
    "update payments set currency = {0}": ("nzd",),
    """
    update payments set fee_cents = fee_cents + {0}
    where status in ('captured', 'partially_refunded', 'refunded')
    """: (1, -1),
    "update payments set status = {0} where status <> {0}": CAPTURED,
    """
    update payments set status = {0}
    where status in ('captured', 'partially_refunded', 'refunded')
    """: UNCAPTURED,
    """
    update refunds set amount_cents = amount_cents + {0}
    where status in ('pending', 'succeeded')
    """: (1, -1),
    """
    update refunds set status = {0}
    where status <> {0} and (status in ('pending', 'succeeded') or {0} in ('pending', 'succeeded'))
    """: REFUND_STATUSES,
    """
    update refunds set payment_id = payments.id from payments
    where refunds.payment_id <> payments.id and refunds.status = {0}
    """: ("pending", "succeeded"),
    """
    update refunds set target_state = {0}
    where target_state <> {0} and 'none' in ({0}, target_state::text)
    """: ("none", "refunded", "cancelled"),
    "update disputes set withdrawn_cents = withdrawn_cents + {0} where stripe_status is not null": (
        1,
        -1,
    ),
    "update disputes set reinstated_cents = reinstated_cents + {0}": (1, -1),
    # Staff may mark an open dispute as under review, which contradicts nothing.
    """
    update disputes set status = {0}
    where status <> {0} and (
      stripe_status is not null or 'resolved' in (status::text, {0})
      or 'closed' in (status::text, {0})
    )
    """: DISPUTE_STATUSES,
    """
    update disputes set state = {0}
    where state <> {0} and (
      stripe_status is not null and (state, status) <> ('resolved', 'closed')
      or 'resolved' in (state::text, {0})
    )
    """: DISPUTE_STATES,
    # No row says whether money is still to be withdrawn for an inquiry that became a dispute.
    """
    update disputes set stripe_status = {0}
    where stripe_status <> {0} and not (
      replace(stripe_status, 'warning_', '') = replace({0}, 'warning_', '')
    )
    """: STRIPE_STATUSES,
    "update disputes set decision = {0} where decision is distinct from {0}": (
        "refund",
        "partial",
        "deny",
        None,
    ),
    "update disputes set refund_cents = refund_cents + {0} where refund_cents > 0": (1, -1),
    "update disputes set resolved_at = case when resolved_at is null then created_at end": (0,),
    "update disputes set currency = {0}": ("nzd",),
    "update payouts set amount_cents = amount_cents + {0} where stripe_transfer_id is not null": (
        1,
        -1,
    ),
    "update payouts set reversed_cents = reversed_cents + {0}": (1, -1),
    "update payouts set status = {0} where status <> {0}": (
        "queued",
        "paid",
        "reversed",
        "canceled",
        "dead",
    ),
    "update payouts set stripe_transfer_id = {0}": ("tr_other",),
    "update payouts set seller_id = (select buyer_id from orders where id = order_id)": (0,),
    """
    update orders set buyer_id = seller_id, seller_id = buyer_id
    where exists (select from ledger_entries where order_id = orders.id and account = {0})
    """: ("buyer", "seller_payable"),
}


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
#: Run one spoil, ask `ledger_drift`, and undo the spoil. Return null if it changes no row, else
#: true if a rule refuses it or drift names it. One call for all spoils saves their round trips.
NOTICED = """
  create function pg_temp.is_noticed(p_spoil text) returns boolean language plpgsql as $$
  declare
    v_changed bigint;
    v_is_noticed boolean;
  begin
    execute p_spoil;
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
    """Each column that speaks of money or of the state, each way, in each state of an order."""
    SOUND[name](owner, order_id)
    owner.execute("select set_config('market.order_in_transition', %s, true)", [str(order_id)])
    owner.execute("set local search_path = public")
    owner.execute(KEEP_PLANS)
    owner.execute(NOTICED)

    spoils = [
        SQL(text).format(value).as_string() for text, values in SPOILS.items() for value in values
    ]
    query = "select spoil, pg_temp.is_noticed(spoil) from unnest(%s::text[]) as spoil"
    noticed: dict[str, bool | None] = dict(owner.execute(query, [spoils]).fetchall())

    assert len(spoils) == len(noticed)
    assert [] == [spoil for spoil, is_noticed in noticed.items() if is_noticed is False]
    assert list(noticed.values()).count(True) > 10


@pytest.mark.parametrize(
    ("name", "spoil", "named"),
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
    owner: Connection, order_id: UUID, *, name: str, spoil: str, named: str
) -> None:
    """The answer names the column or the account, with amounts that differ."""
    SOUND[name](owner, order_id)
    owner.execute("select set_config('market.order_in_transition', %s, true)", [str(order_id)])

    owner.execute(spoil.encode())

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
    """The function sees every order, so no person calls it."""
    for actor in (alice, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows("select * from public.ledger_drift()")
    nothing: list[tuple[Any, ...]] = []
    assert nothing == service.rows("select * from public.ledger_drift()")

"""Orders whose rows agree: in each state, after each thing that money can have done."""

import itertools
from collections.abc import Callable
from typing import Any, TypeAlias
from uuid import UUID

from psycopg import Connection

from tests.sql.actors import signed_up
from tests.sql.disputing import lost, report_dispute, won
from tests.sql.paying import (
    INTENT,
    ROUTES,
    attached,
    brought_to,
    canceled,
    declined,
    moved,
    outbox_rows,
    paid,
    refund_requested,
    report_refund,
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
    return lambda owner, _: report_refund(
        owner, status, amount, stripe_refund_id=f"re_{intent}_{amount}", intent=intent
    )


def _stray(amount: int = 77, currency: str = "usd", intent: str = "pi_stray") -> Bring:
    return lambda owner, order_id: succeeded(
        owner, order_id, intent, amount_cents=amount, currency=currency
    )


def _stray_settled(status: str, amount: int = 77, intent: str = "pi_stray") -> Bring:
    """Let Stripe answer `status` to our own refund of the stray."""
    return lambda owner, _: report_refund(
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


def _reported(*reading: Any, **more: Any) -> Bring:
    return lambda owner, _: report_dispute(owner, *reading, **more)


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
        report_refund(owner, status, row["payload"]["amount_cents"], outbox_id=row["id"])

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
                "inquiry": _reported("warning_needs_response"),
                "withdrawn": _reported("needs_response", 7_000),
                "won": _won,
                "won, money missing": _reported("won", 7_000, 1_000),
                "lost": _lost(7_000),
                "all lost": _lost(10_000),
                "lost, part back": _then(_lost(7_000), _reported("lost", 7_000, 1_000)),
                "prevented": _reported("prevented", 7_000, 1_000),
                "lost and asked again": _then(
                    _lost(10_000), _reported("warning_needs_response", dispute_id="du_2")
                ),
            }.items(),
        )
    },
    "refunded in part, all lost": _then(paid, _returned(3_000), _lost(10_000)),
    "stray disputed": _then(
        paid,
        _stray(),
        _stray_settled("failed"),
        _reported("needs_response", 77, intent="pi_stray", currency="usd"),
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
            "by the bank too": _reported("needs_response", 7_000),
        }.items()
    },
    "released, transferred": _then(brought("released"), _transferred(9_500)),
    "released, transferred, part back": _then(brought("released"), _transferred(9_500, 500)),
    "released, transferred, lost": _then(brought("released"), _transferred(9_500), _lost(10_000)),
    "released, transferred, lost, back": _then(
        brought("released"), _transferred(9_500, 9_500), _lost(10_000)
    ),
}

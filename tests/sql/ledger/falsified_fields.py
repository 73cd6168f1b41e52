"""Statements that falsify one field of an order, of its payments or of its refunds."""

from psycopg.sql import Identifier

from tests.sql.paying import ROUTES


STATES = (*ROUTES, "pending_payment", "refunded", "cancelled")
MOVES = ("paid", "ready", "shipped", "delivered", "released", "refunded", "cancelled")
UNCAPTURED = ("requires_payment", "processing", "authorized", "failed", "cancelled")
CAPTURED = ("captured", "partially_refunded", "refunded")
DISPUTE_STATUSES = ("open", "under_review", "escalated", "resolved", "closed")
DISPUTE_STATES = ("open", "review", "needs_evidence", "resolved")
STRIPE_STATUSES = ("warning_needs_response", "needs_response", "under_review", "won", "lost")
REFUND_STATUSES = ("pending", "succeeded", "failed", "canceled")

#: Statements that falsify one field, each with the values to try.
FALSIFICATIONS: dict[str, tuple[object, ...]] = {
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
    # No row records if money is still to be withdrawn for an inquiry that became a dispute.
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

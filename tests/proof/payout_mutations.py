"""Faults in transfers, reversals and Connect accounts."""

from tests.proof.mutation import mutation


PAYOUTS = ("tests/sql/payouts",)
RACES = ("tests/sql/concurrency/test_payouts_race.py",)

AMOUNTS = "payouts/functions/amounts.sql"
EVENTS = "payouts/functions/events.sql"
ONBOARDING = "payouts/functions/onboarding.sql"
REVERSALS = "payouts/functions/reversals.sql"
TRANSFERS = "payouts/functions/transfers.sql"
WAITS = "payouts/functions/waits.sql"

PAYOUT_MUTATIONS = (
    mutation(
        "transfer before the release",
        TRANSFERS,
        "if v_order.state is distinct from 'released' or v_order.refund_pending",
        "if v_order.refund_pending",
        PAYOUTS,
    ),
    mutation(
        "transfer during a dispute",
        TRANSFERS,
        "when p_order.state = 'disputed' or private.is_in_dispute(p_order.id)",
        "when false",
        PAYOUTS,
    ),
    mutation(
        "transfer while a refund is pending",
        TRANSFERS,
        "when p_order.refund_pending then 'REFUND_IS_PENDING'",
        "when false then 'REFUND_IS_PENDING'",
        PAYOUTS,
    ),
    mutation(
        "transfer of a drifted order",
        TRANSFERS,
        "when exists (select from private.ledger_drift(p_order.id)) then 'LEDGER_DRIFTED'",
        "when false then 'LEDGER_DRIFTED'",
        PAYOUTS,
    ),
    mutation(
        "transfer matched by Stripe's id alone",
        TRANSFERS,
        "or (stripe_transfer_id is null and outbox_id::text = p_outbox_id)",
        "or false",
        PAYOUTS,
    ),
    mutation(
        "transfer booked twice",
        TRANSFERS,
        "is_news := v_payout.stripe_transfer_id is null;",
        "is_news := true;",
        PAYOUTS,
    ),
    mutation(
        "transfer a cent too high",
        AMOUNTS,
        "return private.seller_part_cents(p_order, true) - private.transferred_cents(p_order.id);",
        "return 1 + private.seller_part_cents(p_order, true)"
        " - private.transferred_cents(p_order.id);",
        PAYOUTS,
    ),
    mutation(
        "earlier transfers do not count",
        AMOUNTS,
        "return private.seller_part_cents(p_order, true) - private.transferred_cents(p_order.id);",
        "return private.seller_part_cents(p_order, true);",
        PAYOUTS,
    ),
    mutation(
        "pending refund is reversed already",
        AMOUNTS,
        "- private.seller_part_cents(p_order, false)",
        "- private.seller_part_cents(p_order, true)",
        PAYOUTS,
    ),
    mutation(
        "queued reversals do not count",
        AMOUNTS,
        "where p_before is null or",
        "where false and p_before is null or false and",
        PAYOUTS,
    ),
    mutation(
        "reversal booked twice",
        REVERSALS,
        "is_news := not exists (",
        "is_news := true or not exists (",
        PAYOUTS,
    ),
    mutation(
        "reversal that nothing justifies any more",
        REVERSALS,
        "private.excess_transfer_cents(orders, p_job.id),",
        "(p_job.payload ->> 'amount_cents')::bigint,",
        PAYOUTS,
    ),
    mutation(
        "reversal that fails for ever",
        WAITS,
        "<= p_now - 90 * interval '24 hours' then null",
        "<= p_now - 900 * interval '24 hours' then null",
        PAYOUTS,
    ),
    mutation(
        "unpaid reversal blocks no transfer",
        WAITS,
        "and payload ? 'unpaid_since'",
        "and payload ? 'never'",
        PAYOUTS,
    ),
    mutation(
        "account is enabled during the check without a lock",
        WAITS,
        "where id = (p_job.payload ->> 'seller_id')::uuid for share;",
        "where id = (p_job.payload ->> 'seller_id')::uuid;",
        RACES,
    ),
    mutation(
        "earlier read of an account wins",
        ONBOARDING,
        "where user_id = v_user.id and reads_applied <= p_read_number;",
        "where user_id = v_user.id;",
        PAYOUTS,
    ),
    mutation(
        "account of another seller",
        ONBOARDING,
        "or exists (select from public.users where stripe_connect_account_id = p_account_id)",
        "or false",
        PAYOUTS,
    ),
    mutation(
        "refused transfer keeps its old amount",
        EVENTS,
        "perform private.queue_transfer(v_order_id);",
        "null;",
        PAYOUTS,
    ),
    mutation(
        "rest of a refused reversal is forgotten",
        REVERSALS,
        "perform private.queue_reversal(p_order.id, 'reversal:' || p_stripe_reversal_id);",
        "null;",
        PAYOUTS,
    ),
    mutation(
        "refused row keeps its idempotency key",
        "outbox/functions/results.sql",
        "set answered_errors = answered_errors + 1 where id = v_job.id;",
        "set answered_errors = answered_errors where id = v_job.id;",
        PAYOUTS,
    ),
)

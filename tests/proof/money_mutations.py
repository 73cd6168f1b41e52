"""Faults in orders, payments, the books and what carries events to them."""

from tests.proof.mutation import mutation


MONEY = ("tests/sql/ledger", "tests/sql/payments", "tests/sql/orders")
EVENTS = ("tests/sql/inbox", "tests/sql/payments", "tests/sql/outbox")

CAPTURES = "payments/functions/captures.sql"
LINES = "ledger/functions/lines.sql"

MONEY_MUTATIONS = (
    mutation(
        "fee rounds half a cent down",
        LINES,
        "select round(p_amount_cents::numeric * p_bps / 10000)::bigint",
        "select ceil(p_amount_cents::numeric * p_bps / 10000 - 0.5)::bigint",
        ("tests/sql/auctions", *MONEY),
    ),
    mutation(
        "capture booked a cent short",
        LINES,
        "('stripe_clearing', 'CAPTURE', p_amount_cents), ('buyer', 'CAPTURE', -p_amount_cents)",
        "('stripe_clearing', 'CAPTURE', p_amount_cents - 1), "
        "('buyer', 'CAPTURE', 1 - p_amount_cents)",
        MONEY,
    ),
    mutation(
        "release gives the seller the fee's odd cent",
        LINES,
        """    ('seller_payable', 'RELEASE', private.fee_cents(p_base_cents, p_bps) - p_base_cents),
    ('platform_fee', 'FEE', -private.fee_cents(p_base_cents, p_bps))
""",
        """    ('seller_payable', 'RELEASE', private.fee_cents(p_base_cents, p_bps) - p_base_cents
      - 1),
    ('platform_fee', 'FEE', 1 - private.fee_cents(p_base_cents, p_bps))
""",
        MONEY,
    ),
    mutation(
        "books need not balance",
        "ledger/triggers.sql",
        "having sum(amount_cents) <> 0",
        "having false",
        MONEY,
    ),
    mutation(
        "event is not marked processed",
        "inbox/functions/settling.sql",
        "    processed_at = v_now\n",
        "    processed_at = null\n",
        EVENTS,
    ),
    mutation(
        "stray is kept",
        CAPTURES,
        "outbox_ids := array[private.return_stray(p_order, v_payment)];",
        "outbox_ids := '{}';",
        EVENTS,
    ),
    mutation(
        "amount paid is not compared",
        CAPTURES,
        "when p_amount_cents is distinct from p_order.amount_cents then 'amount_differs'",
        "when false then 'amount_differs'",
        EVENTS,
    ),
    mutation(
        "stale lease may fail an event",
        "inbox/functions/retries.sql",
        "or v_event.lease_token is distinct from p_lease_token then",
        "then",
        EVENTS,
    ),
    mutation(
        "stale lease may finish outbox rows",
        "outbox/functions.sql",
        "where id = p_outbox_id and status = 'leased' and lease_token = p_lease_token",
        "where id = p_outbox_id and status = 'leased'",
        EVENTS,
    ),
    mutation(
        "refund beyond what is left",
        "payments/functions/refund_requests.sql",
        "elsif coalesce(p_amount_cents not between 1 and p_left_cents, true) then",
        "elsif coalesce(p_amount_cents < 1, true) then",
        MONEY,
    ),
)

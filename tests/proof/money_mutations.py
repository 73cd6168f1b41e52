"""Faults in orders, payments, the books and what carries events to them."""

from tests.proof.mutation import mutation


MONEY = ("tests/sql/ledger", "tests/sql/payments", "tests/sql/orders")
EVENTS = ("tests/sql/inbox", "tests/sql/payments", "tests/sql/outbox")
OUTBOX = ("tests/sql/outbox",)

CAPTURES = "payments/functions/captures.sql"
RECEIPT = "inbox/functions/receipt.sql"
LINES = "ledger/functions/lines.sql"
DRIFT = "ledger/functions/drift.sql"
REQUESTS = "payments/functions/refund_requests.sql"
RESULTS = "payments/functions/refund_results.sql"

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
        """      0::bigint, v_fee_cents - v_base_cents,
      p_lost_cents - v_borne_cents - v_fee_cents
""",
        """      0::bigint, v_fee_cents - v_base_cents - 1,
      p_lost_cents - v_borne_cents - v_fee_cents + 1
""",
        MONEY,
    ),
    mutation(
        "loss is not limited to the order's money",
        LINES,
        "greatest(least(p_lost_cents, p_captured_cents - p_refunded_cents), 0)",
        "p_lost_cents",
        MONEY,
    ),
    mutation(
        "fact is posted twice",
        "ledger/functions/postings.sql",
        "where order_id = p_order.id and fact = p_fact",
        "where false",
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
        "other content under a known id takes effect",
        RECEIPT,
        "if p_effect is null or (v_stored -> 'hash_conflict')::boolean then",
        "if p_effect is null then",
        EVENTS,
    ),
    mutation(
        "failed effect undoes the storing",
        RECEIPT,
        "exception when others then",
        "exception when raise_exception then",
        EVENTS,
    ),
    mutation(
        "effect that fails at the commit undoes the storing",
        RECEIPT,
        "    set constraints all immediate;\n",
        "",
        EVENTS,
    ),
    mutation(
        "effect waits for its order as long as it takes",
        "inbox/functions/settling.sql",
        "set lock_timeout = '300ms'\n",
        "",
        EVENTS,
    ),
    mutation(
        "effect has more rights than its caller",
        "inbox/functions/settling.sql",
        "return public.apply_payment_succeeded(",
        "return private.apply_payment_succeeded(",
        EVENTS,
    ),
    mutation(
        "stray is kept",
        CAPTURES,
        "outbox_ids := array[private.refund_stray(p_order, v_payment)];",
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
        "outbox/functions/claims.sql",
        "where id = p_outbox_id and status = 'leased' and lease_token = p_lease_token",
        "where id = p_outbox_id and status = 'leased'",
        EVENTS,
    ),
    mutation(
        "outage of Stripe spends the attempts of a row",
        "outbox/functions/results.sql",
        "v_is_free := v_is_wait or v_is_unanswered or",
        "v_is_free := v_is_wait or",
        OUTBOX,
    ),
    mutation(
        "outage of Stripe kills a row",
        "outbox/functions/results.sql",
        "then private.back_off(p_job.unanswered_tries)",
        "then private.retry_delay(p_job.unanswered_tries)",
        OUTBOX,
    ),
    mutation(
        "answer does not end the outage of a row",
        "outbox/functions/results.sql",
        "then unanswered_tries + 1 else 0 end",
        "then unanswered_tries + 1 else unanswered_tries end",
        OUTBOX,
    ),
    mutation(
        "refund beyond what is left",
        REQUESTS,
        "elsif coalesce(p_amount_cents not between 1 and p_left_cents, true) then",
        "elsif coalesce(p_amount_cents < 1, true) then",
        MONEY,
    ),
    mutation(
        "our own jobs refund what may be kept",
        REQUESTS,
        "and not (v_is_owed and p_user_id is null)",
        "and not (p_user_id is null)",
        MONEY,
    ),
    mutation(
        "seller refunds an ended order",
        REQUESTS,
        "when v_is_owed then v_is_staff or p_user_id is null",
        "when v_is_owed then true",
        MONEY,
    ),
    mutation(
        "request id serves for another request",
        REQUESTS,
        "    or v_refund.request is distinct from private.refund_request(\n"
        "      p_payment_intent_id, p_amount_cents\n    )\n",
        "",
        MONEY,
    ),
    mutation(
        "staff refund their own purchase",
        REQUESTS,
        "p_user_id not in (p_order.buyer_id, p_order.seller_id);",
        "p_user_id <> p_order.seller_id;",
        MONEY,
    ),
    mutation(
        "party on the staff requeues an own row",
        "outbox/functions/rows.sql",
        "private.is_party((v_job.payload ->> 'order_id')::uuid, auth.uid())",
        "false",
        OUTBOX,
    ),
    mutation(
        "buyer alone is a party of an order",
        "orders/functions/actions.sql",
        "where id = p_order_id and p_user_id in (buyer_id, seller_id)",
        "where id = p_order_id and p_user_id = buyer_id",
        EVENTS,
    ),
    mutation(
        "staff replay an event about themselves",
        "inbox/functions/retries.sql",
        "private.is_event_about(v_event, p_actor_id)",
        "false",
        EVENTS,
    ),
    mutation(
        "staff requeue ignored events about themselves",
        "inbox/functions/retries.sql",
        "    and not private.is_event_about(event, auth.uid());\n",
        "    ;\n",
        EVENTS,
    ),
    mutation(
        "staff replay an event of their own order before it found the order",
        "inbox/functions/retries.sql",
        "coalesce(p_event.order_id, private.order_id_in(p_event.order_ref)), p_user_id",
        "p_event.order_id, p_user_id",
        EVENTS,
    ),
    mutation(
        "staff replay an event of their own payment",
        "inbox/functions/retries.sql",
        "      and private.is_party(order_id, p_user_id)\n",
        "      and false\n",
        EVENTS,
    ),
    mutation(
        "staff refund their own sale",
        REQUESTS,
        "p_user_id not in (p_order.buyer_id, p_order.seller_id);",
        "p_user_id <> p_order.buyer_id;",
        MONEY,
    ),
    mutation(
        "stray is not listed as unreturned",
        REQUESTS,
        "return not p_payment.settles_order or private.is_ended(p_order.state);",
        "return private.is_ended(p_order.state);",
        MONEY,
    ),
    mutation(
        "refunds exceed their payment by one cent",
        RESULTS,
        "), 0) > p_payment.amount_cents;",
        "), 0) > p_payment.amount_cents + 1;",
        MONEY,
    ),
    mutation(
        "failure wakes no refund that waits for it",
        RESULTS,
        "perform private.wake_waiting_events(p_payment_intent_id, v_now);",
        "",
        MONEY,
    ),
    mutation(
        "drift trusts the state of an ended order",
        DRIFT,
        "when 'refunded' then p_is_paid and p_held_cents = 0",
        "when 'refunded' then p_is_paid",
        MONEY,
    ),
    mutation(
        "drift trusts refund_pending",
        DRIFT,
        "orders.refund_pending = (money.pending_cents > 0)",
        "true",
        MONEY,
    ),
    mutation(
        "drift trusts the status of a payment",
        DRIFT,
        "payments.status = money.captured_status",
        "true",
        MONEY,
    ),
    mutation(
        "drift trusts the currency of a payment",
        DRIFT,
        "payments.currency = money.currency",
        "true",
        MONEY,
    ),
    mutation(
        "drift trusts the user of a ledger entry",
        DRIFT,
        "and entry.user_id is distinct from case entry.account",
        "and false and entry.user_id is distinct from case entry.account",
        MONEY,
    ),
    mutation(
        "drift trusts the target state of a refund",
        DRIFT,
        "(refunds.target_state = 'none') <> payments.settles_order",
        "true",
        MONEY,
    ),
    mutation(
        "drift trusts the history of an order",
        DRIFT,
        "orders.state = last_state",
        "true",
        MONEY,
    ),
    mutation(
        "late decline asks the buyer to try again",
        "payments/functions/declines.sql",
        "if private.payment_refusal(p_order, v_now) is not null then",
        "if false then",
        MONEY,
    ),
    mutation(
        "amount of nothing is booked",
        CAPTURES,
        "p_amount_cents > 0 and",
        "p_amount_cents >= 0 and",
        ("tests/sql/inbox",),
    ),
)

"""Faults in disputes, transfers, reversals, deadlines, and in the handlers and senders of money."""

from tests.proof.mutation import mutation


DISPUTES = ("tests/sql/disputes",)
PAYOUTS = ("tests/sql/payouts",)
ORDERS = ("tests/sql/orders", "tests/sql/disputes")
RACES = (
    "tests/sql/concurrency/test_disputes_race.py",
    "tests/sql/concurrency/test_payouts_race.py",
)
DEADLINES = ("tests/sql/orders", "tests/sql/concurrency/test_deadlines_race.py")
LEDGER = ("tests/sql/ledger", *DISPUTES, *PAYOUTS)
SENDERS = ("tests/unit/market",)

TRANSFERS = "payouts/functions/transfers.sql"
REVERSALS = "payouts/functions/reversals.sql"
TRANSFER_EVENTS = "payouts/functions/events.sql"
DISPUTE_EVENTS = "disputes/functions/events.sql"
DISPUTE_SETTLEMENT = "disputes/functions/settlement.sql"
DISPUTE_RULES = "disputes/functions/rules.sql"
DISPUTE_EFFECTS = "disputes/functions/order_effects.sql"
DISPUTE_DECISIONS = "disputes/functions/decisions.sql"

SETTLEMENT_MUTATIONS = (
    mutation(
        "transfer is not booked",
        TRANSFERS,
        "  perform private.post_transfer(p_order, p_stripe_transfer_id, p_amount_cents);\n",
        "",
        PAYOUTS,
    ),
    mutation(
        "event of a transfer is replayed",
        TRANSFER_EVENTS,
        """  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
""",
        "",
        PAYOUTS,
    ),
    mutation(
        "transfer with the wrong sign",
        "ledger/functions/lines.sql",
        "('seller_payable', 'PAYOUT', p_amount_cents)",
        "('seller_payable', 'PAYOUT', -p_amount_cents)",
        LEDGER,
        (
            "('stripe_clearing', 'PAYOUT', -p_amount_cents)",
            "('stripe_clearing', 'PAYOUT', p_amount_cents)",
        ),
    ),
    mutation(
        "reversal beyond what is left of the transfer",
        REVERSALS,
        "    v_cents := least(v_excess_cents, v_payout.left_cents);",
        "    v_cents := v_excess_cents;",
        PAYOUTS,
    ),
    mutation(
        "seller without payouts is paid",
        "payouts/functions/waits.sql",
        "when not p_seller.payouts_enabled or p_seller",
        "when p_seller",
        PAYOUTS,
    ),
    mutation(
        "permission without the lock of the order",
        "outbox/functions/claims.sql",
        "where id = (v_job.payload ->> 'order_id')::uuid for update;",
        "where id = (v_job.payload ->> 'order_id')::uuid;",
        RACES,
    ),
    mutation(
        "dispute without the lock of the order",
        DISPUTE_EVENTS,
        "  perform from public.orders where id = p_order_id for update;\n",
        "",
        RACES,
    ),
    mutation(
        "event of a dispute is replayed",
        DISPUTE_EVENTS,
        """  if v_event.processed_at is not null then
    return private.settled_answer(v_event);
  end if;
""",
        "",
        DISPUTES,
    ),
    mutation(
        "old totals of a dispute replace newer ones",
        DISPUTE_RULES,
        "    return false;\n  end if;\n  return p_reading.withdrawn_cents",
        "    return true;\n  end if;\n  return p_reading.withdrawn_cents",
        DISPUTES,
    ),
    mutation(
        "stage of a dispute goes back",
        DISPUTE_RULES,
        "or v_stage > v_stage_before",
        "or v_stage <> v_stage_before",
        DISPUTES,
    ),
    mutation(
        "dispute of a stray stops the order",
        DISPUTE_EFFECTS,
        "    and payment.settles_order is not false\n",
        "",
        DISPUTES,
    ),
    mutation(
        "order is released during a dispute",
        DISPUTE_EFFECTS,
        "  elsif private.is_in_dispute(p_order_id) then\n",
        "  elsif false then\n",
        DISPUTES,
    ),
    mutation(
        "order goes on without its money",
        DISPUTE_EFFECTS,
        "  elsif private.is_money_gone(v_order) then\n",
        "  elsif false then\n",
        DISPUTES,
    ),
    mutation(
        "reinstatement after a loss is not booked",
        DISPUTE_SETTLEMENT,
        "  if v_change_cents <> 0 then\n",
        "  if v_change_cents > 0 then\n",
        DISPUTES,
    ),
    mutation(
        "hold with the wrong sign",
        DISPUTE_SETTLEMENT,
        "p_dispute.withdrawn_cents - p_before.withdrawn_cents,",
        "p_before.withdrawn_cents - p_dispute.withdrawn_cents,",
        LEDGER,
    ),
    mutation(
        "loss reverses no transfer",
        DISPUTE_SETTLEMENT,
        "    if private.lost_amount(v_dispute) > private.lost_amount(v_before) then\n",
        "    if false then\n",
        (*PAYOUTS, *DISPUTES),
    ),
    mutation(
        "refund of money that a bank holds",
        "payments/functions/refund_requests.sql",
        "  elsif private.held_cents(p_payment.id) > 0 then\n",
        "  elsif false then\n",
        DISPUTES,
    ),
    mutation(
        "party decides its own dispute",
        DISPUTE_DECISIONS,
        "  elsif auth.uid() in (p_dispute.initiator_id, p_dispute.respondent_id) then\n",
        "  elsif false then\n",
        DISPUTES,
    ),
    mutation(
        "dispute is decided twice",
        DISPUTE_DECISIONS,
        """  elsif not private.is_dispute_open(p_dispute.status) then
    return private.refusal('CONFLICT', 'This dispute is decided already');
  end if;
  return null;
end;
$$;
comment on function private.decider_refusal""",
        """  end if;
  return null;
end;
$$;
comment on function private.decider_refusal""",
        DISPUTES,
    ),
    mutation(
        "expiry cancels what can still be paid",
        "orders/functions/deadlines.sql",
        "      and stripe_payment_intent_id is null\n    order by payment_due_at\n",
        "    order by payment_due_at\n",
        DEADLINES,
    ),
    mutation(
        "reconcilers settle one order twice",
        "orders/functions/deadlines.sql",
        "    for update of o skip locked\n",
        "",
        DEADLINES,
    ),
    mutation(
        "dispute is taken from its event",
        "market/payments/disputes.py",
        "event.data if dispute_id is None else stripe_api.retrieve_dispute(dispute_id)",
        "event.data",
        SENDERS,
    ),
    mutation(
        "fee of a dispute is taken for withdrawn money",
        "market/payments/disputes.py",
        "-sum(cents for cents in known if cents < 0)",
        "-sum(cents for cents in known)",
        SENDERS,
    ),
    mutation(
        "sender looks for no earlier transfer",
        "market/outbox.py",
        "return made_before or create(",
        "return create(",
        SENDERS,
    ),
    mutation(
        "account without transfers is enabled",
        "market/payouts/onboarding.py",
        'payouts_enabled=is_able and account.get("payouts_enabled") is True',
        'payouts_enabled=account.get("payouts_enabled") is True',
        SENDERS,
    ),
    mutation(
        "key of a row stays after an answered error",
        "market/outbox.py",
        'return f"{self.dedupe_key}:{self.answered_errors}"',
        'return f"{self.dedupe_key}:0"',
        SENDERS,
    ),
)

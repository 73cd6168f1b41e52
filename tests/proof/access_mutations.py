"""Faults in the rules that keep one user's data and rights from another."""

from tests.proof.mutation import mutation


ACCOUNTS = ("tests/sql/accounts",)
DISPUTES = ("tests/sql/disputes/test_open_dispute.py",)
LISTINGS = ("tests/sql/listings/test_create_listing.py",)
MATRIX = ("tests/sql/access",)
MESSAGING = ("tests/sql/messaging",)
NOTIFICATIONS = ("tests/sql/notifications",)
SECURITY = ("tests/sql/security", "tests/sql/test_house_rules.py")
TEXT = ("tests/sql/text",)

ACCESS_MUTATIONS = (
    mutation(
        "parties read internal messages of a dispute",
        "disputes/policies.sql",
        "    not dispute_messages.is_internal\n    or (",
        "    true\n    or (",
        MATRIX,
    ),
    mutation(
        "sellers read declined payments",
        "payments/policies.sql",
        "where buyer_id = (select auth.uid())",
        "where (select auth.uid()) in (buyer_id, seller_id)",
        MATRIX,
    ),
    mutation(
        "seller on the staff reads declined payments",
        "payments/policies.sql",
        "where seller_id = (select auth.uid())",
        "where false",
        MATRIX,
    ),
    mutation(
        "buyer on the staff reads the payout of the seller",
        "payouts/policies.sql",
        "select orders.buyer_id <> (select auth.uid()) from",
        "select true from",
        MATRIX,
    ),
    mutation(
        "party on the staff reads the lines of the other one",
        "ledger/policies.sql",
        "select (select auth.uid()) not in (orders.buyer_id, orders.seller_id) from",
        "select true from",
        MATRIX,
    ),
    mutation(
        "staff read notifications of users",
        "notifications/policies.sql",
        "for select to authenticated\nusing (user_id",
        "for select to authenticated\nusing ((select private.is_staff()) or user_id",
        MATRIX,
    ),
    mutation(
        "reader of one thread marks all threads",
        "messaging/functions/reading.sql",
        "  where thread_id = p_thread_id\n    and recipient_id = auth.uid()",
        "  where recipient_id = auth.uid()",
        MATRIX,
    ),
    mutation(
        "reader marks the notifications of others",
        "notifications/functions.sql",
        "where user_id = auth.uid() and not read;",
        "where not read;",
        MATRIX,
    ),
    mutation(
        "one dead row is named and all are queued again",
        "outbox/functions/rows.sql",
        "    payload = payload - 'unpaid_since'\n  where id = p_outbox_id;",
        "    payload = payload - 'unpaid_since'\n  where status = 'dead';",
        MATRIX,
    ),
    mutation(
        "staff list the held messages of their own threads",
        "moderation/functions/queues.sql",
        "        and auth.uid() not in (thread.buyer_id, thread.seller_id)\n",
        "",
        MATRIX,
    ),
    mutation(
        "suspended party opens a dispute",
        "disputes/functions/opening.sql",
        "  return private.account_refusal(auth.uid());",
        "  return null;",
        MATRIX,
    ),
    mutation(
        "suspended party writes to the other one",
        "messaging/functions/sending.sql",
        "    private.account_refusal(auth.uid()),\n",
        "",
        MATRIX,
    ),
    mutation(
        "count may be planned after another preference",
        "security/functions.sql",
        r"'count\s*=(?!\s*exact\s*(,|$))'",
        r"'^count\s*=(?!\s*exact\s*(,|$))'",
        SECURITY,
    ),
    mutation(
        "tx is served after a blank",
        "security/functions.sql",
        r"'tx\s*='",
        "'tx='",
        SECURITY,
    ),
    mutation(
        "caller undoes a bid by a filter",
        "security/functions.sql",
        r"~* '\m(where|cast)\M'",
        r"~* '\m(cast)\M'",
        SECURITY,
    ),
    mutation(
        "caller undoes a bid by a cast",
        "security/functions.sql",
        r"~* '\m(where|cast)\M'",
        r"~* '\m(where)\M'",
        SECURITY,
    ),
    mutation(
        "public columns that name a person have statistics",
        "security/statistics.sql",
        "and a.attnum = any(k.conkey)",
        "and false",
        SECURITY,
    ),
    mutation(
        "hidden rows have statistics",
        "security/statistics.sql",
        "c.relname not in ('listings', ",
        "c.relname not in ('notifications', 'listings', ",
        SECURITY,
    ),
    mutation(
        "recipient chooses the time of reading",
        "messaging/functions/reading.sql",
        "coalesce(old.read_at, v_now)",
        "coalesce(old.read_at, new.read_at)",
        MESSAGING,
    ),
    mutation(
        "message is read anew",
        "messaging/functions/reading.sql",
        "coalesce(old.read_at, v_now)",
        "v_now",
        MESSAGING,
    ),
    mutation(
        "message is marked as unread",
        "messaging/policies.sql",
        "with check (read_at is not null)",
        "with check (true)",
        MESSAGING,
    ),
    mutation(
        "notification is marked as unread",
        "notifications/policies.sql",
        "with check (user_id = (select auth.uid()) and read)",
        "with check (user_id = (select auth.uid()))",
        NOTIFICATIONS,
    ),
    mutation(
        "deleted account marks notifications",
        "notifications/functions.sql",
        "  perform private.require_account();\n",
        "",
        ACCOUNTS,
    ),
    mutation(
        "deleted account repeats a call",
        "requests/functions.sql",
        "  if private.is_deleted_account(auth.uid()) then",
        "  if false then",
        ACCOUNTS,
    ),
    mutation(
        "reason is stored as it was sent",
        "orders/functions/transitions.sql",
        "v_reason constant text := private.plain_reason(p_reason);",
        "v_reason constant text := p_reason;",
        TEXT,
    ),
    mutation(
        "suburb is stored as it was sent",
        "listings/functions/offers.sql",
        "v_suburb := private.plain_line(p_location ->> 'suburb');",
        "v_suburb := p_location ->> 'suburb';",
        TEXT,
    ),
    mutation(
        "bidder on the staff reads the reserve",
        "listings/functions/secrets.sql",
        "(not private.is_staff() or private.takes_part(v_auction, auth.uid()))",
        "not private.is_staff()",
        LISTINGS,
    ),
    mutation(
        "refused text uses up a listing",
        "listings/functions/offers.sql",
        "    private.use_rate_limit('check_listing'),\n",
        "    private.use_rate_limit('create_listing'),\n",
        LISTINGS,
    ),
    mutation(
        "created listings have the limit of texts alone",
        "listings/functions/offers.sql",
        "    ),\n    private.use_rate_limit('create_listing')\n",
        "    )\n",
        LISTINGS,
    ),
    mutation(
        "refused text uses up a dispute",
        "disputes/functions/opening.sql",
        "      private.use_rate_limit('check_dispute'),\n",
        "      private.use_rate_limit('open_dispute'),\n",
        DISPUTES,
    ),
    mutation(
        "texts of disputes are not limited",
        "disputes/functions/opening.sql",
        "      private.use_rate_limit('check_dispute'),\n",
        "",
        DISPUTES,
    ),
)

"""Faults in the work of staff, in suspensions, and in the deletion of accounts."""

from tests.proof.mutation import mutation


ACCOUNTS = ("tests/sql/accounts",)
DELETION_RACES = ("tests/sql/accounts", "tests/sql/concurrency/test_deletions_race.py")
DISPUTES = ("tests/sql/disputes",)
FINDING = ("tests/sql/listings/test_cancelled_listings.py",)
FORCING = ("tests/sql/auctions/test_finalize_auctions.py",)
METRICS = ("tests/sql/operations/test_metrics.py",)
PAYOUTS = ("tests/sql/payouts/test_reversals.py",)
PURGE = ("tests/sql/operations/test_purge.py",)
REDACTION = ("tests/sql/kyc/test_redaction.py",)
REFUNDS = ("tests/sql/payments/test_refund_order.py", "tests/sql/payments/test_refund_requests.py")
PHOTOS = ("tests/sql/storage/test_removed_listings.py",)
REMOVING = ("tests/sql/moderation/test_removals.py",)
REPORTING = ("tests/sql/moderation/test_reports.py",)
REQUESTS = ("tests/sql/requests",)
SECURITY = ("tests/sql/security/test_audit_logs.py",)
SETTING_ROLES = ("tests/sql/moderation/test_roles.py",)
NAMES = ("tests/sql/text/test_display_name.py",)
STAFF = ("tests/sql/accounts", "tests/sql/moderation/test_staff_callers.py")
SUSPENDED = ("tests/sql/moderation/test_suspended_users.py",)
SUSPENDING = ("tests/sql/moderation/test_suspensions.py",)

DELETION = "accounts/functions/deletion.sql"
ORDERS = "orders/functions/actions.sql"
SUSPENSIONS = "moderation/functions/suspensions.sql"
ROLES = "moderation/functions/roles.sql"
REPORTS = "moderation/functions/reports.sql"
REMOVALS = "moderation/functions/removals.sql"

STAFF_MUTATIONS = (
    mutation(
        "seller of an announced auction is deleted",
        DELETION,
        "where l.seller_id = p_user_id and a.status in ('scheduled', 'live')",
        "where l.seller_id = p_user_id and a.status = 'live'",
        ACCOUNTS,
    ),
    mutation(
        "leader of a running auction is deleted",
        DELETION,
        "where high_bidder_id = p_user_id and status = 'live'",
        "where false",
        ACCOUNTS,
    ),
    mutation(
        "party of a dispute is deleted",
        ORDERS,
        "private.is_dispute_open(status)",
        "false",
        ACCOUNTS,
    ),
    mutation(
        "seller who owes a reversal is deleted",
        DELETION,
        "and payload ->> 'seller_id' = p_user_id::text",
        "and false",
        ACCOUNTS,
    ),
    mutation(
        "user with a claim in the ledger is deleted",
        DELETION,
        "having sum(e.amount_cents) < 0",
        "having false",
        ACCOUNTS,
    ),
    mutation(
        "deletion leaves the sessions",
        DELETION,
        "  delete from auth.sessions where user_id = p_user_id;\n",
        "",
        ACCOUNTS,
    ),
    mutation(
        "deletion leaves the verification at Stripe",
        DELETION,
        "  delete from auth.sessions where user_id = p_user_id;\n"
        "  perform private.redact_person(p_user_id);\n",
        "  delete from auth.sessions where user_id = p_user_id;\n",
        REDACTION,
    ),
    mutation(
        "deletion leaves the phone number",
        DELETION,
        "    phone = null,\n",
        "",
        ACCOUNTS,
    ),
    mutation(
        "deletion leaves the streets",
        DELETION,
        "  perform private.erase_addresses(p_user_id);\n",
        "",
        ACCOUNTS,
    ),
    mutation(
        "deletion takes the street of an open order",
        DELETION,
        "where o.listing_id = l.id and o.state not in ('released', 'refunded', 'cancelled')",
        "where false",
        ACCOUNTS,
    ),
    mutation(
        "old session deletes the account",
        DELETION,
        "v_session.created_at < v_now - interval '10 minutes'",
        "v_session.created_at < v_now - interval '20 minutes'",
        ACCOUNTS,
    ),
    mutation(
        "session of another user deletes the account",
        DELETION,
        "where id = p_session_id and user_id = p_user_id and (not_after",
        "where id = p_session_id and (not_after",
        ACCOUNTS,
    ),
    mutation(
        "suspended user deletes the account",
        DELETION,
        "  elsif v_user.suspended_at is not null then\n",
        "  elsif false then\n",
        ACCOUNTS,
    ),
    mutation(
        "last admin is deleted",
        DELETION,
        "  elsif private.is_last_admin(v_user) then\n",
        "  elsif false then\n",
        ACCOUNTS,
    ),
    mutation(
        "deletion does not wait for a bid",
        DELETION,
        "select * into v_user from public.users where id = p_user_id for update;",
        "select * into v_user from public.users where id = p_user_id;",
        DELETION_RACES,
    ),
    mutation(
        "two admins leave at once",
        DELETION,
        "    perform private.lock_admins();\n",
        "    null;\n",
        DELETION_RACES,
    ),
    mutation(
        "deletion is claimed while the service finishes it",
        DELETION,
        "where checked_at <= v_now - interval '1 minute'",
        "where checked_at <= v_now",
        ACCOUNTS,
    ),
    mutation(
        "stuck deletion is not alerted",
        DELETION,
        "requested_at <= v_now - interval '1 hour' then",
        "requested_at <= v_now - interval '1 day' then",
        ACCOUNTS,
    ),
    mutation(
        "deletion is not audited",
        DELETION,
        "    perform private.write_audit(\n"
        "      p_actor_id, 'account_anonymised', 'users', p_user_id::text,\n"
        "      'The personal data of the account were erased'\n"
        "    );\n",
        "",
        ACCOUNTS,
    ),
    mutation(
        "staff suspend themselves",
        SUSPENSIONS,
        "  elsif p_user.id = auth.uid() then\n",
        "  elsif false then\n",
        SUSPENDING,
    ),
    mutation(
        "moderator suspends an admin",
        SUSPENSIONS,
        "  elsif p_user.role = 'admin' and not private.is_admin() then\n",
        "  elsif false then\n",
        SUSPENDING,
    ),
    mutation(
        "staff suspend a rival",
        SUSPENSIONS,
        "  elsif not p_lift and exists (\n    select from public.auctions\n",
        "  elsif false and exists (\n    select from public.auctions\n",
        SUSPENDING,
    ),
    mutation(
        "suspension of a rival cannot be lifted",
        SUSPENSIONS,
        "  elsif not p_lift and exists (\n    select from public.auctions\n",
        "  elsif exists (\n    select from public.auctions\n",
        SUSPENDING,
    ),
    mutation(
        "staff suspend the other party of their order",
        SUSPENSIONS,
        "      and private.is_order_open(orders)\n",
        "      and false\n",
        SUSPENDING,
    ),
    mutation(
        "suspension leaves the sessions",
        SUSPENSIONS,
        "  delete from auth.sessions where user_id = p_user.id;\n",
        "",
        SUSPENDING,
    ),
    mutation(
        "suspension leaves the auctions",
        SUSPENSIONS,
        "private.cancel_auctions_of(p_user.id, v_now)",
        "0",
        SUSPENDING,
    ),
    mutation(
        "suspension leaves the announced auctions",
        SUSPENSIONS,
        "where l.seller_id = p_user_id and a.status in ('scheduled', 'live')\n    order by a.id",
        "where l.seller_id = p_user_id and a.status = 'live'\n    order by a.id",
        SUSPENDING,
    ),
    mutation(
        "suspension leaves the bids",
        SUSPENSIONS,
        "private.withdraw_all_bids_of(p_user.id, p_reason)",
        "0",
        SUSPENDING,
    ),
    mutation(
        "suspension is audited again",
        SUSPENSIONS,
        "  if p_user.suspended_at is not null then\n    return jsonb",
        "  if false then\n    return jsonb",
        SUSPENDING,
    ),
    mutation(
        "lift is not audited",
        SUSPENSIONS,
        "    perform private.write_audit(\n"
        "      auth.uid(), 'suspension_lifted', 'users', p_user.id::text, p_reason\n"
        "    );\n",
        "",
        SUSPENDING,
    ),
    mutation(
        "moderator sets a role",
        ROLES,
        "  if not private.is_admin() then\n",
        "  if not private.is_staff() then\n",
        SETTING_ROLES,
    ),
    mutation(
        "staff role without a second factor",
        ROLES,
        " and not private.may_become_staff(p_user.id) then\n",
        " and false then\n",
        SETTING_ROLES,
    ),
    mutation(
        "second factor that is not verified makes staff",
        ROLES,
        "where user_id = p_user_id and status = 'verified'",
        "where user_id = p_user_id",
        SETTING_ROLES,
    ),
    mutation(
        "suspended admin counts as the other one",
        ROLES,
        "role = 'admin' and id <> p_user.id and suspended_at is null and deleted_at is null",
        "role = 'admin' and id <> p_user.id and deleted_at is null",
        SETTING_ROLES,
    ),
    mutation(
        "last admin loses the role",
        ROLES,
        "role = 'admin' and id <> p_user.id and suspended_at is null",
        "role = 'admin' and suspended_at is null",
        SETTING_ROLES,
    ),
    mutation(
        "role is not audited",
        ROLES,
        "      auth.uid(), 'role_set', 'users', p_user.id::text, p_reason,\n",
        "      auth.uid(), 'role', 'users', p_user.id::text, p_reason,\n",
        SETTING_ROLES,
    ),
    mutation(
        "hidden content is reported",
        REPORTS,
        "  elsif not private.is_target_visible(p_report) then\n",
        "  elsif v_owner_id is null then\n",
        REPORTING,
    ),
    mutation(
        "user reports themselves",
        REPORTS,
        "  elsif v_owner_id = p_report.reporter_id then\n",
        "  elsif false then\n",
        REPORTING,
    ),
    mutation(
        "suspended user reports",
        REPORTS,
        "    private.account_refusal(auth.uid()),\n",
        "",
        REPORTING,
    ),
    mutation(
        "reports are not limited",
        REPORTS,
        "    private.use_rate_limit('report_content'),\n",
        "",
        REPORTING,
    ),
    mutation(
        "reason that is too short counts as a report",
        REPORTS,
        """    private.reason_refusal(p_reason),
    private.use_rate_limit('report_content'),
""",
        """    private.use_rate_limit('report_content'),
    private.reason_refusal(p_reason),
""",
        REPORTING,
    ),
    mutation(
        "reporter decides",
        REPORTS,
        "auth.uid() in (p_report.reporter_id, private.owner_of_target(p_report))",
        "auth.uid() = private.owner_of_target(p_report)",
        REPORTING,
    ),
    mutation(
        "reported user decides",
        REPORTS,
        "auth.uid() in (p_report.reporter_id, private.owner_of_target(p_report))",
        "auth.uid() = p_report.reporter_id",
        REPORTING,
    ),
    mutation(
        "decision about a report is reversed",
        REPORTS,
        " and (p_report.status = 'upheld') <> p_uphold then\n",
        " and false then\n",
        REPORTING,
    ),
    mutation(
        "report after the decision seems to count",
        REPORTS,
        "  if v_status <> 'open' then\n",
        "  if false then\n",
        REPORTING,
    ),
    mutation(
        "audit of a report names no reported user",
        REPORTS,
        "'reported_user_id', private.owner_of_target(p_report)",
        "'reported_user_id', null",
        REPORTING,
    ),
    mutation(
        "reported staff read the report",
        "moderation/policies.sql",
        "    and private.owner_of_target(content_reports) is distinct from (select auth.uid())\n",
        "",
        REPORTING,
    ),
    mutation(
        "queue shows reports about the reader",
        "moderation/functions/queues.sql",
        "        and private.owner_of_target(report) is distinct from auth.uid()\n",
        "",
        REPORTING,
    ),
    mutation(
        "queue shows reports of the reader",
        "moderation/functions/queues.sql",
        "        and report.reporter_id <> auth.uid()\n",
        "",
        REPORTING,
    ),
    mutation(
        "queue shows messages held from the reader",
        "moderation/functions/queues.sql",
        "        and auth.uid() not in (thread.buyer_id, thread.seller_id)\n",
        "",
        REPORTING,
    ),
    mutation(
        "staff read in the log what others did to them",
        "security/policies.sql",
        "    or entity_id is distinct from (select auth.uid())::text\n    and ",
        "    or ",
        SECURITY,
    ),
    mutation(
        "staff read in the log what names them",
        "security/policies.sql",
        "    and strpos(metadata::text, (select auth.uid())::text) = 0\n",
        "",
        SECURITY,
    ),
    mutation(
        "bidder on the staff withdraws a rival's bids",
        REMOVALS,
        "'Auction not found');\n  elsif private.takes_part(v_auction, auth.uid()) then\n",
        "'Auction not found');\n  elsif false then\n",
        REMOVING,
    ),
    mutation(
        "seller on the staff removes their own listing",
        REMOVALS,
        "(v_auction, auth.uid()) then\n"
        "    return private.refusal('FORBIDDEN', 'You take part in this auction');\n"
        "  elsif v_listing.status = 'cancelled' then\n",
        "(v_auction, auth.uid()) and false then\n"
        "    return private.refusal('FORBIDDEN', 'You take part in this auction');\n"
        "  elsif v_listing.status = 'cancelled' then\n",
        REMOVING,
    ),
    mutation(
        "staff remove the photos of an unfinished order",
        ORDERS,
        "  return p_order.state not in ('released', 'refunded', 'cancelled')\n    or p_order",
        "  return p_order",
        PHOTOS,
    ),
    mutation(
        "staff remove the photos of an order that is refunded just now",
        ORDERS,
        "    or p_order.refund_pending\n",
        "",
        PHOTOS,
    ),
    mutation(
        "staff remove the photos of a finished order in dispute",
        ORDERS,
        "private.is_dispute_open(status)",
        "false",
        PHOTOS,
    ),
    mutation(
        "removal of photos sees no report under way",
        REMOVALS,
        "where id = p_listing_id for update;",
        "where id = p_listing_id for no key update;",
        ("tests/sql/concurrency/test_staff_race.py",),
    ),
    mutation(
        "seller takes no part in the auction",
        REMOVALS,
        "where id = p_auction.listing_id and seller_id = p_user_id",
        "where false",
        REMOVING,
    ),
    mutation(
        "bidder takes no part in the auction",
        REMOVALS,
        "where auction_id = p_auction.id and bidder_id = p_user_id",
        "where false",
        REMOVING,
    ),
    mutation(
        "bids of a closed auction are withdrawn",
        REMOVALS,
        "  elsif v_auction.status <> 'live' then\n",
        "  elsif false then\n",
        REMOVING,
    ),
    mutation(
        "sold listing is removed",
        REMOVALS,
        "  elsif v_auction.status not in ('scheduled', 'live') then\n",
        "  elsif false then\n",
        REMOVING,
    ),
    mutation(
        "removal is audited again",
        REMOVALS,
        "  elsif v_listing.status = 'cancelled' then\n",
        "  elsif false then\n",
        REMOVING,
    ),
    mutation(
        "bidder on the staff closes the auction",
        "auctions/functions/forcing.sql",
        "    if private.takes_part(v_auction, p_actor_id) then\n",
        "    if false then\n",
        FORCING,
    ),
    mutation(
        "auction is closed by force without a reason",
        "auctions/functions/forcing.sql",
        "coalesce(\n"
        "    private.finalize_answer(p_request_id, p_actor_id, v_action, p_auction_id),\n"
        "    private.reason_refusal(p_reason)\n"
        "  )",
        "private.finalize_answer(p_request_id, p_actor_id, v_action, p_auction_id)",
        FORCING,
    ),
    mutation(
        "repeated close by force is another one",
        "auctions/functions/forcing.sql",
        "coalesce(\n"
        "    private.finalize_answer(p_request_id, p_actor_id, v_action, p_auction_id),\n"
        "    private.reason_refusal(p_reason)\n"
        "  )",
        "private.reason_refusal(p_reason)",
        FORCING,
    ),
    mutation(
        "id of another request to close answers",
        "auctions/functions/forcing.sql",
        "          is distinct from (p_actor_id, p_action, p_auction_id::text)\n",
        "          is distinct from (actor_id, action, entity_id)\n",
        FORCING,
    ),
    mutation(
        "refused close is audited",
        "auctions/functions/forcing.sql",
        "  if not (v_answer ->> 'success')::boolean then\n    return v_answer;\n  end if;\n",
        "",
        FORCING,
    ),
    mutation(
        "seller on the staff needs no second factor",
        "payments/functions/refund_requests.sql",
        "null, p_user_id, v_is_staff, p_client_request_id",
        "null, p_user_id, private.has_staff_rights(p_user_id, 'aal2'), p_client_request_id",
        REFUNDS,
    ),
    mutation(
        "party on the staff decides the dispute",
        "disputes/functions/decisions.sql",
        "  elsif auth.uid() in (p_dispute.initiator_id, p_dispute.respondent_id) then\n",
        "  elsif false then\n",
        DISPUTES,
    ),
    mutation(
        "party on the staff reads internal messages",
        "disputes/policies.sql",
        "      and (select auth.uid()) not in (disputes.initiator_id, disputes.respondent_id)\n",
        "",
        DISPUTES,
    ),
    mutation(
        "seller on the staff releases the own transfers",
        "payouts/functions/waits.sql",
        "  if p_seller_id = auth.uid() then\n",
        "  if false then\n",
        PAYOUTS,
    ),
    mutation(
        "suspended user changes the profile",
        "accounts/policies.sql",
        "deleted_at is null and suspended_at is null)",
        "deleted_at is null)",
        SUSPENDED,
    ),
    mutation(
        "suspended user acts",
        "accounts/functions.sql",
        "  elsif v_user.suspended_at is not null then\n",
        "  elsif false then\n",
        SUSPENDED,
    ),
    mutation(
        "suspended staff stay staff",
        "accounts/functions.sql",
        "      and role = any(p_roles)\n      and suspended_at is null\n",
        "      and role = any(p_roles)\n",
        STAFF,
    ),
    mutation(
        "id of a request serves for other arguments",
        "requests/functions.sql",
        " or v_receipt.arguments_hash <> v_hash then\n",
        " then\n",
        REQUESTS,
    ),
    mutation(
        "metrics are recorded at each call",
        "operations/functions/gauges.sql",
        "where position.reached_at <= excluded.reached_at - interval '5 minutes'",
        "where true",
        METRICS,
    ),
    mutation(
        "metrics are purged early",
        "operations/functions/purge.sql",
        "private.purge_metrics(p_max_rows, v_now - 30 * interval '24 hours')",
        "private.purge_metrics(p_max_rows, v_now - 29 * interval '24 hours')",
        METRICS,
    ),
    mutation(
        "moderators read the metrics",
        "operations/policies.sql",
        "when private.is_admin() then '-infinity'",
        "when private.is_staff() then '-infinity'",
        METRICS,
    ),
    mutation(
        "receipts are purged early",
        "operations/functions/purge.sql",
        "private.purge_receipts(p_max_rows, v_now - 30 * interval '24 hours')",
        "private.purge_receipts(p_max_rows, v_now - 29 * interval '24 hours')",
        PURGE,
    ),
    mutation(
        "receipts of bids are purged early",
        "operations/functions/purge.sql",
        "private.purge_bid_receipts(p_max_rows, v_now - 30 * interval '24 hours')",
        "private.purge_bid_receipts(p_max_rows, v_now - 29 * interval '24 hours')",
        PURGE,
    ),
    mutation(
        "receipts of open auctions are purged",
        "bidding/functions/receipts.sql",
        "    where auction.finalized_at >= v_reached and auction.finalized_at < p_before\n",
        "    where receipt.created_at < p_before\n",
        PURGE,
    ),
    mutation(
        "purge of receipts has no limit",
        "requests/functions.sql",
        "    limit p_max_rows\n",
        "",
        PURGE,
    ),
    mutation(
        "cancelled listing is found",
        "auctions/functions/reading.sql",
        " and status <> 'cancelled';",
        ";",
        FINDING,
    ),
    mutation(
        "anybody has a name of the staff",
        "accounts/functions.sql",
        "p_old.role not in ('moderator', 'admin'), true)",
        "p_old.role not in ('moderator', 'admin'), false)",
        ACCOUNTS,
    ),
    mutation(
        "digits hide a name of the staff",
        "accounts/functions/names.sql",
        "'0134578lj|!$@', 'oieastbiiiisa'",
        "'lj|!$@', 'iiiisa'",
        NAMES,
    ),
    mutation(
        "gaps hide a name of the staff",
        "accounts/functions/names.sql",
        "generate_series(first, cardinality(reading.words)) as last",
        "generate_series(first, first) as last",
        NAMES,
    ),
    mutation(
        "a name of the staff survives the role",
        "moderation/functions/roles.sql",
        "when p_role in ('buyer', 'seller') and private.claims_authority(display_name)",
        "when false",
        SETTING_ROLES,
    ),
)

"""Functions that each role may execute, by domain. Review a change of these lists as a decision.

A function of `public` wraps the function of the same name in `private`. A role that may call the
wrapper needs both, so `BOTH` names such a pair once. `PRIVATE` lists functions that only policies,
triggers and our own wrappers call with the caller's rights.
"""

from collections.abc import Iterable, Mapping


Grants = Mapping[str, Mapping[str, Iterable[str]]]

BOTH: Grants = {
    "anon": {
        "auctions": ("get_auction_state(uuid)", "get_time_remaining(uuid)"),
        "bidding": ("get_bid_log(uuid)",),
    },
    "authenticated": {
        "listings": (
            (
                "create_listing(text,text,integer,text,bigint,boolean,boolean,jsonb,"
                "text,text,bigint,bigint,uuid)"
            ),
            "update_listing(uuid,jsonb,uuid)",
            "cancel_listing(uuid,uuid)",
            "relist_listing(uuid,text,text,bigint,uuid)",
            "get_listing_private(uuid)",
        ),
        "auctions": ("get_auction_state(uuid)", "get_time_remaining(uuid)"),
        "bidding": (
            "place_bid(uuid,bigint,bigint,uuid)",
            "get_my_proxy(uuid)",
            "get_bid_log(uuid)",
        ),
        "messaging": (
            "start_thread(uuid,text,uuid)",
            "send_message(uuid,text,uuid)",
            "mark_thread_read(uuid)",
            "staff_read_message(uuid,text)",
            "staff_decide_message(uuid,boolean,text,uuid)",
        ),
        "notifications": ("mark_all_notifications_read()",),
        "inbox": (
            "requeue_webhook_event(text,uuid)",
            "requeue_ignored_events(text,text,uuid)",
        ),
        "outbox": ("requeue_outbox(uuid,text,uuid)",),
        "payouts": ("release_transfers(uuid,text,uuid)",),
        "moderation": (
            "report_content(text,uuid,uuid,uuid,uuid)",
            "staff_decide_report(uuid,boolean,text,uuid)",
            "staff_suspend_user(uuid,text,boolean,uuid)",
            "staff_withdraw_bids(uuid,uuid,text,uuid)",
            "staff_remove_listing(uuid,text,uuid)",
            "admin_set_role(uuid,text,text,uuid)",
            "staff_list_held_messages(integer,uuid)",
            "staff_list_reports(integer,uuid)",
        ),
        "disputes": (
            "open_dispute(uuid,text,text,text,uuid)",
            "resolve_dispute(uuid,text,text,bigint,uuid)",
            "add_dispute_message(uuid,text,boolean,uuid)",
        ),
    },
    "service_role": {
        "security": ("rate_limit_hit(text,text)",),
        "operations": (
            "database_is_ready()",
            "record_heartbeat()",
            "claim_alerts(integer,integer)",
            "confirm_alerts(text,text[])",
            "record_job_run(text,text,integer,integer,text)",
            "reading_window(text,integer,integer)",
            "advance_reading(text,bigint)",
            "purge_old_rows(integer)",
            "read_gauges()",
            "take_measurements(integer)",
            "record_balance_transactions(jsonb)",
            "check_orders(integer)",
            "claim_differing_orders(integer)",
            "cron_status()",
        ),
        "kyc": (
            "begin_verification(uuid,text,text,jsonb)",
            "record_verification_error(uuid,integer,text)",
            "attach_verification(uuid,text)",
            "get_verification(uuid,text)",
            "begin_verification_read(text)",
            "handle_kyc_webhook_update(text,text,jsonb,jsonb,text,bigint,bigint,text,text,text,jsonb)",
            "claim_stale_verifications(integer)",
        ),
        "accounts": (
            "session_is_live(uuid,uuid)",
            "session_is_staff(uuid,uuid,text)",
            "check_deletion(uuid,uuid)",
            "anonymise_account(uuid)",
            "claim_account_deletions(integer)",
        ),
        "notifications": (
            "list_notifications(uuid,boolean,integer)",
            "mark_notifications(uuid,uuid)",
        ),
        "auctions": (
            "activate_due_auctions(integer)",
            "end_auction(uuid,boolean)",
            "end_expired_auctions(integer)",
            "finalize_auctions(uuid,uuid,text,uuid,boolean)",
            "closing_status(integer)",
            "next_auction_deadline()",
            "find_auction(uuid)",
            "broadcast_time_remaining(integer)",
        ),
        "orders": (
            "transition_order(uuid,public.order_state,uuid,public.actor_kind,text)",
            "expire_unpaid_orders(integer)",
            "settle_due_orders(integer)",
            "act_on_order(uuid,uuid,text)",
            "get_order(uuid,uuid,text)",
            "send_order_reminders(integer)",
        ),
        "fulfilment": (
            "init_pickup(uuid,uuid,text,text)",
            "redeem_pickup(uuid,uuid,text,text,uuid)",
            "save_shipment(uuid,uuid,text,text,text)",
            "add_shipment_event(uuid,uuid,uuid,text,text,text,text)",
        ),
        "payments": (
            "begin_payment(uuid,uuid)",
            "record_intent_error(uuid,integer,integer,text)",
            "attach_payment_intent(uuid,integer,text)",
            "confirm_payment_transaction(uuid,text,text,bigint,text,uuid)",
            "process_refund_transaction(uuid,bigint,text,uuid,uuid)",
            "refund_payment(text,text,uuid,uuid)",
            "refund_order(uuid,bigint,uuid,text,uuid)",
            "unreturned_payments()",
            "refund_refused_strays(integer)",
            "apply_payment_succeeded(text,text,text,text,bigint,text,text)",
            "apply_payment_failed(text,text,text,text,text)",
            "apply_payment_authorized(text,text,text,bigint)",
            "apply_payment_canceled(text,text,text)",
            "apply_refund(text,text,text,text,bigint,text,text)",
            "claim_open_intents(integer)",
            "claim_open_refunds(integer)",
            "claim_differing_intents(integer)",
            "record_intent(uuid,text,text,text,bigint,text,text,text)",
            "record_refund(text,text,text,bigint,text)",
            "discard_unattached_intents(text[],text[])",
        ),
        "payouts": (
            "begin_onboarding(uuid)",
            "record_connect_error(uuid,integer,text)",
            "set_connect_account(uuid,text)",
            "begin_account_read(text)",
            "apply_account_updated(text,text,bigint,boolean)",
            "record_account_read(text,bigint,boolean)",
            "list_payouts(uuid,integer)",
            "queue_due_transfers(integer)",
            "apply_transfer(text,text,text,text,text,text,bigint,text,jsonb)",
            "release_transfers(uuid,text,uuid)",
            "record_transfer(text,text,text,text,text,bigint,text,jsonb)",
            "claim_waiting_accounts(integer)",
        ),
        "disputes": (
            "apply_dispute(text,text,text,text,bigint,text,text,text,bigint,bigint,bigint,text)",
            "record_dispute(text,text,text,bigint,text,text,text,bigint,bigint,bigint)",
            "claim_open_disputes(integer)",
        ),
        "photos": ("check_image_duplicate(text,uuid,integer)",),
        "storage": (
            "check_upload(uuid,text,uuid,uuid)",
            "remove_file(uuid,text,text,uuid,uuid)",
            "find_orphan_files(text,text,integer)",
        ),
        "inbox": (
            (
                "store_webhook_event("
                "text,text,text,boolean,bigint,text,text,text,jsonb,text,uuid,text,text,jsonb)"
            ),
            "ignore_webhook_event(text,text)",
            "fail_webhook_event(text,text,text,uuid)",
            "claim_webhook_retries(integer,integer)",
            "requeue_webhook_event(text,uuid)",
            "requeue_ignored_events(text,text,uuid)",
            "find_webhook_event(text,text,text)",
            "unknown_event_ids(text[])",
            "requeue_found_events(integer)",
            "replay_webhook_event(text,uuid,text)",
            "list_dead_events(integer,text)",
        ),
        "outbox": (
            "claim_outbox(integer,integer)",
            "claim_send_permission(uuid,uuid)",
            "finish_outbox(uuid,uuid,text,jsonb)",
            "fail_outbox(uuid,uuid,text)",
            "reject_outbox(uuid,uuid,text)",
            "requeue_outbox(uuid,text,uuid)",
        ),
    },
}

PUBLIC: Grants = {
    "service_role": {
        "ledger": ("ledger_drift()",),
        "storage": ("record_file(uuid,text,text,text,text,jsonb,uuid,uuid,integer)",),
    },
}

PRIVATE: Grants = {
    "anon": {"security": ("check_request()",), "storage": ("uuid_or_null(text)",)},
    "authenticated": {
        "security": ("check_request()",),
        "accounts": (
            "is_staff()",
            "is_admin()",
            "checked_profile(public.users,public.users)",
            "guarded_insert(public.users)",
            "guarded_update(public.users,public.users)",
        ),
        "storage": ("uuid_or_null(text)",),
    },
    "service_role": {
        "security": ("check_request()",),
        "ledger": ("ledger_drift(uuid)",),
        "inbox": (
            "store_event(text,text,text,boolean,bigint,text,text,text,jsonb,text,uuid,text)",
            "apply_effect(text,text,jsonb)",
        ),
        "storage": ("record_file(uuid,text,uuid,uuid,integer,text,text,text,jsonb)",),
    },
}


def execute_grants(role: str) -> set[str]:
    """Return every function that `role` may execute, as the catalog spells it."""
    return {
        f"{schema}.{function}"
        for grants, schemas in (
            (BOTH, ("public", "private")),
            (PUBLIC, ("public",)),
            (PRIVATE, ("private",)),
        )
        for functions in grants.get(role, {}).values()
        for function in functions
        for schema in schemas
    }

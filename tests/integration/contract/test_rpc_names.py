"""The RPCs of the contract by the names of their arguments, as a client spells them."""

import tomllib
from collections.abc import Mapping

import pytest

from devstack.paths import ROOT
from tests.integration.contract.market import Market


#: The last argument of each call that writes; a repeated call gets the first answer.
_REQUEST = "client_request_id uuid = null"
#: Every function that the API serves, with its arguments and their defaults.
SIGNATURES: Mapping[str, str] = {
    # Signed-in users and visitors
    "place_bid": (
        "auction_id uuid, amount_cents bigint, max_proxy_cents bigint = null,"
        " client_bid_id uuid = null"
    ),
    "get_time_remaining": "auction_id uuid",
    "get_auction_state": "auction_id uuid",
    "get_bid_log": "auction_id uuid",
    "create_listing": (
        "title text, description text, category_id integer, condition text, start_cents bigint,"
        " pickup boolean, shipping boolean, location jsonb,"
        " start_at text = null, end_at text = null,"
        f" reserve_cents bigint = null, buy_now_cents bigint = null, {_REQUEST}"
    ),
    "update_listing": f"listing_id uuid, changes jsonb, {_REQUEST}",
    "cancel_listing": f"listing_id uuid, {_REQUEST}",
    "relist_listing": (
        "listing_id uuid, start_at text = null,"
        f" end_at text = null, reserve_cents bigint = null, {_REQUEST}"
    ),
    "search_listings": "search text, listing_status text = 'live'",
    "get_my_proxy": "auction_id uuid",
    "get_listing_private": "listing_id uuid",
    "start_thread": "listing_id uuid, content text, client_message_id uuid",
    "send_message": "thread_id uuid, content text, client_message_id uuid",
    "mark_thread_read": "thread_id uuid",
    "staff_read_message": "message_id uuid, reason text",
    "staff_decide_message": f"message_id uuid, release boolean, reason text, {_REQUEST}",
    "mark_all_notifications_read": "",
    "open_dispute": (
        f"order_id uuid, dispute_type text, reason text, description text, {_REQUEST}"
    ),
    "add_dispute_message": (
        f"dispute_id uuid, content text, is_internal boolean = false, {_REQUEST}"
    ),
    "resolve_dispute": (
        f"dispute_id uuid, decision text, note text, refund_cents bigint = null, {_REQUEST}"
    ),
    "report_content": (
        "reason text, listing_id uuid = null, message_id uuid = null, user_id uuid = null,"
        f" {_REQUEST}"
    ),
    "staff_decide_report": f"report_id uuid, uphold boolean, reason text, {_REQUEST}",
    "staff_suspend_user": f"user_id uuid, reason text, lift boolean = false, {_REQUEST}",
    "staff_withdraw_bids": f"auction_id uuid, bidder_id uuid, reason text, {_REQUEST}",
    "staff_remove_listing": f"listing_id uuid, reason text, {_REQUEST}",
    "staff_remove_photos": f"listing_id uuid, reason text, {_REQUEST}",
    "admin_set_role": f"user_id uuid, role text, reason text, {_REQUEST}",
    "staff_find_user": "email text",
    "staff_list_faults": "max_rows integer = 50",
    "staff_read_event": "event_id text",
    "staff_list_held_messages": "max_rows integer = 50, after_id uuid = null",
    "staff_list_reports": "max_rows integer = 50, after_id uuid = null",
    # Our own processes
    "session_is_staff": "user_id uuid, session_id uuid, aal text",
    "finalize_auctions": (
        "actor_id uuid, request_id uuid, reason text, auction_id uuid = null, force boolean = false"
    ),
    "closing_status": "max_rows integer = 100",
    "cron_status": "",
    "replay_webhook_event": "event_id text, actor_id uuid, reason text",
    "list_dead_events": "max_rows integer = 50, after_id text = null",
    "list_dead_outbox_rows": "max_rows integer = 50, after_id uuid = null",
    "begin_verification": "user_id uuid, legal_name text, dob text, address jsonb",
    "record_verification_error": "verification_id uuid, answered_errors integer, error_code text",
    "attach_verification": "verification_id uuid, stripe_session_id text",
    "get_verification": "user_id uuid, stripe_session_id text = null",
    "begin_verification_read": "stripe_session_id text",
    "handle_kyc_webhook_update": (
        "p_stripe_session_id text, p_status text, p_verified_outputs jsonb, p_last_error jsonb,"
        " p_event_id text = null, p_event_created bigint = null, p_read_number bigint = null,"
        " p_user_ref text = null, p_report_id text = null, p_redaction text = null,"
        " p_address jsonb = null"
    ),
    "claim_stale_verifications": "max_rows integer = 100",
    "end_auction": "auction_id uuid, force boolean = false",
    "end_expired_auctions": "max_rows integer = 100",
    "activate_due_auctions": "max_rows integer = 100",
    "expire_unpaid_orders": "max_rows integer = 100",
    "settle_due_orders": "max_rows integer = 100",
    "next_auction_deadline": "",
    "broadcast_time_remaining": "max_rows integer = 100",
    "transition_order": (
        "order_id uuid, to_state order_state, actor_id uuid, actor_kind actor_kind, reason text"
    ),
    "confirm_payment_transaction": (
        "order_id uuid, payment_intent_id text, charge_id text, amount_cents bigint,"
        " currency text, user_id uuid"
    ),
    "process_refund_transaction": (
        "order_id uuid, refund_amount_cents bigint, refund_reason text, user_id uuid,"
        " client_request_id uuid"
    ),
    "begin_payment": "order_id uuid, buyer_id uuid",
    "record_intent_error": (
        "order_id uuid, attempt integer, answered_errors integer, error_code text"
    ),
    "attach_payment_intent": "order_id uuid, attempt integer, payment_intent_id text",
    "store_webhook_event": (
        "event_id text, source text, type text, livemode boolean, created bigint,"
        " order_ref text, payment_intent_id text, object_id text, payload jsonb,"
        " payload_sha256 text, lease_token uuid, api_version text = null, effect text = null,"
        " arguments jsonb = null"
    ),
    "apply_payment_succeeded": (
        "event_id text, order_id text, payment_intent_id text, charge_id text,"
        " amount_cents bigint, currency text, buyer_id text"
    ),
    "apply_payment_authorized": (
        "event_id text, order_id text, payment_intent_id text, capturable_cents bigint"
    ),
    "apply_payment_failed": (
        "event_id text, order_id text, payment_intent_id text, charge_id text, error_message text"
    ),
    "apply_payment_canceled": "event_id text, order_id text, payment_intent_id text",
    "apply_refund": (
        "event_id text, stripe_refund_id text, outbox_id text, payment_intent_id text,"
        " amount_cents bigint, status text, order_ref text = null"
    ),
    "apply_dispute": (
        "event_id text, stripe_dispute_id text, payment_intent_id text, charge_id text,"
        " amount_cents bigint, currency text, status text, reason text, withdrawn_cents bigint,"
        " reinstated_cents bigint, created bigint, order_ref text = null"
    ),
    "record_dispute": (
        "stripe_dispute_id text, payment_intent_id text, charge_id text, amount_cents bigint,"
        " currency text, status text, reason text, withdrawn_cents bigint,"
        " reinstated_cents bigint, created bigint"
    ),
    "claim_open_disputes": "max_rows integer = 100",
    "ignore_webhook_event": "event_id text, reason text",
    "fail_webhook_event": ("event_id text, error_code text, error_message text, lease_token uuid"),
    "claim_webhook_retries": "max_rows integer, lease_s integer",
    "requeue_webhook_event": f"event_id text, {_REQUEST}",
    "requeue_ignored_events": f"type text, since text, {_REQUEST}, reason text = null",
    "claim_outbox": "max_rows integer, lease_s integer",
    "claim_send_permission": "outbox_id uuid, lease_token uuid",
    "requeue_outbox": f"outbox_id uuid, reason text, {_REQUEST}",
    "finish_outbox": ("outbox_id uuid, lease_token uuid, stripe_object_id text, result jsonb"),
    "fail_outbox": "outbox_id uuid, lease_token uuid, error_code text",
    "reject_outbox": "outbox_id uuid, lease_token uuid, error_code text",
    "rate_limit_hit": "action text, key text",
    "set_connect_account": "user_id uuid, account_id text",
    "apply_account_updated": (
        "event_id text, account_id text, read_number bigint, payouts_enabled boolean"
    ),
    "apply_transfer": (
        "event_id text, stripe_transfer_id text, outbox_id text, dedupe_key text, order_ref text,"
        " charge_id text, amount_cents bigint, currency text, reversals jsonb"
    ),
    "check_image_duplicate": "p_hash text, p_listing_id uuid, p_threshold integer = 5",
    # Named by us
    "check_upload": "user_id uuid, type text, listing_id uuid = null, dispute_id uuid = null",
    "record_file": (
        "user_id uuid, type text, path text, url text, title text, file jsonb,"
        " listing_id uuid = null, dispute_id uuid = null, order_idx integer = 0"
    ),
    "remove_file": (
        "user_id uuid, bucket text, path text, photo_id uuid = null, listing_id uuid = null"
    ),
    "find_orphan_files": (
        "after_bucket text = null, after_path text = null, max_rows integer = 5000"
    ),
    "anonymise_account": "user_id uuid",
    "check_deletion": "user_id uuid, session_id uuid",
    "claim_account_deletions": "max_rows integer = 100",
    "find_auction": "listing_id uuid",
    "list_notifications": ("user_id uuid, is_unread_only boolean = false, max_rows integer = 50"),
    "mark_notifications": "user_id uuid, notification_id uuid = null",
    "session_is_live": "user_id uuid, session_id uuid",
    "database_is_ready": "",
    "record_heartbeat": "",
    "claim_alerts": "max_rows integer, lease_s integer",
    "confirm_alerts": "subject text, names text[]",
    "find_webhook_event": "event_id text = null, type text = null, since text = null",
    "ledger_drift": "",
    "refund_payment": (
        "payment_intent_id text, refund_reason text, user_id uuid, client_request_id uuid"
    ),
    "unreturned_payments": "",
    "record_balance_transactions": "transactions jsonb",
    "check_orders": "max_rows integer = 100",
    "claim_differing_intents": "max_rows integer = 100",
    "claim_differing_orders": "max_rows integer = 100",
    "send_order_reminders": "max_rows integer = 100",
    "record_job_run": (
        "job text, started_at text, processed integer, failed integer, error text = null"
    ),
    "reading_window": "list text, span_s integer, delay_s integer",
    "advance_reading": "list text, until bigint",
    "purge_old_rows": "max_rows integer = 1000",
    "read_gauges": "",
    "record_gauges": "",
    "take_measurements": "max_rows integer = 100",
    "claim_open_intents": "max_rows integer = 100",
    "claim_open_refunds": "max_rows integer = 100",
    "record_intent": (
        "order_id uuid, payment_intent_id text, status text, charge_id text, amount_cents"
        " bigint, currency text, buyer_id text, dedupe_key text = null"
    ),
    "record_refund": (
        "stripe_refund_id text, outbox_id text, payment_intent_id text, amount_cents"
        " bigint, status text"
    ),
    "discard_unattached_intents": "payment_intent_ids text[], order_refs text[]",
    "unknown_event_ids": "ids text[]",
    "requeue_found_events": "max_rows integer = 100",
    "init_pickup": "order_id uuid, user_id uuid, code_hmac text, qr_token_hmac text",
    "redeem_pickup": (
        "order_id uuid, user_id uuid, code_hmac text, qr_token_hmac text, request_id uuid"
    ),
    "save_shipment": "order_id uuid, user_id uuid, carrier text, tracking text, label_url text",
    "add_shipment_event": (
        "order_id uuid, user_id uuid, event_id uuid, status text, description text,"
        " location text, event_time text"
    ),
    "act_on_order": "order_id uuid, user_id uuid, action text",
    "get_order": "order_id uuid, user_id uuid, aal text",
    "refund_order": (
        "order_id uuid, refund_amount_cents bigint, user_id uuid, aal text, client_request_id uuid"
    ),
    "begin_onboarding": "user_id uuid",
    "record_connect_error": "user_id uuid, answered_errors integer, error_code text",
    "begin_account_read": "account_id text",
    "record_account_read": "account_id text, read_number bigint, payouts_enabled boolean",
    "list_payouts": "user_id uuid, max_rows integer",
    "queue_due_transfers": "max_rows integer = 100",
    "refund_refused_strays": "max_rows integer = 100",
    "release_transfers": f"seller_id uuid, reason text, {_REQUEST}",
    "record_transfer": (
        "stripe_transfer_id text, outbox_id text, dedupe_key text, order_ref text,"
        " charge_id text, amount_cents bigint, currency text, reversals jsonb"
    ),
    "claim_waiting_accounts": "max_rows integer = 100",
}


@pytest.fixture(scope="module")
def catalog(market: Market) -> Mapping[str, str]:
    """Read from the catalog every function that the gateway exposes."""
    query = r"""
      select
        f.proname::text,
        regexp_replace(
          coalesce(pg_get_function_arguments(f.oid), ''),
          ' DEFAULT (''?\w+''?)(::[\w ]+)?', ' = \1', 'g'
        )
      from pg_proc as f
      where f.pronamespace = 'public'::regnamespace
    """
    rows = market.shop.db.execute(query).fetchall()
    found = {str(name): str(arguments) for name, arguments in rows}
    assert len(rows) == len(found), "a name with two signatures: PostgREST could not choose"
    return found


def test_every_function_is_the_contracts(catalog: Mapping[str, str]) -> None:
    """The gateway exposes the listed functions and no other; a new one is added here (case 1)."""
    assert set(SIGNATURES) == set(catalog)


def test_rest_answers_a_thousand_rows_at_most() -> None:
    """D6: this bounds each table and each function that returns rows."""
    api = tomllib.loads((ROOT / "supabase/config.toml").read_text())["api"]

    assert 1000 == api["max_rows"]


@pytest.mark.parametrize("function", SIGNATURES)
def test_arguments_are_the_contracts(catalog: Mapping[str, str], function: str) -> None:
    """A11: the names, types, order and defaults of the arguments are those that clients send."""
    spelled = catalog[function].replace("NULL", "null").replace("public.", "")

    assert SIGNATURES[function] == spelled

"""Make valid values, of which a test changes the fields that it checks."""

import dataclasses
import json
import time
from collections.abc import Mapping
from typing import Any

import stripe

from market.outbox import OutboxRow
from market.settings import Settings
from market.stripe_webhook import StripeEvent


ORDER_ID = "3f1c2f6e-8f0a-4c8e-9d53-0b8a1f6d2c11"
BUYER_ID = "7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"
SESSION_ID = "c1a5b6de-2f7b-4c0b-9f61-7a2d8e4b3f33"
WEBHOOK_SECRET = "whsec_payments"
CONNECT_SECRET = "whsec_connect"
IDENTITY_SECRET = "whsec_identity"

#: The variables of `.env.example`, with the values of a developer's machine.
ENVIRONMENT = {
    "ENVIRONMENT": "development",
    "SUPABASE_URL": "http://project.test:54321",
    "SUPABASE_PUBLISHABLE_KEY": "sb_publishable_1",
    "SUPABASE_SECRET_KEY": "sb_secret_1",
    "STRIPE_SECRET_KEY": "sk_test_1",
    "STRIPE_WEBHOOK_SECRETS": WEBHOOK_SECRET,
    "STRIPE_IDENTITY_WEBHOOK_SECRETS": IDENTITY_SECRET,
    "STRIPE_LIVEMODE": "false",
    "SITE_ORIGINS": "https://shop.test",
    "CANARY_TOKEN": "canary-token",
    "CRON_SECRET": "cron-secret",
    "METRICS_TOKEN": "metrics-token",
    "PICKUP_PEPPER": "pickup-pepper",
}


def make_settings(**changes: Any) -> Settings:
    return dataclasses.replace(Settings.from_environment(ENVIRONMENT), **changes)


def make_intent(**changes: Any) -> dict[str, Any]:
    """Make a PaymentIntent that has succeeded, as Stripe's JSON has it."""
    intent = {
        "id": "pi_00001",
        "object": "payment_intent",
        "status": "succeeded",
        "client_secret": "pi_00001_secret_1",
        "latest_charge": "ch_1",
        "amount": 12_500,
        "amount_received": 12_500,
        "currency": "aud",
        "metadata": {"order_id": ORDER_ID, "buyer_id": BUYER_ID},
    }
    return intent | changes


def make_order_row(**changes: Any) -> dict[str, Any]:
    """Make the row of a paid order, as SQL writes it."""
    at = "2026-12-02T09:00:00.123456+00:00"
    later = ("ready_at", "shipped_at", "delivered_at", "released_at", "refunded_at", "cancelled_at")
    return {
        **dict.fromkeys(
            ("id", "listing_id", "auction_id", "winning_bid_id", "seller_id"), ORDER_ID
        ),
        **dict.fromkeys(("created_at", "updated_at", "payment_due_at", "paid_at"), at),
        **dict.fromkeys((*later, "cancel_reason", "state_before_dispute"), None),
        "buyer_id": BUYER_ID,
        "amount_cents": 12_500,
        "platform_fee_cents": 625,
        "seller_amount_cents": 11_875,
        "platform_fee_bps": 500,
        "refunded_cents": 0,
        "currency": "aud",
        "state": "paid",
        "stripe_payment_intent_id": "pi_00001",
        "refund_pending": False,
        "protection_eligible": True,
        "version": 2,
        **changes,
    }


def make_refund(**changes: Any) -> dict[str, Any]:
    """Make a refund of ours that has succeeded, as Stripe's JSON has it."""
    refund = {
        "id": "re_1",
        "object": "refund",
        "payment_intent": "pi_00001",
        "amount": 500,
        "status": "succeeded",
        "created": 1_767_225_600,
        "metadata": {"outbox_id": "outbox-1", "dedupe_key": "refund:1", "order_id": ORDER_ID},
    }
    return refund | changes


def make_dispute(**changes: Any) -> dict[str, Any]:
    """Make a dispute whose amount the bank has withdrawn, as Stripe's JSON has it."""
    dispute = {
        "id": "du_1",
        "object": "dispute",
        "payment_intent": "pi_00001",
        "charge": "ch_1",
        "amount": 12_500,
        "currency": "aud",
        "status": "needs_response",
        "reason": "fraudulent",
        "created": 1_767_225_600,
        "balance_transactions": [
            {"amount": -12_500, "fee": 2_500, "net": -15_000, "currency": "aud"}
        ],
    }
    return dispute | changes


def make_event(**changes: Any) -> StripeEvent:
    event = StripeEvent(
        id="evt_1",
        type="payment_intent.succeeded",
        created=1_767_225_600,
        livemode=False,
        data=make_intent(),
    )
    return dataclasses.replace(event, **changes)


def make_event_json(data: Mapping[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Make an event of the current second, as Stripe's JSON has it."""
    event = {
        "id": "evt_1",
        "object": "event",
        "type": "payment_intent.succeeded",
        "api_version": stripe.api_version,
        "created": int(time.time()),
        "livemode": False,
        "pending_webhooks": 1,
        "data": {"object": dict(data) if data is not None else make_intent()},
    }
    return event | changes


def signed(
    body: Mapping[str, Any] | str, *, secret: str = WEBHOOK_SECRET, signed_at: int | None = None
) -> tuple[bytes, str]:
    """Return a body and the header that signs it."""
    payload = body if isinstance(body, str) else json.dumps(body)
    timestamp = int(time.time()) if signed_at is None else signed_at
    header: str = stripe.WebhookSignature.generate_signature_header(payload, secret, timestamp)
    return payload.encode(), header


def make_outbox_row(**changes: Any) -> OutboxRow:
    row = OutboxRow(
        id="outbox-1",
        kind="refund",
        payload={
            "payment_intent_id": "pi_00001",
            "amount_cents": 500,
            "refund_id": "refund-1",
            "order_id": ORDER_ID,
        },
        dedupe_key="refund:1",
        answered_errors=0,
        lease_token="token-1",
        order_id=ORDER_ID,
    )
    return dataclasses.replace(row, **changes)


def effect(outcome: str = "processed", *alerts: str) -> dict[str, Any]:
    """Return the answer of an effect RPC."""
    return {
        "outcome": outcome,
        "order_id": ORDER_ID,
        "outbox_ids": [],
        "alerts": list(alerts),
    }

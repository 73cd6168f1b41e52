"""The canary decides if Stripe or the site itself brought a payment's event."""

from typing import Any
from unittest.mock import create_autospec

import pytest

from tests.canary.marketplace import Marketplace
from tests.canary.payment import Payment, StripeAccount
from tests.canary.report import StepFailedError
from tests.canary.routes import Site
from tests.canary.settings import CanarySettings


SETTINGS = CanarySettings(
    environment="staging",
    is_json=False,
    is_preparation=False,
    site_url="https://staging.example",
    supabase_url="https://project.example",
    stripe_api_base="",
    events="stripe",
    auction_s=20,
    close_timeout_s=30,
    poll_count=1,
    poll_s=0,
    canary_token="token",
    webhook_secret="whsec_1",
    stripe_secret_key="sk_test_1",
    publishable_key="publishable",
    secret_key="secret",
    buyer=None,
    seller=None,
)
EVENT = {"id": "evt_1", "type": "payment_intent.succeeded"}


def paid(processed_at: str, pending_count: int) -> Payment:
    """Return a payment whose event was made at 12:00:00 and processed at a time."""
    site, account = create_autospec(Site), create_autospec(StripeAccount)
    account.success_event.return_value = EVENT
    account.delivers.return_value = True
    account.pending_count.return_value = pending_count
    event: dict[str, Any] = EVENT | {
        "created_at": "2026-05-01T12:00:00+00:00",
        "processed_at": f"2026-05-01T{processed_at}+00:00",
    }
    site.wait_for_event.return_value = event
    payment = Payment(SETTINGS, site, account, create_autospec(Marketplace), 0)
    payment.intent_id = "pi_1"
    payment.confirm()
    payment.bring_event()
    return payment


def test_event_that_the_site_fetched_itself_is_a_finding() -> None:
    """The reconcile job hides a broken delivery, but Stripe still counts the endpoint."""
    with pytest.raises(StepFailedError) as finding:
        paid("12:00:14", pending_count=1).wait_until_processed()

    assert ("a delivery by Stripe", "1 endpoints without it, 14 s later; the site fetched it") == (
        finding.value.expected,
        finding.value.seen,
    )


@pytest.mark.parametrize(
    ("processed_at", "pending_count"), [("12:00:09", 1), ("12:00:14", 0), ("12:00:00.5", 0)]
)
def test_event_that_stripe_delivered_passes(processed_at: str, pending_count: int) -> None:
    """A younger event cannot have been fetched; a late one may be another endpoint's matter."""
    assert "after Stripe made it" in paid(processed_at, pending_count).wait_until_processed()

"""`market.stripe_events`: which types of event have an effect here."""

from unittest.mock import create_autospec

from market import stripe_events
from market.database import Database
from market.stripe_api import StripeApi
from tests.unit.specs import spec_of


def test_every_event_with_an_effect_is_handled() -> None:
    """The types about payments, refunds, disputes, payouts and verifications all have a handler."""
    handlers = stripe_events.handlers(spec_of(StripeApi), create_autospec(Database, instance=True))

    assert {
        "payment_intent.succeeded",
        "payment_intent.payment_failed",
        "payment_intent.amount_capturable_updated",
        "payment_intent.canceled",
        "charge.refunded",
        "charge.refund.updated",
        "refund.created",
        "refund.failed",
        "refund.updated",
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "account.updated",
        "transfer.created",
        "transfer.reversed",
        "identity.verification_session.created",
        "identity.verification_session.processing",
        "identity.verification_session.requires_input",
        "identity.verification_session.verified",
        "identity.verification_session.canceled",
        "identity.verification_session.redacted",
    } == set(handlers)

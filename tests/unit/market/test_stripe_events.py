"""`market.stripe_events`: the types of event that have a handler."""

from unittest.mock import create_autospec

from market import stripe_events
from market.database import Database
from market.kyc import handlers as kyc
from market.payments import disputes
from market.payments import handlers as payments
from market.payouts import handlers as payouts
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


def test_no_two_domains_handle_the_same_event() -> None:
    """C20: one of two handlers for a type would replace the other unnoticed."""
    stripe_api, database = spec_of(StripeApi), create_autospec(Database, instance=True)
    domains = (payments, disputes, kyc, payouts)

    types = [type_ for domain in domains for type_ in domain.stripe_handlers(stripe_api, database)]

    assert sorted(stripe_events.handlers(stripe_api, database)) == sorted(types)

"""The end-to-end gate of a deployment: a black box that knows addresses and keys, and no code.

On staging it sells something of its own to itself and follows the money. On production it only
knocks at the doors, and sends an event that the system has to store and to leave alone.
"""

import contextlib
import sys
import time
from collections.abc import Sequence
from typing import Any

import stripe

from tests.canary.auction import Marketplace
from tests.canary.doors import SignedEvent, Site
from tests.canary.report import Run, require
from tests.canary.settings import CanarySettings, SettingsError, read_settings


HEALTH = "1 health answers"
FORGED = "2 a forged webhook is refused"
SIGN_IN = "3 both accounts sign in"
BID = "3 an auction takes a bid"
CLOSE = "3 the auction closes in time"
INTENT = "4 the buyer gets a payment intent"
PAY = "4 a signed event is taken"
STORED = "5 the event is processed"
PAID = "5 the order is paid and booked"
AGAIN = "6 the same event changes nothing"
TOKEN = "7 the canary route needs its token"
CLEAN_UP = "both accounts sign out"
UNHANDLED = "an event nobody handles is left alone"


def main(arguments: Sequence[str]) -> int:
    """Run the canary; 0 when every step passed, 1 when one failed, 2 when it could not run."""
    try:
        settings, is_json = read_settings(arguments)
    except SettingsError as error:
        print(f"canary: {error}", file=sys.stderr)
        return 2
    run = Run()
    with contextlib.closing(Site(settings)) as site:
        run.step(HEALTH, site.check_health)
        run.step(FORGED, site.check_bad_signature)
        if settings.is_production:
            run.step(UNHANDLED, lambda: _send_unhandled(settings, site))
        else:
            with contextlib.closing(Marketplace(settings)) as marketplace:
                _sell(run, settings, site, marketplace)
        run.step(TOKEN, site.check_canary_needs_token)
    print(run.as_json(settings.environment) if is_json else run.as_table())
    return 0 if run.is_green else 1


def _sell(run: Run, settings: CanarySettings, site: Site, marketplace: Marketplace) -> None:
    """Hold an auction and follow it to the booked payment."""
    run.step(SIGN_IN, marketplace.sign_in)
    run.step(BID, marketplace.offer_and_bid, needs=SIGN_IN)
    run.step(CLOSE, marketplace.wait_for_close, needs=BID)
    payment = _Payment(settings, site, marketplace)
    run.step(INTENT, payment.create_intent, needs=CLOSE)
    run.step(PAY, payment.deliver, needs=INTENT)
    run.step(STORED, payment.wait_until_processed, needs=PAY)
    run.step(PAID, marketplace.check_books, needs=STORED)
    run.step(AGAIN, payment.deliver_again, needs=STORED)
    run.step(CLEAN_UP, marketplace.clean_up, needs=SIGN_IN)


class _Payment:
    """A payment that the canary itself says has succeeded, with Stripe's own object."""

    def __init__(self, settings: CanarySettings, site: Site, marketplace: Marketplace) -> None:
        self._settings = settings
        self._site = site
        self._marketplace = marketplace
        self._intent_id = ""
        self._event: SignedEvent | None = None
        self._processed_at = ""

    def create_intent(self) -> str:
        """Get the order's intent from the site, as its buyer."""
        self._intent_id = self._site.create_intent(
            self._marketplace.buyer_token, self._marketplace.order
        )
        return self._intent_id

    def deliver(self) -> str:
        """Deliver the success of that intent, signed with the site's secret."""
        answer = self._site.deliver(self._succeeded_event())
        require(not answer["idempotent"], f"a new event was taken for a repeated one: {answer}")
        return f"status {answer['status']}"

    def wait_until_processed(self) -> str:
        """Poll the canary route until the event is stored and its effect applied."""
        event = self._site.wait_for_event(self._succeeded_event().id, is_processed=True)
        require(event["type"] == "payment_intent.succeeded", f"stored as {event['type']}")
        self._processed_at = event["processed_at"]
        return f"processed at {self._processed_at}"

    def deliver_again(self) -> str:
        """Deliver the same bytes once more; nothing may come of it."""
        event = self._succeeded_event()
        answer = self._site.deliver(event)
        require(answer["idempotent"] is True, f"the repeated event was not recognised: {answer}")
        stored = self._site.find_event(event.id) or {}
        is_unchanged = stored.get("processed_at") == self._processed_at
        require(is_unchanged, f"processed_at moved to {stored.get('processed_at')}")
        return f"status {answer['status']}, processed_at unchanged"

    def _succeeded_event(self) -> SignedEvent:
        if self._event is None:
            self._event = SignedEvent(
                "payment_intent.succeeded",
                self._paid_intent(),
                livemode=False,
                secret=self._settings.webhook_secret,
            )
        return self._event

    def _paid_intent(self) -> dict[str, Any]:
        """Return the intent as Stripe has it, made to look paid: no money moves for a canary."""
        bases: Any = (
            {"api": self._settings.stripe_api_base} if self._settings.stripe_api_base else {}
        )
        client = stripe.StripeClient(
            self._settings.stripe_secret_key,
            base_addresses=bases,
            http_client=stripe.RequestsClient(timeout=15),
            max_network_retries=2,
        )
        intent: dict[str, Any] = client.v1.payment_intents.retrieve(self._intent_id).to_dict()
        return intent | {
            "status": "succeeded",
            "amount_received": intent["amount"],
            "latest_charge": f"ch_canary_{self._intent_id.removeprefix('pi_')}",
        }


def _send_unhandled(settings: CanarySettings, site: Site) -> str:
    """Send a live event of a kind that nobody handles; expect it stored, and nothing done."""
    event = SignedEvent(
        "product.updated",
        {"id": f"prod_canary_{int(time.time())}", "object": "product"},
        livemode=True,
        secret=settings.webhook_secret,
    )
    answer = site.deliver(event)
    require(answer["status"] == "ignored", f"not ignored but {answer['status']}")
    stored = site.wait_for_event(event.id, is_processed=False)
    require(stored["type"] == "product.updated", f"stored as {stored['type']}")
    return "stored and ignored"

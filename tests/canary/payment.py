"""The payment of an order: the site's intent, Stripe's confirmation, and Stripe's event."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import httpx
import stripe

from tests.canary.marketplace import Marketplace
from tests.canary.report import StepFailedError, StepSkippedError, require
from tests.canary.routes import WEBHOOK, Acknowledgement, SignedEvent, Site, make_event, sign
from tests.canary.settings import CanarySettings


SUCCEEDED = "payment_intent.succeeded"
_CARD = "pm_card_visa"
#: A payment notifies the seller by the first, and the buyer by the second.
_NOTIFICATIONS = ("order_paid", "payment_received")
_TIMEOUT_S = 15
#: The reconcile job fetches no younger event.
_FETCHED_AFTER_S = 10
#: Stripe lists the events of the whole account, the newest first.
_PAGE = 100


class StripeAccount:
    """The Stripe account of the deployment, in test mode."""

    def __init__(self, settings: CanarySettings) -> None:
        base = settings.stripe_api_base
        self._settings = settings
        self._v1 = stripe.StripeClient(
            settings.stripe_secret_key,
            base_addresses={"api": base} if base else {},
            http_client=stripe.RequestsClient(timeout=_TIMEOUT_S),
            max_network_retries=2,
        ).v1

    def delivers(self) -> bool:
        """Return true if Stripe itself must deliver events to the site.

        Without an order from the command line, the account's list of endpoints decides.
        """
        if self._settings.events != "auto":
            return self._settings.events == "stripe"
        address = f"{self._settings.site_url}{WEBHOOK}"
        endpoints = self._v1.webhook_endpoints.list({"limit": _PAGE}).data
        return any(
            endpoint.url == address
            and endpoint.status == "enabled"
            and {"*", SUCCEEDED} & set(endpoint.enabled_events)
            for endpoint in endpoints
        )

    def pay(self, intent_id: str) -> None:
        """Confirm an intent with a test card."""
        intent = self._v1.payment_intents.confirm(intent_id, {"payment_method": _CARD})
        require(intent.status == "succeeded", expected="status succeeded", seen=intent.status)

    def success_event(self, intent_id: str) -> dict[str, Any]:
        """Return Stripe's event about the success of an intent."""

        def look() -> dict[str, Any] | None:
            events = self._v1.events.list({"type": SUCCEEDED, "limit": _PAGE}).data
            found = [event.to_dict() for event in events]
            return next((one for one in found if one["data"]["object"]["id"] == intent_id), None)

        return self._settings.wait(look, expected=f"Stripe's event {SUCCEEDED} of {intent_id}")

    def pending_count(self, event_id: str) -> int:
        """Return the number of endpoints that have not acknowledged an event."""
        return self._v1.events.retrieve(event_id).pending_webhooks

    def refunds(self, intent_id: str) -> list[tuple[int, str | None]]:
        """Return amount and status of each refund of an intent."""
        refunds = self._v1.refunds.list({"payment_intent": intent_id, "limit": _PAGE}).data
        return [(refund.amount, refund.status) for refund in refunds]

    def transfers(self, order_id: str) -> list[int]:
        """Return the amount of each transfer for an order."""
        transfers = self._v1.transfers.list({"transfer_group": order_id, "limit": _PAGE}).data
        return [transfer.amount for transfer in transfers]


class Payment:
    """The payment of one order."""

    def __init__(
        self,
        settings: CanarySettings,
        site: Site,
        account: StripeAccount,
        marketplace: Marketplace,
        sale: int,
    ) -> None:
        self._settings = settings
        self._site = site
        self._account = account
        self._marketplace = marketplace
        self._sale = sale
        self.intent_id = ""
        self.is_confirmed = False
        self.is_paid = False
        self.is_delivered_by_stripe = False
        self._event: SignedEvent | None = None
        self._is_delivered = False
        self._is_processed = False

    @property
    def order(self) -> dict[str, Any]:
        """Return the order as it was when the auction closed."""
        return self._marketplace.order(self._sale)

    def create_intent(self) -> str:
        """Get the order's intent from the site, as its buyer."""
        order = self.order
        body = {"orderId": order["id"], "amount": order["amount_cents"], "currency": "aud"}
        answer = self._site.call(
            "POST", "/api/payments/create-intent", self._marketplace.buyer_token, body
        )
        self.intent_id = answer["paymentIntentId"]
        return self.intent_id

    def confirm(self) -> str:
        """Pay the intent at Stripe."""
        if not self.intent_id:
            raise StepSkippedError("there is no intent")
        self._account.pay(self.intent_id)
        self.is_confirmed = True
        return _CARD

    def bring_event(self) -> str:
        """Require that Stripe's event reaches the site; send it ourselves if Stripe does not.

        A site without an endpoint in Stripe's list gets the event from the canary. Where Stripe
        must deliver and does not, the step fails, and the canary still sends the event, so that
        the next steps can tell more.
        """
        event = self._signed_event()
        if not self._account.delivers():
            return self._send(event)
        try:
            self._site.wait_for_event(event.id)
        except StepFailedError as error:
            raise StepFailedError(
                error.expected, f"{error.seen}; {self._try_ourselves()}"
            ) from error
        self._is_delivered = self.is_delivered_by_stripe = True
        return f"Stripe delivered {event.id}"

    def wait_until_processed(self) -> str:
        """Wait until the event's effect is applied; require that Stripe itself brought the event.

        The site's reconcile job fetches events that Stripe did not deliver, after some seconds.
        """
        if self._event is None or not self._is_delivered:
            raise StepSkippedError("the event did not reach the site")
        event = self._site.wait_for_event(self._event.id, is_processed=True)
        self._is_processed = True
        require(event["type"] == SUCCEEDED, expected=f"type {SUCCEEDED}", seen=event["type"])
        created_at, processed_at = (
            datetime.fromisoformat(event[key]) for key in ("created_at", "processed_at")
        )
        lag_s = (processed_at - created_at).total_seconds()
        if lag_s >= _FETCHED_AFTER_S and self.is_delivered_by_stripe:
            pending = self._account.pending_count(self._event.id)
            require(
                pending == 0,
                expected="a delivery by Stripe",
                seen=f"{pending} endpoints without it, {lag_s:.0f} s later; the site fetched it",
            )
        return f"processed {lag_s:.1f} s after Stripe made it"

    def check_paid(self) -> str:
        """Require that the order is paid, and that its books agree."""
        if not self._is_processed:
            raise StepSkippedError("the event is not processed")
        return self._check_paid()

    def repeat_event(self) -> str:
        """Deliver the event once more, and then a new event about the same payment.

        Both must be recognised, change nothing, and be acknowledged in time.
        """
        if self._event is None or not self._is_processed:
            raise StepSkippedError("the event is not processed")
        repeated = self._deliver_without_effect(self._event, "already_processed")
        intent = self._account.success_event(self.intent_id)["data"]["object"]
        other = sign(make_event(SUCCEEDED, intent, livemode=False), self._settings.webhook_secret)
        fresh = self._deliver_without_effect(other, "order_already_processed")
        return (
            f"acknowledged in {repeated.took_s:.2f} s, and under another id in {fresh.took_s:.2f} s"
        )

    def pay_after(self, first: "Payment") -> str:
        """Take all steps to a paid order at once, if another order was paid before."""
        if not first.is_paid:
            raise StepSkippedError("the first order was not paid either")
        self.create_intent()
        self.confirm()
        if not first.is_delivered_by_stripe:
            self._site.deliver(self._signed_event())
        return self._check_paid()

    def _check_paid(self) -> str:
        """Wait until the order is paid; require one notification for each party, and no drift."""
        order = self._marketplace.wait_for_state(self.order["id"], "paid")
        self.is_paid = True
        types = self._marketplace.notification_types(order["id"])
        about_payment = [one for one in types if one in _NOTIFICATIONS]
        require(
            about_payment == list(_NOTIFICATIONS),
            expected=f"one notification each of {', '.join(_NOTIFICATIONS)}",
            seen=types,
        )
        self._marketplace.check_books(order["id"])
        return "paid, no drift"

    def _deliver_without_effect(self, event: SignedEvent, status: str) -> Acknowledgement:
        """Deliver an event whose effect was applied before; require that nothing changes."""
        before = self._effects()
        acknowledgement = self._site.deliver(event)
        answer = acknowledgement.body
        require(
            answer["idempotent"] is True and answer["status"] == status,
            expected=f"idempotent: true and status {status}",
            seen=answer,
        )
        after = self._effects()
        changed = [
            f"{name}: {before[name]} → {after[name]}"
            for name in before
            if before[name] != after[name]
        ]
        require(not changed, expected="the effects of one event", seen="; ".join(changed))
        acknowledgement.check_time()
        return acknowledgement

    def _effects(self) -> dict[str, Any]:
        """Return everything that a second effect of the event would change."""
        event: Mapping[str, Any] = self._site.find_event(self._signed_event().id) or {}
        order = self._marketplace.read_order(self.order["id"])
        return {
            "processed_at": event.get("processed_at"),
            "state": order["state"],
            "version": order["version"],
            "refunded_cents": order["refunded_cents"],
            "notifications": self._marketplace.notification_types(self.order["id"]),
        }

    def _signed_event(self) -> SignedEvent:
        self._check_confirmed()
        if self._event is None:
            event = self._account.success_event(self.intent_id)
            self._event = sign(event, self._settings.webhook_secret)
        return self._event

    def _try_ourselves(self) -> str:
        try:
            return f"then {self._send(self._signed_event())}"
        except (StepFailedError, httpx.HTTPError) as error:
            return f"then, signed by the canary: {error}"

    def _send(self, event: SignedEvent) -> str:
        acknowledgement = self._site.deliver(event)
        self._is_delivered = True
        acknowledgement.check_time()
        return (
            f"signed by the canary: {acknowledgement.body['status']}, "
            f"acknowledged in {acknowledgement.took_s:.2f} s"
        )

    def _check_confirmed(self) -> None:
        if not self.is_confirmed:
            raise StepSkippedError("the intent is not paid")

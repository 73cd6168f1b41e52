"""The site's own HTTP doors, as a stranger knows them: health, webhooks, intents, canary route."""

import json
import time
import uuid
from typing import Any

import httpx
import stripe

from tests.canary.report import StepFailedError, require
from tests.canary.settings import CanarySettings


_WEBHOOK = "/api/webhooks/stripe"
_TIMEOUT_S = 15.0


class SignedEvent:
    """An event as Stripe would send it: a body, and a signature over exactly that body."""

    def __init__(self, kind: str, subject: dict[str, Any], *, livemode: bool, secret: str) -> None:
        now = int(time.time())
        self.id = f"evt_canary_{uuid.uuid4().hex}"
        self.body = json.dumps(
            {
                "id": self.id,
                "object": "event",
                "api_version": stripe.api_version,
                "created": now,
                "data": {"object": subject},
                "livemode": livemode,
                "pending_webhooks": 1,
                "request": {"id": None, "idempotency_key": None},
                "type": kind,
            }
        )
        self.signature = stripe.WebhookSignature.generate_signature_header(
            self.body, secret, timestamp=now
        )


class Site:
    """The deployed service."""

    def __init__(self, settings: CanarySettings) -> None:
        self._settings = settings
        self._http = httpx.Client(base_url=settings.site_url, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def check_health(self) -> str:
        """Expect the public health address to answer 200."""
        answer = self._http.get("/api/health")
        require(answer.status_code == httpx.codes.OK, _finding("health", answer))
        return f"{answer.status_code}"

    def check_bad_signature(self) -> str:
        """Expect a forged webhook to be refused as such."""
        answer = self._http.post(
            _WEBHOOK, content=b"{}", headers={"Stripe-Signature": "t=0,v1=invalidsignature"}
        )
        is_refused = answer.status_code == httpx.codes.BAD_REQUEST
        is_named = "invalid signature" in answer.text.lower()
        require(is_refused and is_named, _finding("a forged webhook", answer))
        return "400, invalid signature"

    def check_canary_needs_token(self) -> str:
        """Expect the canary route to be closed without its token, and with a wrong one."""
        for headers in ({}, {"X-Canary-Token": "wrong"}):
            answer = self._http.get(
                "/api/canary/webhook-events", params={"event_id": "evt_1"}, headers=headers
            )
            is_refused = answer.status_code == httpx.codes.UNAUTHORIZED
            require(is_refused, _finding("the canary route without its token", answer))
        return "401"

    def create_intent(self, token: str, order: dict[str, Any]) -> str:
        """Ask for the PaymentIntent of an order as its buyer; return its id."""
        answer = self._http.post(
            "/api/payments/create-intent",
            json={"orderId": order["id"], "amount": order["amount_cents"], "currency": "aud"},
            headers={"Authorization": f"Bearer {token}"},
        )
        require(answer.status_code == httpx.codes.OK, _finding("create-intent", answer))
        intent_id: str = answer.json()["paymentIntentId"]
        return intent_id

    def deliver(self, event: SignedEvent) -> dict[str, Any]:
        """Deliver an event; return what the site says of it."""
        answer = self._http.post(
            _WEBHOOK,
            content=event.body.encode(),
            headers={"Stripe-Signature": event.signature, "Content-Type": "application/json"},
        )
        require(answer.status_code == httpx.codes.OK, _finding("a signed webhook", answer))
        body: dict[str, Any] = answer.json()
        return body

    def find_event(self, event_id: str) -> dict[str, Any] | None:
        """Ask the canary route for an event; None when it is not known."""
        answer = self._http.get(
            "/api/canary/webhook-events",
            params={"event_id": event_id},
            headers={"X-Canary-Token": self._settings.canary_token},
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        require(answer.status_code == httpx.codes.OK, _finding("the canary route", answer))
        event: dict[str, Any] = answer.json()["event"]
        return event

    def wait_for_event(self, event_id: str, *, is_processed: bool) -> dict[str, Any]:
        """Look until an event is stored and, if asked, processed; the looks are counted."""
        for look in range(self._settings.poll_count):
            if look:
                time.sleep(self._settings.poll_s)
            event = self.find_event(event_id)
            if event is not None and (event["processed_at"] or not is_processed):
                return event
        wanted = "processed" if is_processed else "stored"
        raise StepFailedError(
            f"event {event_id} was not {wanted} after {self._settings.poll_count} looks"
        )


def _finding(what: str, answer: httpx.Response) -> str:
    return f"{what} got {answer.status_code}: {answer.text[:200]}"

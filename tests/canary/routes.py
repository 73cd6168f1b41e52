"""The service's HTTP routes as its callers see them: health, webhooks, canary route, orders."""

import dataclasses
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import httpx
import stripe

from tests.canary.report import require
from tests.canary.settings import CanarySettings


WEBHOOK = "/api/webhooks/stripe"
#: The longest that Stripe may wait for our answer to an event.
ACKNOWLEDGE_S = 5.0
_TIMEOUT_S = 15.0


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class SignedEvent:
    """An event's body and a signature of exactly these bytes."""

    id: str
    body: str
    signature: str


def sign(event: Mapping[str, Any], secret: str) -> SignedEvent:
    """Sign an event as Stripe does."""
    body = json.dumps(event)
    signature = stripe.WebhookSignature.generate_signature_header(
        body, secret, timestamp=int(time.time())
    )
    return SignedEvent(id=event["id"], body=body, signature=signature)


def make_event(kind: str, subject: Mapping[str, Any], *, livemode: bool) -> dict[str, Any]:
    """Return an event of the canary's own, in the form of Stripe's."""
    return {
        "id": f"evt_canary_{uuid.uuid4().hex}",
        "object": "event",
        "api_version": stripe.api_version,
        "created": int(time.time()),
        "data": {"object": dict(subject)},
        "livemode": livemode,
        "pending_webhooks": 1,
        "request": {"id": None, "idempotency_key": None},
        "type": kind,
    }


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """The site's answer to an event, and the time that it took."""

    body: dict[str, Any]
    took_s: float

    def check_time(self) -> None:
        """Require that the answer came in time."""
        require(
            self.took_s <= ACKNOWLEDGE_S,
            expected=f"an acknowledgement within {ACKNOWLEDGE_S:g} s",
            seen=f"{self.took_s:.1f} s",
        )


class Site:
    """The deployed service."""

    def __init__(self, settings: CanarySettings) -> None:
        self._settings = settings
        self._http = httpx.Client(base_url=settings.site_url, timeout=_TIMEOUT_S)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def check_health(self) -> str:
        """Require that the public health route answers 200."""
        self._expect(self._http.get("/api/health"), httpx.codes.OK)
        return "200"

    def check_bad_signature(self) -> str:
        """Require that forged webhooks are refused by the contract's words.

        The second one is well-formed; only its secret is another one.
        """
        event = make_event("product.updated", {"id": "prod_forged"}, livemode=False)
        forged = sign(event, f"whsec_{uuid.uuid4().hex}")
        for body, signature in (
            ("{}", "t=0,v1=invalidsignature"),
            (forged.body, forged.signature),
        ):
            answer = self._post_event(body, signature)
            is_named = "invalid signature" in answer.text.lower()
            require(
                answer.status_code == httpx.codes.BAD_REQUEST and is_named,
                expected="400 and “Invalid signature”",
                seen=_shown(answer),
            )
        return "400, invalid signature"

    def check_canary_needs_token(self) -> str:
        """Require that the canary route refuses a call without its token, or with another one."""
        for headers in ({}, {"X-Canary-Token": f"not-{uuid.uuid4()}"}):
            answer = self._http.get(
                "/api/canary/webhook-events", params={"event_id": "evt_1"}, headers=headers
            )
            self._expect(answer, httpx.codes.UNAUTHORIZED)
        return "401 without a token and with a wrong one"

    def call(
        self, method: str, path: str, token: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Call a route as a signed-in user; the answer must be 200."""
        answer = self._http.request(
            method, path, json=body, headers={"Authorization": f"Bearer {token}"}
        )
        self._expect(answer, httpx.codes.OK)
        found: dict[str, Any] = answer.json()
        return found

    def deliver(self, event: SignedEvent) -> Acknowledgement:
        """Deliver an event; the answer must be 200."""
        began = time.perf_counter()
        answer = self._post_event(event.body, event.signature)
        took_s = time.perf_counter() - began
        self._expect(answer, httpx.codes.OK)
        return Acknowledgement(body=answer.json(), took_s=took_s)

    def find_event(self, event_id: str) -> dict[str, Any] | None:
        """Look an event up on the canary route; return None if the site does not have it."""
        answer = self._http.get(
            "/api/canary/webhook-events",
            params={"event_id": event_id},
            headers={"X-Canary-Token": self._settings.canary_token},
        )
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        self._expect(answer, httpx.codes.OK)
        event: dict[str, Any] = answer.json()["event"]
        return event

    def wait_for_event(self, event_id: str, *, is_processed: bool = False) -> dict[str, Any]:
        """Wait until an event is stored and, if wanted, processed."""

        def look() -> dict[str, Any] | None:
            event = self.find_event(event_id)
            is_there = event is not None and (not is_processed or event["processed_at"])
            return event if is_there else None

        word = "processed" if is_processed else "stored"
        return self._settings.wait(look, expected=f"event {event_id} {word}")

    def _post_event(self, body: str, signature: str) -> httpx.Response:
        headers = {"Stripe-Signature": signature, "Content-Type": "application/json"}
        return self._http.post(WEBHOOK, content=body.encode(), headers=headers)

    def _expect(self, answer: httpx.Response, status: int) -> None:
        request = f"{answer.request.method} {answer.request.url.path}"
        require(
            answer.status_code == status,
            expected=f"{status} from {request}",
            seen=_shown(answer),
        )


def check_unhandled(site: Site, secret: str, *, livemode: bool) -> str:
    """Send an event of a type that nothing handles; require that it is stored and ignored."""
    subject = {"id": f"prod_canary_{int(time.time())}", "object": "product"}
    event = make_event("product.updated", subject, livemode=livemode)
    acknowledgement = site.deliver(sign(event, secret))
    status = acknowledgement.body["status"]
    require(status == "ignored", expected="status ignored", seen=f"status {status}")
    stored = site.wait_for_event(event["id"])
    require(stored["type"] == event["type"], expected=f"type {event['type']}", seen=stored["type"])
    acknowledgement.check_time()
    return f"acknowledged in {acknowledgement.took_s:.2f} s"


def _shown(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:200]}"

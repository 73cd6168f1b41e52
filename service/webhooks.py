"""Where Stripe calls us: check the signature, keep the event, let it take effect, answer."""

import dataclasses
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import structlog
from flask import Blueprint, Response, jsonify, request

from market import inbox
from market.alerts import alert
from market.database import Database
from market.errors import MarketError, RejectedError
from market.inbox import Outcome, Source
from market.stripe_webhook import EventRules, StripeEvent, read_event
from service.errors import body_of
from service.limits import AddressLimits


log = structlog.get_logger(__name__)

_IDENTITY_TYPES = "identity."

_PROCESSED = {Outcome.PROCESSED, Outcome.ALREADY_PROCESSED, Outcome.ORDER_ALREADY_PROCESSED}
#: What another delivery of the event cannot change.
_IDEMPOTENT = {
    Outcome.ALREADY_PROCESSED,
    Outcome.ORDER_ALREADY_PROCESSED,
    Outcome.ORDER_NOT_FOUND,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One of Stripe's addresses here, with the secrets that sign what comes in by it."""

    path: str
    source: Source
    secrets: Sequence[str] = dataclasses.field(repr=False)

    def takes(self, event: StripeEvent) -> bool:
        """Say whether this is where such events come in: of identities at one, of money at one."""
        is_of_identity = event.type.startswith(_IDENTITY_TYPES)
        return is_of_identity == (self.source is Source.STRIPE_IDENTITY)


def webhooks_blueprint(
    database: Database,
    handlers: inbox.Handlers,
    limits: AddressLimits,
    *,
    endpoints: Sequence[Endpoint],
    rules: EventRules,
) -> Blueprint:
    """Build the blueprint that serves `/api/webhooks`, with handlers that have their adapters."""
    blueprint = Blueprint("webhooks", __name__, url_prefix="/api/webhooks")

    def receive(endpoint: Endpoint) -> Response | tuple[Response, HTTPStatus]:
        try:
            event = _verified(endpoint, rules)
        except RejectedError:
            # Only what is refused is counted: Stripe may send as much as it likes.
            limits.hit()
            raise
        if not endpoint.takes(event):
            # What signs identities must not pay an order. Nor is it kept: the endpoint that it is
            # for may yet get it, under the same id.
            alert("webhook_event_at_wrong_endpoint", event_id=event.id, type=event.type)
            return jsonify(_answer(Outcome.IGNORED))
        try:
            stored = inbox.store(database, event, source=endpoint.source)
        except MarketError as error:
            return _not_stored(event, error)
        log.info("stripe_event_stored", event_id=event.id, type=event.type)

        # From here the event is safe, so whatever comes of its effect the answer is 200: the
        # worker re-drives what is left, and Stripe need not send it again.
        return jsonify(_answer(inbox.process(database, stored, handlers)))

    for endpoint in endpoints:
        blueprint.add_url_rule(
            endpoint.path,
            endpoint=endpoint.source,
            view_func=receive,
            defaults={"endpoint": endpoint},
            methods=["POST"],
        )
    return blueprint


def _verified(endpoint: Endpoint, rules: EventRules) -> StripeEvent:
    # The signature covers the raw bytes, so nothing may parse them before it is checked.
    return read_event(
        request.get_data(),
        request.headers.get("Stripe-Signature"),
        secrets=endpoint.secrets,
        rules=rules,
    )


def _not_stored(event: StripeEvent, error: MarketError) -> tuple[Response, HTTPStatus]:
    """Answer so that Stripe sends the event again; whatever the reason, it is not kept."""
    log.error("stripe_event_not_stored", event_id=event.id, code=error.code, detail=error.detail)
    body = body_of(MarketError(error.code)) | {
        "error": "Webhook processing failed",
        "event_id": event.id,
        "event_type": event.type,
    }
    return jsonify(body), HTTPStatus.INTERNAL_SERVER_ERROR


def _answer(outcome: Outcome) -> dict[str, Any]:
    return {
        "received": True,
        "processed": outcome in _PROCESSED,
        "idempotent": outcome in _IDEMPOTENT,
        "status": outcome,
    }

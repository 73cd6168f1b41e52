"""Serve Stripe's webhooks: verify the signature, store the event, apply it, answer."""

import dataclasses
from collections.abc import Sequence
from http import HTTPStatus
from typing import Literal

import structlog
from flask import Blueprint, Response, jsonify, request

from market import inbox, metrics
from market.alerts import alert
from market.database import Database
from market.errors import MarketError, RejectedError
from market.inbox import Outcome, Source
from market.stripe_webhook import EventRules, StripeEvent, read_event
from service.errors import body_of
from service.limits import AddressLimits
from service.route_table import ADDRESS, DATABASE_CODES, Answer, Caller, Route


log = structlog.get_logger(__name__)

_ACCOUNT_TYPES = "account."
_IDENTITY_TYPES = "identity."

_PROCESSED = {Outcome.PROCESSED, Outcome.ALREADY_PROCESSED, Outcome.ORDER_ALREADY_PROCESSED}
#: Another delivery of the event cannot change these outcomes.
_IDEMPOTENT = {
    Outcome.ALREADY_PROCESSED,
    Outcome.ORDER_ALREADY_PROCESSED,
    Outcome.ORDER_NOT_FOUND,
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An address for Stripe's webhooks, with the secrets that sign its events.

    Stripe signs the events of connected accounts with `connect_secrets`.
    """

    path: str
    source: Source
    secrets: Sequence[str] = dataclasses.field(repr=False)
    connect_secrets: Sequence[str] = dataclasses.field(repr=False, default=())

    def takes(self, event: StripeEvent) -> bool:
        """Return true if the secret that signed the event may sign events of this type."""
        if event.is_connect:
            return event.type.startswith(_ACCOUNT_TYPES)
        is_of_identity = event.type.startswith(_IDENTITY_TYPES)
        return is_of_identity == (self.source is Source.STRIPE_IDENTITY)


class EventAnswer(Answer):
    """The answer to Stripe: the event is stored, or will never be."""

    received: Literal[True]
    processed: bool
    idempotent: bool
    status: Outcome


def webhooks_blueprint(
    database: Database,
    handlers: inbox.Handlers,
    limits: AddressLimits,
    *,
    endpoints: Sequence[Endpoint],
    rules: EventRules,
) -> Blueprint:
    """Return the blueprint of `/api/webhooks`; the handlers hold their adapters already."""
    blueprint = Blueprint("webhooks", __name__, url_prefix="/api/webhooks")

    @Route(
        summary="Receive an event of Stripe.",
        callers=(Caller.SIGNATURE,),
        limits=(ADDRESS,),
        raw_body="The event as Stripe signed it.",
        answer=EventAnswer,
        codes=(
            "EVENT_FROM_FUTURE",
            "EVENT_TOO_OLD",
            "INVALID_PAYLOAD",
            "INVALID_SIGNATURE",
            "LIVEMODE_MISMATCH",
            "MISSING_SIGNATURE",
        ),
        # Stripe sends the event again after a 500.
        failures=(*DATABASE_CODES, "VALIDATION_ERROR"),
    )
    def receive(endpoint: Endpoint) -> EventAnswer | Response:
        try:
            event = _verified(endpoint, rules)
        except RejectedError as refusal:
            _count(endpoint, refusal.code.lower())
            # Count refused requests only: Stripe may send any number of good ones.
            limits.hit()
            raise
        if not _is_to_be_stored(endpoint, event, rules):
            _count(endpoint, "not_ours")
            return _answer(Outcome.IGNORED)
        try:
            outcome = inbox.receive(database, event, source=endpoint.source, handlers=handlers)
        except MarketError as error:
            _count(endpoint, "not_stored")
            return _not_stored(event, error)
        _count(endpoint, outcome)
        # The event is stored, so the answer is 200 whatever the effect's outcome. The worker
        # applies events that are still open, so Stripe need not send them again.
        return _answer(outcome)

    for endpoint in endpoints:
        blueprint.add_url_rule(
            endpoint.path,
            endpoint=endpoint.source,
            view_func=receive,
            defaults={"endpoint": endpoint},
            methods=["POST"],
        )
    return blueprint


def _count(endpoint: Endpoint, outcome: str) -> None:
    metrics.WEBHOOK_DELIVERIES.labels(endpoint=endpoint.source, outcome=outcome).inc()


def _verified(endpoint: Endpoint, rules: EventRules) -> StripeEvent:
    # The signature covers the raw bytes, so nothing may parse them before it is checked.
    return read_event(
        request.get_data(),
        request.headers.get("Stripe-Signature"),
        secrets=endpoint.secrets,
        connect_secrets=endpoint.connect_secrets,
        rules=rules,
    )


def _is_to_be_stored(endpoint: Endpoint, event: StripeEvent, rules: EventRules) -> bool:
    """Return true if the event's secret, account and type agree; raise an alert if they do not.

    A refused event is not stored. So it takes effect if Stripe sends it again, under the same id
    and signed by the right secret.
    """
    if event.livemode is not rules.livemode:
        metrics.STRIPE_CONNECT_MODES_DIFFERED.inc()
        return False
    if event.is_connect is (event.account is None):
        # Sellers control their accounts and can write our order's id into a payment of their own.
        alert("webhook_event_account_contradicted", event_id=event.id, type=event.type)
        return False
    if not endpoint.takes(event):
        alert("webhook_event_at_wrong_endpoint", event_id=event.id, type=event.type)
        return False
    return True


def _not_stored(event: StripeEvent, error: MarketError) -> Response:
    """Answer with an error, so that Stripe sends the event again."""
    log.error("stripe_event_not_stored", event_id=event.id, code=error.code, detail=error.detail)
    body = body_of(MarketError(error.code)) | {
        "error": "Webhook processing failed",
        "event_id": event.id,
        "event_type": event.type,
    }
    answer = jsonify(body)
    answer.status_code = HTTPStatus.INTERNAL_SERVER_ERROR
    return answer


def _answer(outcome: Outcome) -> EventAnswer:
    return EventAnswer(
        received=True,
        processed=outcome in _PROCESSED,
        idempotent=outcome in _IDEMPOTENT,
        status=outcome,
    )

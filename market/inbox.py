"""The webhook inbox: store every event from Stripe once, and apply it once."""

import dataclasses
import datetime as dt
import enum
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import structlog

from market import log as logs
from market import metrics
from market.alerts import alert, raise_alerts
from market.database import Database
from market.errors import MarketError
from market.stripe_objects import object_in, text_in
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)

#: The lease must last longer than all calls for one event together.
_LEASE_S = 60
#: SQL refuses times before 2000 and after 2999. Every event lies between these two, so a time
#: outside of them finds the same events.
_FIRST_TIME = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
_LAST_TIME = dt.datetime(2099, 1, 1, tzinfo=dt.UTC)


class Source(enum.StrEnum):
    """The endpoint that an event came in by; each one has secrets of its own."""

    STRIPE = "stripe"
    STRIPE_IDENTITY = "stripe_identity"


class Outcome(enum.StrEnum):
    """The result of an event, as effect RPCs and our answers to Stripe spell it."""

    PROCESSED = "processed"
    ALREADY_PROCESSED = "already_processed"
    ORDER_ALREADY_PROCESSED = "order_already_processed"
    ORDER_NOT_FOUND = "order_not_found"
    IGNORED = "ignored"
    RETRYING = "retrying"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """A stored event, and the token of the lease under which we process it.

    `is_settled` is true if the event took effect before. `is_other` is true if the stored event
    has another content under the same id; the stored content counts.
    """

    event: StripeEvent
    lease_token: str
    is_settled: bool = False
    is_other: bool = False


#: A handler reads events of one type, and passes each to one effect RPC with the event's id. It
#: already holds the adapters that it needs.
Handler: TypeAlias = Callable[[StripeEvent], Outcome]
Handlers: TypeAlias = Mapping[str, Handler]


def store(database: Database, event: StripeEvent, *, source: Source) -> StoredEvent:
    """Store `event` durably; an event that is stored already stays as it is.

    A new event is leased to us for ten seconds, longer than a request may take, so no worker
    processes it meanwhile. The token is made here, so the call may be repeated after a lost reply.
    """
    lease_token = str(uuid.uuid4())
    is_intent = event.data.get("object") == "payment_intent"
    answer = database.call(
        "store_webhook_event",
        event_id=event.id,
        source=source,
        type=event.type,
        livemode=event.livemode,
        created=event.created,
        order_ref=text_in(object_in(event.data, "metadata"), "order_id"),
        payment_intent_id=text_in(event.data, "id" if is_intent else "payment_intent"),
        object_id=text_in(event.data, "id"),
        payload=dict(event.data),
        payload_sha256=_sha256_of(event),
        lease_token=lease_token,
        api_version=event.api_version,
    )
    _notice_other_content(event, answer)
    return StoredEvent(
        event=event,
        lease_token=lease_token,
        is_settled=answer["status"] in ("processed", "ignored"),
        is_other=answer["hash_conflict"],
    )


def process(database: Database, stored: StoredEvent, handlers: Handlers) -> Outcome:
    """Apply a stored event; a failure is recorded for the worker, not raised.

    The lease keeps the request and a worker from processing one event at the same time, but it may
    end too early. So the effect RPC locks the event, and marks it processed in the transaction of
    the effect: after a crash no effect is lost or applied twice. The token records a failure.
    """
    event = stored.event
    if stored.is_settled:
        return Outcome.ALREADY_PROCESSED
    if stored.is_other:
        # This delivery differs from the stored event. A worker applies the stored one.
        return Outcome.RETRYING

    handler = handlers.get(event.type)
    with logs.bound(event_id=event.id):
        try:
            if handler is None:
                return ignore(database, event, reason="unhandled_type")
            return handler(event)
        except MarketError as error:
            return _fail(database, stored, error)
        except Exception as error:
            # A bug in one handler must not stop the other events.
            log.exception("webhook_event_crashed", type=event.type)
            return _fail(database, stored, MarketError("INTERNAL_ERROR", type(error).__name__))


def drain(database: Database, handlers: Handlers, *, limit: int) -> int:
    """Process at most `limit` events that are due for another try; return their number.

    A claim leases rows that nobody has locked or leased. So any number of workers may drain.
    """
    rows = database.call("claim_webhook_retries", max_rows=limit, lease_s=_LEASE_S)
    for row in rows:
        event = StripeEvent(
            id=row["event_id"],
            type=row["type"],
            created=row["created"],
            livemode=row["livemode"],
            data=row["payload"],
        )
        stored = StoredEvent(event=event, lease_token=row["lease_token"])
        outcome = process(database, stored, handlers)
        log.info("webhook_event_retried", event_id=event.id, outcome=outcome)
    return len(rows)


def ignore(database: Database, event: StripeEvent, *, reason: str) -> Outcome:
    """Settle an event without an effect; an event that is settled already stays as it is."""
    answer = database.call("ignore_webhook_event", event_id=event.id, reason=reason)
    return read_outcome(database, answer, event_id=event.id)


def find(
    database: Database, *, event_id: str | None, type_: str | None, since: dt.datetime | None
) -> Mapping[str, Any] | None:
    """Return the times at which the newest matching event was received and settled, or None."""
    if since is not None:
        since = min(max(since, _FIRST_TIME), _LAST_TIME).astimezone(dt.UTC)
    answer = database.call(
        "find_webhook_event",
        event_id=event_id,
        type=type_,
        since=None if since is None else since.isoformat(),
    )
    event: Mapping[str, Any] | None = answer["event"] if answer["found"] else None
    return event


def read_outcome(database: Database, answer: Mapping[str, Any], *, event_id: str) -> Outcome:
    """Return the outcome in the answer of an effect RPC, and raise the alerts in it."""
    order_id = answer.get("order_id")
    raise_alerts(database, answer, subject=event_id, event_id=event_id, order_id=order_id)
    return Outcome(answer["outcome"])


def _notice_other_content(event: StripeEvent, answer: Mapping[str, Any]) -> None:
    if answer["hash_conflict"]:
        # Stripe never sends two contents under one id and version. Somebody has our secret, or
        # Stripe has a bug.
        alert("webhook_event_content_differed", event_id=event.id, type=event.type)
    elif answer.get("version_conflict"):
        # When an endpoint changes its API version, Stripe sends open events again in the shape of
        # that version.
        metrics.STRIPE_SHAPES_DIFFERED.inc()
        log.warning("stripe_event_shape_differed", event_id=event.id, version=event.api_version)


def _sha256_of(event: StripeEvent) -> str:
    # A redelivery may differ in other fields, such as pending_webhooks.
    content = {"type": event.type, "created": event.created, "data": {"object": dict(event.data)}}
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _fail(database: Database, stored: StoredEvent, error: MarketError) -> Outcome:
    event = stored.event
    log.warning("webhook_event_failed", type=event.type, code=error.code, detail=error.detail)
    try:
        # SQL sets the time of the next try, or marks the event dead after the last one. A stale
        # token changes nothing, because another process holds the event by then.
        answer = database.call(
            "fail_webhook_event",
            event_id=event.id,
            error_code=error.code,
            error_message=error.detail,
            lease_token=stored.lease_token,
        )
    except MarketError as unrecorded:
        # The event is still open, so a worker claims it when the lease has ended.
        log.warning("webhook_event_failure_not_recorded", code=unrecorded.code)
        return Outcome.RETRYING
    raise_alerts(database, answer, subject=event.id, event_id=event.id, code=error.code)
    return Outcome.RETRYING

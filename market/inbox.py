"""The webhook inbox: store every event from Stripe once, and apply it once."""

import dataclasses
import datetime as dt
import enum
import hashlib
import json
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

import structlog

from market import deadline, metrics
from market import log as logs
from market.alerts import alert, raise_alerts
from market.database import Database, accepted
from market.errors import MarketError
from market.stripe_objects import object_in, text_in
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)

#: The lease must last longer than all calls for one event together.
_LEASE_S = 60
#: Time for the call that stores and applies an event. The rest of a request's time is for storing
#: the event alone.
_STORE_AND_APPLY_S = 1.0
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


#: After these outcomes the event has had its effect, or needs none.
_SETTLED = frozenset(Outcome) - {Outcome.ALREADY_PROCESSED, Outcome.RETRYING}


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


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """An effect RPC, and its arguments beside the id of the event."""

    function: Literal[
        "apply_payment_succeeded",
        "apply_payment_failed",
        "apply_payment_authorized",
        "apply_payment_canceled",
        "ignore_webhook_event",
    ]
    arguments: Mapping[str, str | int | None]


@dataclasses.dataclass(frozen=True, slots=True)
class Reader:
    """A handler that reads the effect of an event from the event alone, without any call.

    So SQL can store the event and apply its effect in one call.
    """

    read: Callable[[StripeEvent], Effect]


#: A handler of this type calls Stripe before an effect RPC, or decides by the RPC's answer. It
#: already holds the adapters that it needs.
Handler: TypeAlias = Callable[[StripeEvent], Outcome]
Handlers: TypeAlias = Mapping[str, Reader | Handler]


def ignored(reason: str) -> Effect:
    """Return the effect of an event that we settle without an effect."""
    return Effect(function="ignore_webhook_event", arguments={"reason": reason})


_UNHANDLED = Reader(lambda _event: ignored("unhandled_type"))


def receive(
    database: Database, event: StripeEvent, *, source: Source, handlers: Handlers
) -> Outcome:
    """Store `event` durably and apply it; a failed effect is recorded for the worker, not raised.

    An event that is stored already stays as it is. A new event is leased to us for ten seconds,
    longer than a request may take, so no worker processes it meanwhile.

    Raises:
        MarketError: the event could not be stored.

    """
    row = _row_of(event, source)
    answer = _store_and_apply(database, event, row, handlers)
    if answer is None:
        answer = database.call("store_webhook_event", **row)
        log.info("webhook_event_stored", event_id=event.id, type=event.type)
    _notice_other_content(event, answer)
    if answer["stored"]:
        _observe_age(event, "stored")
    if answer.get("effect") is not None:
        return _observed(event, _read_answer(database, event, answer["effect"]))
    stored = StoredEvent(
        event=event,
        lease_token=row["lease_token"],
        is_settled=answer["status"] in ("processed", "ignored"),
        is_other=answer["hash_conflict"],
    )
    return _observed(event, process(database, stored, handlers))


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

    with logs.bound(event_id=event.id):
        try:
            return handle(database, event, handlers)
        except MarketError as error:
            return _fail(database, stored, error)
        except Exception as error:
            # A bug in one handler must not stop the other events.
            log.exception("webhook_event_crashed", type=event.type)
            return _fail(database, stored, MarketError("INTERNAL_ERROR", type(error).__name__))


def handle(database: Database, event: StripeEvent, handlers: Handlers) -> Outcome:
    """Apply a stored event by its handler; an event without a handler is ignored.

    Raises:
        MarketError: the effect failed.

    """
    handler = handlers.get(event.type, _UNHANDLED)
    if not isinstance(handler, Reader):
        return handler(event)
    return apply(database, event, handler.read(event))


def apply(database: Database, event: StripeEvent, effect: Effect) -> Outcome:
    """Call an effect RPC; an event that is settled already stays as it is."""
    answer = database.call(effect.function, event_id=event.id, **effect.arguments)
    return _read_answer(database, event, answer)


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
        outcome = _observed(event, process(database, stored, handlers))
        metrics.WEBHOOK_RETRIES.labels(outcome=outcome).inc()
        log.info("webhook_event_retried", event_id=event.id, outcome=outcome)
    return len(rows)


def ignore(database: Database, event: StripeEvent, *, reason: str) -> Outcome:
    """Settle an event without an effect; an event that is settled already stays as it is."""
    return apply(database, event, ignored(reason))


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


def list_dead(
    database: Database, *, limit: int, after_id: str | None
) -> Sequence[Mapping[str, Any]]:
    """Return events that have used up their tries, the newest first, from after `after_id` on."""
    events: Sequence[Mapping[str, Any]] = database.call(
        "list_dead_events", max_rows=limit, after_id=after_id
    )
    return events


def replay(database: Database, *, event_id: str, actor_id: str, reason: str) -> None:
    """Give an event all of its tries again for a member of staff; the action is audited.

    Raises:
        RejectedError: `RESOURCE_NOT_FOUND`, or `CONFLICT` if the event is settled.

    """
    accepted(
        database.call("replay_webhook_event", event_id=event_id, actor_id=actor_id, reason=reason)
    )


def read_outcome(database: Database, answer: Mapping[str, Any], *, event_id: str) -> Outcome:
    """Return the outcome in the answer of an effect RPC, and raise the alerts in it."""
    order_id = answer.get("order_id")
    raise_alerts(database, answer, subject=event_id, event_id=event_id, order_id=order_id)
    return Outcome(answer["outcome"])


def _observed(event: StripeEvent, outcome: Outcome) -> Outcome:
    if outcome in _SETTLED:
        _observe_age(event, "applied")
    return outcome


def _observe_age(event: StripeEvent, stage: str) -> None:
    # Stripe's clock and ours may differ a little.
    metrics.WEBHOOK_AGE.labels(stage=stage).observe(max(time.time() - event.created, 0))


def _row_of(event: StripeEvent, source: Source) -> dict[str, Any]:
    is_intent = event.data.get("object") == "payment_intent"
    return {
        "event_id": event.id,
        "source": source,
        "type": event.type,
        "livemode": event.livemode,
        "created": event.created,
        "order_ref": text_in(object_in(event.data, "metadata"), "order_id"),
        "payment_intent_id": text_in(event.data, "id" if is_intent else "payment_intent"),
        "object_id": text_in(event.data, "id"),
        "payload": dict(event.data),
        "payload_sha256": _sha256_of(event),
        # The token is made here, so the call may be repeated after a lost reply.
        "lease_token": str(uuid.uuid4()),
        "api_version": event.api_version,
    }


def _store_and_apply(
    database: Database, event: StripeEvent, row: Mapping[str, Any], handlers: Handlers
) -> Any:
    """Store the event and apply its effect in one call; return None if that was not possible.

    If only the effect failed, the answer names its error instead of the effect.
    """
    effect = _effect_before_storing(event, handlers)
    if effect is None:
        return None
    try:
        with deadline.within(_STORE_AND_APPLY_S):
            return database.call(
                "store_webhook_event",
                **row,
                effect=effect.function,
                arguments=dict(effect.arguments),
            )
    except MarketError as error:
        log.warning("webhook_event_not_stored_and_applied", event_id=event.id, code=error.code)
        return None


def _effect_before_storing(event: StripeEvent, handlers: Handlers) -> Effect | None:
    """Return the effect of an event, or None if its handler needs an outside system."""
    handler = handlers.get(event.type, _UNHANDLED)
    if not isinstance(handler, Reader):
        return None
    try:
        return handler.read(event)
    except Exception:  # noqa: BLE001 -- `process` logs and records the error after the storing
        return None


def _read_answer(database: Database, event: StripeEvent, answer: Mapping[str, Any]) -> Outcome:
    outcome = read_outcome(database, answer, event_id=event.id)
    log.info(
        "webhook_event_applied",
        event_id=event.id,
        type=event.type,
        order_id=answer.get("order_id"),
        outcome=outcome,
    )
    return outcome


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
    if answer["stale"]:
        metrics.LEASES_LOST.labels(queue="inbox").inc()
    raise_alerts(database, answer, subject=event.id, event_id=event.id, code=error.code)
    return Outcome.RETRYING

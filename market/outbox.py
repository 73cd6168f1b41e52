"""The outbox: rows that SQL has written, each for one call to Stripe."""

import dataclasses
import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import structlog

from market import metrics
from market.alerts import alert, raise_alerts
from market.database import Database
from market.errors import MarketError, RejectedError, TransientError
from market.stripe_objects import made_under


log = structlog.get_logger(__name__)

#: A batch usually takes less time. If another worker has claimed a row meanwhile,
#: `claim_send_permission` refuses it.
_LEASE_S = 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A row that is leased to this worker, with the parts of its idempotency key."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    dedupe_key: str
    answered_errors: int
    lease_token: str
    order_id: str | None

    @property
    def idempotency_key(self) -> str:
        """Return the idempotency key of this try.

        Stripe replays its first answer to a key, errors too. So each answered error makes another
        key. When no answer came, the key stays.
        """
        return f"{self.dedupe_key}:{self.answered_errors}"

    @property
    def metadata(self) -> dict[str, str]:
        """Return the metadata by which a later try finds the object that this row has made."""
        named = {"outbox_id": self.id, "dedupe_key": self.dedupe_key}
        return named | ({"order_id": self.order_id} if self.order_id is not None else {})

    def value(self, key: str) -> Any:
        """Return an entry of the payload.

        Raises:
            MarketError: `BAD_PAYLOAD` if the entry is missing.

        """
        if self.payload.get(key) is None:
            raise MarketError("BAD_PAYLOAD", key)
        return self.payload[key]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """The object that Stripe has made for a row, now or at an earlier try."""

    stripe_object_id: str
    result: Mapping[str, Any]


#: A sender makes the call to Stripe that a row describes. First it looks for an object that an
#: earlier try made for the row: Stripe forgets an idempotency key after a day, and a restored
#: database contains old rows again.
Sender: TypeAlias = Callable[[OutboxRow], Sent]
Senders: TypeAlias = Mapping[str, Sender]


def drain(database: Database, senders: Senders, *, limit: int) -> int:
    """Send at most `limit` rows that are due; return how many were claimed.

    After a crash between the call and the record of its result, the row is sent again under the
    same idempotency key. Stripe then does the work only once.
    """
    claimed = database.call("claim_outbox", max_rows=limit, lease_s=_LEASE_S)
    for fields in claimed:
        row = OutboxRow(
            id=fields["id"],
            kind=fields["kind"],
            payload=fields["payload"],
            dedupe_key=fields["dedupe_key"],
            answered_errors=fields["answered_errors"],
            lease_token=fields["lease_token"],
            order_id=fields["order_id"],
        )
        try:
            _send(database, senders, row)
        except TransientError:
            raise
        except MarketError as error:
            # The database refused the result, so the row is due again after its lease. The error
            # must not end the worker, nor stop the rows behind it.
            alert("outbox_row_not_closed", outbox_id=row.id, code=error.code)
    return len(claimed)


def list_dead(
    database: Database, *, limit: int, after_id: str | None
) -> Sequence[Mapping[str, Any]]:
    """Return rows that have used up their tries, the newest first, from after `after_id` on."""
    rows: Sequence[Mapping[str, Any]] = database.call(
        "list_dead_outbox_rows", max_rows=limit, after_id=after_id
    )
    return rows


def made_once(
    row: OutboxRow,
    existing: Iterable[Mapping[str, Any]],
    create: Callable[..., Mapping[str, Any]],
    *arguments: Any,
) -> Mapping[str, Any]:
    """Return the object that an earlier try has made for `row`, or else make it."""
    made_before = made_under(row.dedupe_key, existing)
    return made_before or create(*arguments, idempotency_key=row.idempotency_key)


def _send(database: Database, senders: Senders, row: OutboxRow) -> None:
    permission = database.call(
        "claim_send_permission", outbox_id=row.id, lease_token=row.lease_token
    )
    if permission["stale"]:
        metrics.LEASES_LOST.labels(queue="outbox").inc()
    if not permission["may_send"]:
        # An earlier try may have closed the row, and its answer may be lost.
        _raise_alerts(database, permission, row)
        log.info("outbox_row_not_sent", outbox_id=row.id, reason=permission.get("reason"))
        return

    # The database fixes the amount of a transfer only now.
    row = dataclasses.replace(row, payload=permission.get("payload", row.payload))
    sender = senders.get(row.kind, _refuse_kind)
    count = functools.partial(_count, row.kind if row.kind in senders else "unknown")
    try:
        sent = sender(row)
    except RejectedError as error:
        count("rejected")
        _close(database, "reject_outbox", row, error_code=error.code)
        log.warning("outbox_row_rejected", outbox_id=row.id, code=error.code, detail=error.detail)
    except MarketError as error:
        count("failed")
        _close(database, "fail_outbox", row, error_code=error.code)
        log.warning("outbox_row_failed", outbox_id=row.id, code=error.code, detail=error.detail)
    except Exception:
        # A bug that one row triggers must not end the worker, nor stop the rows behind it.
        count("crashed")
        log.exception("outbox_row_crashed", outbox_id=row.id, kind=row.kind)
        _close(database, "fail_outbox", row, error_code="INTERNAL_ERROR")
    else:
        count("sent")
        _close(
            database,
            "finish_outbox",
            row,
            stripe_object_id=sent.stripe_object_id,
            result=dict(sent.result),
        )
        log.info("outbox_row_sent", outbox_id=row.id, kind=row.kind, order_id=row.order_id)


def _count(kind: str, result: str) -> None:
    metrics.OUTBOX_ROWS.labels(kind=kind, result=result).inc()


def _refuse_kind(row: OutboxRow) -> Sent:
    # A newer version of the database may queue kinds that this worker does not know. A newer worker
    # will send them.
    raise MarketError("UNKNOWN_KIND", row.kind)


def _close(database: Database, function: str, row: OutboxRow, **result: object) -> None:
    answer = database.call(function, outbox_id=row.id, lease_token=row.lease_token, **result)
    if answer["stale"]:
        # Another worker holds the lease now. It will find the object that this call made at Stripe.
        metrics.LEASES_LOST.labels(queue="outbox").inc()
        log.warning("outbox_lease_lost", outbox_id=row.id)
    _raise_alerts(database, answer, row)


def _raise_alerts(database: Database, answer: Mapping[str, Any], row: OutboxRow) -> None:
    raise_alerts(database, answer, subject=row.id, outbox_id=row.id, order_id=row.order_id)

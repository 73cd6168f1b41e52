"""The outbox: what SQL has decided to have done at Stripe is done once, and its result kept."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import structlog

from market.alerts import alert, raise_alerts
from market.database import Database
from market.errors import MarketError, RejectedError, TransientError


log = structlog.get_logger(__name__)

#: Longer than the calls behind a few rows usually take; each row is checked before it is sent.
_LEASE_S = 60


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A row that is leased to us: what to do, and what to call it at Stripe."""

    id: str
    kind: str
    payload: Mapping[str, Any]
    dedupe_key: str
    answered_errors: int
    lease_token: str
    order_id: str | None

    @property
    def idempotency_key(self) -> str:
        """Return the key of this try.

        Stripe replays its first answer to a key, errors too. So the key moves on with each error
        that was answered, and stays the same when no answer came.
        """
        return f"{self.dedupe_key}:{self.answered_errors}"

    @property
    def metadata(self) -> dict[str, str]:
        """Return what every object that is made for this row carries, so that it is found again."""
        named = {"outbox_id": self.id, "dedupe_key": self.dedupe_key}
        return named | ({"order_id": self.order_id} if self.order_id is not None else {})

    def value(self, key: str) -> Any:
        """Return an entry of the payload.

        Raises:
            MarketError: `BAD_PAYLOAD`, it is not there.

        """
        if self.payload.get(key) is None:
            raise MarketError("BAD_PAYLOAD", key)
        return self.payload[key]


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What Stripe made of a row, now or at an earlier try."""

    stripe_object_id: str
    result: Mapping[str, Any]


#: Does what a row asks for. It looks first whether Stripe has that object already, because keys
#: are forgotten after a day and rows come back with a restored database.
Sender: TypeAlias = Callable[[OutboxRow], Sent]
Senders: TypeAlias = Mapping[str, Sender]


def drain(database: Database, senders: Senders, *, limit: int) -> int:
    """Send at most `limit` rows that are due; return how many were claimed.

    A crash in between sends a row twice under one key, and Stripe does it once.
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
            # The database does not take what came of it; the row comes back after its lease. It
            # must neither end the worker nor hold up the rows behind it.
            alert("outbox_row_not_closed", outbox_id=row.id, code=error.code)
    return len(claimed)


def _send(database: Database, senders: Senders, row: OutboxRow) -> None:
    permission = database.call(
        "claim_send_permission", outbox_id=row.id, lease_token=row.lease_token
    )
    if not permission["may_send"]:
        # An earlier try may have closed the row, and its answer may be lost.
        _raise_alerts(database, permission, row)
        log.info("outbox_row_not_sent", outbox_id=row.id, reason=permission.get("reason"))
        return

    sender = senders.get(row.kind, _refuse_kind)
    try:
        sent = sender(row)
    except RejectedError as error:
        _close(database, "reject_outbox", row, error_code=error.code)
        log.warning("outbox_row_rejected", outbox_id=row.id, code=error.code, detail=error.detail)
    except MarketError as error:
        _close(database, "fail_outbox", row, error_code=error.code)
        log.warning("outbox_row_failed", outbox_id=row.id, code=error.code, detail=error.detail)
    except Exception:
        # A bug that one row wakes must neither end the worker nor hold up the rows behind it.
        log.exception("outbox_row_crashed", outbox_id=row.id, kind=row.kind)
        _close(database, "fail_outbox", row, error_code="INTERNAL_ERROR")
    else:
        _close(
            database,
            "finish_outbox",
            row,
            stripe_object_id=sent.stripe_object_id,
            result=dict(sent.result),
        )
        log.info("outbox_row_sent", outbox_id=row.id, kind=row.kind, order_id=row.order_id)


def _refuse_kind(row: OutboxRow) -> Sent:
    # A fleet that is older than the database: a newer worker will know it.
    raise MarketError("UNKNOWN_KIND", row.kind)


def _close(database: Database, function: str, row: OutboxRow, **result: object) -> None:
    answer = database.call(function, outbox_id=row.id, lease_token=row.lease_token, **result)
    if answer["stale"]:
        # Somebody else has the lease by now; what they find at Stripe is what we have made.
        log.warning("outbox_lease_lost", outbox_id=row.id)
    _raise_alerts(database, answer, row)


def _raise_alerts(database: Database, answer: Mapping[str, Any], row: OutboxRow) -> None:
    raise_alerts(database, answer, subject=row.id, outbox_id=row.id, order_id=row.order_id)

"""The deliveries in the store: a row per event and endpoint, and a row per attempt."""

import dataclasses
import time
from collections.abc import Collection
from enum import StrEnum
from http import HTTPStatus
from typing import Any

from devstack.stripe.config import WebhookEndpoint
from devstack.stripe.store import Json, Store


_BODY_MAX = 4000
_ENTRIES_MAX = 1000


class State(StrEnum):
    """The state of a delivery. The sender attempts only waiting ones."""

    WAITING = "waiting"
    HELD = "held"
    DELIVERED = "delivered"
    FAILED = "failed"
    DROPPED = "dropped"


class Damage(StrEnum):
    """The part that every attempt of a delivery falsifies; a correct endpoint refuses it."""

    BODY = "body"
    SIGNATURE = "signature"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One event for one endpoint."""

    id: int
    event_id: str
    url: str
    is_connect: bool
    damage: Damage | None


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """The result of one attempt: an HTTP status with its body, or an error."""

    at: float
    status: int | None
    body: str
    error: str | None
    duration_ms: float

    @property
    def is_success(self) -> bool:
        """Return true if the endpoint accepted the event, which any 2xx means."""
        return (
            self.status is not None and HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES
        )


def add(
    store: Store,
    event: Json,
    endpoint: WebhookEndpoint,
    *,
    state: State = State.WAITING,
    delay_s: float = 0.0,
    damage: Damage | None = None,
) -> int:
    """Queue an event for an endpoint; return the delivery's id."""
    cursor = store.connection.execute(
        "insert into deliveries"
        " (event_id, event_type, object_id, url, is_connect, state, damage, due_at)"
        " values (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            event["id"],
            event["type"],
            event["data"]["object"].get("id"),
            endpoint.url,
            endpoint.connect,
            state,
            damage,
            time.time() + delay_s,
        ),
    )
    return int(cursor.lastrowid or 0)


def next_due(store: Store, *, busy: Collection[int]) -> tuple[Delivery | None, float | None]:
    """Return a due delivery, or else the seconds until the next one is due.

    It skips the `busy` deliveries, which are being attempted.
    """
    rows = store.connection.execute(
        "select * from deliveries where state = ? order by due_at, id limit ?",
        (State.WAITING, len(busy) + 1),
    ).fetchall()
    row = next((row for row in rows if row["id"] not in busy), None)
    if row is None:
        return None, None
    wait_s = row["due_at"] - time.time()
    return (_delivery(row), None) if wait_s <= 0 else (None, wait_s)


def find(store: Store, delivery_id: int) -> Delivery | None:
    """Return a delivery by its id."""
    row = store.connection.execute(
        "select * from deliveries where id = ?", (delivery_id,)
    ).fetchone()
    return _delivery(row) if row else None


def held_ids(store: Store, event_types: list[str] | None) -> list[int]:
    """Return the held deliveries of the given types or of all, oldest first."""
    rows = store.connection.execute(
        "select id, event_type from deliveries where state = ? order by id", (State.HELD,)
    )
    return [row["id"] for row in rows if not event_types or row["event_type"] in event_types]


def record(store: Store, delivery: Delivery, attempt: Attempt, *, retry_in_s: float | None) -> None:
    """Save an attempt, and set the delivery to delivered, waiting or failed."""
    if attempt.is_success:
        state, due_at = State.DELIVERED, None
    elif retry_in_s is None:
        state, due_at = State.FAILED, None
    else:
        state, due_at = State.WAITING, time.time() + retry_in_s
    with store.transaction():
        updated = store.connection.execute(
            "update deliveries set state = ?, due_at = ? where id = ?", (state, due_at, delivery.id)
        )
        # A reset during the attempt has deleted the delivery.
        if updated.rowcount:
            store.connection.execute(
                "insert into attempts (delivery_id, number, at, status, body, error, duration_ms)"
                " values (?, ?, ?, ?, ?, ?, ?)",
                (
                    delivery.id,
                    attempt_count(store, delivery.id) + 1,
                    attempt.at,
                    attempt.status,
                    attempt.body[:_BODY_MAX],
                    attempt.error,
                    attempt.duration_ms,
                ),
            )


def attempt_count(store: Store, delivery_id: int) -> int:
    """Return the number of attempts of a delivery."""
    row = store.connection.execute(
        "select count(*) as attempts from attempts where delivery_id = ?", (delivery_id,)
    ).fetchone()
    return int(row["attempts"])


def retry_now(store: Store) -> None:
    """Make every waiting delivery due, so that no test waits for a back-off."""
    with store.transaction():
        store.connection.execute(
            "update deliveries set due_at = ? where state = ?", (time.time(), State.WAITING)
        )


def pending_count(store: Store, event_id: str) -> int:
    """Return the `pending_webhooks` of an event: its deliveries that no endpoint accepted yet."""
    row = store.connection.execute(
        "select count(*) as pending from deliveries where event_id = ? and state not in (?, ?)",
        (event_id, State.DELIVERED, State.DROPPED),
    ).fetchone()
    return int(row["pending"])


def entries(store: Store, *, after: int = 0, **columns: Any) -> list[Json]:
    """Return deliveries with their attempts, oldest first, filtered by the values of `columns`."""
    wanted = {name: value for name, value in columns.items() if value is not None}
    clauses = "".join(f" and {name} = ?" for name in wanted)
    rows = store.connection.execute(
        "select id, event_id, event_type, object_id, url, state, due_at from deliveries"  # noqa: S608 - the callers name columns, values are bound
        f" where id > ?{clauses} order by id limit ?",
        (after, *wanted.values(), _ENTRIES_MAX),
    )
    return [{**dict(row), "attempts": _attempts(store, row["id"])} for row in rows]


def _attempts(store: Store, delivery_id: int) -> list[Json]:
    rows = store.connection.execute(
        "select number, at, status, body, error, duration_ms from attempts"
        " where delivery_id = ? order by number",
        (delivery_id,),
    )
    return [dict(row) for row in rows]


def _delivery(row: Any) -> Delivery:
    return Delivery(
        id=row["id"],
        event_id=row["event_id"],
        url=row["url"],
        is_connect=bool(row["is_connect"]),
        damage=Damage(row["damage"]) if row["damage"] else None,
    )

"""One change of the account: its objects, its events and their deliveries."""

import dataclasses
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from devstack.stripe import delivery_log
from devstack.stripe.config import StripeConfig, WebhookEndpoint, matches
from devstack.stripe.delivery_log import Damage, State
from devstack.stripe.errors import missing
from devstack.stripe.store import Json, Store, new_id, unix_now


_GRACE_S = 60.0


class Mode(StrEnum):
    """The way in which a webhook delivers an event; tests choose it.

    `before_answer`: delivered, and answered, before the API call that caused it is answered.
    `hold`: kept until it is released. `drop`: lost. `duplicate`: sent twice. `delay`: sent later.
    `reorder`: the events of one change are sent one after the other, the newest first.
    `corrupt`: changed after it was signed. `forge`: signed with another secret.
    """

    NORMAL = "normal"
    BEFORE_ANSWER = "before_answer"
    HOLD = "hold"
    DROP = "drop"
    DUPLICATE = "duplicate"
    DELAY = "delay"
    REORDER = "reorder"
    CORRUPT = "corrupt"
    FORGE = "forge"


#: The columns that a mode sets in a delivery's row. For BEFORE_ANSWER and REORDER the caller starts
#: the attempt; the delay only keeps the workers away, and lets one send it if the process dies
#: first.
_COLUMNS: dict[Mode, dict[str, Any]] = {
    Mode.BEFORE_ANSWER: {"delay_s": _GRACE_S},
    Mode.REORDER: {"delay_s": _GRACE_S},
    Mode.HOLD: {"state": State.HELD},
    Mode.DROP: {"state": State.DROPPED},
    Mode.CORRUPT: {"damage": Damage.BODY},
    Mode.FORGE: {"damage": Damage.SIGNATURE},
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryPlan:
    """The mode of the events whose type matches `event_types`; all others are sent normally."""

    mode: Mode = Mode.NORMAL
    event_types: tuple[str, ...] = ("*",)
    delay_s: float = 0.0

    def mode_for(self, event_type: str) -> Mode:
        """Return the mode of an event of this type."""
        return self.mode if matches(event_type, self.event_types) else Mode.NORMAL


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The API request that causes a change. A change by Stripe itself has no request id."""

    request_id: str | None = None
    idempotency_key: str | None = None
    #: A publishable key may only do what the buyer's browser does.
    is_publishable: bool = False
    #: The connected account that the request acts on, or None for our own.
    account: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """An error answer, such as a decline, whose changes are kept."""

    status: int
    body: Json


class Transaction:
    """The context of an operation, inside one transaction of the store."""

    def __init__(
        self, store: Store, config: StripeConfig, plan: DeliveryPlan, origin: Origin | None = None
    ) -> None:
        self.store = store
        self.config = config
        self.origin = origin or Origin()
        self.now = unix_now()
        #: Deliveries that the caller makes before it answers the request.
        self.before_answer: list[int] = []
        #: Deliveries that the caller makes in reverse order.
        self.reordered: list[int] = []
        self.has_events = False
        self._plan = plan

    def get(self, kind: str, object_id: str, *, param: str = "id", status: int = 404) -> Json:
        """Return an object of the account that the request acts on.

        Raises:
            StripeError: the account has no such object.

        """
        item = self.store.find(kind, object_id)
        if item is None or self.store.account_of(object_id) != self.origin.account:
            raise missing(kind, object_id, param=param, status=status)
        return item

    def update(self, item: Json, changes: Json, event_type: str) -> None:
        """Apply changes to an object; save it and emit an event if any value is new."""
        previous = {name: item[name] for name in changes if changes[name] != item[name]}
        item |= changes
        if previous:
            self.store.replace(item)
            self.emit(event_type, item, previous=previous)

    def emit(
        self,
        kind: str,
        item: Json,
        *,
        previous: Mapping[str, Any] | None = None,
        account: str | None = None,
    ) -> None:
        """Store an event about `item` and queue it for the endpoints.

        The event keeps a copy of `item` as it is now. An event of a connected `account` goes to
        the endpoints for connected accounts.
        """
        data: Json = {"object": item}
        if previous is not None:
            data["previous_attributes"] = dict(previous)
        event: Json = {
            "id": new_id("evt"),
            "object": "event",
            "api_version": self.config.api_version,
            "created": self.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 0,
            "request": {
                "id": self.origin.request_id,
                "idempotency_key": self.origin.idempotency_key,
            },
            "type": kind,
        }
        if account is not None:
            event["account"] = account
        self.store.insert(event, account=account)
        self.has_events = True
        for endpoint in self.config.endpoints_for(kind, connect=account is not None):
            self._queue(event, endpoint)

    def schedule(self, object_id: str, action: str) -> None:
        """Schedule an action of `scheduled_actions` on an object.

        Stripe performs it after `async_after_s`; without that setting only the control API does.
        """
        delay_s = self.config.async_after_s
        due_at = None if delay_s is None else time.time() + delay_s
        self.store.schedule(object_id, action, due_at)

    def _queue(self, event: Json, endpoint: WebhookEndpoint) -> None:
        mode = self._plan.mode_for(event["type"])
        columns = {"delay_s": self._plan.delay_s} if mode is Mode.DELAY else _COLUMNS.get(mode, {})
        times = 2 if mode is Mode.DUPLICATE else 1
        added = [delivery_log.add(self.store, event, endpoint, **columns) for _ in range(times)]
        if mode is Mode.BEFORE_ANSWER:
            self.before_answer += added
        elif mode is Mode.REORDER:
            self.reordered += added

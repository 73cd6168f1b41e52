"""One change of the account: its objects, its events and their deliveries."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from devstack.stripe import delivery_log
from devstack.stripe.config import StripeConfig, WebhookEndpoint
from devstack.stripe.delivery_log import Damage, State
from devstack.stripe.delivery_plan import DeliveryPlan, Mode
from devstack.stripe.errors import missing
from devstack.stripe.store import Json, Store, new_id, unix_now


_GRACE_S = 60.0
#: The fields of a delivery's row, by its mode. A delivery that is sent apart becomes due for all
#: workers in the end, in case the process dies before.
_HOW: dict[Mode, dict[str, Any]] = {
    Mode.BEFORE_ANSWER: {"delay_s": _GRACE_S},
    Mode.REORDER: {"delay_s": _GRACE_S},
    Mode.HOLD: {"state": State.HELD},
    Mode.DROP: {"state": State.DROPPED},
    Mode.CORRUPT: {"damage": Damage.BODY},
    Mode.FORGE: {"damage": Damage.SIGNATURE},
}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The API request behind a change; what happens by itself has none."""

    request_id: str | None = None
    idempotency_key: str | None = None
    #: A publishable key may only do what the buyer's browser does.
    is_publishable: bool = False
    #: The connected account that the request is about, or None for our own.
    account: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Answer:
    """An answer that is kept although it is no success, such as a decline."""

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
        #: Deliveries that have to be made before the request is answered.
        self.urgent: list[int] = []
        #: Deliveries that are to be made the last one first.
        self.reordered: list[int] = []
        #: Whether there is anything to deliver or to do later.
        self.has_news = False
        self._plan = plan

    def get(self, kind: str, object_id: str, *, param: str = "id", status: int = 404) -> Json:
        """Return an object of the account that the request is about.

        Raises:
            StripeError: there is none by that id.

        """
        item = self.store.find(kind, object_id)
        if item is None or self.store.account_of(object_id) != self.origin.account:
            raise missing(kind, object_id, param=param, status=status)
        return item

    def emit(
        self,
        kind: str,
        item: Json,
        *,
        previous: Mapping[str, Any] | None = None,
        account: str | None = None,
    ) -> None:
        """Tell the world that `item` has changed; the event keeps it as it is now.

        What happens in a connected `account` is told to the endpoints for those.
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
        self.has_news = True
        for endpoint in self.config.endpoints_for(kind, connect=account is not None):
            self._queue(event, endpoint)

    def _queue(self, event: Json, endpoint: WebhookEndpoint) -> None:
        mode = self._plan.mode_for(event["type"])
        how = {"delay_s": self._plan.delay_s} if mode is Mode.DELAY else _HOW.get(mode, {})
        times = 2 if mode is Mode.DUPLICATE else 1
        added = [delivery_log.add(self.store, event, endpoint, **how) for _ in range(times)]
        if mode is Mode.BEFORE_ANSWER:
            self.urgent += added
        elif mode is Mode.REORDER:
            self.reordered += added

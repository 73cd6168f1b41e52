"""The fake Stripe's control API, for tests and the demo: no part of Stripe, so it takes no key.

`emulation.control` has the form and the commands of `/faults`, which are for the next API calls.

- `GET /health` → 200 when the fake is up.
- `PUT /delivery {mode, event_types?, delay_s?}`: how new events travel, see `delivery_plan`.
- `POST /deliveries/release {event_types?, order?}`: try what is held, one after the other, in
  `oldest_first` or `newest_first` order; answers when all have been tried once.
- `POST /deliveries/retry`: try what waits for its back-off now.
- `GET /deliveries?event_id=&event_type=&object_id=&state=&after=&count=&wait_s=`: deliveries with
  status and answer of each try, oldest first. With `wait_s` it answers when `count` (1) of them
  are there or the time is up; ids grow, so `after=<the last id seen>` leaves out the past.
- `POST /events/{id}/redeliver`: send the event once more, with the same id.
- `POST /payment_intents/{id}/authenticate {outcome: succeed | fail}`: what the buyer does on the
  page of 3-D Secure.
- `POST /refunds/{id}/settle {status: succeeded | failed}`: how a refund ends.
- `POST /charges/{id}/dispute {reason?, amount?, status?}`: the bank disputes all that is left of a
  charge or an amount; with status `warning_needs_response` (else `needs_response`) it only asks.
- `POST /disputes/{id}/escalate`: an inquiry becomes a dispute.
- `POST /disputes/{id}/close {status: won | lost | warning_closed}`: how it ends.
- `POST /identity/{id}/check {status, error_code?, verified_outputs?}`: the user submits
  (`processing`) and is `verified`, with `verified_outputs` over what Stripe would read from the
  document, or sent back (`requires_input`) by an error code of Stripe's.
- `POST /accounts/{id}/onboarding {outcome?: active | pending, fields?}`: the seller has filled
  in the hosted form; Stripe is content (lifting every restriction) or still looks at `fields`.
- `POST /accounts/{id}/requirements {fields?, current_deadline?, is_past_due?}`: Stripe wants more,
  by a time; once past due the account is disabled.
- `POST /accounts/{id}/restriction {disabled_reason?}`: Stripe disables the account.
- `POST /accounts/{id}/abilities {transfers?, card_payments?: active | inactive | pending,
  payouts_enabled?}`: Stripe gives or takes single abilities.
- `POST /balance/{account | own}/settle`: what is pending becomes available.
- `POST /balance/{account | own}/payout {currency?}`: all that is available goes to the bank.
- `POST /later/{id}`: do now what Stripe does to the object later (book a charge, settle a refund,
  raise the dispute of a test card, decide by test evidence, end a redaction).
- `POST /reset`: forget everything: objects, events, deliveries, keys, faults, the mode.
"""

import dataclasses
import functools
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.routing import BaseRoute

from devstack.emulation.control import (
    Command,
    choice,
    control_routes,
    fault_commands,
    read_body,
)
from devstack.emulation.faults import Fault
from devstack.stripe import delivery_log
from devstack.stripe.delivery_plan import DeliveryPlan, Mode
from devstack.stripe.errors import missing
from devstack.stripe.fake import FakeStripe
from devstack.stripe.third_party_actions import ACTIONS, Action


_MAX_WAIT_S = 60.0


def routes(fake: FakeStripe) -> list[BaseRoute]:
    """Return the routes of the control API."""
    handlers: tuple[tuple[str, str, Callable[[FakeStripe, Request], Awaitable[Any]]], ...] = (
        ("GET", "/health", _health),
        ("PUT", "/delivery", _set_delivery),
        ("GET", "/deliveries", _list_deliveries),
        ("POST", "/deliveries/release", _release),
        ("POST", "/deliveries/retry", _retry),
        ("POST", "/events/{id}/redeliver", _redeliver),
        ("POST", "/reset", _reset),
        *(("POST", path, functools.partial(_act, action)) for path, action in ACTIONS.items()),
    )
    own: list[Command] = [
        (method, path, functools.partial(handler, fake)) for method, path, handler in handlers
    ]
    return [control_routes([*own, *fault_commands(fake.faults, Fault)])]


async def _health(_fake: FakeStripe, _request: Request) -> Any:
    return {"ok": True}


async def _set_delivery(fake: FakeStripe, request: Request) -> Any:
    values = await read_body(request)
    values["event_types"] = tuple(values.get("event_types") or ("*",))
    values["mode"] = Mode(values.get("mode", Mode.NORMAL))
    fake.plan = DeliveryPlan(**values)
    return dataclasses.asdict(fake.plan)


async def _list_deliveries(fake: FakeStripe, request: Request) -> Any:
    query = request.query_params
    columns = {name: query.get(name) for name in ("event_id", "event_type", "object_id", "state")}
    after, count = int(query.get("after", "0")), int(query.get("count", "1"))
    ends_at = time.monotonic() + min(float(query.get("wait_s", "0")), _MAX_WAIT_S)
    while True:
        found = delivery_log.entries(fake.store, after=after, **columns)
        left_s = ends_at - time.monotonic()
        if len(found) >= count or left_s <= 0:
            return {"deliveries": found}
        await fake.webhook_sender.tried.wait(left_s)


async def _release(fake: FakeStripe, request: Request) -> Any:
    values = await read_body(request)
    order = choice(values, "order", ("oldest_first", "newest_first"), default="oldest_first")
    held = delivery_log.held_ids(fake.store, values.get("event_types"))
    if order == "newest_first":
        held.reverse()
    await fake.webhook_sender.deliver_now(held)
    return {"released": len(held)}


async def _retry(fake: FakeStripe, _request: Request) -> Any:
    delivery_log.retry_now(fake.store)
    fake.webhook_sender.wake()
    return {"ok": True}


async def _redeliver(fake: FakeStripe, request: Request) -> Any:
    with fake.transaction() as tx:
        event = tx.store.find("event", request.path_params["id"])
        if event is None:
            raise missing("event", request.path_params["id"], param="id", status=404)
        endpoints = fake.config.endpoints_for(event["type"], connect="account" in event)
        added = [delivery_log.add(tx.store, event, endpoint) for endpoint in endpoints]
    fake.webhook_sender.wake()
    return {"delivery_ids": added}


async def _act(action: Action, fake: FakeStripe, request: Request) -> Any:
    body = await read_body(request)
    with fake.transaction() as tx:
        done = action(tx, request.path_params["id"], body)
    await fake.webhook_sender.deliver_now(tx.urgent)
    return done


async def _reset(fake: FakeStripe, _request: Request) -> Any:
    fake.reset()
    # A delivery under way must not arrive in the next test.
    await fake.webhook_sender.settled()
    return {"ok": True}

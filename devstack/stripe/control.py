"""The control API of the fake Stripe, for tests and the demo. Stripe itself has none of it.

It takes no key. `emulation.control` describes the form and the commands of `/faults`; a fault
applies to calls of the API.

- `GET /health` answers 200 when the server is up.
- `PUT /delivery {mode, event_types?, delay_s?}` sets the mode of new events, a `transaction.Mode`.
- `POST /deliveries/release {event_types?, order?}` sends the held deliveries one after the other,
  in `oldest_first` or `newest_first` order. It answers after one attempt for each.
- `POST /deliveries/retry` sends at once every delivery that waits for its back-off.
- `GET /deliveries?event_id=&event_type=&object_id=&state=&after=&count=&wait_s=` lists deliveries,
  oldest first, with the status and the answer of each attempt. With `wait_s` it answers when
  `count` (1) of them exist or the time is up. Ids grow, so `after=<last id seen>` lists only new
  ones.
- `POST /events/{id}/redeliver` sends the event once more, with the same id.
- `POST /payment_intents/{id}/authenticate {outcome: succeed | fail}`: the buyer passes or fails
  3-D Secure.
- `POST /refunds/{id}/settle {status: succeeded | failed}` ends a refund.
- `POST /charges/{id}/dispute {reason?, amount?, status?}`: the bank disputes an amount, or all that
  is left of the charge. The status is `needs_response`, or `warning_needs_response` for an inquiry.
- `POST /disputes/{id}/escalate`: an inquiry becomes a dispute.
- `POST /disputes/{id}/close {status: won | lost | warning_closed}` ends a dispute or an inquiry.
- `POST /identity/{id}/check {status, error_code?, verified_outputs?}`: the user submits
  (`processing`); Stripe answers `verified`, or `requires_input` with a Stripe error code. The
  `verified_outputs` replace those of the default document.
- `POST /accounts/{id}/onboarding {outcome?: active | pending, fields?}`: the seller completes the
  hosted form. Stripe lifts every restriction (`active`) or still verifies `fields` (`pending`).
- `POST /accounts/{id}/requirements {fields?, current_deadline?, is_past_due?}`: Stripe requires
  `fields` by a deadline. Once they are past due, Stripe disables the account.
- `POST /accounts/{id}/restriction {disabled_reason?}`: Stripe disables the account.
- `POST /accounts/{id}/abilities {transfers?, card_payments?: active | inactive | pending,
  payouts_enabled?}`: Stripe sets single capabilities and the payouts.
- `POST /balance/{account | own}/settle`: pending money becomes available.
- `POST /balance/{account | own}/payout {currency?}`: all available money goes to the bank.
- `POST /scheduled_actions/{id}` performs now the action that is scheduled on an object: book a
  charge, settle a refund, open the dispute of a test card, decide a dispute by its test evidence,
  or finish a redaction. It answers `{done}`, false if none is scheduled.
- `POST /reset` deletes everything: objects, events, deliveries, keys, faults and the mode.
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
from devstack.stripe import delivery_log, third_parties
from devstack.stripe.errors import missing
from devstack.stripe.fake import FakeStripe
from devstack.stripe.third_parties import Action
from devstack.stripe.transaction import DeliveryPlan, Mode


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
        *(("POST", path, functools.partial(_act, action)) for path, action in _ACTIONS.items()),
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
        await fake.webhook_sender.attempted.wait(left_s)


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
    return await third_parties.perform(fake, action, request.path_params["id"], body)


async def _reset(fake: FakeStripe, _request: Request) -> Any:
    fake.reset()
    # A delivery under way must not arrive in the next test.
    await fake.webhook_sender.wait_until_idle()
    return {"ok": True}


_ACTIONS: dict[str, Action] = {
    "/accounts/{id}/abilities": third_parties.set_abilities,
    "/accounts/{id}/onboarding": third_parties.onboard,
    "/accounts/{id}/requirements": third_parties.require,
    "/accounts/{id}/restriction": third_parties.restrict,
    "/balance/{id}/payout": third_parties.pay_out,
    "/balance/{id}/settle": third_parties.settle_balance,
    "/charges/{id}/dispute": third_parties.dispute_charge,
    "/disputes/{id}/close": third_parties.close_dispute,
    "/disputes/{id}/escalate": third_parties.escalate_dispute,
    "/identity/{id}/check": third_parties.check_identity,
    "/scheduled_actions/{id}": third_parties.perform_scheduled_action,
    "/payment_intents/{id}/authenticate": third_parties.authenticate,
    "/refunds/{id}/settle": third_parties.settle_refund,
}

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
    ControlError,
    choice,
    control_routes,
    fault_commands,
    read_body,
)
from devstack.emulation.faults import Fault
from devstack.stripe import delivery_log, scheduled_actions
from devstack.stripe.errors import missing
from devstack.stripe.fake import FakeStripe
from devstack.stripe.resources import (
    account_state,
    accounts,
    balance,
    confirmation,
    disputes,
    identity,
    refunds,
)
from devstack.stripe.store import Json
from devstack.stripe.transaction import DeliveryPlan, Mode, Transaction


_MAX_WAIT_S = 60.0
_STATES = ("active", "inactive", "pending")
_DOCUMENT = "individual.verification.document"
_DAY_S = 24 * 3600
#: An action takes the transaction, the id in the path and the body.
Action = Callable[[Transaction, str, Json], Any]


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
    with fake.transaction() as tx:
        done = action(tx, request.path_params["id"], body)
    await fake.webhook_sender.deliver_now(tx.urgent)
    return done


async def _reset(fake: FakeStripe, _request: Request) -> Any:
    fake.reset()
    # A delivery under way must not arrive in the next test.
    await fake.webhook_sender.wait_until_idle()
    return {"ok": True}


def _authenticate(tx: Transaction, intent_id: str, body: Json) -> Json:
    """Pass or fail 3-D Secure, as the buyer does on the bank's page."""
    outcome = choice(body, "outcome", ("succeed", "fail"), default="succeed")
    return confirmation.authenticate(tx, intent_id, is_successful=outcome == "succeed")


def _settle_refund(tx: Transaction, refund_id: str, body: Json) -> Json:
    """End a refund, now and not at its scheduled time."""
    settle = {"succeeded": refunds.succeed, "failed": refunds.fail}
    status = choice(body, "status", settle)
    tx.get("refund", refund_id)
    tx.store.take_scheduled(refund_id)
    settle[status](tx, refund_id)
    return tx.get("refund", refund_id)


def _dispute_charge(tx: Transaction, charge_id: str, body: Json) -> Json:
    """Open a dispute or an inquiry, as the buyer's bank does."""
    states = ("needs_response", "warning_needs_response")
    status = choice(body, "status", states, default="needs_response")
    return disputes.open_case(
        tx,
        charge_id,
        reason=choice(body, "reason", disputes.REASONS, default="fraudulent"),
        amount=None if body.get("amount") is None else int(body["amount"]),
        is_inquiry=status == "warning_needs_response",
    )


def _escalate_dispute(tx: Transaction, dispute_id: str, _body: Json) -> Json:
    """Turn an inquiry into a dispute, as the bank does."""
    return disputes.escalate(tx, dispute_id)


def _close_dispute(tx: Transaction, dispute_id: str, body: Json) -> Json:
    """Close a dispute or an inquiry, as the bank does."""
    ends = disputes.ENDS + disputes.INQUIRY_ENDS
    return disputes.settle(tx, dispute_id, choice(body, "status", ends))


def _check_identity(tx: Transaction, session_id: str, body: Json) -> Json:
    """Submit an Identity session as the user does, then verify or refuse it as Stripe does."""
    states = ("processing", "verified", "requires_input")
    match choice(body, "status", states):
        case "processing":
            return identity.submit(tx, session_id)
        case "verified":
            outputs = body.get("verified_outputs", {})
            if not isinstance(outputs, dict):
                raise ControlError("verified_outputs must be an object")
            return identity.verify(tx, session_id, outputs)
        case _:
            codes = identity.CHECK_ERRORS | identity.USER_ERRORS
            return identity.require_input(tx, session_id, choice(body, "error_code", codes))


def _perform_scheduled_action(tx: Transaction, object_id: str, _body: Json) -> Json:
    """Perform now the action that is scheduled on the object."""
    return {"done": scheduled_actions.perform(tx, object_id)}


def _onboard(tx: Transaction, account_id: str, body: Json) -> Json:
    """Complete the hosted form as the seller does; Stripe accepts it or still verifies it."""
    outcome = choice(body, "outcome", ("active", "pending"), default="active")
    with account_state.change(tx, account_id) as account:
        if outcome == "active":
            account_state.finish_onboarding(account)
        else:
            account_state.await_verification(account, _fields(body))
    return account


def _require(tx: Transaction, account_id: str, body: Json) -> Json:
    """Add requirements to an account, due by a deadline or past due already."""
    fields = _fields(body)
    deadline = body.get("current_deadline", tx.now + 14 * _DAY_S)
    if not isinstance(deadline, int):
        raise ControlError("current_deadline must be a Unix time")
    with account_state.change(tx, account_id) as account:
        if body.get("is_past_due"):
            account_state.mark_past_due(account, fields)
        else:
            account_state.require(account, fields, deadline)
    return account


def _restrict(tx: Transaction, account_id: str, body: Json) -> Json:
    """Disable an account, as Stripe does."""
    reasons = account_state.DISABLED_REASONS
    reason = choice(body, "disabled_reason", reasons, default="under_review")
    with account_state.change(tx, account_id) as account:
        account_state.disable(account, reason)
    return account


def _set_abilities(tx: Transaction, account_id: str, body: Json) -> Json:
    """Set single capabilities and the payouts of an account, as Stripe does."""
    payouts = body.pop("payouts_enabled", None)
    if not isinstance(payouts, bool | None):
        raise ControlError("payouts_enabled must be true or false")
    for name, state in body.items():
        if name not in accounts.CAPABILITIES or state not in _STATES:
            raise ControlError(f"{name} must be a capability and one of {', '.join(_STATES)}")
    with account_state.change(tx, account_id) as account:
        account_state.set_abilities(account, body, payouts=payouts)
    return account


def _settle(tx: Transaction, owner: str, _body: Json) -> Json:
    """Make the pending money of an account available."""
    account = _account(tx, owner)
    balance.settle_all(tx, account)
    return {"balance": balance.totals(tx, account)}


def _pay_out(tx: Transaction, owner: str, body: Json) -> Json:
    """Send the available money of an account to its bank."""
    return balance.pay_out(tx, _account(tx, owner), body.get("currency", "aud"))


def _account(tx: Transaction, owner: str) -> str | None:
    """Return a connected account's id, or None for our own account: `own` or its id in the path."""
    if owner in ("own", tx.config.account_id):
        return None
    if tx.store.find("account", owner) is None:
        raise missing("account", owner, param="id", status=404)
    return owner


def _fields(body: Json) -> list[str]:
    fields = body.get("fields", [_DOCUMENT])
    if not fields or not isinstance(fields, list) or not all(isinstance(f, str) for f in fields):
        raise ControlError("fields must be a list of texts")
    return fields


_ACTIONS: dict[str, Action] = {
    "/accounts/{id}/abilities": _set_abilities,
    "/accounts/{id}/onboarding": _onboard,
    "/accounts/{id}/requirements": _require,
    "/accounts/{id}/restriction": _restrict,
    "/balance/{id}/payout": _pay_out,
    "/balance/{id}/settle": _settle,
    "/charges/{id}/dispute": _dispute_charge,
    "/disputes/{id}/close": _close_dispute,
    "/disputes/{id}/escalate": _escalate_dispute,
    "/identity/{id}/check": _check_identity,
    "/scheduled_actions/{id}": _perform_scheduled_action,
    "/payment_intents/{id}/authenticate": _authenticate,
    "/refunds/{id}/settle": _settle_refund,
}

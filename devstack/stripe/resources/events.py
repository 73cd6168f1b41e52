"""Events as the API shows them: https://docs.stripe.com/api/events."""

from devstack.stripe import delivery_log
from devstack.stripe.delivery_log import State
from devstack.stripe.errors import invalid
from devstack.stripe.lists import Condition, read_page
from devstack.stripe.params import Params
from devstack.stripe.store import Json, Store
from devstack.stripe.transaction import Transaction


def retrieve(tx: Transaction, params: Params, event_id: str) -> Json:
    """`GET /v1/events/:id`."""
    params.finish()
    tx.get("event", event_id)
    return with_pending(tx.store, event_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/events`, newest first, by `type` (`charge.*` too), `types` or `delivery_success`."""
    conditions = [*_of_types(params), *_of_success(params)]
    page = read_page(
        tx.store,
        params,
        "event",
        url="/v1/events",
        conditions=conditions,
        account=tx.origin.account,
    )
    for event in page["data"]:
        event["pending_webhooks"] = delivery_log.pending_count(tx.store, event["id"])
    return page


def with_pending(store: Store, event_id: str) -> Json:
    """Return the event with the number of endpoints that have not taken it yet."""
    event = store.find("event", event_id) or {}
    return {**event, "pending_webhooks": delivery_log.pending_count(store, event_id)}


def _of_types(params: Params) -> list[Condition]:
    one, several = params.text("type"), params.texts("types")
    if one and several:
        raise invalid("You may only specify one of these parameters: type, types.")
    if not one and not several:
        return []
    patterns = tuple(several or [str(one)])
    clause = " or ".join("json_extract(body, '$.type') glob ?" for _ in patterns)
    return [Condition(sql=f"({clause})", values=patterns)]


def _of_success(params: Params) -> list[Condition]:
    wanted = params.choice("delivery_success", ("true", "false"))
    if wanted is None:
        return []
    undelivered = (
        "exists (select 1 from deliveries where event_id = objects.id and state not in (?, ?))"
    )
    sign = "not " if wanted == "true" else ""
    return [Condition(sql=sign + undelivered, values=(State.DELIVERED, State.DROPPED))]

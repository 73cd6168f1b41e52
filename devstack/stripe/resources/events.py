"""Events and webhook endpoints, both read-only.

https://docs.stripe.com/api/events, https://docs.stripe.com/api/webhook_endpoints. The configuration
has the endpoints, so the API cannot create one.
"""

import hashlib

from devstack.stripe import delivery_log
from devstack.stripe.config import StripeConfig, WebhookEndpoint
from devstack.stripe.delivery_log import State
from devstack.stripe.errors import invalid, missing
from devstack.stripe.lists import Condition, read_page
from devstack.stripe.params import Params
from devstack.stripe.store import Json, Store
from devstack.stripe.transaction import Transaction


_MAX_LIMIT = 100
_DEFAULT_LIMIT = 10


def retrieve(tx: Transaction, params: Params, event_id: str) -> Json:
    """`GET /v1/events/:id`: show an event."""
    params.finish()
    tx.get("event", event_id)
    return with_pending(tx.store, event_id)


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/events`: list by `type` (`charge.*` too), `types` or `delivery_success`."""
    conditions = [*_of_types(params), *_of_success(params)]
    page = read_page(tx, params, "event", url="/v1/events", conditions=conditions)
    for event in page["data"]:
        event["pending_webhooks"] = delivery_log.pending_count(tx.store, event["id"])
    return page


def with_pending(store: Store, event_id: str) -> Json:
    """Return the event with its `pending_webhooks`: the endpoints that have not accepted it yet."""
    event = store.find("event", event_id) or {}
    return {**event, "pending_webhooks": delivery_log.pending_count(store, event_id)}


def list_endpoints(tx: Transaction, params: Params) -> Json:
    """`GET /v1/webhook_endpoints`: list the first `limit` endpoints."""
    limit = params.positive("limit", _MAX_LIMIT) or _DEFAULT_LIMIT
    params.finish()
    endpoints = _all_endpoints(tx.config)
    return {
        "object": "list",
        "url": "/v1/webhook_endpoints",
        "has_more": len(endpoints) > limit,
        "data": endpoints[:limit],
    }


def retrieve_endpoint(tx: Transaction, params: Params, endpoint_id: str) -> Json:
    """`GET /v1/webhook_endpoints/:id`: show a webhook endpoint."""
    params.finish()
    for endpoint in _all_endpoints(tx.config):
        if endpoint["id"] == endpoint_id:
            return endpoint
    raise missing("webhook_endpoint", endpoint_id, param="webhook_endpoint", status=404)


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


def _all_endpoints(config: StripeConfig) -> list[Json]:
    return [_shown_endpoint(config, endpoint) for endpoint in config.webhook_endpoints]


def _shown_endpoint(config: StripeConfig, endpoint: WebhookEndpoint) -> Json:
    """Return an endpoint without its secret, which Stripe shows only once."""
    name = f"{endpoint.url} {endpoint.connect}".encode()
    return {
        "id": f"we_{hashlib.sha256(name).hexdigest()[:24]}",
        "object": "webhook_endpoint",
        "api_version": config.api_version,
        "application": None,
        "created": 0,
        "description": None,
        "enabled_events": list(endpoint.enabled_events),
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": endpoint.url,
    }

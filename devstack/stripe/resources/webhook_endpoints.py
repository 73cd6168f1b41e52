"""Webhook endpoints, as the configuration has them: https://docs.stripe.com/api/webhook_endpoints.

They are read only here. A client that makes endpoints gets a 404, as for every unknown route.
"""

import hashlib

from devstack.stripe.config import StripeConfig, WebhookEndpoint
from devstack.stripe.errors import missing
from devstack.stripe.params import Params
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


_MAX_LIMIT = 100
_DEFAULT_LIMIT = 10


def list_page(tx: Transaction, params: Params) -> Json:
    """`GET /v1/webhook_endpoints`: the first page, which holds up to `limit` endpoints."""
    limit = params.positive("limit", _MAX_LIMIT) or _DEFAULT_LIMIT
    params.finish()
    endpoints = _all(tx.config)
    return {
        "object": "list",
        "url": "/v1/webhook_endpoints",
        "has_more": len(endpoints) > limit,
        "data": endpoints[:limit],
    }


def retrieve(tx: Transaction, params: Params, endpoint_id: str) -> Json:
    """`GET /v1/webhook_endpoints/:id`."""
    params.finish()
    for endpoint in _all(tx.config):
        if endpoint["id"] == endpoint_id:
            return endpoint
    raise missing("webhook_endpoint", endpoint_id, param="webhook_endpoint", status=404)


def _all(config: StripeConfig) -> list[Json]:
    return [_shown(config, endpoint) for endpoint in config.webhook_endpoints]


def _shown(config: StripeConfig, endpoint: WebhookEndpoint) -> Json:
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

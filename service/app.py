"""Build the adapters of the service and pass them to its blueprints."""

from collections.abc import Iterator

from flask import Blueprint, Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from market import stripe_events
from market.adapters import Adapters, connect
from market.database import SERVICE_TIMEOUTS
from market.files.uploads import Uploads
from market.inbox import Source
from market.settings import Settings
from market.stripe_api import SERVICE_TIMEOUT_S
from market.stripe_webhook import EventRules
from service import metrics, requests
from service.account import account_blueprint
from service.admin import admin_blueprint
from service.bids import bids_blueprint
from service.canary import canary_blueprint
from service.console.blueprint import console_blueprint
from service.errors import install_error_handlers
from service.fulfilment import fulfilment_blueprint
from service.health import health_blueprint
from service.jobs import jobs_blueprint
from service.keys import KeyRing
from service.kyc import kyc_blueprint
from service.limits import AddressLimits, UserLimits
from service.notifications import notifications_blueprint
from service.openapi import openapi_blueprint
from service.orders import orders_blueprint
from service.payments import payments_blueprint
from service.payouts import payouts_blueprint
from service.session import Sessions
from service.uploads import admission, uploads_blueprint
from service.webhooks import Endpoint, webhooks_blueprint


def create_app(settings: Settings, adapters: Adapters | None = None) -> Flask:
    """Build the service; each gunicorn worker calls this once, after its fork."""
    if adapters is None:
        adapters = connect(settings, SERVICE_TIMEOUTS, stripe_timeout_s=SERVICE_TIMEOUT_S)
    app = Flask(__name__, static_folder=None)
    # No rule may redirect: a redirect would echo the caller's Host.
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    install_error_handlers(app)
    sessions = Sessions(adapters.database, KeyRing(adapters.auth_api.signing_keys), settings)
    limits = UserLimits(adapters.database)
    for blueprint in _blueprints(app, settings, adapters, sessions, limits):
        app.register_blueprint(blueprint)
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(  # type: ignore[method-assign] # Flask's documented place for it
            app.wsgi_app, x_for=settings.trusted_proxies, x_proto=0, x_host=0, x_prefix=0
        )
    requests.install(app, AddressLimits(), admission(sessions, limits))
    metrics.install(app)
    return app


def _blueprints(
    app: Flask, settings: Settings, adapters: Adapters, sessions: Sessions, limits: UserLimits
) -> Iterator[Blueprint]:
    database, stripe_api = adapters.database, adapters.stripe_api
    site = settings.site_origins[0]
    yield webhooks_blueprint(
        database,
        stripe_events.handlers(stripe_api, database),
        AddressLimits(),
        endpoints=_endpoints(settings),
        rules=EventRules(
            tolerance_s=settings.webhook_tolerance_s,
            future_s=settings.webhook_future_s,
            max_age_s=settings.webhook_max_event_age_s,
            livemode=settings.stripe_livemode,
        ),
    )
    yield payments_blueprint(stripe_api, database, sessions, limits)
    yield orders_blueprint(database, sessions, limits)
    yield fulfilment_blueprint(database, sessions, limits, pepper=settings.pickup_pepper)
    yield payouts_blueprint(stripe_api, database, sessions, limits, site=site)
    yield kyc_blueprint(stripe_api, database, sessions, limits, site=site)
    yield bids_blueprint(database, sessions)
    yield notifications_blueprint(database, sessions, limits)
    yield account_blueprint(database, adapters.auth_api, sessions, limits)
    yield admin_blueprint(database, sessions, limits)
    yield console_blueprint(database, adapters.auth_api, sessions, limits)
    yield jobs_blueprint(database, sessions, limits, AddressLimits(), secret=settings.cron_secret)
    yield uploads_blueprint(Uploads(database, adapters.storage), sessions, limits)
    yield canary_blueprint(database, AddressLimits(), token=settings.canary_token)
    yield health_blueprint(stripe_api, database, AddressLimits())
    yield openapi_blueprint(app, AddressLimits())
    yield metrics.metrics_blueprint(AddressLimits(), token=settings.metrics_token)


def _endpoints(settings: Settings) -> tuple[Endpoint, ...]:
    return (
        Endpoint(
            path="/stripe",
            source=Source.STRIPE,
            secrets=settings.stripe_webhook_secrets,
            connect_secrets=settings.stripe_connect_webhook_secrets,
        ),
        Endpoint(
            path="/stripe/identity",
            source=Source.STRIPE_IDENTITY,
            secrets=settings.stripe_identity_webhook_secrets,
        ),
    )

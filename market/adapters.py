"""All adapters of a process, built from its settings."""

import dataclasses

from market import auth_api, database, storage, stripe_api
from market.auth_api import AuthApi
from market.database import Database, Timeouts
from market.settings import Settings
from market.storage import Storage
from market.stripe_api import StripeApi


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """The outside systems that the service and the jobs call."""

    database: Database
    stripe_api: StripeApi
    auth_api: AuthApi
    storage: Storage


def connect(settings: Settings, timeouts: Timeouts, *, stripe_timeout_s: float) -> Adapters:
    """Build the adapters. Call it after a fork: two processes must not share a socket."""
    return Adapters(
        database=database.connect(settings, timeouts),
        stripe_api=stripe_api.connect(settings, stripe_timeout_s),
        auth_api=auth_api.connect(settings),
        storage=storage.connect(settings),
    )

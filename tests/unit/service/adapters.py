"""The service with specs instead of its adapters, and tokens that its keys accept."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

from flask.testing import FlaskClient

from market.adapters import Adapters
from market.auth_api import AuthApi
from market.database import Database
from market.storage import Storage
from market.stripe_api import StripeApi
from service.app import create_app
from tests.support.factories import BUYER_ID, SESSION_ID, make_settings
from tests.support.tokens import EC_KEY, JWKS, signed_token
from tests.unit.specs import spec_of


ISSUER = "http://project.test:54321/auth/v1"


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1200.0

    def __call__(self) -> float:
        """Return the time that the test has set."""
        return self.now


def make_claims(**changes: Any) -> dict[str, Any]:
    """Make the claims of a buyer who has just signed in."""
    now = int(time.time())
    return {
        "iss": ISSUER,
        "aud": "authenticated",
        "sub": BUYER_ID,
        "role": "authenticated",
        "aal": "aal1",
        "session_id": SESSION_ID,
        "iat": now,
        "exp": now + 3600,
    } | changes


def make_token(
    claims: Mapping[str, Any] | None = None,
    *,
    key: Any = EC_KEY,
    key_id: str | None = "ec-1",
    algorithm: str = "ES256",
) -> str:
    payload = make_claims() if claims is None else claims
    return signed_token(payload, key=key, key_id=key_id, algorithm=algorithm)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A client of the whole service, and the specs of its adapters."""

    client: FlaskClient
    database: Any
    stripe_api: Any
    auth_api: Any
    storage: Any

    @property
    def called(self) -> list[str]:
        """Return the SQL functions that were called."""
        return [call.args[0] for call in self.database.call.call_args_list]


def make_service(**settings: Any) -> Service:
    """Make the service as gunicorn has it, except for its adapters."""
    database = spec_of(Database)
    stripe_api = spec_of(StripeApi)
    auth_api = spec_of(AuthApi)
    auth_api.signing_keys.return_value = JWKS
    storage = spec_of(Storage)
    adapters = Adapters(
        database=database, stripe_api=stripe_api, auth_api=auth_api, storage=storage
    )
    app = create_app(make_settings(**settings), adapters)
    return Service(
        client=app.test_client(),
        database=database,
        stripe_api=stripe_api,
        auth_api=auth_api,
        storage=storage,
    )

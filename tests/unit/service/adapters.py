"""The service with specs in the place of its adapters, and tokens that its keys accept."""

import dataclasses
import time
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from flask.testing import FlaskClient

from market.adapters import Adapters
from market.auth_api import AuthApi
from market.database import Database
from market.storage import Storage
from market.stripe_api import StripeApi
from service.app import create_app
from tests.factories import BUYER_ID, SESSION_ID, make_settings
from tests.unit.specs import spec_of


ISSUER = "http://project.test:54321/auth/v1"
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
STRANGER_KEY = ec.generate_private_key(ec.SECP256R1())


class Clock:
    """A clock that only a test moves."""

    def __init__(self) -> None:
        self.now = 1200.0

    def __call__(self) -> float:
        """Return what the test says it is."""
        return self.now


def public_jwk(key: Any, key_id: str) -> dict[str, Any]:
    algorithm: Any = (
        jwt.algorithms.RSAAlgorithm
        if isinstance(key, rsa.RSAPrivateKey)
        else jwt.algorithms.ECAlgorithm
    )
    fields: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return fields | {"kid": key_id, "alg": name, "use": "sig"}


JWKS = [public_jwk(EC_KEY, "ec-1"), public_jwk(RSA_KEY, "rsa-1")]


def make_claims(**changes: Any) -> dict[str, Any]:
    """Make the claims of a buyer who signed in a moment ago."""
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
    headers = {} if key_id is None else {"kid": key_id}
    payload = dict(make_claims() if claims is None else claims)
    return jwt.encode(payload, key, algorithm=algorithm, headers=headers)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A client of the whole service, and the specs in the place of what is outside."""

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

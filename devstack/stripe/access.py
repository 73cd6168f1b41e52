"""Check the key of a call: the secret one, or a publishable one for the calls of a browser."""

import base64
import binascii
import hmac
from http import HTTPStatus

from devstack.stripe.config import StripeConfig
from devstack.stripe.errors import StripeError, invalid, unauthorized
from devstack.stripe.store import Store


_PUBLISHABLE = "pk_test_"
_SHOWN = 4


def is_publishable(authorization: str | None, config: StripeConfig) -> bool:
    """Return whether the caller has only a publishable key.

    Raises:
        StripeError: the key is missing or wrong.

    """
    key = _read_key(authorization or "")
    if not key:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
            "YOUR_SECRET_KEY')."
        )
    if key.startswith(_PUBLISHABLE):
        return True
    if hmac.compare_digest(key.encode(), config.secret_key.encode()):
        return False
    raise unauthorized(f"Invalid API Key provided: {masked(key)}")


def masked(key: str) -> str:
    """Return what of a key may be shown."""
    return f"{key[:8]}{'*' * 8}{key[-_SHOWN:]}"


def connected_account(header: str | None, store: Store, config: StripeConfig) -> str | None:
    """Return the connected account that the header Stripe-Account names; None is our own.

    Raises:
        StripeError: it is no account of ours.

    """
    if header is None or header == config.account_id:
        return None
    if store.find("account", header) is None:
        raise account_invalid(config, header)
    return header


def account_invalid(config: StripeConfig, account_id: str) -> StripeError:
    """Return the answer to the id of an account that is not connected to ours."""
    return StripeError(
        HTTPStatus.FORBIDDEN,
        f"The provided key '{masked(config.secret_key)}' does not have access to account "
        f"'{account_id}' (or that account does not exist). Application access may have been "
        "revoked.",
        code="account_invalid",
        is_saved=False,
    )


def refuse_publishable() -> StripeError:
    """Return the answer to a publishable key where a secret one is needed."""
    return unauthorized(
        "This API call cannot be made with a publishable API key. Please use a secret API key."
    )


def check_version(requested: str | None, config: StripeConfig) -> None:
    """Refuse an API version whose objects look different from ours.

    Versions of one name (`….endive`) differ only in what they add.
    """
    name = config.api_version.rpartition(".")[2]
    if requested is not None and requested.rpartition(".")[2] != name:
        raise invalid(
            f"The fake Stripe speaks API version {config.api_version}, not {requested[:50]}."
        )


def _read_key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""

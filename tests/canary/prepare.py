"""Make the canary's two accounts, and print the pages that a person must still visit.

A person visits the pages of Stripe Identity and Stripe Connect, because Stripe offers no API for
them. The command may run any number of times; it does only what is missing.
"""

import contextlib
import sys

import httpx
from supabase import AuthError, Client, ClientOptions, create_client

from tests.canary.report import StepFailedError
from tests.canary.routes import Site
from tests.canary.settings import Account, CanarySettings


_TIMEOUT_S = 15.0
_PROFILE = {
    "legal_name": "Canary of the deployment",
    "dob": "1990-01-01",
    "address": {
        "street": "1 Canary Street",
        "suburb": "Sydney",
        "postcode": "2000",
        "state": "NSW",
    },
}


def prepare(settings: CanarySettings) -> int:
    """Do what is missing; return 0 if the accounts can trade, and 1 if a person must do more."""
    left: list[str] = []
    with contextlib.closing(Site(settings)) as site, httpx.Client(timeout=_TIMEOUT_S) as http:
        try:
            if settings.buyer:
                left += _prepare(settings, site, http, settings.buyer, is_seller=False)
            if settings.seller:
                left += _prepare(settings, site, http, settings.seller, is_seller=True)
        except (StepFailedError, AuthError, httpx.HTTPError) as error:
            print(f"canary: {error}", file=sys.stderr)
            return 1
    print("\n".join(left) if left else "Both accounts can trade.")
    return 1 if left else 0


def _prepare(
    settings: CanarySettings, site: Site, http: httpx.Client, account: Account, *, is_seller: bool
) -> list[str]:
    """Return a line for each page that the account's person must visit."""
    token = _sign_in(settings, http, account)
    status = site.call("GET", "/api/kyc", token)["status"]
    if status != "passed":
        started = site.call("POST", "/api/kyc/start", token, _PROFILE)
        return [f"{account.email}: prove an identity at {started['verificationUrl']}"]
    if is_seller and not site.call("GET", "/api/payouts", token)["payouts_enabled"]:
        link = site.call("POST", "/api/payouts/onboard", token)
        return [f"{account.email}: open an account for payouts at {link['url']}"]
    return []


def _sign_in(settings: CanarySettings, http: httpx.Client, account: Account) -> str:
    """Sign an account in, and make it first if there is none; return its token."""
    client = _client(settings, http, settings.publishable_key)
    with contextlib.suppress(AuthError):
        return _token(client, account)
    # The address needs no confirmation: nobody reads the canary's mail.
    _client(settings, http, settings.secret_key).auth.admin.create_user(
        {"email": account.email, "password": account.password, "email_confirm": True}
    )
    return _token(client, account)


def _token(client: Client, account: Account) -> str:
    answer = client.auth.sign_in_with_password(
        {"email": account.email, "password": account.password}
    )
    if answer.session is None:
        raise StepFailedError(f"a session of {account.email}", "none")
    return answer.session.access_token


def _client(settings: CanarySettings, http: httpx.Client, key: str) -> Client:
    options = ClientOptions(httpx_client=http, auto_refresh_token=False)
    return create_client(settings.supabase_url, key, options)

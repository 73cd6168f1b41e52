"""The adapter for Supabase Auth: its public keys, its users' sessions and second factors."""

import dataclasses
import uuid
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import httpx

from market import retry, tls
from market.errors import MarketError, RejectedError, TransientError
from market.settings import Settings


_KEYS_PATH = "/auth/v1/.well-known/jwks.json"
_USERS_PATH = "/auth/v1/admin/users"
_TOKEN_PATH = "/auth/v1/token"  # noqa: S105 - a path, no secret
_FACTORS_PATH = "/auth/v1/factors"
_TIMEOUT_S = 1.5
#: Auth answers these to a request that it understands and does not grant.
_REFUSALS = frozenset({400, 403, 404, 422})
_ENDED_SESSION = frozenset({401, 403, 404})
#: Auth counts sign-ins in windows of five minutes and names no time to wait.
_RETRY_AFTER_MS = 60_000


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """The tokens of a session that Auth has begun or continued."""

    access_token: str = dataclasses.field(repr=False)
    refresh_token: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Enrolment:
    """An authenticator app that waits for its first code. `qr_code` is an SVG image."""

    factor_id: str
    secret: str = dataclasses.field(repr=False)
    qr_code: str = dataclasses.field(repr=False)


class AuthApi:
    """Calls Auth over HTTP, through a client whose base address is the project's."""

    def __init__(self, client: httpx.Client, *, secret_key: str) -> None:
        self._client = client
        # Auth takes the key of an administrator in both headers.
        self._admin = {"apikey": secret_key, "Authorization": f"Bearer {secret_key}"}

    @retry.transient
    def signing_keys(self) -> Sequence[Mapping[str, Any]]:
        """Return the current public keys as JWKs, and those that were replaced recently.

        Raises:
            TransientError: `AUTH_UNREACHABLE` after the last try.

        """
        answer = self._request("signing_keys", "GET", _KEYS_PATH)
        _refuse_failure("signing_keys", answer)
        return _keys_in(answer)

    @retry.transient
    def soft_delete_user(self, user_id: str) -> None:
        """Have Auth erase what it holds of a user, and keep the row that our tables refer to.

        A user that is deleted already, or that Auth does not know, is done.

        Raises:
            TransientError: `AUTH_UNREACHABLE` after the last try.

        """
        answer = self._request(
            "soft_delete_user",
            "DELETE",
            # Without the softness Auth would delete the row, and with it the profile.
            f"{_USERS_PATH}/{uuid.UUID(user_id)}",
            headers=self._admin,
            json={"should_soft_delete": True},
        )
        if not _is_unknown_user(answer):
            _refuse_failure("soft_delete_user", answer)

    # None of the calls below is retried: they are not idempotent, or Auth counts them.

    def sign_in(self, email: str, password: str) -> Tokens:
        """Begin a session by a password.

        Raises:
            RejectedError: `SIGN_IN_REFUSED`, or `RATE_LIMITED`.

        """
        body = {"email": email, "password": password}
        answer = self._request("sign_in", "POST", f"{_TOKEN_PATH}?grant_type=password", json=body)
        _refuse("sign_in", answer, "SIGN_IN_REFUSED")
        return _tokens_in("sign_in", answer)

    def refresh(self, refresh_token: str) -> Tokens:
        """Continue a session whose access token has expired.

        Raises:
            RejectedError: `UNAUTHORIZED` if the session has ended, or `RATE_LIMITED`.

        """
        body = {"refresh_token": refresh_token}
        path = f"{_TOKEN_PATH}?grant_type=refresh_token"
        answer = self._request("refresh", "POST", path, json=body)
        _refuse("refresh", answer, "UNAUTHORIZED")
        return _tokens_in("refresh", answer)

    def sign_out(self, access_token: str) -> None:
        """End the session of a token. A session that has ended already is no error."""
        path = "/auth/v1/logout?scope=local"
        answer = self._request("sign_out", "POST", path, headers=_bearer(access_token))
        if answer.status_code not in _ENDED_SESSION:
            _refuse_failure("sign_out", answer)

    def verified_factors(self, access_token: str) -> Sequence[str]:
        """Return the ids of the user's authenticator apps that have proved a code.

        Raises:
            RejectedError: `UNAUTHORIZED`.

        """
        headers = _bearer(access_token)
        answer = self._request("verified_factors", "GET", "/auth/v1/user", headers=headers)
        _refuse("verified_factors", answer, "UNAUTHORIZED")
        factors = _object_in("verified_factors", answer).get("factors") or []
        return [
            str(factor["id"])
            for factor in factors
            if (factor["factor_type"], factor["status"]) == ("totp", "verified")
        ]

    def enrol(self, access_token: str) -> Enrolment:
        """Enrol an authenticator app, which waits for its first code for five minutes.

        Raises:
            RejectedError: `SECOND_FACTOR_REQUIRED` if the user has an app and has not proved it.

        """
        # Auth refuses a second factor of one name, even while the first one is unverified.
        name = f"Authenticator app {uuid.uuid4().hex[:8]}"
        body = {"factor_type": "totp", "friendly_name": name, "issuer": "Aussie Market"}
        headers = _bearer(access_token)
        answer = self._request("enrol", "POST", _FACTORS_PATH, headers=headers, json=body)
        _refuse("enrol", answer, "SECOND_FACTOR_REQUIRED")
        enrolled = _object_in("enrol", answer)
        try:
            totp = enrolled["totp"]
            return Enrolment(
                factor_id=str(enrolled["id"]), secret=totp["secret"], qr_code=totp["qr_code"]
            )
        except (KeyError, TypeError) as error:
            raise MarketError("AUTH_ERROR", "enrol: no secret") from error

    def prove(self, access_token: str, factor_id: str, code: str) -> Tokens:
        """Prove a second factor by a code; return the tokens of the stronger session.

        Raises:
            RejectedError: `INVALID_CODE`, or `RATE_LIMITED`.

        """
        headers = _bearer(access_token)
        path = f"{_FACTORS_PATH}/{uuid.UUID(factor_id)}"
        challenge = self._request("prove", "POST", f"{path}/challenge", headers=headers, json={})
        _refuse("prove", challenge, "INVALID_CODE")
        body = {"challenge_id": _object_in("prove", challenge).get("id"), "code": code}
        answer = self._request("prove", "POST", f"{path}/verify", headers=headers, json=body)
        _refuse("prove", answer, "INVALID_CODE")
        return _tokens_in("prove", answer)

    def _request(self, call: str, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._client.request(method, path, **options)
        except httpx.RequestError as error:
            raise TransientError("AUTH_UNREACHABLE", call) from error


def _refuse_failure(call: str, answer: httpx.Response) -> None:
    if answer.is_success:
        return
    detail = f"{call}: {answer.status_code}"
    if retry.is_transient_status(answer.status_code):
        raise TransientError("AUTH_UNREACHABLE", detail)
    raise MarketError("AUTH_ERROR", detail)


def _refuse(call: str, answer: httpx.Response, code: str) -> None:
    """Raise unless Auth has done the call; `code` names its refusal of what the user sent."""
    if answer.status_code == HTTPStatus.TOO_MANY_REQUESTS:
        raise RejectedError("RATE_LIMITED", call, fields={"retry_after_ms": _RETRY_AFTER_MS})
    if answer.status_code == HTTPStatus.CONFLICT:
        # Requests of two tabs refresh one session at once. The session goes on.
        raise TransientError("AUTH_UNREACHABLE", f"{call}: {answer.status_code}")
    if answer.status_code in _REFUSALS:
        raise RejectedError(code, f"{call}: {answer.status_code}")
    _refuse_failure(call, answer)


def _bearer(access_token: str) -> Mapping[str, str]:
    return {"Authorization": f"Bearer {access_token}"}


def _object_in(call: str, answer: httpx.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except (ValueError, RecursionError) as error:
        raise TransientError("AUTH_UNREACHABLE", f"{call}: not JSON") from error
    if not isinstance(body, Mapping):
        raise MarketError("AUTH_ERROR", f"{call}: no object")
    return body


def _tokens_in(call: str, answer: httpx.Response) -> Tokens:
    body = _object_in(call, answer)
    access_token, refresh_token = body.get("access_token"), body.get("refresh_token")
    if not isinstance(access_token, str) or not isinstance(refresh_token, str):
        raise MarketError("AUTH_ERROR", f"{call}: no tokens")
    return Tokens(access_token=access_token, refresh_token=refresh_token)


def _is_unknown_user(answer: httpx.Response) -> bool:
    """Return true if Auth itself does not know the user; a proxy's 404 names no user."""
    if answer.status_code != HTTPStatus.NOT_FOUND:
        return False
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        return False
    return isinstance(body, Mapping) and body.get("code") == "user_not_found"


def _keys_in(answer: httpx.Response) -> Sequence[Mapping[str, Any]]:
    try:
        body = answer.json()
    except (ValueError, RecursionError) as error:
        # Auth answers with JSON, so this is a proxy's page or an incomplete answer.
        raise TransientError("AUTH_UNREACHABLE", "signing_keys: not JSON") from error
    keys = body.get("keys") if isinstance(body, Mapping) else None
    if not isinstance(keys, list):
        raise MarketError("AUTH_ERROR", "signing_keys: no keys")
    return [key for key in keys if isinstance(key, Mapping)]


def connect(settings: Settings) -> AuthApi:
    """Build the adapter, for one process and all of its threads."""
    headers = {
        "apikey": settings.supabase_publishable_key,
        # With this version Auth names its errors in `code`.
        "X-Supabase-Api-Version": "2024-01-01",
    }
    client = httpx.Client(
        base_url=settings.supabase_url,
        headers=headers,
        timeout=_TIMEOUT_S,
        verify=tls.context(),
    )
    return AuthApi(client, secret_key=settings.supabase_secret_key)

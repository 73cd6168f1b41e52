"""A signed-in user reads, changes and signs out; each session has its own life."""

import httpx
import psycopg
import pytest
from supabase import AuthApiError, Client
from supabase_auth.errors import AuthWeakPasswordError

from tests.devstack.gateway.auth.clients import PASSWORD, MakeClient, assert_ended, token_of
from tests.support.gateways import Gateway


def test_get_user_returns_the_caller(user: Client, email: str) -> None:
    """The token decides which user Auth returns."""
    answer = user.auth.get_user()

    assert answer is not None
    assert email == answer.user.email
    assert "Ada" == answer.user.user_metadata["nickname"]


def test_update_merges_metadata(user: Client, database: psycopg.Connection, email: str) -> None:
    """An update sets a key of the metadata, removes one by null and keeps the others."""
    answer = user.auth.update_user({"data": {"nickname": "Countess", "age": None}})

    assert "Countess" == answer.user.user_metadata["nickname"]
    assert "age" not in answer.user.user_metadata
    assert email == answer.user.user_metadata["email"]
    query = "select raw_user_meta_data ->> 'nickname' from auth.users where email = %s"
    assert ("Countess",) == database.execute(query, [email]).fetchone()


def test_update_to_anothers_address_is_refused(
    make_client: MakeClient, user: Client, email: str
) -> None:
    """Auth refuses an address that another user has."""
    make_client().auth.sign_up({"email": f"taken-{email}", "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        user.auth.update_user({"email": f"taken-{email}"})

    assert ("email_exists", 422) == (caught.value.code, caught.value.status)


def test_new_password_ends_the_other_sessions(
    make_client: MakeClient, user: Client, other_device: Client, email: str
) -> None:
    """A new password ends the sessions of all other devices, and keeps this one."""
    token = token_of(other_device)

    user.auth.update_user({"password": "battery staple"})

    assert user.auth.get_user() is not None
    assert_ended(make_client(), token)
    with pytest.raises(AuthApiError):
        make_client().auth.sign_in_with_password({"email": email, "password": PASSWORD})
    make_client().auth.sign_in_with_password({"email": email, "password": "battery staple"})


def test_new_password_must_be_strong_and_new(user: Client) -> None:
    """A new password must meet the rules of sign-up and differ from the old one."""
    with pytest.raises(AuthWeakPasswordError):
        user.auth.update_user({"password": "short"})
    with pytest.raises(AuthApiError) as caught:
        user.auth.update_user({"password": PASSWORD})

    assert "same_password" == caught.value.code


def test_global_sign_out_ends_every_session(
    make_client: MakeClient, user: Client, other_device: Client, database: psycopg.Connection
) -> None:
    """A global sign-out deletes all sessions and refresh tokens, and ends every access token."""
    claims = user.auth.get_claims()
    assert claims is not None
    tokens = [token_of(user), token_of(other_device)]

    user.auth.sign_out()

    for token in tokens:
        assert_ended(make_client(), token)
    query = "select count(*) from auth.sessions where user_id = %s"
    assert (0,) == database.execute(query, [claims["claims"]["sub"]]).fetchone()
    query = "select count(*) from auth.refresh_tokens where user_id = %s"
    assert (0,) == database.execute(query, [claims["claims"]["sub"]]).fetchone()


def test_local_sign_out_ends_this_session(
    make_client: MakeClient, user: Client, other_device: Client
) -> None:
    """A local sign-out keeps the session of the other device."""
    token = token_of(user)

    user.auth.sign_out({"scope": "local"})

    assert_ended(make_client(), token)
    assert other_device.auth.get_user() is not None


def test_others_sign_out_spares_this_session(
    make_client: MakeClient, user: Client, other_device: Client
) -> None:
    """A sign-out of the others keeps this session and ends all others."""
    token = token_of(other_device)

    user.auth.sign_out({"scope": "others"})

    assert_ended(make_client(), token)
    assert user.auth.get_user() is not None


def test_unknown_scope_is_refused(gateway: Gateway, http: httpx.Client, user: Client) -> None:
    """Auth refuses an unknown scope and ends no session."""
    answer = http.post(
        f"{gateway.url}/auth/v1/logout?scope=all",
        headers={
            "apikey": gateway.keys.publishable_key,
            "Authorization": f"Bearer {token_of(user)}",
        },
    )

    assert (400, "validation_failed") == (answer.status_code, answer.json()["error_code"])
    assert user.auth.get_user() is not None


@pytest.mark.parametrize(
    ("authorization", "status", "code"),
    [
        (None, 401, "no_authorization"),
        ("Bearer", 401, "no_authorization"),
        ("Bearer not.a.token", 403, "bad_jwt"),
        ("Bearer {publishable}", 403, "bad_jwt"),
        ("Bearer {anon}", 403, "bad_jwt"),
    ],
)
def test_only_a_users_token_returns_a_user(
    gateway: Gateway,
    http: httpx.Client,
    authorization: str | None,
    status: int,
    code: str,
) -> None:
    """Auth refuses no token, a broken one and keys of no user, each with its own error."""
    keys = gateway.keys
    headers = {"apikey": keys.publishable_key}
    if authorization:
        headers["Authorization"] = authorization.format(
            publishable=keys.publishable_key, anon=keys.anon_jwt
        )

    answer = http.get(f"{gateway.url}/auth/v1/user", headers=headers)

    assert (status, code) == (answer.status_code, answer.json()["error_code"])


def test_expired_token_is_refused(gateway: Gateway, http: httpx.Client, user: Client) -> None:
    """Auth refuses an expired token."""
    claims = gateway.tokens.verify(token_of(user))
    expired = gateway.tokens.sign(claims | {"exp": claims["iat"] - 1})

    answer = http.get(
        f"{gateway.url}/auth/v1/user",
        headers={
            "apikey": gateway.keys.publishable_key,
            "Authorization": f"Bearer {expired}",
        },
    )

    assert (403, "bad_jwt") == (answer.status_code, answer.json()["error_code"])
    expected = "invalid JWT: unable to parse or verify signature, token has invalid claims"
    assert f"{expected}: token is expired" == answer.json()["msg"]

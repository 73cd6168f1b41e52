"""Grants by password and by refresh token, through the official client."""

import concurrent.futures

import httpx
import jwt as pyjwt
import psycopg
import pytest
from supabase import AuthApiError, Client

from tests.devstack.gateway.auth.clients import PASSWORD, MakeClient
from tests.support.gateways import Gateway


@pytest.fixture
def user_email(make_client: MakeClient, email: str) -> str:
    """Return the address of a user who signed up on another device."""
    make_client().auth.sign_up({"email": email, "password": PASSWORD})
    return email


@pytest.fixture
def first_token(client: Client, user_email: str) -> str:
    """Sign in, and return the session's first refresh token."""
    answer = client.auth.sign_in_with_password({"email": user_email, "password": PASSWORD})
    assert answer.session is not None
    return answer.session.refresh_token


def move_exchange_back(database: psycopg.Connection, token: str, seconds: int) -> None:
    """Move the exchange of a refresh token into the past."""
    database.execute(
        "update auth.refresh_tokens set updated_at = now() - make_interval(secs => %s)"
        " where token = %s",
        [seconds, token],
    )


def refresh(client: Client, token: str) -> str:
    """Exchange a refresh token; return the new session."""
    answer = client.auth.refresh_session(token)
    assert answer.session is not None
    return answer.session.refresh_token


def test_right_password_begins_a_session(
    client: Client, database: psycopg.Connection, gateway: Gateway, user_email: str
) -> None:
    """The token has the protocol's claims, and its session has a row."""
    answer = client.auth.sign_in_with_password({"email": user_email, "password": PASSWORD})

    assert answer.session is not None
    assert answer.user is not None
    claims = gateway.tokens.verify(answer.session.access_token)
    assert f"{gateway.url}/auth/v1" == claims["iss"]
    assert ("authenticated", "authenticated") == (claims["aud"], claims["role"])
    assert (answer.user.id, user_email) == (claims["sub"], claims["email"])
    assert ("aal1", ["password"]) == (claims["aal"], [entry["method"] for entry in claims["amr"]])
    assert claims["is_anonymous"] is False
    assert 3600 == claims["exp"] - claims["iat"]
    query = "select user_id::text, aal::text from auth.sessions where id = %s"
    session = database.execute(query, [claims["session_id"]]).fetchone()
    assert (answer.user.id, "aal1") == session


def test_access_token_is_signed_with_the_published_key(
    client: Client, gateway: Gateway, first_token: str
) -> None:
    """The token is ES256 and names its key, and the client verifies it by the JWKS."""
    assert first_token
    session = client.auth.get_session()
    assert session is not None

    header = pyjwt.get_unverified_header(session.access_token)
    claims = client.auth.get_claims()

    assert ("ES256", gateway.keys.signing_jwk["kid"]) == (header["alg"], header["kid"])
    assert claims is not None
    assert session.user.id == claims["claims"]["sub"]


def test_forged_token_fails_its_verification(client: Client, first_token: str) -> None:
    """The client refuses a token whose claims were changed."""
    assert first_token
    session = client.auth.get_session()
    assert session is not None
    head, body, signature = session.access_token.split(".")
    forged = f"{head}.{body}.{signature[:-8]}{signature[:8]}"

    with pytest.raises(Exception, match="Invalid JWT signature"):
        client.auth.get_claims(jwt=forged)
    with pytest.raises(AuthApiError) as caught:
        client.auth.get_user(forged)

    assert ("bad_jwt", 403) == (caught.value.code, caught.value.status)


@pytest.mark.parametrize("password", ["wrong horse", "", "x" * 100])
def test_wrong_password_is_refused(
    gateway: Gateway, http: httpx.Client, user_email: str, password: str
) -> None:
    """Auth answers every wrong password alike."""
    answer = http.post(
        f"{gateway.url}/auth/v1/token?grant_type=password",
        json={"email": user_email, "password": password},
        headers={"apikey": gateway.keys.publishable_key, "X-Supabase-Api-Version": "2024-01-01"},
    )

    assert 400 == answer.status_code
    assert {"code": "invalid_credentials", "message": "Invalid login credentials"} == answer.json()
    assert "invalid_credentials" == answer.headers["x-sb-error-code"]
    assert "2024-01-01" == answer.headers["x-supabase-api-version"]


def test_unknown_address_is_refused_like_a_wrong_password(client: Client, email: str) -> None:
    """Auth answers an unknown address as it answers a wrong password."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    assert ("invalid_credentials", 400) == (caught.value.code, caught.value.status)


def test_older_clients_get_the_older_error_body(
    gateway: Gateway, http: httpx.Client, email: str
) -> None:
    """A client without a version header gets the status under `code`, as before 2024."""
    answer = http.post(
        f"{gateway.url}/auth/v1/token?grant_type=password",
        json={"email": email, "password": PASSWORD},
        headers={"apikey": gateway.keys.publishable_key},
    )

    expected = {
        "code": 400,
        "error_code": "invalid_credentials",
        "msg": "Invalid login credentials",
    }
    assert expected == answer.json()
    assert "x-supabase-api-version" not in answer.headers


def test_weak_password_signs_in_with_a_warning(
    gateway: Gateway, http: httpx.Client, admin: Client, email: str
) -> None:
    """A weak password that an admin set signs in with a warning (`token.go`)."""
    admin.auth.admin.create_user({"email": email, "password": "horse", "email_confirm": True})

    answer = http.post(
        f"{gateway.url}/auth/v1/token?grant_type=password",
        json={"email": email, "password": "horse"},
        headers={"apikey": gateway.keys.publishable_key},
    )

    expected = {"message": "Password should be at least 8 characters.", "reasons": ["length"]}
    assert (200, expected) == (answer.status_code, answer.json()["weak_password"])


def test_session_is_set_and_goes_on(
    make_client: MakeClient, client: Client, first_token: str
) -> None:
    """Another client continues a session by its tokens, and refreshes an expired one at once.

    https://supabase.com/docs/reference/python/auth-setsession
    """
    session = client.auth.get_session()
    assert session is not None
    taking_over, later = make_client(), make_client()

    taken = taking_over.auth.set_session(session.access_token, first_token)

    assert taken.session is not None
    assert session.access_token == taken.session.access_token
    claims = pyjwt.decode(session.access_token, options={"verify_signature": False})
    old = pyjwt.encode(claims | {"exp": claims["iat"] - 1}, "x" * 32)
    refreshed = later.auth.set_session(old, first_token)
    assert refreshed.session is not None
    assert first_token != refreshed.session.refresh_token


def test_auth_events_are_emitted(client: Client, user_email: str) -> None:
    """The client's events follow Auth's answers.

    https://supabase.com/docs/reference/python/auth-onauthstatechange
    """
    events: list[str] = []
    subscription = client.auth.on_auth_state_change(lambda event, _session: events.append(event))

    client.auth.sign_in_with_password({"email": user_email, "password": PASSWORD})
    client.auth.refresh_session()
    client.auth.update_user({"data": {"nickname": "Ada"}})
    client.auth.sign_out()

    assert ["SIGNED_IN", "TOKEN_REFRESHED", "USER_UPDATED", "SIGNED_OUT"] == events
    subscription.unsubscribe()


def test_refresh_rotates_the_token(client: Client, first_token: str) -> None:
    """Each exchange returns a new refresh token of the same session."""
    before = client.auth.get_claims()

    second_token = refresh(client, first_token)

    after = client.auth.get_claims()
    assert first_token != second_token
    assert before is not None
    assert after is not None
    assert before["claims"]["session_id"] == after["claims"]["session_id"]


def test_parent_of_the_token_in_use_gives_it_again(
    client: Client, database: psycopg.Connection, first_token: str
) -> None:
    """The parent of the current refresh token returns the current one, at any later time."""
    second_token = refresh(client, first_token)
    move_exchange_back(database, first_token, 3600)

    assert second_token == refresh(client, first_token)


def test_token_exchanged_just_now_gives_the_one_in_use(
    client: Client, database: psycopg.Connection, first_token: str
) -> None:
    """Within ten seconds of its exchange an older refresh token returns the current one."""
    third_token = refresh(client, refresh(client, first_token))
    # A busy machine may need more than ten seconds for the exchanges.
    move_exchange_back(database, first_token, 0)

    assert third_token == refresh(client, first_token)


def test_old_copy_of_a_token_ends_its_family(
    client: Client, database: psycopg.Connection, first_token: str
) -> None:
    """An old refresh token ends the whole family, because one of two holders stole it."""
    third_token = refresh(client, refresh(client, first_token))
    move_exchange_back(database, first_token, 11)

    with pytest.raises(AuthApiError) as caught:
        client.auth.refresh_session(first_token)
    assert ("refresh_token_already_used", 400) == (caught.value.code, caught.value.status)
    with pytest.raises(AuthApiError, match="Already Used"):
        client.auth.refresh_session(third_token)


def test_exchanges_at_once_get_one_successor(
    make_client: MakeClient, database: psycopg.Connection, first_token: str
) -> None:
    """Eight concurrent exchanges of a refresh token return the same successor."""
    clients = [make_client() for _ in range(8)]

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        successors = set(threads.map(lambda client: refresh(client, first_token), clients))

    assert 1 == len(successors)
    query = "select count(*) from auth.refresh_tokens where parent = %s"
    assert (1,) == database.execute(query, [first_token]).fetchone()


def test_unknown_refresh_token_is_refused(client: Client) -> None:
    """Auth does not find an unknown refresh token."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.refresh_session("nosuchtoken0")

    assert ("refresh_token_not_found", 400) == (caught.value.code, caught.value.status)
    assert "Invalid Refresh Token: Refresh Token Not Found" == caught.value.message

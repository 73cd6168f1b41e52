"""Password and refresh-token grants through the official client."""

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
    """Return the address of somebody who signed up on another device."""
    make_client().auth.sign_up({"email": email, "password": PASSWORD})
    return email


@pytest.fixture
def first_token(client: Client, user_email: str) -> str:
    """Sign in, and return the session's first refresh token."""
    answer = client.auth.sign_in_with_password({"email": user_email, "password": PASSWORD})
    assert answer.session is not None
    return answer.session.refresh_token


def age(database: psycopg.Connection, token: str, seconds: int) -> None:
    """Make it look as if a refresh token had been exchanged so long ago."""
    database.execute(
        "update auth.refresh_tokens set updated_at = now() - make_interval(secs => %s)"
        " where token = %s",
        [seconds, token],
    )


def refresh(client: Client, token: str) -> str:
    """Exchange a refresh token, and return what came for it."""
    answer = client.auth.refresh_session(token)
    assert answer.session is not None
    return answer.session.refresh_token


def test_right_password_begins_a_session(
    client: Client, database: psycopg.Connection, gateway: Gateway, user_email: str
) -> None:
    """The token's claims are the protocol's, and its session is a row."""
    answer = client.auth.sign_in_with_password({"email": user_email, "password": PASSWORD})

    assert answer.session is not None
    assert answer.user is not None
    claims = gateway.keys.verify(answer.session.access_token)
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
    """ES256, named by its kid, and the client verifies it by itself through the JWKS."""
    assert first_token
    session = client.auth.get_session()
    assert session is not None

    header = pyjwt.get_unverified_header(session.access_token)
    claims = client.auth.get_claims()

    assert ("ES256", gateway.keys.signing_jwk["kid"]) == (header["alg"], header["kid"])
    assert claims is not None
    assert session.user.id == claims["claims"]["sub"]


def test_forged_token_fails_its_verification(client: Client, first_token: str) -> None:
    """A token whose claims were changed is no longer signed."""
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
    """Whatever else was sent as a password: the answer is the same."""
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
    """Nobody learns by signing in who has an account."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    assert ("invalid_credentials", 400) == (caught.value.code, caught.value.status)


def test_older_clients_get_the_older_error_body(
    gateway: Gateway, http: httpx.Client, email: str
) -> None:
    """Without a version header `code` is the status, as it was before 2024."""
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
    """An admin may give one; GoTrue tells the client, which may ask for another (`token.go`)."""
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
    """Another client takes over with both tokens; one that has run out is refreshed at once.

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


def test_auth_changes_are_told(client: Client, user_email: str) -> None:
    """The client's own events follow the answers.

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
    """Each exchange brings a new refresh token and goes on with the same session."""
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
    """A client that lost the answer may ask once more, however late."""
    second_token = refresh(client, first_token)
    age(database, first_token, 3600)

    assert second_token == refresh(client, first_token)


def test_token_exchanged_just_now_gives_the_one_in_use(
    client: Client, database: psycopg.Connection, first_token: str
) -> None:
    """Within ten seconds even an older copy is taken for a second tab's."""
    third_token = refresh(client, refresh(client, first_token))
    # A busy machine may have needed the ten seconds for that.
    age(database, first_token, 0)

    assert third_token == refresh(client, first_token)


def test_old_copy_of_a_token_ends_its_family(
    client: Client, database: psycopg.Connection, first_token: str
) -> None:
    """Whoever uses a token long exchanged has stolen it or was robbed: nobody goes on with it."""
    third_token = refresh(client, refresh(client, first_token))
    age(database, first_token, 11)

    with pytest.raises(AuthApiError) as caught:
        client.auth.refresh_session(first_token)
    assert ("refresh_token_already_used", 400) == (caught.value.code, caught.value.status)
    with pytest.raises(AuthApiError, match="Already Used"):
        client.auth.refresh_session(third_token)


def test_exchanges_at_once_get_one_successor(
    make_client: MakeClient, database: psycopg.Connection, first_token: str
) -> None:
    """Eight tabs that wake up together end with one token that goes on."""
    clients = [make_client() for _ in range(8)]

    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        successors = set(threads.map(lambda client: refresh(client, first_token), clients))

    assert 1 == len(successors)
    query = "select count(*) from auth.refresh_tokens where parent = %s"
    assert (1,) == database.execute(query, [first_token]).fetchone()


def test_unknown_refresh_token_is_refused(client: Client) -> None:
    """A token that nobody was given is not found."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.refresh_session("nosuchtoken0")

    assert ("refresh_token_not_found", 400) == (caught.value.code, caught.value.status)
    assert "Invalid Refresh Token: Refresh Token Not Found" == caught.value.message

"""Sign-up through the official client: users, identities, the project's trigger, refusals."""

import concurrent.futures

import httpx
import psycopg
import pytest
from supabase import AuthApiError, Client
from supabase_auth.errors import AuthWeakPasswordError

from tests.devstack.gateway.auth.clients import PASSWORD
from tests.support.gateways import Gateway


def test_sign_up_signs_in(client: Client, email: str) -> None:
    """Sign-up confirms the address itself and returns a session with a complete user."""
    answer = client.auth.sign_up({"email": email.upper(), "password": PASSWORD})

    assert answer.session is not None
    assert answer.user is not None
    assert email == answer.user.email
    assert answer.user.email_confirmed_at is not None
    assert answer.user.confirmed_at is not None
    assert answer.user.last_sign_in_at is not None
    assert {"provider": "email", "providers": ["email"]} == answer.user.app_metadata
    assert ["email"] == [identity.provider for identity in answer.user.identities or []]
    assert 3600 == answer.session.expires_in


def test_sign_up_fires_the_projects_trigger(
    client: Client, database: psycopg.Connection, email: str
) -> None:
    """The project's trigger on auth.users reads the user's metadata in the same transaction."""
    answer = client.auth.sign_up(
        {"email": email, "password": PASSWORD, "options": {"data": {"nickname": "Ada"}}}
    )

    assert answer.user is not None
    query = "select id::text, email, nickname from public.members where email = %s"
    assert (answer.user.id, email, "Ada") == database.execute(query, [email]).fetchone()


def test_sign_up_stores_a_hash_and_no_password(
    client: Client, database: psycopg.Connection, email: str
) -> None:
    """The database gets a salted bcrypt hash of the password, here of the tests' low cost."""
    client.auth.sign_up({"email": email, "password": PASSWORD})

    query = "select encrypted_password from auth.users where email = %s"
    row = database.execute(query, [email]).fetchone()
    assert row is not None
    assert row[0].startswith("$2b$04$")


def test_failing_trigger_fails_the_sign_up(
    client: Client, database: psycopg.Connection, email: str
) -> None:
    """An error of the project's trigger leaves no user."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_up(
            {"email": email, "password": PASSWORD, "options": {"data": {"nickname": "forbidden"}}}
        )

    assert ("unexpected_failure", 500) == (caught.value.code, caught.value.status)
    assert "Database error saving new user" == caught.value.message
    query = "select count(*) from auth.users where email = %s"
    assert (0,) == database.execute(query, [email]).fetchone()


def test_sign_up_of_a_known_address_is_refused(client: Client, email: str) -> None:
    """Auth refuses a known address in any spelling."""
    client.auth.sign_up({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_up({"email": email.title(), "password": "another password"})

    assert ("user_already_exists", 422) == (caught.value.code, caught.value.status)
    assert "User already registered" == caught.value.message


def test_sign_ups_of_one_address_at_once_make_one_user(
    gateway: Gateway, http: httpx.Client, email: str
) -> None:
    """Of ten concurrent sign-ups of one address one makes the user, and nine are refused."""
    headers = {"apikey": gateway.keys.publishable_key}

    def sign_up(_number: int) -> int:
        body = {"email": email, "password": PASSWORD}
        return http.post(f"{gateway.url}/auth/v1/signup", json=body, headers=headers).status_code

    with concurrent.futures.ThreadPoolExecutor(10) as threads:
        statuses = sorted(threads.map(sign_up, range(10)))

    assert [200, *[422] * 9] == statuses


def test_weak_password_is_refused_with_its_reasons(client: Client, email: str) -> None:
    """The setting of supabase/config.toml limits the password: eight characters."""
    with pytest.raises(AuthWeakPasswordError) as caught:
        client.auth.sign_up({"email": email, "password": "1234567"})

    assert ["length"] == caught.value.reasons
    assert "Password should be at least 8 characters." == caught.value.message
    assert client.auth.sign_up({"email": email, "password": "12345678"}).session is not None


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "bad_json"),
        (b"[]", 400, "bad_json"),
        (b'{"data": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001, 400, "bad_json"),
        (b'{"email": "\\ud800@b.c", "password": "correct horse"}', 400, "bad_json"),
        (b'{"email": "a@b.c", "password": "correct horse", "data": {"a": 1e999}}', 400, "bad_json"),
        (b'{"email": 1, "password": "correct horse"}', 400, "bad_json"),
        (b'{"email": "a@b.c", "password": "\xff"}', 400, "bad_json"),
        (b'{"email": "a@b.c"}', 400, "validation_failed"),
        (b'{"email": "nonsense", "password": "correct horse"}', 400, "validation_failed"),
        (b'{"email": "a b@c.d", "password": "correct horse"}', 400, "validation_failed"),
        (b'{"email": "a\\u0000@c.d", "password": "correct horse"}', 400, "validation_failed"),
        (b'{"password": "' + b"x" * 73 + b'", "email": "a@b.c"}', 400, "validation_failed"),
        (b'{"phone": "+61400000000", "password": "correct horse"}', 400, "phone_provider_disabled"),
        (b'{"data": {}}', 422, "anonymous_provider_disabled"),
        (
            b'{"email": "a@b.c", "password": "correct horse", "data": {"x": "\\u0000"}}',
            400,
            "bad_json",
        ),
    ],
)
def test_impossible_sign_up_is_refused_by_name(
    gateway: Gateway, http: httpx.Client, body: bytes, status: int, code: str
) -> None:
    """Auth names the fault of any body, and never answers 500."""
    headers = {"apikey": gateway.keys.publishable_key, "X-Supabase-Api-Version": "2024-01-01"}

    answer = http.post(f"{gateway.url}/auth/v1/signup", content=body, headers=headers)

    assert (status, code) == (answer.status_code, answer.json()["code"])

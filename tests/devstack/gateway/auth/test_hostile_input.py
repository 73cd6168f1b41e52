"""Auth answers any body and any path with a clear 4xx, and goes on."""

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from supabase import Client

from tests.devstack.gateway.auth.clients import token_of
from tests.support.fuzzing import fuzzed
from tests.support.gateways import Gateway


#: Auth refuses these by name, because this stack lacks them.
NOT_IMPLEMENTED = 501
ROUTES = (
    "POST /signup",
    "POST /token?grant_type=password",
    "POST /token?grant_type=refresh_token",
    "POST /token?grant_type=id_token",
    "PUT /user",
    "POST /recover",
    "POST /resend",
    "POST /otp",
    "POST /verify",
    "POST /factors",
    "POST /factors/{factor}/challenge",
    "POST /factors/{factor}/verify",
    "POST /factors/{text}/verify",
    "DELETE /factors/{text}",
    "POST /invite",
    "POST /admin/users",
    "GET /admin/users/{text}",
    "PUT /admin/users/{unknown}",
    "GET /admin/users/{text}/factors",
    "DELETE /admin/users/{unknown}/factors/{text}",
    "POST /admin/generate_link",
)
TEXTS = st.sampled_from(
    ["", "\0", "a\0b", "x" * 5000, "'; drop table auth.users; --", "%s", "{}", "..", "é" * 200]
) | st.text(max_size=40)
VALUES = st.recursive(
    TEXTS | st.none() | st.booleans() | st.integers() | st.floats(),
    lambda children: st.lists(children, max_size=2) | st.dictionaries(TEXTS, children, max_size=2),
    max_leaves=4,
)

#: Fields whose values pass the first check.
FIELDS: dict[str, list[Any]] = {
    "email": ["a@b.co", "\0@b.co", "é@b.co"],
    "new_email": ["c@b.co"],
    "phone": ["+61400000000"],
    "password": ["correct horse"],
    "data": [{}, {"\0": 1}, {"a": "\0"}],
    "type": ["recovery", "signup", "magiclink", "email_change_new", "email_change"],
    "token": ["123456"],
    "token_hash": ["pkce_1"],
    "factor_type": ["totp"],
    "friendly_name": ["phone"],
    "issuer": ["a:b"],
    "code": ["123456"],
    "challenge_id": [str(uuid.UUID(int=1))],
    "refresh_token": ["abcdef123456"],
    "provider": ["google"],
    "redirect_to": ["http://127.0.0.1:3000/#", "http://["],
    "role": ["authenticated"],
    "id": [str(uuid.UUID(int=2))],
    "password_hash": [f"$2a$10${'x' * 53}"],
    "ban_duration": ["none", "1h", "9999999999999h"],
    "user_metadata": [{"a": "\0"}],
    "app_metadata": [{"provider": None}],
}
BODIES = st.fixed_dictionaries(
    {},
    optional={name: st.sampled_from(values) | VALUES for name, values in FIELDS.items()},
)


@pytest.fixture
def placeholders(user: Client) -> dict[str, str]:
    """Return a factor's id, an unknown id, and a token whose sessions may end."""
    factor = user.auth.mfa.enroll({"factor_type": "totp"})
    return {"factor": factor.id, "unknown": str(uuid.uuid4()), "token": token_of(user)}


@example(
    route="POST /factors",
    body={"factor_type": "totp", "friendly_name": "a\0"},
    text="x",
    is_admin=False,
)
@example(
    route="POST /admin/users",
    body={"email": "a@b.co", "role": "a\0"},
    text="x",
    is_admin=True,
)
@example(route="POST /invite", body={"email": f"{'é' * 200}@b.co"}, text="x", is_admin=True)
@fuzzed(40)
@given(
    route=st.sampled_from(ROUTES),
    body=BODIES | VALUES,
    text=TEXTS.filter(lambda text: text.strip("./") != ""),
    is_admin=st.booleans(),
)
def test_no_body_makes_auth_fail(
    gateway: Gateway,
    http: httpx.Client,
    placeholders: Mapping[str, str],
    route: str,
    body: Any,
    text: str,
    *,
    is_admin: bool,
) -> None:
    """Auth answers any body with an error of the caller, in its own form, and never with a 500."""
    method, path = route.split(" ")
    path = path.format(**placeholders, text=quote(text, safe=""))
    token = gateway.keys.secret_key if is_admin else placeholders["token"]

    answer = http.request(
        method,
        f"{gateway.url}/auth/v1{path}",
        # Python writes NaN and Infinity too, which are no JSON.
        content=json.dumps(body),
        headers={
            "apikey": gateway.keys.publishable_key,
            "Authorization": f"Bearer {token}",
            "X-Supabase-Api-Version": "2024-01-01",
        },
    )

    assert answer.status_code < 500 or answer.status_code == NOT_IMPLEMENTED, answer.text
    if answer.is_error and answer.status_code != 404:
        assert {"code", "message"} <= set(answer.json())
    assert http.get(f"{gateway.url}/health").is_success

"""Callers: roles, claims, row level security, and the settings of a role."""

import time

import httpx
import pytest
from postgrest.exceptions import APIError
from supabase import Client

from tests.devstack.gateway.rest.rows import rows
from tests.devstack.market import ALICE, BICYCLE_AUCTION, BOB
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


CHECK_KEY = "Double check your Supabase `anon` or `service_role` API key."


def test_request_is_known_to_the_database(http: httpx.Client, gateway: Gateway) -> None:
    """Policies and functions can read role, claims, method, path, headers and cookies."""
    headers = {
        "Authorization": f"Bearer {gateway.token(ALICE)}",
        "X-Test": "here",
        "Cookie": "fruit=apple; b=c",
    }
    answer = http.post("/rpc/whoami", json={}, headers=headers)

    assert answer.json() == {
        "role": "authenticated",
        "sub": ALICE,
        "uid": ALICE,
        "method": "POST",
        "path": "/rpc/whoami",
        "agent": "here",
        "cookie": "apple",
        "timeout": "8s",
        "search_path": '"public", "extensions"',
        "read_only": "on",
    }


def test_each_sees_own_rows(anon: Client, alice: Client, bob: Client, service: Client) -> None:
    """Policies decide by the token's subject; service_role bypasses them."""
    seen = [
        [row["display_name"] for row in rows(client.table("users").select("*").execute())]
        for client in (anon, alice, bob, service)
    ]

    assert seen == [[], ["alice"], ["bob"], ["alice", "bob", "cleo"]]


def test_policy_checks_written_rows(bob: Client) -> None:
    """A policy refuses a row of another user with 42501; a signed-in caller gets 403."""
    bid = {"auction_id": BICYCLE_AUCTION, "bidder_id": ALICE, "amount_cents": 9000}
    with pytest.raises(APIError) as caught:
        bob.table("bids").insert(bid).execute()

    assert caught.value.code == "42501"
    assert caught.value.message == ('new row violates row-level security policy for table "bids"')


def test_missing_grant_is_401_or_403(http: httpx.Client, gateway: Gateway) -> None:
    """A missing grant asks an anonymous caller to sign in, and forbids a signed-in one."""
    visitor = http.get("/secrets")
    signed_in = http.get("/secrets", headers={"Authorization": f"Bearer {gateway.token(BOB)}"})

    assert (visitor.status_code, visitor.headers["www-authenticate"]) == (401, "Bearer")
    assert (signed_in.status_code, "www-authenticate" in signed_in.headers) == (403, False)
    assert visitor.json() == {
        "code": "42501",
        "details": None,
        "hint": None,
        "message": "permission denied for table secrets",
    }


def test_closed_function_is_refused(anon: Client) -> None:
    """A function without execute is refused with 42501, and not hidden as unknown."""
    with pytest.raises(APIError) as caught:
        anon.rpc("closed", {}).execute()

    assert caught.value.code == "42501"


@pytest.mark.parametrize(
    ("headers", "message", "hint"),
    [
        (
            {"apikey": ""},
            "No API key found in request",
            "No `apikey` request header or url param was found.",
        ),
        ({"apikey": "sb_publishable_other"}, "Invalid API key", CHECK_KEY),
        ({"Authorization": "Bearer sb_secret_other"}, "Invalid API key", CHECK_KEY),
    ],
)
def test_key_is_needed(
    http: httpx.Client, headers: dict[str, str], message: str, hint: str
) -> None:
    """The gateway refuses a missing or wrong key with the sentences of hosted Supabase."""
    answer = http.get("/listings", headers=headers)

    assert (answer.status_code, answer.json()) == (401, {"message": message, "hint": hint})


def test_every_kind_of_key_has_its_role(http: httpx.Client, gateway: Gateway) -> None:
    """A new key or a legacy JWT decides the role; a token in Authorization wins over apikey."""
    keys = gateway.keys
    ways = {
        "anon": [
            {"apikey": keys.publishable_key},
            {"apikey": keys.anon_jwt},
            {"apikey": keys.publishable_key, "Authorization": f"Bearer {keys.publishable_key}"},
            {"apikey": keys.secret_key, "Authorization": f"Bearer {keys.anon_jwt}"},
        ],
        "service_role": [
            {"apikey": keys.secret_key},
            {"apikey": keys.service_role_jwt},
            {"apikey": keys.secret_key, "Authorization": f"Bearer {keys.secret_key}"},
            {"apikey": keys.publishable_key, "Authorization": f"Bearer {keys.service_role_jwt}"},
        ],
    }
    found = {
        role: {http.get("/rpc/whoami", headers=headers).json()["role"] for headers in ways_in}
        for role, ways_in in ways.items()
    }

    assert found == {"anon": {"anon"}, "service_role": {"service_role"}}
    bare = httpx.get(f"{gateway.url}/rest/v1/rpc/whoami?apikey={keys.secret_key}", timeout=ANSWER_S)
    assert bare.json()["role"] == "service_role"


def test_expired_token_is_303(http: httpx.Client, gateway: Gateway) -> None:
    """PostgREST accepts a token for half a minute after its end, and then answers PGRST303."""
    late = gateway.token(ALICE, exp=int(time.time()) - 60)
    just = gateway.token(ALICE, exp=int(time.time()) - 5)
    refused = http.get("/listings", headers={"Authorization": f"Bearer {late}"})
    forgiven = http.get("/listings", headers={"Authorization": f"Bearer {just}"})

    assert (refused.status_code, refused.json()["code"]) == (401, "PGRST303")
    assert refused.json()["message"] == "JWT expired"
    assert refused.headers["www-authenticate"] == (
        'Bearer error="invalid_token", error_description="JWT expired"'
    )
    assert forgiven.status_code == 200


def test_token_of_the_future_is_303(http: httpx.Client, gateway: Gateway) -> None:
    """PostgREST accepts a token that is issued up to half a minute ahead of its clock."""
    now = int(time.time())
    answers = [
        http.get("/listings", headers={"Authorization": f"Bearer {gateway.token(ALICE, iat=iat)}"})
        for iat in (now + 300, now + 5, None)
    ]

    assert [401, 200, 200] == [answer.status_code for answer in answers]
    error = answers[0].json()
    assert ("PGRST303", "JWT issued at future") == (error["code"], error["message"])


@pytest.mark.parametrize("change", ["x.y", "a.b.c", "{token}x", "{none}"])
def test_forged_token_is_301(http: httpx.Client, gateway: Gateway, change: str) -> None:
    """PostgREST refuses a token that none of our keys has signed."""
    none = "eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0."
    forged = change.replace("{token}", gateway.token(ALICE)).replace("{none}", none)
    answer = http.get("/listings", headers={"Authorization": f"Bearer {forged}"})

    assert (answer.status_code, answer.json()["code"]) == (401, "PGRST301")


@pytest.mark.parametrize(
    ("role", "status", "code"), [("nobody_known", 401, "22023"), ("postgres", 403, "42501")]
)
def test_role_has_to_be_one_of_ours(
    http: httpx.Client, gateway: Gateway, role: str, status: int, code: str
) -> None:
    """A signed token may name a role that the authenticator cannot become; that is refused."""
    headers = {"Authorization": f"Bearer {gateway.token(ALICE, role=role)}"}
    answer = http.get("/listings", headers=headers)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_statement_timeout_is_the_roles(http: httpx.Client, gateway: Gateway) -> None:
    """The role sets the statement time-out: anon has three seconds, as on hosted Supabase."""
    answer = http.post("/rpc/nap", json={"seconds": 20})

    assert (answer.status_code, answer.json()["code"]) == (500, "57014")
    assert answer.json()["message"] == "canceling statement due to statement timeout"
    assert http.post("/rpc/whoami", json={}).json()["timeout"] == "3s"
    signed_in = http.post(
        "/rpc/whoami", headers={"Authorization": f"Bearer {gateway.token(BOB)}"}, json={}
    )
    assert signed_in.json()["timeout"] == "8s"


def test_session_ends_with_the_request(http: httpx.Client, gateway: Gateway) -> None:
    """Nothing of one caller is left for the next on the same connection."""
    for _ in range(40):
        http.get("/rpc/whoami", headers={"Authorization": f"Bearer {gateway.token(ALICE)}"})
        answer = http.get("/rpc/whoami")

        assert (answer.json()["role"], answer.json()["uid"]) == ("anon", None)


def test_timezone_is_the_requests(http: httpx.Client) -> None:
    """Prefer: timezone sets the zone of this request's times."""
    path = "/listings?select=created_at&limit=1"
    there = http.get(path, headers={"Prefer": "timezone=Australia/Sydney"})
    here = http.get(path)

    assert there.json() == [{"created_at": "2026-01-02T14:04:05.678+11:00"}]
    assert here.json() == [{"created_at": "2026-01-02T03:04:05.678+00:00"}]


def test_browser_may_ask(gateway: Gateway) -> None:
    """The gateway answers a preflight, and exposes the response headers that scripts need."""
    url = f"{gateway.url}/rest/v1/listings"
    origin = {"Origin": "http://localhost:5173"}
    preflight_headers = origin | {
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": "apikey,prefer",
    }
    preflight = httpx.options(url, headers=preflight_headers, timeout=ANSWER_S)
    answer = httpx.get(
        url, headers=origin | {"apikey": gateway.keys.publishable_key}, timeout=ANSWER_S
    )

    assert preflight.status_code == 200
    assert "PATCH" in preflight.headers["access-control-allow-methods"]
    assert answer.headers["access-control-allow-origin"] == "*"
    assert "Content-Range" in answer.headers["access-control-expose-headers"]

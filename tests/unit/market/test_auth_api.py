"""`market.auth_api`: the published keys, the deletion of users, and failing calls."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import respx

from market import auth_api
from market.errors import MarketError, RejectedError, TransientError
from tests.support.factories import make_settings


@pytest.fixture
def route() -> Iterator[Any]:
    with respx.mock() as router:
        yield router.get("http://project.test:54321/auth/v1/.well-known/jwks.json")


def test_keys_are_fetched(route: Any) -> None:
    """The keys are returned unchanged, without entries that are no keys."""
    route.respond(json={"keys": [{"kid": "1"}, "x"]})

    assert [{"kid": "1"}] == auth_api.connect(make_settings()).signing_keys()
    assert "sb_publishable_1" == route.calls.last.request.headers["apikey"]


def test_busy_auth_is_asked_again(route: Any) -> None:
    """The call is retried after a 5xx and after a lost connection."""
    route.side_effect = [
        httpx.Response(503),
        httpx.ConnectError("x"),
        httpx.Response(200, json={"keys": []}),
    ]

    assert [] == auth_api.connect(make_settings()).signing_keys()


def test_lost_auth_is_transient(route: Any) -> None:
    """An outage of Auth is a transient error."""
    route.side_effect = httpx.ConnectError("x")

    with pytest.raises(TransientError) as caught:
        auth_api.connect(make_settings()).signing_keys()

    assert "AUTH_UNREACHABLE" == caught.value.code


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 520, 524])
@pytest.mark.parametrize("body", [b"", b"<h1>x</h1>", b"{}", b"[]", b'{"code": 502}'])
def test_status_decides_about_another_try(route: Any, status: int, body: bytes) -> None:
    """The status alone decides about a retry, because proxies answer in any form."""
    route.side_effect = [
        httpx.Response(status, content=body),
        httpx.Response(200, json={"keys": []}),
    ]

    assert [] == auth_api.connect(make_settings()).signing_keys()


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"keys": [', b"\xff\xfe", b"[" * 100_000])
def test_answer_without_json_is_asked_for_again(route: Any, body: bytes) -> None:
    """An answer that is no JSON is retried, because a proxy may have sent it."""
    route.side_effect = [httpx.Response(200, content=body), httpx.Response(200, json={"keys": []})]

    assert [] == auth_api.connect(make_settings()).signing_keys()


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(301),
        httpx.Response(401),
        httpx.Response(404),
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"keys": None}),
        httpx.Response(200, json={"keys": "x"}),
    ],
)
def test_strange_answer_is_a_bug(route: Any, answer: httpx.Response) -> None:
    """An answer without a list of keys is not retried, because the address is wrong."""
    route.mock(return_value=answer)

    with pytest.raises(MarketError) as caught:
        auth_api.connect(make_settings()).signing_keys()

    assert (MarketError, "AUTH_ERROR") == (caught.type, caught.value.code)
    assert 1 == route.call_count


USER_ID = "7b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"


class TestSoftDeleteUser:
    """The deletion of a user, with the secret key."""

    @pytest.fixture
    def route(self) -> Iterator[Any]:
        """Answer in the place of Auth."""
        with respx.mock() as router:
            yield router.delete(f"http://project.test:54321/auth/v1/admin/users/{USER_ID}")

    def test_user_is_deleted_softly(self, route: Any) -> None:
        """The call asks for a soft delete, because a hard one would delete the history."""
        route.respond(json={})

        auth_api.connect(make_settings()).soft_delete_user(USER_ID)

        request = route.calls.last.request
        assert {"should_soft_delete": True} == json.loads(request.content)
        key = make_settings().supabase_secret_key
        assert (key, f"Bearer {key}") == (
            request.headers["apikey"],
            request.headers["Authorization"],
        )

    def test_unknown_user_is_done(self, route: Any) -> None:
        """A missing user counts as deleted."""
        route.respond(404, json={"code": "user_not_found", "message": "User not found"})

        auth_api.connect(make_settings()).soft_delete_user(USER_ID)

    @pytest.mark.parametrize(
        ("answer", "kind", "code"),
        [
            (httpx.Response(404, text="<h1>"), MarketError, "AUTH_ERROR"),
            (httpx.Response(404, json=[]), MarketError, "AUTH_ERROR"),
            (httpx.Response(403, json={"code": "not_admin"}), MarketError, "AUTH_ERROR"),
            (httpx.Response(302), MarketError, "AUTH_ERROR"),
            (httpx.Response(500, json={}), TransientError, "AUTH_UNREACHABLE"),
            (httpx.ConnectError("x"), TransientError, "AUTH_UNREACHABLE"),
        ],
    )
    def test_other_answer_is_an_error(
        self, route: Any, answer: Any, kind: type[MarketError], code: str
    ) -> None:
        """Any other answer is an error, such as the 404 of a proxy."""
        route.side_effect = answer if isinstance(answer, Exception) else [answer] * 9

        with pytest.raises(kind) as caught:
            auth_api.connect(make_settings()).soft_delete_user(USER_ID)

        assert (kind, code) == (type(caught.value), caught.value.code)

    def test_id_that_is_none_reaches_no_other_path(self) -> None:
        """An invalid id is refused, because it is a part of the URL."""
        with pytest.raises(ValueError, match="badly formed"):
            auth_api.connect(make_settings()).soft_delete_user("../x")


BASE = "http://project.test:54321/auth/v1"
FACTOR_ID = "0b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"
SESSION = {"access_token": "access", "refresh_token": "refresh", "expires_in": 3600}
TOKENS = auth_api.Tokens(access_token="access", refresh_token="refresh")


def connected() -> auth_api.AuthApi:
    return auth_api.connect(make_settings())


class TestSessions:
    """Sign-in, refresh, sign-out and second factors, with the rights of the user alone."""

    @pytest.fixture
    def router(self) -> Iterator[respx.MockRouter]:
        """Answer in the place of Auth."""
        with respx.mock(assert_all_called=False) as router:
            yield router

    def test_password_begins_a_session(self, router: respx.MockRouter) -> None:
        """The secret key is not sent: it would pass over Auth's limits."""
        route = router.post(f"{BASE}/token?grant_type=password").respond(json=SESSION)

        assert TOKENS == connected().sign_in("a@b.test", "secret")
        request = route.calls.last.request
        assert {"email": "a@b.test", "password": "secret"} == json.loads(request.content)
        assert ("sb_publishable_1", None) == (
            request.headers["apikey"],
            request.headers.get("Authorization"),
        )

    def test_refresh_token_continues_a_session(self, router: respx.MockRouter) -> None:
        """The body has the token, and the answer the next one."""
        route = router.post(f"{BASE}/token?grant_type=refresh_token").respond(json=SESSION)

        assert TOKENS == connected().refresh("old")
        assert {"refresh_token": "old"} == json.loads(route.calls.last.request.content)

    @pytest.mark.parametrize("status", [204, 401, 403, 404])
    def test_ended_session_is_signed_out(self, router: respx.MockRouter, status: int) -> None:
        """Only this session ends; one that Auth no longer knows has ended already."""
        route = router.post(f"{BASE}/logout?scope=local").respond(status)

        connected().sign_out("access")

        assert "Bearer access" == route.calls.last.request.headers["Authorization"]

    def test_verified_apps_are_factors(self, router: respx.MockRouter) -> None:
        """A phone, and an app that never showed a code, prove nothing."""
        factors = [
            {"id": "1", "factor_type": "totp", "status": "verified"},
            {"id": "2", "factor_type": "totp", "status": "unverified"},
            {"id": "3", "factor_type": "phone", "status": "verified"},
        ]
        user = router.get(f"{BASE}/user")
        user.side_effect = [
            httpx.Response(200, json={"factors": factors}),
            httpx.Response(200, json={"id": USER_ID}),
        ]

        assert ["1"] == connected().verified_factors("access")
        assert [] == connected().verified_factors("access")

    def test_app_is_enrolled(self, router: respx.MockRouter) -> None:
        """The names differ, because Auth refuses a name twice."""
        totp = {"secret": "S", "qr_code": "<svg/>", "uri": "otpauth://totp/x"}
        route = router.post(f"{BASE}/factors").respond(json={"id": FACTOR_ID, "totp": totp})

        enrolments = [connected().enrol("access") for _ in range(2)]

        expected = auth_api.Enrolment(factor_id=FACTOR_ID, secret="S", qr_code="<svg/>")
        assert [expected] * 2 == enrolments
        sent = [json.loads(call.request.content) for call in route.calls]
        assert {"totp"} == {body["factor_type"] for body in sent}
        assert 2 == len({body["friendly_name"] for body in sent})

    def test_code_proves_an_app(self, router: respx.MockRouter) -> None:
        """The code answers a challenge; the session gets new tokens."""
        path = f"{BASE}/factors/{FACTOR_ID}"
        router.post(f"{path}/challenge").respond(json={"id": "challenge"})
        verify = router.post(f"{path}/verify").respond(json=SESSION)

        assert TOKENS == connected().prove("access", FACTOR_ID, "123456")
        sent = json.loads(verify.calls.last.request.content)
        assert {"challenge_id": "challenge", "code": "123456"} == sent

    def test_wrong_code_is_refused(self, router: respx.MockRouter) -> None:
        """The second answer refuses, after a challenge that was good."""
        path = f"{BASE}/factors/{FACTOR_ID}"
        router.post(f"{path}/challenge").respond(json={"id": "challenge"})
        router.post(f"{path}/verify").respond(422, json={"code": "mfa_verification_failed"})

        with pytest.raises(RejectedError) as caught:
            connected().prove("access", FACTOR_ID, "123456")

        assert "INVALID_CODE" == caught.value.code


CALLS: dict[str, tuple[str, str, str, Callable[[auth_api.AuthApi], object]]] = {
    "sign_in": ("POST", "/token", "SIGN_IN_REFUSED", lambda auth: auth.sign_in("a@b.test", "x")),
    "refresh": ("POST", "/token", "UNAUTHORIZED", lambda auth: auth.refresh("x")),
    "sign_out": ("POST", "/logout", "AUTH_ERROR", lambda auth: auth.sign_out("x")),
    "verified_factors": ("GET", "/user", "UNAUTHORIZED", lambda auth: auth.verified_factors("x")),
    "enrol": ("POST", "/factors", "SECOND_FACTOR_REQUIRED", lambda auth: auth.enrol("x")),
    "prove": (
        "POST",
        f"/factors/{FACTOR_ID}/challenge",
        "INVALID_CODE",
        lambda auth: auth.prove("x", FACTOR_ID, "1"),
    ),
}


def failure_of(name: str, answer: httpx.Response | Exception) -> tuple[type[MarketError], str]:
    """Return the error of a call that Auth answers so, and see that it is sent once."""
    method, path, _, call = CALLS[name]
    with respx.mock() as router:
        route = router.request(method, url__startswith=f"{BASE}{path}")
        route.side_effect = [answer]
        with pytest.raises(MarketError) as caught:
            call(connected())
        assert 1 == route.call_count
    return type(caught.value), caught.value.code


@pytest.mark.parametrize("name", CALLS)
def test_call_of_a_session_has_its_errors(name: str) -> None:
    """No call is repeated: Auth counts each of them, and a password must not be tried twice."""
    refusal = RejectedError if CALLS[name][2] != "AUTH_ERROR" else MarketError

    assert (refusal, CALLS[name][2]) == failure_of(name, httpx.Response(400, json={}))
    assert (TransientError, "AUTH_UNREACHABLE") == failure_of(name, httpx.Response(503))
    assert (TransientError, "AUTH_UNREACHABLE") == failure_of(name, httpx.ConnectError("x"))
    assert (MarketError, "AUTH_ERROR") == failure_of(name, httpx.Response(302))


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"sign_out"}))
def test_answer_of_a_session_must_be_whole(name: str) -> None:
    """A proxy's page is transient; JSON without what we need is an error of the other side."""
    assert (TransientError, "AUTH_UNREACHABLE") == failure_of(
        name, httpx.Response(200, text="<h1>")
    )
    assert (MarketError, "AUTH_ERROR") == failure_of(name, httpx.Response(200, json=[]))


@pytest.mark.parametrize("name", ["sign_in", "refresh", "enrol"])
def test_answer_without_its_secret_is_an_error(name: str) -> None:
    """An object of another form is no session and no enrolment."""
    assert (MarketError, "AUTH_ERROR") == failure_of(name, httpx.Response(200, json={"a": 1}))


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"sign_out"}))
def test_limit_of_auth_is_a_refusal(name: str) -> None:
    """The person waits, and we add no load."""
    assert (RejectedError, "RATE_LIMITED") == failure_of(name, httpx.Response(429))


@pytest.mark.parametrize("name", sorted(CALLS.keys() - {"sign_out"}))
def test_conflict_of_two_tabs_ends_no_session(name: str) -> None:
    """Auth answers 409 to a refresh while another one of the same session holds its lock."""
    answer = httpx.Response(409, json={"code": "conflict"})

    assert (TransientError, "AUTH_UNREACHABLE") == failure_of(name, answer)


def test_tokens_are_not_printed() -> None:
    """A log or a traceback must not hold them."""
    enrolment = auth_api.Enrolment(factor_id="1", secret="secret", qr_code="secret")

    assert "access" not in repr(TOKENS).replace("access_token", "")
    assert "secret" not in repr(enrolment)

"""`market.auth_api`: the published keys, the deletion of users, and failing calls."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import respx

from market import auth_api
from market.errors import MarketError, TransientError
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

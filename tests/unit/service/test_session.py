"""`service.session`: the tokens, cookies and origins that a session needs."""

import base64
import json
import time
import uuid
from collections.abc import Callable
from typing import Any
from unittest.mock import create_autospec

import jwt
import pytest
import structlog
from flask import Flask

from market.database import Database
from market.errors import RejectedError
from service.keys import KeyRing
from service.session import Session, Sessions
from tests.support.factories import BUYER_ID, SESSION_ID, make_settings
from tests.support.tokens import JWKS, RSA_KEY, UNKNOWN_KEY, forged_tokens
from tests.unit.service.adapters import ISSUER, make_claims, make_token


SHARED_SECRET = "a-shared-secret-of-more-than-32-bytes"
LIVE = {"is_live": True, "is_suspended": False, "role": "buyer"}
ORIGIN = "https://shop.test"


@pytest.fixture
def database() -> Any:
    database = create_autospec(Database, instance=True)
    database.call.return_value = LIVE
    return database


def sessions_of(database: Any = None, **settings: Any) -> Sessions:
    return Sessions(database, KeyRing(lambda: JWKS), make_settings(**settings))


def session_for(
    sessions: Sessions,
    *,
    method: str = "GET",
    cookies: dict[str, str] | None = None,
    is_live: bool = False,
    headers: dict[str, str] | None = None,
) -> Session:
    """Ask for the session of a request with these headers and cookies."""
    sent = dict(headers or {})
    if cookies:
        sent["Cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())
    with Flask("t").test_request_context("/", method=method, headers=sent):
        return sessions.require_live_session() if is_live else sessions.require_session()


def by_token(token: str, **settings: Any) -> Session:
    return session_for(sessions_of(**settings), headers={"Authorization": f"Bearer {token}"})


def refusal_of(ask: Callable[[], object]) -> str:
    with pytest.raises(RejectedError) as caught:
        ask()
    return caught.value.code


def cookie_of(token: str) -> dict[str, str]:
    session = json.dumps({"access_token": token, "refresh_token": "r"})
    return {
        "sb-project-auth-token": "base64-" + base64.urlsafe_b64encode(session.encode()).decode()
    }


@pytest.mark.parametrize(
    "token",
    [make_token(), make_token(key=RSA_KEY, key_id="rsa-1", algorithm="RS256")],
    ids=["ES256", "RS256"],
)
def test_signed_token_is_a_session(token: str) -> None:
    """Both kinds of key that Auth signs with are accepted."""
    claims = jwt.decode(token, options={"verify_signature": False})

    assert Session(
        user_id=BUYER_ID,
        role="authenticated",
        aal="aal1",
        session_id=SESSION_ID,
        expires_at=claims["exp"],
    ) == by_token(token)


def test_token_without_a_session_id_is_a_session() -> None:
    """A token without a session id and a level is accepted."""
    claims = make_claims()
    del claims["session_id"], claims["aal"]

    session = by_token(make_token(claims))

    assert (None, "aal1") == (session.session_id, session.aal)


def test_session_never_shows_its_token() -> None:
    """A session keeps the token for calls as the user; no log or traceback may have it."""
    token = make_token()

    session = by_token(token)

    assert token == session.access_token
    assert token not in repr(session)


def test_legacy_token_needs_the_shared_secret() -> None:
    """HS256 is accepted only with the shared secret in the settings."""
    token = make_token(key=SHARED_SECRET, key_id=None, algorithm="HS256")

    assert BUYER_ID == by_token(token, supabase_jwt_secret=SHARED_SECRET).user_id
    assert "UNAUTHORIZED" == refusal_of(lambda: by_token(token))


def test_clock_ahead_of_ours_is_no_matter() -> None:
    """A token of the next second is accepted, because clocks differ."""
    assert BUYER_ID == by_token(make_token(make_claims(iat=int(time.time()) + 30))).user_id


def without(claim: str) -> dict[str, Any]:
    claims = make_claims()
    del claims[claim]
    return claims


FORGERIES = {"empty": "", **forged_tokens(make_claims())}


@pytest.mark.parametrize("supabase_jwt_secret", ["", SHARED_SECRET])
@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_forged_token_is_refused(token: str, supabase_jwt_secret: str) -> None:
    """Each forged token is refused, one signed by a shared secret included."""
    assert "UNAUTHORIZED" == refusal_of(
        lambda: by_token(token, supabase_jwt_secret=supabase_jwt_secret)
    )


OTHER_ISSUER = "https://id.shop.test/auth/v1"


def test_issuer_is_the_one_of_the_settings() -> None:
    """The issuer must be that of the settings."""
    token = make_token(make_claims(iss=OTHER_ISSUER))

    assert BUYER_ID == by_token(token, supabase_jwt_issuer=OTHER_ISSUER).user_id
    assert "UNAUTHORIZED" == refusal_of(
        lambda: by_token(make_token(), supabase_jwt_issuer=OTHER_ISSUER)
    )


def test_refusal_for_the_issuer_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator reads both names, once a minute: a wrong setting refuses every request."""
    now = time.monotonic()
    monkeypatch.setattr("service.session.time.monotonic", lambda: now)
    sessions = sessions_of()
    headers = {"Authorization": f"Bearer {make_token(make_claims(iss=OTHER_ISSUER))}"}

    with structlog.testing.capture_logs() as lines:
        for _ in range(100):
            refusal_of(lambda: session_for(sessions, headers=headers))
        monkeypatch.setattr("service.session.time.monotonic", lambda: now + 61)
        refusal_of(lambda: session_for(sessions, headers=headers))

    assert [
        {
            "event": "token_issuer_refused",
            "log_level": "warning",
            "issuer": OTHER_ISSUER,
            "expected_issuer": ISSUER,
        }
    ] * 2 == lines


def test_forged_issuer_is_not_logged() -> None:
    """Only a name that Auth has signed gets into the warning."""
    token = make_token(make_claims(iss="http://evil.test/auth/v1"), key=UNKNOWN_KEY)

    with structlog.testing.capture_logs() as lines:
        refusal_of(lambda: by_token(token))

    assert [] == lines


@pytest.mark.parametrize("token", FORGERIES.values(), ids=FORGERIES.keys())
def test_forged_cookie_is_refused(token: str) -> None:
    """A forged token in a cookie is refused."""
    assert "UNAUTHORIZED" == refusal_of(
        lambda: session_for(sessions_of(), cookies=cookie_of(token))
    )


@pytest.mark.parametrize("authorization", ["", "Basic YTpi", "Bearer", "Bearer ", "bearer"])
def test_request_without_a_token_is_refused(authorization: str) -> None:
    """A request without a token is refused."""
    assert "UNAUTHORIZED" == refusal_of(
        lambda: session_for(sessions_of(), headers={"Authorization": authorization})
    )


@pytest.mark.parametrize("header", ["X-User-Id", "X-Test-User", "X-Supabase-User", "Apikey"])
def test_header_chooses_no_user(header: str) -> None:
    """No other header chooses the user."""
    assert "UNAUTHORIZED" == refusal_of(
        lambda: session_for(sessions_of(), headers={header: BUYER_ID})
    )


def test_metadata_gives_no_role() -> None:
    """A token's metadata give no role."""
    claims = make_claims(user_metadata={"role": "admin"}, app_metadata={"role": "admin"})

    assert "authenticated" == by_token(make_token(claims)).role


def test_cookie_is_a_session() -> None:
    """A cookie of Supabase's library is accepted."""
    assert BUYER_ID == session_for(sessions_of(), cookies=cookie_of(make_token())).user_id


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": ORIGIN},
        {"Origin": "HTTPS://Shop.Test"},
        {"Referer": f"{ORIGIN}/orders/1"},
        {"Origin": ORIGIN, "Referer": "https://evil.test/"},
    ],
)
def test_write_from_the_site_is_taken(method: str, headers: dict[str, str]) -> None:
    """A write with a cookie needs our site in Origin, or else in Referer."""
    session = session_for(
        sessions_of(), method=method, cookies=cookie_of(make_token()), headers=headers
    )

    assert BUYER_ID == session.user_id


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    ("headers", "detail"),
    [
        ({}, "origin-missing"),
        ({"Referer": ""}, "origin-missing"),
        ({"Referer": "/orders"}, "origin-missing"),
        ({"Referer": "http://["}, "origin-missing"),
        ({"Origin": "null"}, "origin-mismatch"),
        ({"Origin": ""}, "origin-mismatch"),
        ({"Origin": "https://evil.test"}, "origin-mismatch"),
        ({"Origin": "http://shop.test"}, "origin-mismatch"),
        ({"Origin": "https://shop.test.evil.test"}, "origin-mismatch"),
        ({"Origin": "https://evil.test", "Referer": f"{ORIGIN}/"}, "origin-mismatch"),
        ({"Referer": "https://evil.test/https://shop.test"}, "origin-mismatch"),
        ({"Referer": "https://shop.test@evil.test/"}, "origin-mismatch"),
        ({"Origin": "https://evil.test", "X-CSRF-Bypass": "1"}, "origin-mismatch"),
    ],
)
def test_write_from_elsewhere_is_refused(method: str, headers: dict[str, str], detail: str) -> None:
    """A write with a cookie from another site is refused."""
    with pytest.raises(RejectedError) as caught:
        session_for(sessions_of(), method=method, cookies=cookie_of(make_token()), headers=headers)

    assert ("CSRF_INVALID", detail) == (caught.value.code, caught.value.detail)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_read_may_come_from_anywhere(method: str) -> None:
    """A read needs no origin."""
    assert (
        BUYER_ID
        == session_for(sessions_of(), method=method, cookies=cookie_of(make_token())).user_id
    )


def test_write_with_a_token_alone_needs_no_origin() -> None:
    """A write with a bearer token alone needs no origin."""
    session = session_for(
        sessions_of(), method="POST", headers={"Authorization": f"Bearer {make_token()}"}
    )

    assert BUYER_ID == session.user_id


def test_token_beside_a_cookie_does_not_switch_the_check_off() -> None:
    """A bearer token beside a cookie still needs an origin."""
    assert "CSRF_INVALID" == refusal_of(
        lambda: session_for(
            sessions_of(),
            method="POST",
            cookies=cookie_of(make_token()),
            headers={"Authorization": f"Bearer {make_token()}"},
        )
    )


def test_token_goes_before_the_cookie() -> None:
    """The bearer token counts before the cookie."""
    other = str(uuid.uuid4())

    session = session_for(
        sessions_of(),
        cookies=cookie_of(make_token(make_claims(sub=other))),
        headers={"Authorization": f"Bearer {make_token()}"},
    )

    assert BUYER_ID == session.user_id


def test_live_session_is_asked_of_the_database(database: Any) -> None:
    """A live session is looked up in the database."""
    session = session_for(
        sessions_of(database), is_live=True, headers={"Authorization": f"Bearer {make_token()}"}
    )

    assert BUYER_ID == session.user_id
    database.call.assert_called_once_with(
        "session_is_live", user_id=BUYER_ID, session_id=SESSION_ID
    )


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"is_live": False}, "UNAUTHORIZED"),
        ({"is_live": False, "is_suspended": True}, "UNAUTHORIZED"),
        ({"is_suspended": True}, "USER_SUSPENDED"),
    ],
)
def test_ended_or_suspended_session_is_refused(
    database: Any, answer: dict[str, bool], code: str
) -> None:
    """An ended session and a suspended user are refused where money moves."""
    database.call.return_value = LIVE | answer

    assert code == refusal_of(
        lambda: session_for(
            sessions_of(database), is_live=True, headers={"Authorization": f"Bearer {make_token()}"}
        )
    )


def test_known_session_of_a_suspended_user_is_served(database: Any) -> None:
    """A suspended user still reads orders; after a sign-out nobody does."""
    headers = {"Authorization": f"Bearer {make_token()}"}
    sessions = sessions_of(database)
    with Flask("t").test_request_context("/", headers=headers):
        database.call.return_value = LIVE | {"is_suspended": True}
        assert BUYER_ID == sessions.require_known_session().user_id
        database.call.return_value = LIVE | {"is_live": False, "is_suspended": True}
        assert "UNAUTHORIZED" == refusal_of(sessions.require_known_session)


def test_session_without_an_id_is_not_live(database: Any) -> None:
    """A session without an id is refused where a live one is needed."""
    token = make_token(without("session_id"))

    assert "UNAUTHORIZED" == refusal_of(
        lambda: session_for(
            sessions_of(database), is_live=True, headers={"Authorization": f"Bearer {token}"}
        )
    )
    database.call.assert_not_called()


def test_forged_token_asks_no_database(database: Any) -> None:
    """A request without a valid token opens no connection to the database."""
    refusal_of(
        lambda: session_for(
            sessions_of(database), is_live=True, headers={"Authorization": "Bearer x"}
        )
    )

    database.call.assert_not_called()


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"role": "moderator", "is_staff": True}, None),
        ({"role": "moderator", "is_staff": False}, "SECOND_FACTOR_REQUIRED"),
        ({"role": "admin", "is_staff": False}, "SECOND_FACTOR_REQUIRED"),
        ({"role": "seller", "is_staff": False}, "FORBIDDEN"),
        ({"role": "admin", "is_staff": True, "is_suspended": True}, "USER_SUSPENDED"),
        ({"role": "admin", "is_staff": True, "is_live": False}, "UNAUTHORIZED"),
    ],
)
def test_staff_with_a_weak_session_can_mend_it(
    database: Any, answer: dict[str, Any], code: str | None
) -> None:
    """SQL grants the rights; the role only names the way to them."""
    database.call.return_value = LIVE | answer
    sessions = sessions_of(database)
    session = sessions.session_of(make_token())

    if code is None:
        assert answer["role"] == sessions.check_staff(session)
    else:
        assert code == refusal_of(lambda: sessions.check_staff(session))
    assert "aal1" == database.call.call_args.kwargs["aal"]

"""`service.console.signing_in` and `visits`: who gets in, and how the browser keeps the session."""

import time
from typing import Any

import pytest
from structlog.testing import capture_logs

from market.auth_api import Enrolment, Tokens
from market.errors import MarketError, RejectedError, TransientError
from service.app import create_app
from service.route_table import pages_of, routes_of
from tests.support.factories import BUYER_ID, make_settings
from tests.unit.service.adapters import Service, make_claims, make_service, make_token
from tests.unit.service.console.browsing import (
    ACCESS_COOKIE,
    BUYER,
    FORM_COOKIE,
    ORIGIN,
    PATH,
    REFRESH_COOKIE,
    STAFF,
    WEAK,
    Visitor,
    answering,
    staff_of,
    token_in,
)


SIGN_IN = {"email": " ops@shop.test ", "password": "secret"}
FACTOR_ID = "0b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"
OTHER_ID = "1b0d3d52-4a3e-4f0e-8a77-5c9b6a1e2d22"
STRONG = Tokens(access_token=make_token(make_claims(aal="aal2")), refresh_token="next")


@pytest.fixture
def service() -> Service:
    service = make_service()
    answering(service)
    return service


def weak(service: Service) -> Visitor:
    """Return the browser of a member of staff who has not proved a second factor."""
    answering(service, staff=WEAK)
    return Visitor(service, make_token())


def test_all_pages_lie_below_one_path() -> None:
    """Only what stands there may be no route of the API, and all of it is a page."""
    app = create_app(make_settings())

    assert all(rule.startswith(PATH) for _, rule, _ in pages_of(app))
    assert not [rule for _, rule, _ in routes_of(app) if rule.startswith(PATH)]


def test_visitor_gets_the_sign_in_page(service: Service) -> None:
    """The database is not asked, and the page has a form for this browser alone."""
    visitor = Visitor(service)

    answer = visitor.get()

    assert (401, "Bearer") == (answer.status_code, answer.headers["WWW-Authenticate"])
    assert "<h1>Sign in</h1>" in answer.text
    assert 'role="alert"' not in answer.text
    assert [] == service.called
    assert token_in(answer) == token_in(visitor.get("/audit"))
    assert token_in(answer) != token_in(Visitor(make_service()).get())


def test_page_is_closed_to_other_sites(service: Service) -> None:
    """Pages, errors and files have headers by which no other site loads or frames them."""
    for path in ("", "/console.css", "/console.js", "/audit"):
        headers = Visitor(service).get(path).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "img-src 'none'; form-action 'self'; frame-ancestors 'none'" in policy
        assert ("DENY", "nosniff", "same-origin") == (
            headers["X-Frame-Options"],
            headers["X-Content-Type-Options"],
            headers["Referrer-Policy"],
        )
        assert "no-store" == headers["Cache-Control"]


def test_cookies_reach_neither_scripts_nor_other_paths(service: Service) -> None:
    """No request from another site has the session; a link has the key, or it would replace it."""
    visitor = Visitor(service)
    token = token_in(visitor.get())
    service.auth_api.sign_in.return_value = STRONG

    answer = visitor.post("/sign-in", SIGN_IN | {"form_token": token})

    lines = answer.headers.getlist("Set-Cookie")
    assert {ACCESS_COOKIE, REFRESH_COOKIE, FORM_COOKIE} == {line.split("=")[0] for line in lines}
    for line in lines:
        attributes = {part.strip() for part in line.split(";")[1:]}
        same_site = "Lax" if line.startswith(FORM_COOKIE) else "Strict"
        assert {"Secure", "HttpOnly", f"Path={PATH}", f"SameSite={same_site}"} == attributes


def test_password_opens_the_console(service: Service) -> None:
    """The browser is led to the pages, and gets another key for its forms."""
    visitor = Visitor(service)
    token = token_in(visitor.get())
    key = visitor.cookie(FORM_COOKIE)
    service.auth_api.sign_in.return_value = STRONG

    with capture_logs() as logs:
        answer = visitor.post("/sign-in", SIGN_IN | {"form_token": token})

    assert (303, PATH) == (answer.status_code, answer.headers["Location"])
    assert ("console_signed_in", BUYER_ID) == (logs[-1]["event"], logs[-1]["user_id"])
    service.auth_api.sign_in.assert_called_once_with("ops@shop.test", "secret")
    assert STRONG.access_token == visitor.cookie(ACCESS_COOKIE)
    assert key != visitor.cookie(FORM_COOKIE)


@pytest.mark.parametrize(
    ("error", "status", "text"),
    [
        (RejectedError("SIGN_IN_REFUSED"), 400, "E-mail or password is wrong."),
        (RejectedError("RATE_LIMITED", fields={"retry_after_ms": 1000}), 429, "Too many requests"),
        (TransientError("AUTH_UNREACHABLE"), 503, "Not done"),
        (MarketError("AUTH_ERROR"), 500, "Not done"),
    ],
)
def test_refused_sign_in_says_why(
    service: Service, error: MarketError, status: int, text: str
) -> None:
    """The page never repeats the password."""
    visitor = Visitor(service)
    token = token_in(visitor.get())
    service.auth_api.sign_in.side_effect = error

    answer = visitor.post("/sign-in", SIGN_IN | {"form_token": token})

    assert (status, True) == (answer.status_code, text in answer.text)
    assert "secret" not in answer.text
    assert visitor.cookie(ACCESS_COOKIE) is None


def test_tries_of_a_password_are_limited(service: Service) -> None:
    """Ten in a minute from one address; forms without their token do not use them up."""
    visitor = Visitor(service)
    form = SIGN_IN | {"form_token": token_in(visitor.get())}
    service.auth_api.sign_in.side_effect = RejectedError("SIGN_IN_REFUSED")
    visitor.post("/sign-in", SIGN_IN)

    statuses = [visitor.post("/sign-in", form).status_code for _ in range(11)]

    assert [400] * 10 + [429] == statuses
    assert 10 == service.auth_api.sign_in.call_count


@pytest.mark.parametrize("changes", [{"email": ""}, {"password": ""}, {"email": "x" * 321}])
def test_malformed_sign_in_is_refused(service: Service, changes: dict[str, str]) -> None:
    """Auth is not asked."""
    visitor = Visitor(service)
    token = token_in(visitor.get())

    answer = visitor.post("/sign-in", SIGN_IN | {"form_token": token} | changes)

    assert 400 == answer.status_code
    service.auth_api.sign_in.assert_not_called()


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/second-factor", "/enrol", "/messages"])
@pytest.mark.parametrize(
    ("origin", "fault"),
    [(None, "origin-missing"), ("null", "origin-mismatch"), (f"{ORIGIN}.evil", "origin-mismatch")],
)
def test_form_of_another_site_is_refused(
    service: Service, path: str, origin: str | None, fault: str
) -> None:
    """The origin decides before the session is looked at."""
    answer = staff_of(service).post(path, origin=origin)

    assert (403, fault) == (answer.status_code, answer.headers["X-CSRF-Error"])
    assert [] == service.called


@pytest.mark.parametrize("path", ["/sign-in", "/sign-out", "/second-factor", "/enrol", "/messages"])
@pytest.mark.parametrize("form", [{}, {"form_token": ""}, {"form_token": "0" * 64}])
def test_form_without_its_token_is_refused(
    service: Service, path: str, form: dict[str, str]
) -> None:
    """A browser without the cookie has no token either."""
    visitor = staff_of(service)

    bare = visitor.post(path, form)
    visitor.get()
    answer = visitor.post(path, form)

    for one in (bare, answer):
        assert (403, "form-token") == (one.status_code, one.headers["X-CSRF-Error"])
        assert "out of date" in one.text
    service.auth_api.sign_out.assert_not_called()


def test_token_of_a_form_belongs_to_one_session(service: Service) -> None:
    """A form from before the sign-in, or of another session, is no form of this one."""
    visitor = Visitor(service)
    before = token_in(visitor.get())
    visitor.keep(ACCESS_COOKIE, make_token(make_claims(aal="aal2")))
    now = token_in(visitor.get("/search"))
    visitor.keep(ACCESS_COOKIE, make_token(make_claims(aal="aal2", session_id=BUYER_ID)))
    other = token_in(visitor.get("/search"))

    assert 3 == len({before, now, other})
    for token in (before, now):
        assert 403 == visitor.post("/sign-out", {"form_token": token}).status_code
    assert 303 == visitor.post("/sign-out", {"form_token": other}).status_code


def test_user_who_is_no_staff_is_told_so(service: Service) -> None:
    """The page lets them sign out, and shows nothing else."""
    answering(service, staff=BUYER)

    answer = Visitor(service, make_token()).get()

    assert 403 == answer.status_code
    assert "this is not for you" in answer.text
    assert "Sign out" in answer.text
    assert "<nav" not in answer.text
    assert ["session_is_staff"] == service.called


@pytest.mark.parametrize(
    ("answer", "status"), [({"is_suspended": True}, 403), ({"is_live": False}, 401)]
)
def test_suspended_or_ended_session_is_refused(
    service: Service, answer: dict[str, Any], status: int
) -> None:
    """A session that has ended leaves the browser too."""
    answering(service, staff=STAFF | answer)
    visitor = staff_of(service)

    assert status == visitor.get().status_code
    assert (visitor.cookie(ACCESS_COOKIE) is None) is (status == 401)


def test_weak_session_gets_the_page_of_the_second_factor(service: Service) -> None:
    """The page asks for a code, and offers an enrolment."""
    answer = weak(service).get("/orders")

    assert 401 == answer.status_code
    assert "insufficient_user_authentication" in answer.headers["WWW-Authenticate"]
    assert "<h1>Prove your second factor</h1>" in answer.text
    assert 'role="alert"' not in answer.text


def prove(visitor: Visitor, **form: str) -> Any:
    token = token_in(visitor.get())
    return visitor.post("/second-factor", {"code": "123 456", "form_token": token, **form})


def test_code_opens_the_console(service: Service) -> None:
    """The user's own app is found at Auth, and a space in the code is no mistake."""
    visitor = weak(service)
    service.auth_api.verified_factors.return_value = [FACTOR_ID]
    service.auth_api.prove.return_value = STRONG

    answer = prove(visitor)

    assert (303, PATH) == (answer.status_code, answer.headers["Location"])
    [sent] = service.auth_api.prove.call_args_list
    assert (FACTOR_ID, "123456") == sent.args[1:]
    assert STRONG.refresh_token == visitor.cookie(REFRESH_COOKIE)


@pytest.mark.parametrize(
    ("errors", "status"),
    [
        ([RejectedError("INVALID_CODE"), STRONG], 303),
        ([RejectedError("INVALID_CODE"), RejectedError("INVALID_CODE")], 400),
        ([RejectedError("RATE_LIMITED")], 429),
    ],
)
def test_code_of_any_own_app_counts(service: Service, errors: list[Any], status: int) -> None:
    """Somebody with two phones proves one of them."""
    visitor = weak(service)
    service.auth_api.verified_factors.return_value = [FACTOR_ID, OTHER_ID]
    service.auth_api.prove.side_effect = errors

    assert status == prove(visitor).status_code
    assert len(errors) == service.auth_api.prove.call_count


def test_session_that_ended_before_the_code_can_begin_again(service: Service) -> None:
    """Auth alone knows it then. The page that follows is that of a visitor, and its form works."""
    visitor = weak(service)
    service.auth_api.verified_factors.side_effect = RejectedError("UNAUTHORIZED")
    service.auth_api.sign_in.return_value = STRONG

    page = prove(visitor)
    session = visitor.cookie(ACCESS_COOKIE)
    again = visitor.post("/sign-in", SIGN_IN | {"form_token": token_in(page)})

    assert (401, True) == (page.status_code, "<h1>Sign in</h1>" in page.text)
    assert session is None
    assert 303 == again.status_code


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "\u0661\u0662\u0663\u0664\u0665\u0666"]
)
def test_code_has_six_digits(service: Service, code: str) -> None:
    """Other texts do not reach Auth, and the page tells the person to try again."""
    answer = prove(weak(service), code=code)

    assert (400, True) == (answer.status_code, "This code is wrong" in answer.text)
    service.auth_api.prove.assert_not_called()


def test_code_without_an_app_is_refused(service: Service) -> None:
    """The page says what to do first."""
    service.auth_api.verified_factors.return_value = []

    answer = prove(weak(service))

    assert (400, True) == (answer.status_code, "Set up an authenticator app first." in answer.text)


def test_app_is_enrolled_by_its_first_code(service: Service) -> None:
    """The image stands in the page, and a wrong code can be corrected for the same app."""
    visitor = weak(service)
    token = token_in(visitor.get())
    service.auth_api.enrol.return_value = Enrolment(
        factor_id=FACTOR_ID, secret="SECRET", qr_code='<svg id="a"/>'
    )
    service.auth_api.prove.side_effect = [RejectedError("INVALID_CODE"), STRONG]

    page = visitor.post("/enrol", {"form_token": token})

    assert (200, True) == (page.status_code, "<code>SECRET</code>" in page.text)
    assert "img-src data:" in page.headers["Content-Security-Policy"]
    assert 'src="data:image/svg+xml,%3Csvg%20id%3D%22a%22/%3E"' in page.text
    wrong = prove(visitor, factor_id=FACTOR_ID)
    assert f'name="factor_id" value="{FACTOR_ID}"' in wrong.text
    assert 303 == prove(visitor, factor_id=FACTOR_ID).status_code
    service.auth_api.verified_factors.assert_not_called()


@pytest.mark.parametrize(
    ("code", "status", "text"),
    [("SECOND_FACTOR_REQUIRED", 401, "have an authenticator app already"), ("X", 500, "Not done")],
)
def test_second_app_needs_the_first(service: Service, code: str, status: int, text: str) -> None:
    """A password alone must not add a factor."""
    visitor = weak(service)
    token = token_in(visitor.get())
    service.auth_api.enrol.side_effect = RejectedError(code)

    answer = visitor.post("/enrol", {"form_token": token})

    assert (status, True) == (answer.status_code, text in answer.text)


def test_expired_token_is_refreshed(service: Service) -> None:
    """A token that expires during the request counts as expired; the pages go on as before."""
    soon = make_token(make_claims(exp=int(time.time()) + 30))
    service.auth_api.refresh.return_value = STRONG
    for token in (soon, make_token(make_claims(exp=1)), "nonsense", ""):
        visitor = Visitor(service, token)
        visitor.keep(REFRESH_COOKIE, "last")

        assert 200 == visitor.get("/search").status_code
        service.auth_api.refresh.assert_called_with("last")
        assert (STRONG.access_token, "next") == (
            visitor.cookie(ACCESS_COOKIE),
            visitor.cookie(REFRESH_COOKIE),
        )


@pytest.mark.parametrize(
    ("code", "status", "is_kept"), [("UNAUTHORIZED", 401, False), ("RATE_LIMITED", 429, True)]
)
def test_refused_refresh_ends_the_visit(
    service: Service, code: str, status: int, *, is_kept: bool
) -> None:
    """A session that Auth has ended leaves the browser; a busy Auth ends none."""
    visitor = Visitor(service, "nonsense")
    visitor.keep(REFRESH_COOKIE, "last")
    service.auth_api.refresh.side_effect = RejectedError(code)

    assert status == visitor.get().status_code
    assert is_kept is (visitor.cookie(REFRESH_COOKIE) is not None)


def test_visitors_are_limited_by_address(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither an invented token nor a file of the pages is free."""
    monkeypatch.setattr("service.limits._HITS_PER_WINDOW", 1)

    assert [401, 429] == [Visitor(service, "x").get(path).status_code for path in ("", "/jobs")]
    assert 429 == Visitor(service).get("/console.css").status_code


def test_link_of_another_site_says_that_the_session_stayed_behind(service: Service) -> None:
    """Browsers send no strict cookie with it, so the page offers to open itself once more."""
    sent = {"Sec-Fetch-Site": "cross-site"}

    linked = Visitor(service).get("/orders?state=paid", **sent)
    typed = Visitor(service).get("/orders?state=paid", **{"Sec-Fetch-Site": "none"})

    assert f'<a href="{PATH}/orders?state=paid">Open the page</a>' in linked.text
    assert "Open the page" not in typed.text


def test_sign_out_after_a_refresh_leaves_no_token(service: Service) -> None:
    """The tokens that the same request got leave the browser too."""
    visitor = staff_of(service)
    token = token_in(visitor.get("/search"))
    service.auth_api.refresh.return_value = STRONG
    for old in ("nonsense", None):
        if old is None:
            visitor.forget(ACCESS_COOKIE)
        else:
            visitor.keep(ACCESS_COOKIE, old)
        visitor.keep(REFRESH_COOKIE, "last")

        assert 303 == visitor.post("/sign-out", {"form_token": token}).status_code
        assert (None, None) == (visitor.cookie(ACCESS_COOKIE), visitor.cookie(REFRESH_COOKIE))


def test_session_that_ends_within_a_page_leaves_no_menu(service: Service) -> None:
    """The database refuses the token of a page that began with a live session."""
    answering(service, tables={"disputes": RejectedError("UNAUTHORIZED")})
    visitor = staff_of(service)

    answer = visitor.get("/disputes")

    assert (401, True) == (answer.status_code, "<h1>Sign in</h1>" in answer.text)
    assert "<nav" not in answer.text
    assert visitor.cookie(ACCESS_COOKIE) is None


def test_sign_out_ends_the_session(service: Service) -> None:
    """A sign-out ends the session at Auth and in the browser."""
    visitor = staff_of(service)
    token = token_in(visitor.get("/search"))

    answer = visitor.post("/sign-out", {"form_token": token})

    assert (303, PATH) == (answer.status_code, answer.headers["Location"])
    service.auth_api.sign_out.assert_called_once()
    assert visitor.cookie(ACCESS_COOKIE) is None
    assert 401 == visitor.get().status_code


def test_old_token_without_a_session_id_opens_nothing(service: Service) -> None:
    """The session of a token without an id cannot be looked up, so the console refuses it."""
    claims = make_claims(aal="aal2")
    del claims["session_id"]

    assert 401 == Visitor(service, make_token(claims)).get().status_code
    assert [] == service.called

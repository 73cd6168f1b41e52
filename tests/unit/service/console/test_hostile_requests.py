"""Requests that want to get something else out of the console than a page for its reader."""

import re
from pathlib import Path

import pytest
from werkzeug.test import TestResponse

from market.auth_api import Tokens
from market.errors import RejectedError
from service.console import rendering
from tests.support.factories import BUYER_ID, ORDER_ID
from tests.unit.service.adapters import Service, make_claims, make_service, make_token
from tests.unit.service.console.browsing import (
    ACCESS_COOKIE,
    FORM_COOKIE,
    PATH,
    REFRESH_COOKIE,
    Visitor,
    answering,
    staff_of,
    token_in,
)
from tests.unit.service.console.test_pages import PATHS, RPCS, TABLES


SUSPEND = {
    "user_id": ORDER_ID,
    "reason": "The seller asked for it",
    "request_id": BUYER_ID,
}
TOKENS = Tokens(access_token=make_token(make_claims(aal="aal2")), refresh_token="refresh-secret")


@pytest.fixture
def service() -> Service:
    service = make_service()
    answering(service, RPCS | {"staff_suspend_user": {"success": True}}, TABLES)
    return service


def check_headers(answer: TestResponse) -> None:
    """Fail unless no cache keeps the answer, no site frames it and no other origin reads it."""
    headers = answer.headers
    assert "no-store" == headers["Cache-Control"]
    assert "DENY" == headers["X-Frame-Options"]
    assert "nosniff" == headers["X-Content-Type-Options"]
    assert ("same-origin", "same-origin") == (
        headers["Cross-Origin-Opener-Policy"],
        headers["Cross-Origin-Resource-Policy"],
    )
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert [] == [name for name in dict(headers) if name.startswith("Access-Control")]


@pytest.mark.parametrize("path", [*PATHS, "/nothing", "/orders/x", "/orders?state=x"])
def test_no_cache_frame_or_origin_gets_a_page(service: Service, path: str) -> None:
    """The headers stand at each page and at each error."""
    check_headers(staff_of(service).get(path, Origin="https://evil.test"))


def test_no_cache_or_frame_gets_the_answer_to_a_form(service: Service) -> None:
    """A redirect and a refusal have the headers of a page."""
    visitor = staff_of(service)
    form = SUSPEND | {"form_token": token_in(visitor.get("/search"))}

    answers = [visitor.post("/actions/suspend-user", form | {"reason": text})
               for text in (SUSPEND["reason"], "short")]  # fmt: skip

    assert [303, 400] == [answer.status_code for answer in answers]
    for answer in answers:
        check_headers(answer)


@pytest.mark.parametrize("destination", ["empty", "iframe", "frame", "object", "embed", "image"])
def test_script_and_frame_get_no_page(service: Service, destination: str) -> None:
    """A script of the web app has our origin and cookies, but cannot name itself a tab."""
    visitor = staff_of(service)
    sent = {"Sec-Fetch-Dest": destination, "Sec-Fetch-Site": "same-origin"}

    answer = visitor.get("/users/" + BUYER_ID, **sent)

    assert (403, True) == (answer.status_code, "in a tab of the browser" in answer.text)
    assert "alice@shop.test" not in answer.text
    assert [] == service.called


@pytest.mark.parametrize(
    ("path", "destination"),
    [("/search", "document"), ("/console.css", "style"), ("/console.js", "script")],
)
def test_tab_gets_the_page_with_its_files(service: Service, path: str, destination: str) -> None:
    """Browsers send the header with each request to a secure address."""
    assert 200 == staff_of(service).get(path, **{"Sec-Fetch-Dest": destination}).status_code


@pytest.mark.parametrize(
    "query",
    [
        "next=https://evil.test",
        "next=//evil.test",
        "done=//evil.test",
        "return_to=https%3A%2F%2Fevil.test",
        "next=%0d%0aSet-Cookie:%20a=b",
        "done=%0d%0aSet-Cookie:%20a=b",
    ],
)
def test_no_form_leads_elsewhere(service: Service, query: str) -> None:
    """The place after a form follows from the form alone, and a page repeats no foreign word."""
    visitor = Visitor(service)
    service.auth_api.sign_in.return_value = TOKENS
    form = {"email": "a@b.test", "password": "x", "form_token": token_in(visitor.get(f"?{query}"))}

    entered = visitor.post(f"/sign-in?{query}", form)
    page = visitor.get(f"/search?{query}")
    token = token_in(page)
    acted = visitor.post(f"/actions/suspend-user?{query}", SUSPEND | {"form_token": token})
    left = visitor.post(f"/sign-out?{query}", {"form_token": token})

    assert [PATH, f"{PATH}/users/{ORDER_ID}?done=suspend-user", PATH] == [
        answer.headers["Location"] for answer in (entered, acted, left)
    ]
    assert "evil" not in page.text
    for answer in (entered, page, acted, left):
        assert "a=b" not in str(answer.headers)


def test_id_of_a_request_writes_no_header(service: Service) -> None:
    """The caller's id returns in a header and in the page of an error."""
    answer = staff_of(service).get("/orders/x", **{"X-Request-Id": "a\tb<script>"})

    assert "<script>" not in answer.text
    assert "<script>" not in str(answer.headers)


def test_host_of_the_caller_stands_in_no_page(service: Service) -> None:
    """No page has the caller's Host, because a link with it would lead elsewhere."""
    for path in PATHS:
        assert "evil" not in staff_of(service).get(path, Host="evil.test").text


def test_form_from_before_the_sign_out_does_nothing(service: Service) -> None:
    """An old form has no effect without a session, nor in the next session of the same browser."""
    visitor = staff_of(service)
    old = SUSPEND | {"form_token": token_in(visitor.get("/search"))}
    assert 303 == visitor.post("/sign-out", old).status_code

    assert 401 == visitor.post("/actions/suspend-user", old).status_code
    next_session = make_claims(aal="aal2", session_id=ORDER_ID)
    service.auth_api.sign_in.return_value = Tokens(
        access_token=make_token(next_session), refresh_token="next"
    )
    form = {"email": "a@b.test", "password": "x", "form_token": token_in(visitor.get())}
    assert 303 == visitor.post("/sign-in", form).status_code
    assert 403 == visitor.post("/actions/suspend-user", old).status_code

    assert "staff_suspend_user" not in service.called


def test_planted_cookies_do_not_survive_the_sign_in(service: Service) -> None:
    """Another person may have set them before: neither a session nor a key of forms is kept."""
    visitor = Visitor(service)
    visitor.keep(FORM_COOKIE, "planted")
    token = token_in(visitor.get())
    service.auth_api.sign_in.return_value = TOKENS

    visitor.post("/sign-in", {"email": "a@b.test", "password": "x", "form_token": token})

    assert (TOKENS.access_token, TOKENS.refresh_token) == (
        visitor.cookie(ACCESS_COOKIE),
        visitor.cookie(REFRESH_COOKIE),
    )
    assert "planted" != visitor.cookie(FORM_COOKIE)
    # The token of a form that was made with the planted key counts no more.
    assert 403 == visitor.post("/sign-out", {"form_token": token}).status_code


@pytest.mark.parametrize("path", PATHS)
def test_page_has_no_token_of_a_session(service: Service, path: str) -> None:
    """No page has a token of the session, because scripts could read it there."""
    visitor = staff_of(service)
    visitor.keep(REFRESH_COOKIE, "refresh-secret")

    text = visitor.get(path).text

    for secret in (visitor.cookie(ACCESS_COOKIE), "refresh-secret", visitor.cookie(FORM_COOKIE)):
        assert str(secret) not in text


@pytest.mark.parametrize("path", ["/actions/suspend-user", "/sign-in", "/messages"])
def test_too_long_form_has_a_page(service: Service, path: str) -> None:
    """The body is refused before anybody reads it."""
    visitor = staff_of(service)
    form = SUSPEND | {"form_token": token_in(visitor.get("/search"))}

    answer = visitor.post(path, form | {"reason": "x" * 70_000})

    assert (413, "text/html") == (answer.status_code, answer.mimetype)
    assert "staff_suspend_user" not in service.called


@pytest.mark.parametrize("changes", [{"mimetype": "application/json"}, {"mimetype": "text/plain"}])
def test_form_of_another_kind_has_no_token(service: Service, changes: dict[str, str]) -> None:
    """A page of another site sends such a body without asking first."""
    visitor = staff_of(service)
    form = SUSPEND | {"form_token": token_in(visitor.get("/search"))}

    assert 403 == visitor.post_body("/actions/suspend-user", form, **changes).status_code
    assert "staff_suspend_user" not in service.called


def test_templates_switch_no_escaping_off() -> None:
    """A text of a user is never markup."""
    folder = Path(rendering.__file__).with_name("templates") / "console"
    templates = [file.read_text() for file in folder.iterdir()]

    assert 16 <= len(templates)
    for text in templates:
        assert not re.search(
            r"\|\s*safe|autoescape|Markup|<script(?! src=)|\bon[a-z]+=|style=", text
        )
        # A value without quotes around it could add attributes.
        assert not re.search(r"\s[a-z-]+=\s*{{", text)


def test_enrolments_are_limited(service: Service) -> None:
    """Each one costs calls of Auth, which sees one address for all staff."""
    visitor = staff_of(service)
    service.auth_api.enrol.side_effect = RejectedError("SECOND_FACTOR_REQUIRED")
    token = token_in(visitor.get("/search"))

    statuses = [visitor.post("/enrol", {"form_token": token}).status_code for _ in range(11)]

    assert [401] * 10 + [429] == statuses

"""`service.route_table`: each route does what its statement says."""

import dataclasses
import inspect
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, Response
from werkzeug.test import TestResponse

from market.errors import MarketError, TransientError
from service.app import create_app
from service.route_table import Answer, Caller, Page, Route, pages_of, routes_of
from tests.support.factories import ORDER_ID, make_settings
from tests.unit.service.adapters import Service, make_service, make_token


APP = create_app(make_settings())
CONSOLE = "/api/admin/console"
LIVE = {"is_live": True, "is_suspended": False, "role": "admin", "is_staff": True}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
SIGNED_IN = {"Authorization": f"Bearer {make_token()}"}
DATABASE_ERRORS: list[tuple[MarketError, int]] = [
    (TransientError("DATABASE_BUSY"), 503),
    (MarketError("DATABASE_ERROR"), 500),
    (TransientError("DATABASE_UNREACHABLE"), 503),
    (TransientError("TIMEOUT"), 408),
]
DENIED = {"allowed": False, "retry_after_ms": 1_000}


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One method of one path, its statement and the function that serves it."""

    method: str
    rule: str
    route: Route[Any]

    def __str__(self) -> str:
        return f"{self.method} {self.rule}"

    @property
    def source(self) -> str:
        """Return the code of the view."""
        [view] = {
            APP.view_functions[rule.endpoint]
            for rule in APP.url_map.iter_rules()
            if rule.rule == self.rule and self.method in (rule.methods or ())
        }
        return inspect.getsource(inspect.unwrap(view))

    def call(
        self,
        service: Service,
        *,
        environ: Mapping[str, Any] | None = None,
        query: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> TestResponse:
        """Call the route with an id in the place of each variable."""
        answer: TestResponse = service.client.open(
            re.sub(r"<[^>]+>", ORDER_ID, self.rule),
            method=self.method,
            headers=dict(headers or {}),
            query_string=query,
            environ_overrides=dict(environ or {}),
        )
        return answer


CASES = [Case(method=method, rule=rule, route=route) for method, rule, route in routes_of(APP)]
USER_CASES = [case for case in CASES if case.route.has_user]


def test_route_without_a_statement_is_found() -> None:
    """A route without a statement is an error."""
    app = Flask("t", static_folder=None)
    app.add_url_rule("/x", view_func=lambda: "x")

    with pytest.raises(KeyError):
        list(routes_of(app))


def test_page_is_no_route() -> None:
    """The API, its document and the tests of all routes have no pages for people."""
    app = Flask("t", static_folder=None)
    page = Page(summary="Read a page.")
    app.add_url_rule("/x", view_func=page(crash))

    assert [] == list(routes_of(app))
    assert [("GET", "/x", page)] == list(pages_of(app))
    assert [] == [rule for _, rule, _ in pages_of(APP) if not rule.startswith(CONSOLE)]


def test_every_code_is_in_the_catalogue() -> None:
    """A caller can look up each code that a route states."""
    page = (Path(__file__).parents[3] / "docs/errors.md").read_text()
    catalogue = set(re.findall(r"^\| `([A-Z_]+)` \|", page, re.MULTILINE))

    assert (
        set() == {code for case in CASES for code in case.route.codes_of(case.method)} - catalogue
    )


@pytest.mark.parametrize("case", CASES, ids=str)
def test_variables_of_the_path_are_described(case: Case) -> None:
    """Each variable of a path has its description, and no other name has one."""
    assert set(re.findall(r"<(?:\w+:)?(\w+)>", case.rule)) == set(case.route.path)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_models_are_those_that_the_view_reads(case: Case) -> None:
    """Body and query are read by the models that the route states."""
    stated = [model.__name__ for model in (case.route.body, case.route.query) if model is not None]

    assert stated == re.findall(r"\bread_(?:body|query)\((\w+)\)", case.source)


@pytest.mark.parametrize(
    "case", [case for case in USER_CASES if not case.route.is_counted_by_rpc], ids=str
)
def test_call_counts_towards_the_stated_limit(case: Case) -> None:
    """The first thing that a route does for a user is to count the call."""
    service = make_service()
    actions: list[str] = []

    def call(function: str, **arguments: Any) -> Any:
        if function == "rate_limit_hit":
            actions.append(arguments["action"])
            return DENIED
        return LIVE

    service.database.call.side_effect = call
    answer = case.call(service, headers=SIGNED_IN)

    assert (429, "1") == (answer.status_code, answer.headers["Retry-After"])
    assert set(actions) <= set(case.route.limits)
    assert 1 == len(actions)


def live_service() -> Service:
    """Make a service whose database lets in each caller, and fails at all else."""
    service = make_service()

    def call(function: str, **_arguments: Any) -> Any:
        if function.startswith("session_is_"):
            return LIVE
        if function == "rate_limit_hit":
            return ALLOWED
        raise MarketError("DATABASE_ERROR", function)

    service.database.call.side_effect = call
    service.database.as_user.return_value = service.database
    return service


def crash(**_arguments: Any) -> Response:
    raise ZeroDivisionError


def code_of(answer: TestResponse, status: int) -> str:
    assert status == answer.status_code, answer.text
    return str(answer.get_json()["code"])


@pytest.mark.parametrize("case", CASES, ids=str)
def test_failure_of_any_request_has_its_code(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash, a busy service and each bad body have a stated code."""
    service = live_service()
    [endpoint] = {
        rule.endpoint
        for rule in service.client.application.url_map.iter_rules()
        if rule.rule == case.rule and case.method in (rule.methods or ())
    }
    busy = {"market.refusal": TransientError("TIMEOUT", "queue")}
    short = {"CONTENT_LENGTH": "10", "wsgi.input": io.BytesIO(b"{}")}
    large = {"CONTENT_LENGTH": str(20 * 2**20)}

    assert "TIMEOUT" == code_of(case.call(service, environ=busy, headers=SIGNED_IN), 408)
    assert "VALIDATION_ERROR" == code_of(case.call(service, environ=short, headers=SIGNED_IN), 400)
    assert "PAYLOAD_TOO_LARGE" == code_of(case.call(service, environ=large, headers=SIGNED_IN), 413)
    monkeypatch.setattr("service.limits._HITS_PER_WINDOW", 0)
    assert "RATE_LIMITED" == code_of(case.call(service, environ=large, headers=SIGNED_IN), 429)
    service.client.application.view_functions[endpoint] = crash
    assert "INTERNAL_ERROR" == code_of(case.call(service, headers=SIGNED_IN), 500)


@pytest.mark.parametrize("case", USER_CASES, ids=str)
def test_failure_of_a_user_has_its_code(case: Case) -> None:
    """Each failure of the check of a user has a stated code."""
    for error, status in (
        (TransientError("AUTH_UNREACHABLE"), 503),
        (MarketError("AUTH_ERROR"), 500),
    ):
        service = make_service()
        service.auth_api.signing_keys.side_effect = error
        assert error.code == code_of(case.call(service, headers=SIGNED_IN), status)
    for error, status in DATABASE_ERRORS:
        service = make_service()
        service.database.call.side_effect = error
        assert error.code == code_of(case.call(service, headers=SIGNED_IN), status)


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.route.auth_header.startswith("x-")], ids=str
)
def test_each_error_behind_a_secret_has_its_code(case: Case) -> None:
    """Each failure behind a secret has a stated code."""
    secrets = {"x-canary-token": "canary-token", "x-cron-secret": "cron-secret"}
    for error, status in DATABASE_ERRORS:
        service = make_service()
        service.database.call.side_effect = error
        answer = case.call(service, query="event_id=evt_1", headers=secrets)
        assert error.code == code_of(answer, status)


@pytest.mark.parametrize("case", [case for case in CASES if case.route.body is not None], ids=str)
def test_body_of_another_type_is_refused(case: Case) -> None:
    """The type decides before the body is read."""
    answer = case.call(live_service(), environ={"CONTENT_TYPE": "text/html"}, headers=SIGNED_IN)

    assert "UNSUPPORTED_MEDIA_TYPE" == code_of(answer, 415)


class Counted(Answer):
    """The answer of the view below."""

    count: int
    note: str | None = None


def test_answer_has_the_fields_that_the_view_gives() -> None:
    """A field without a value is left out, and null is a value."""
    app = Flask("t")

    @app.get("/<path>")
    @Route(summary="Count.", callers=(Caller.ANYONE,), answer=Counted)
    def count(path: str) -> Counted | Response:
        answers = {"a": Counted(count=1), "b": Counted(count=1, note=None)}
        return answers.get(path, Response("c"))

    client = app.test_client()

    assert {"count": 1} == client.get("/a").get_json()
    assert {"count": 1, "note": None} == client.get("/b").get_json()
    assert "c" == client.get("/c").text


#: Codes that some statements bring, and others do not.
OPTIONAL = {
    "AUTH_ERROR",
    "AUTH_UNREACHABLE",
    "CONFLICT",
    "CSRF_INVALID",
    "UNAUTHORIZED",
    "UNSUPPORTED_MEDIA_TYPE",
    "USER_SUSPENDED",
}
USER = {"AUTH_ERROR", "AUTH_UNREACHABLE", "UNAUTHORIZED"}


@pytest.mark.parametrize(
    ("changes", "method", "codes"),
    [
        ({"callers": (Caller.ANYONE,)}, "POST", set()),
        ({"callers": (Caller.TOKEN,)}, "GET", {"UNAUTHORIZED"}),
        ({}, "GET", USER | {"USER_SUSPENDED"}),
        ({}, "POST", USER | {"USER_SUSPENDED", "CSRF_INVALID"}),
        ({"codes": ("CONFLICT",), "is_live": False}, "GET", USER | {"CONFLICT"}),
        ({"body": Counted, "callers": (Caller.ANYONE,)}, "POST", {"UNSUPPORTED_MEDIA_TYPE"}),
    ],
)
def test_codes_follow_from_the_statement(
    changes: dict[str, Any], method: str, codes: set[str]
) -> None:
    """A route lists its own codes only; callers and body bring theirs."""
    given: dict[str, Any] = {"summary": "x", "callers": (Caller.USER,), "answer": Counted}

    stated = Route(**given | changes).codes_of(method)

    assert codes == stated & OPTIONAL
    assert {"INTERNAL_ERROR", "RATE_LIMITED", "TIMEOUT", "VALIDATION_ERROR"} <= stated

"""`service.openapi`: the document that describes the routes to other programs."""

import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from flask import Flask
from openapi_spec_validator import OpenAPIV31SpecValidator

from market.settings import Settings
from service.app import create_app
from service.errors import STATUS_OF_CODE
from service.route_table import routes_of
from tests.support.described import _described, check, described
from tests.support.factories import ORDER_ID, make_settings
from tests.unit.service.adapters import make_service


ORDER = "/api/orders/{order_id}"
REFUSED = {"error": "No", "code": "FORBIDDEN", "correlationId": "1", "timestamp": "2026"}


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
    ]


def test_document_is_valid() -> None:
    """A validator that others wrote accepts it as OpenAPI 3.1."""
    OpenAPIV31SpecValidator(described()).validate()


def test_document_is_served() -> None:
    """Anybody reads the document of this service's routes."""
    answer = make_service().client.get("/api/openapi.json")

    assert (200, described()) == (answer.status_code, answer.get_json())


def test_document_has_every_route_and_every_code() -> None:
    """Each code of a route stands under the status that it has."""
    app = create_app(make_settings())
    for method, rule, route in routes_of(app):
        path = rule.replace("<", "{").replace(">", "}")
        responses = described()["paths"][path][method.lower()]["responses"]
        for code in route.codes_of(method):
            assert code in str(responses[str(int(STATUS_OF_CODE.get(code, 500)))]), (rule, code)


def test_bodies_state_their_bounds() -> None:
    """A client learns the least bid, and which fields an action needs, from the document."""
    schemas = described()["components"]["schemas"]

    assert 100 == schemas["BidBody"]["properties"]["amount_cents"]["minimum"]
    assert {
        "required": ["notificationId"],
        "properties": {"notificationId": {"type": "string"}},
    } in (schemas["MarkBody"]["anyOf"])


def test_form_has_neither_null_nor_objects() -> None:
    """A form cannot send them, so it leaves a field out, and a nested body is JSON alone."""
    contents = [one["requestBody"]["content"] for *_, one in operations() if "requestBody" in one]
    forms = [content[type_] for content in contents for type_ in content if "form" in type_]

    assert len(forms) > 10
    assert "'null'" not in str(forms)
    start = described()["paths"]["/api/kyc/start"]["post"]["requestBody"]
    assert ["application/json"] == list(start["content"])


def test_names_of_operations_differ() -> None:
    """Each operation has its own name, because generators name functions after it."""
    names = [operation["operationId"] for _, _, operation in operations()]

    assert len(names) == len(set(names))


def test_caller_finds_how_to_sign_in() -> None:
    """A route of users takes the bearer token or the cookie; others take what they state."""
    schemes = described()["components"]["securitySchemes"]
    users: list[dict[str, list[str]]] = [{"bearer": []}, {"cookie": []}]

    assert users == described()["paths"][ORDER]["get"]["security"]
    assert [] == described()["paths"]["/api/health"]["get"]["security"]
    for _, _, operation in operations():
        assert {name for one in operation["security"] for name in one} <= schemes.keys()


def test_limit_has_its_header() -> None:
    """A caller learns when to come back, wherever a 429 is possible."""
    for path, method, operation in operations():
        assert "Retry-After" in operation["responses"]["429"]["headers"], (method, path)


@pytest.mark.parametrize(
    ("status", "changes"),
    [
        (418, {}),
        (403, {"code": "RESOURCE_NOT_FOUND"}),
        (403, {"timestamp": 7}),
        (403, {"correlationId": None}),
        (200, {}),
    ],
)
def test_answer_that_contradicts_the_document_is_found(
    status: int, changes: dict[str, Any]
) -> None:
    """The check of the integration tests fails for an answer that is not documented."""
    request = httpx.Request("GET", f"http://shop.test/api/orders/{ORDER_ID}")
    headers = {"X-Request-Id": "1"}
    wrong = httpx.Response(status, json=REFUSED | changes, request=request, headers=headers)

    check(httpx.Response(403, json=REFUSED, request=request, headers=headers))
    with pytest.raises(AssertionError):
        check(wrong)


def test_first_checks_of_two_threads_build_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    """Building routes in two threads at once fails now and then, in Python's compiler."""
    built: list[Flask] = []
    second = threading.Event()

    def create(settings: Settings) -> Flask:
        built.append(create_app(settings))
        if len(built) > 1:
            second.set()
        second.wait(0.1)
        return built[-1]

    monkeypatch.setattr("tests.support.described.create_app", create)
    monkeypatch.setattr(
        "tests.support.described._described", functools.cache(_described.__wrapped__)
    )
    with ThreadPoolExecutor(2) as pool:
        first, other = pool.submit(described), pool.submit(described)

    assert first.result() == other.result()
    assert 1 == len(built)

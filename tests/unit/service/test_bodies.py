"""`service.bodies`: what a request carries, as a typed value."""

from typing import Any

import pydantic
import pytest
from flask import Flask

from market.errors import RejectedError
from service.bodies import read_body


class Body(pydantic.BaseModel):
    """What the tests read."""

    amount: int
    note: str = ""


def read(**request: Any) -> Body:
    with Flask("t").test_request_context("/", method="POST", **request):
        return read_body(Body)


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"amount": 7, "note": "ä"}},
        {"data": '{"amount":7,"note":"ä"}', "content_type": "application/json; charset=utf-8"},
        {"data": '{"amount":7,"note":"ä"}', "content_type": "application/problem+json"},
        {"data": '{"amount":7,"note":"ä"}', "content_type": "text/plain"},
        {"data": {"amount": "7", "note": "ä"}},
        {"data": {"amount": "7", "note": "ä"}, "content_type": "multipart/form-data"},
    ],
)
def test_body_is_read(request_: dict[str, Any]) -> None:
    """As JSON, as text that is JSON, or as a form."""
    assert Body(amount=7, note="ä") == read(**request_)


@pytest.mark.parametrize(
    "request_",
    [
        {"data": "{", "content_type": "application/json"},
        {"data": "", "content_type": "application/json"},
        {"data": "[" * 100_000, "content_type": "application/json"},
        {"data": b"\xff", "content_type": "application/json"},
    ],
)
def test_broken_json_is_refused(request_: dict[str, Any]) -> None:
    """What cannot be parsed is the caller's mistake."""
    with pytest.raises(RejectedError) as caught:
        read(**request_)

    assert "VALIDATION_ERROR" == caught.value.code


@pytest.mark.parametrize("body", [[], "x", 7, {}, {"amount": None}, {"amount": "x"}])
def test_other_body_is_refused(body: Any) -> None:
    """JSON of another form names what is missing."""
    with pytest.raises(pydantic.ValidationError):
        read(json=body)


@pytest.mark.parametrize("content_type", [None, "application/xml", "application/octet-stream"])
def test_other_type_is_refused(content_type: str | None) -> None:
    """What we cannot read we do not guess at."""
    with pytest.raises(RejectedError) as caught:
        read(data="{}", content_type=content_type)

    assert "UNSUPPORTED_MEDIA_TYPE" == caught.value.code


def test_request_without_a_body_has_no_fields() -> None:
    """A browser may post without a body; a model with defaults accepts that."""
    with pytest.raises(pydantic.ValidationError, match="amount"):
        read()

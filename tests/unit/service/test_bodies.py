"""`service.bodies`: the body and query of a request as typed values."""

from typing import Any

import pydantic
import pytest
from flask import Flask

from market.errors import RejectedError
from service.bodies import read_body, read_query


class Body(pydantic.BaseModel):
    """The model that the tests read."""

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
    """A body is read as JSON, as text that is JSON, or as a form."""
    assert Body(amount=7, note="ä") == read(**request_)


@pytest.mark.parametrize(
    "request_",
    [
        {"data": "{", "content_type": "application/json"},
        {"data": "", "content_type": "application/json"},
        {"data": "[" * 60_000, "content_type": "application/json"},
        {"data": b"\xff", "content_type": "application/json"},
    ],
)
def test_broken_json_is_refused(request_: dict[str, Any]) -> None:
    """A body that is no JSON gets a 400."""
    with pytest.raises(RejectedError) as caught:
        read(**request_)

    assert "VALIDATION_ERROR" == caught.value.code


@pytest.mark.parametrize(
    "request_",
    [
        {"json": {"amount": 7, "note": "a\x00b"}},
        {"json": {"amount": 7, "note": "\ud800"}},
        {"json": {"amount": 7, "other": [{"deep": "\x00"}]}},
        {"json": {"amount": 7, "\x00": 1}},
        {"data": '{"amount":7,"note":"\\u0000"}', "content_type": "text/plain"},
        {"data": {"amount": "7", "note": "\x00"}},
        {"data": {"amount": "7", "note": "\x00"}, "content_type": "multipart/form-data"},
    ],
)
def test_text_that_postgres_cannot_store_is_refused(request_: dict[str, Any]) -> None:
    """A text that Postgres cannot store gets a 400."""
    with pytest.raises(RejectedError) as caught:
        read(**request_)

    assert "VALIDATION_ERROR" == caught.value.code


def test_paired_surrogates_are_a_character() -> None:
    """Two paired escapes are read as one character."""
    assert Body(amount=7, note="\U0001f600") == read(
        data='{"amount":7,"note":"\\ud83d\\ude00"}', content_type="application/json"
    )


@pytest.mark.parametrize("body", [[], "x", 7, {}, {"amount": None}, {"amount": "x"}])
def test_other_body_is_refused(body: Any) -> None:
    """The error names the missing field."""
    with pytest.raises(RejectedError, match="VALIDATION_ERROR"):
        read(json=body)


@pytest.mark.parametrize("query", ["", "?amount=x", "?amount=<script>"])
def test_bad_field_is_named_and_not_repeated(query: str) -> None:
    """The error names the bad field, and not its value."""
    with Flask("t").test_request_context(f"/{query}"), pytest.raises(RejectedError) as caught:
        read_query(Body)

    assert ("VALIDATION_ERROR", "Invalid request: amount") == (caught.value.code, caught.value.text)


def test_query_is_read() -> None:
    """The values of a query string are texts; the model gives them their types."""
    with Flask("t").test_request_context("/?amount=7&note=a"):
        assert Body(amount=7, note="a") == read_query(Body)


@pytest.mark.parametrize("content_type", [None, "application/xml", "application/octet-stream"])
def test_other_type_is_refused(content_type: str | None) -> None:
    """A body of another content type is refused."""
    with pytest.raises(RejectedError) as caught:
        read(data="{}", content_type=content_type)

    assert "UNSUPPORTED_MEDIA_TYPE" == caught.value.code


def test_request_without_a_body_has_no_fields() -> None:
    """A browser may post without a body; a model with defaults accepts that."""
    with pytest.raises(RejectedError) as caught:
        read()

    assert "Invalid request: amount" == caught.value.text

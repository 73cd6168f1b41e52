"""Auth stores a client's JSON only if Postgres can hold it."""

import pytest

from devstack.gateway.auth.errors import AuthError
from devstack.gateway.auth.users import as_json


@pytest.mark.parametrize("value", [{"a": "x\0"}, {"\0": 1}, {"a": [{"b": ["\0"]}]}])
def test_zero_byte_is_refused_wherever_it_stands(value: dict[str, object]) -> None:
    with pytest.raises(AuthError, match="NUL"):
        as_json(value)


@pytest.mark.parametrize("value", [{"a": "\\u0000"}, {"\\u0000": [None, 1.5, True, {"b": []}]}])
def test_text_about_a_zero_byte_is_taken(value: dict[str, object]) -> None:
    """The six characters of JSON's escape are harmless as a text."""
    assert value == as_json(value).obj


def test_number_without_an_end_is_refused() -> None:
    with pytest.raises(AuthError, match="finite"):
        as_json({"a": [float("inf")]})

"""`service.cookies`: the session in a browser's cookies, in every form."""

import base64
import json
import urllib.parse

import pytest

from service import cookies


SESSION = json.dumps({"access_token": "token-1", "refresh_token": "r", "user": {"name": "Zoë ✓"}})
NAME = "sb-project-auth-token"


def encoded(session: str = SESSION) -> str:
    return "base64-" + base64.urlsafe_b64encode(session.encode()).rstrip(b"=").decode()


def chunked(value: str, size: int, name: str = NAME) -> dict[str, str]:
    return {
        f"{name}.{number}": value[start : start + size]
        for number, start in enumerate(range(0, len(value), size))
    }


@pytest.mark.parametrize(
    "jar",
    [
        {NAME: encoded()},
        {NAME: encoded() + "=="[: -len(encoded().removeprefix("base64-")) % 4]},
        {NAME: SESSION},
        {NAME: urllib.parse.quote(SESSION)},
        {NAME: urllib.parse.quote(json.dumps(["token-1", "r", None, None, None]))},
        chunked(encoded(), 20),
        chunked(encoded(), 7) | {"other": "x"},
        chunked(urllib.parse.quote(SESSION), 50),
        {"sb-elsewhere-auth-token": encoded()},
        {"sb-elsewhere-auth-token": "junk", NAME: encoded()},
        {NAME: "junk", "sb-elsewhere-auth-token": encoded()},
    ],
)
def test_token_is_read(jar: dict[str, str]) -> None:
    """A token is read whole or in chunks, encoded or not, of new and old libraries."""
    assert "token-1" == cookies.access_token(jar, project="project")


def test_own_project_goes_first() -> None:
    """Another project's cookie on the same host does not replace ours."""
    jar = {"sb-another-auth-token": encoded(json.dumps({"access_token": "x"})), NAME: encoded()}

    assert "token-1" == cookies.access_token(jar, project="project")


@pytest.mark.parametrize(
    "jar",
    [
        {},
        {NAME: ""},
        {NAME: "base64-"},
        {NAME: "base64-***"},
        {NAME: "base64-a"},
        {NAME: "base64-" + base64.urlsafe_b64encode(b"\xff\xfe").decode()},
        {NAME: "null"},
        {NAME: "[]"},
        {NAME: "7"},
        {NAME: '"token"'},
        {NAME: "[" * 100_000},
        {NAME: json.dumps({"access_token": ""})},
        {NAME: json.dumps({"access_token": 7})},
        {NAME: json.dumps({"token": "x"})},
        {NAME: json.dumps([None])},
        {f"{NAME}.1": encoded()},
        dict(list(chunked(encoded(), 20).items())[:-1]),
        {f"{NAME}-code-verifier": encoded()},
        {"sb-access-token": encoded()},
        {"session": encoded()},
    ],
)
def test_unreadable_cookie_holds_no_token(jar: dict[str, str]) -> None:
    """A broken cookie counts as no token."""
    assert cookies.access_token(jar, project="project") is None


@pytest.mark.parametrize(
    ("jar", "expected"),
    [
        ({NAME: "junk"}, True),
        ({f"{NAME}.0": "junk"}, True),
        ({"sb-elsewhere-auth-token": ""}, True),
        ({"theme": "dark"}, False),
        ({f"{NAME}-code-verifier": "x"}, False),
        ({}, False),
    ],
)
def test_presence_needs_no_reading(jar: dict[str, str], *, expected: bool) -> None:
    """The presence of a session cookie is found without decoding it."""
    assert expected == cookies.is_present(jar)

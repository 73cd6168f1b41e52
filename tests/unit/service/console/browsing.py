"""A browser of the console in a test's hand, and the answers of the database behind the pages."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from werkzeug.test import TestResponse

from service.console.visits import ACCESS_COOKIE, FORM_COOKIE, PATH, REFRESH_COOKIE
from tests.unit.service.adapters import Service, make_claims, make_token


ORIGIN = "https://shop.test"
STAFF = {"is_live": True, "is_suspended": False, "role": "moderator", "is_staff": True}
WEAK = STAFF | {"is_staff": False}
BUYER = WEAK | {"role": "buyer"}
ALLOWED = {"allowed": True, "retry_after_ms": 0}
_TOKEN = re.compile(r'name="form_token" value="([0-9a-f]{64})"')


def answering(
    service: Service,
    rpcs: Mapping[str, Any] | None = None,
    tables: Mapping[str, Any] | None = None,
    *,
    staff: Mapping[str, Any] = STAFF,
) -> None:
    """Let the database answer these RPCs and tables; an error is raised."""
    calls = {"session_is_staff": staff, "rate_limit_hit": ALLOWED, **(rpcs or {})}

    def answer(answers: Mapping[str, Any]) -> Callable[..., Any]:
        def give(name: str, *_args: Any, **_kwargs: Any) -> Any:
            if isinstance(answers[name], Exception):
                raise answers[name]
            return answers[name]

        return give

    service.database.call.side_effect = answer(calls)
    service.database.select.side_effect = answer(tables or {})
    service.database.as_user.return_value = service.database


class Visitor:
    """A browser that keeps the cookies of the console."""

    def __init__(self, service: Service, token: str | None = None) -> None:
        self._client = service.client
        if token is not None:
            self.keep(ACCESS_COOKIE, token)

    def keep(self, name: str, value: str) -> None:
        """Set a cookie."""
        self._client.set_cookie(name, value, path=PATH, domain="localhost")

    def forget(self, name: str) -> None:
        """Drop a cookie."""
        self._client.delete_cookie(name, path=PATH, domain="localhost")

    def cookie(self, name: str) -> str | None:
        """Return the value of a cookie."""
        cookie = self._client.get_cookie(name, path=PATH, domain="localhost")
        return None if cookie is None else cookie.value

    def get(self, path: str = "", **headers: str) -> TestResponse:
        """Open a page."""
        url = f"https://localhost{PATH}{path}"
        answer: TestResponse = self._client.get(url, headers=headers)
        return answer

    def post(
        self, path: str, form: Mapping[str, Any] | None = None, origin: str | None = ORIGIN
    ) -> TestResponse:
        """Send a form from a page of this origin."""
        answer: TestResponse = self._client.post(
            f"https://localhost{PATH}{path}",
            data=dict(form or {}),
            headers={} if origin is None else {"Origin": origin},
        )
        return answer

    def post_body(self, path: str, body: Mapping[str, Any], *, mimetype: str) -> TestResponse:
        """Send a JSON body from a page of the site."""
        answer: TestResponse = self._client.post(
            f"https://localhost{PATH}{path}",
            data=json.dumps(dict(body)),
            content_type=mimetype,
            headers={"Origin": ORIGIN},
        )
        return answer


def staff_of(service: Service) -> Visitor:
    """Return the browser of a member of staff with a second factor."""
    return Visitor(service, make_token(make_claims(aal="aal2")))


def token_in(answer: TestResponse) -> str:
    """Return the token of the forms of a page."""
    found = _TOKEN.search(answer.text)
    assert found is not None, answer.text
    return found[1]


__all__ = ["ACCESS_COOKIE", "FORM_COOKIE", "PATH", "REFRESH_COOKIE"]

"""A browser of the operators' console: it keeps its cookies, and sends the forms of its pages."""

import html
import itertools
import re
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Any

import httpx

from tests.integration.service.shop import Shop
from tests.support.waits import ANSWER_S


PATH = "/api/admin/console"
_FORM = re.compile(r'<form[^>]* action="([^"]*)" method="post">(.*?)</form>', re.DOTALL)
_FILLED = ("amount", "decision", "role", "since", "type")
#: The last numbers of the browsers' addresses.
_NUMBERS = itertools.count(1)
_HIDDEN = re.compile(r'<input type="hidden" name="([^"]*)" value="([^"]*)">')


class ConsoleBrowser:
    """One browser.

    It keeps its cookies itself: httpx sends no Secure cookie over plain HTTP, and browsers send it
    to 127.0.0.1. It has an address of its own, because the service limits the visits of an address
    within a minute, and the tests of a quick machine make more.
    """

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.cookies: dict[str, str] = {}
        self.origin = shop.environment["SERVICE_URL"]
        number = next(_NUMBERS)
        self.address = f"127.1.{number >> 8}.{number & 255}"

    def get(self, path: str = "") -> httpx.Response:
        """Open a page."""
        return self._send("GET", path)

    def post(
        self, path: str, form: Mapping[str, str], origin: str | None = "own"
    ) -> httpx.Response:
        """Send a form from a page of this origin."""
        origin = self.origin if origin == "own" else origin
        headers = {} if origin is None else {"Origin": origin}
        return self._send("POST", path, data=dict(form), headers=headers)

    def fill(self, page: httpx.Response, path: str, **fields: str) -> httpx.Response:
        """Fill the first form of a page that goes to this path, and send it."""
        return self.post(path, self.form_of(page, path) | fields)

    def form_of(self, page: httpx.Response, path: str, **fields: str) -> dict[str, str]:
        """Return the hidden fields of the first form that goes to this path and has `fields`.

        A person fills the fields of `_FILLED`, so they stand in no hidden field.
        """
        forms = [
            {name: html.unescape(value) for name, value in _HIDDEN.findall(body)}
            for action, body in _FORM.findall(page.text)
            if action == PATH + path
        ]
        hidden = {name: value for name, value in fields.items() if name not in _FILLED}
        [form, *_] = [form for form in forms if hidden.items() <= form.items()]
        return form

    def sign_in(self, email: str, password: str) -> httpx.Response:
        """Sign in, and return the page that follows."""
        answer = self.fill(self.get(), "/sign-in", email=email, password=password)
        return self.follow(answer)

    def follow(self, answer: httpx.Response) -> httpx.Response:
        """Open the page that a form leads to."""
        assert 303 == answer.status_code, answer.text
        return self.get(answer.headers["Location"].removeprefix(PATH))

    def _connected(self) -> httpx.Client:
        transport = httpx.HTTPTransport(local_address=self.address)
        return httpx.Client(transport=transport, timeout=ANSWER_S)

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = options.pop("headers", {})
        headers["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with self._connected() as http:
            answer = http.request(method, f"{self.origin}{PATH}{path}", headers=headers, **options)
        for line in answer.headers.get_list("Set-Cookie"):
            for name, morsel in SimpleCookie(line).items():
                same_site = "Lax" if name == "console_form" else "Strict"
                assert (morsel["path"], morsel["samesite"]) == (PATH, same_site), line
                assert morsel["secure"], line
                assert morsel["httponly"], line
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        return answer

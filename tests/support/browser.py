"""People at browsers: each has cookies of their own, and every fault of a page is noted.

A test ends red if a page logged an error, threw one, broke its Content Security Policy, or got an
answer of 400 or more that the test did not expect.
"""

import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from playwright.sync_api import (
    Browser,
    ConsoleMessage,
    Page,
    Request,
    Response,
    ViewportSize,
    WebError,
)

from devstack.paths import ROOT
from tests.support import node


#: The folder of the screenshots, and of the reports of failed tests.
OUT = ROOT / "tests/proof/browser/out"
#: The longest wait for an element on a machine that is busy with other tests.
TIMEOUT_MS = 15_000

#: The looks of a page, as arguments of `Person`: on a desk, on a phone, and in dark colours.
LOOKS: list[dict[str, bool]] = [{}, {"phone": True}, {"dark": True}]

_DESK = ViewportSize(width=1280, height=800)
_PHONE = ViewportSize(width=390, height=844)
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]
_AXE = "rules => axe.run({ runOnly: { type: 'tag', values: rules }, resultTypes: ['violations'] })"
_WIDTHS = "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"


class Person:
    """A person at a browser of their own, on a desk or on a phone."""

    def __init__(
        self,
        browser: Browser,
        base_url: str | None = None,
        *,
        phone: bool = False,
        dark: bool = False,
    ) -> None:
        self.context = context = browser.new_context(
            base_url=base_url,
            viewport=_PHONE if phone else _DESK,
            is_mobile=phone,
            has_touch=phone,
            color_scheme="dark" if dark else "light",
            locale="en-AU",
            timezone_id="Australia/Sydney",
        )
        #: The lines of the console, for the report of a failure.
        self.console: list[str] = []
        #: The faults that no test has expected.
        self.faults: list[str] = []
        context.set_default_timeout(TIMEOUT_MS)
        context.on("console", self._hear)
        context.on("weberror", self._note_error)
        context.on("response", self._note_response)
        context.on("requestfailed", self._note_failure)
        self.page = context.new_page()

    @contextlib.contextmanager
    def expecting(self, *parts: str) -> Iterator[None]:
        """Accept the faults of the block, which must be these: each part is of one of them.

        The block must wait for the effect of its last step.
        """
        count = len(self.faults)
        yield
        found = self.faults[count:]
        assert len(parts) == len(found), found
        assert all(any(part in fault for fault in found) for part in parts), found
        del self.faults[count:]

    def check(self) -> None:
        """Fail for the faults that no test has expected."""
        assert not self.faults, "\n".join(self.faults)

    def report(self, name: str) -> None:
        """Save a picture of each page, and the lines of the console."""
        for number, page in enumerate(self.context.pages):
            screenshot(page, f"{name}-{number}")
        (OUT / f"{name}.log").write_text("\n".join([*self.faults, "", *self.console, ""]))

    def _hear(self, message: ConsoleMessage) -> None:
        self.console.append(f"{message.type}: {message.text}")
        # The event of the response names the request too.
        is_response = message.text.startswith("Failed to load resource")
        if message.type == "error" and not is_response:
            self.faults.append(f"console: {message.text}")

    def _note_error(self, error: WebError) -> None:
        self.faults.append(f"page error: {error.error}")

    def _note_response(self, response: Response) -> None:
        if response.status >= 400:
            request = response.request
            self.faults.append(f"{request.method} {request.url} answered {response.status}")

    def _note_failure(self, request: Request) -> None:
        # The page itself ends a request when it is left, or when it stores the answer as a file.
        if request.failure != "net::ERR_ABORTED":
            self.faults.append(f"{request.method} {request.url} failed: {request.failure}")


#: The fixture that makes a person, with the arguments of `Person` after the browser.
NewPerson = Callable[..., Person]


def examine(page: Page, name: str) -> None:
    """Check accessibility and width of a page, and keep its picture."""
    screenshot(page, name)
    check_accessibility(page)
    check_width(page)


def check_accessibility(page: Page) -> None:
    """Fail for each serious or critical finding of axe by WCAG 2.1, levels A and AA."""
    page.evaluate(_axe())
    found: dict[str, Any] = page.evaluate(_AXE, _RULES)
    lines = [
        f"{finding['id']} ({finding['impact']}) at {json.dumps(place['target'])}: {finding['help']}"
        for finding in found["violations"]
        if finding["impact"] in {"serious", "critical"}
        for place in finding["nodes"]
    ]
    assert not lines, "\n".join([page.url, *lines])


def check_width(page: Page) -> None:
    """Fail if the page is wider than its window, so that a person must scroll sideways."""
    content, window = page.evaluate(_WIDTHS)
    assert content <= window, f"{page.url}: {content} px of content, {window} px of window"


def screenshot(page: Page, name: str) -> Path:
    """Save a picture of the whole page; return its path."""
    path = OUT / f"{name}.png"
    page.screenshot(path=path, full_page=True, animations="disabled")
    return path


@functools.cache
def _axe() -> str:
    return (node.MODULES / "axe-core/axe.min.js").read_text()

"""One browser for all tests of the folder, and people who use it."""

import re
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import Browser, expect

from tests.support import chromium
from tests.support.browser import OUT, TIMEOUT_MS, NewPerson, Person
from tests.support.stack import running_stack


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Run the browser until the last test has ended."""
    OUT.mkdir(exist_ok=True)
    for report in OUT.glob("failed-*"):
        report.unlink(missing_ok=True)
    expect.set_options(timeout=TIMEOUT_MS)
    with chromium.running() as started:
        yield started


@pytest.fixture
def new_person(browser: Browser, request: pytest.FixtureRequest) -> Iterator[NewPerson]:
    """Give a function that makes a person; fail for the faults of their pages."""
    people: list[Person] = []
    failed_count = request.session.testsfailed

    def make(base_url: str | None = None, *, phone: bool = False, dark: bool = False) -> Person:
        people.append(Person(browser, base_url, phone=phone, dark=dark))
        return people[-1]

    yield make

    # A parameter may be an address.
    name = re.sub(r"[^\w.-]+", "-", request.node.name)
    has_failed = request.session.testsfailed > failed_count
    for number, person in enumerate(people):
        if has_failed or person.faults:
            person.report(f"failed-{name}-{number}")
        person.context.close()
    for person in people:
        person.check()


@pytest.fixture(scope="session")
def stack() -> Iterator[Mapping[str, str]]:
    """Start the whole system, with the pages of the saleroom."""
    with running_stack("--saleroom") as environment:
        yield environment

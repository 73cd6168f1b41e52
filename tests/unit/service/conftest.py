"""Hold the clock of the address limits, and note the codes that the service answers."""

from collections.abc import Iterator

import flask
import pytest

from service.limits import AddressLimits
from tests.support.seen_answers import note_response


@pytest.fixture(scope="session", autouse=True)
def _answers_are_noted() -> Iterator[None]:
    with flask.request_finished.connected_to(note_response):
        yield


@pytest.fixture(autouse=True)
def _minute_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test within one minute while it counts to the limit; its end would start again."""
    monkeypatch.setattr(AddressLimits.__init__, "__defaults__", (lambda: 0.0,))

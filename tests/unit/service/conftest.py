"""Hold the clock of the address limits for the tests of the service."""

import pytest

from service.limits import AddressLimits


@pytest.fixture(autouse=True)
def _minute_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test within one minute while it counts to the limit; its end would start again."""
    monkeypatch.setattr(AddressLimits.__init__, "__defaults__", (lambda: 0.0,))

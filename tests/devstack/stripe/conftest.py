"""All tests share one fake Stripe, and each begins with an empty state."""

from collections.abc import Iterator

import pytest

from tests.support.fake_server import Account, Receiver, running


@pytest.fixture(scope="session")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with (
        Receiver() as receiver,
        running(tmp_path_factory.mktemp("stripe"), receiver, max_attempts=4) as account,
    ):
        yield account


@pytest.fixture
def account(_server: Account) -> Account:
    """Return the account after a reset, without objects and without pending events."""
    _server.command("POST", "/reset")
    _server.receiver.forget()
    return _server

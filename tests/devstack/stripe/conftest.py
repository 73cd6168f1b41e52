"""One fake Stripe for all these tests; each finds it with an empty memory."""

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
    """Give the account with nothing in it and nothing on its way."""
    _server.command("POST", "/reset")
    _server.receiver.forget()
    return _server

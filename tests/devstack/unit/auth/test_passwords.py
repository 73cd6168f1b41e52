"""GoTrue's hash of passwords."""

import asyncio
import importlib

import pytest

from devstack.gateway.auth import passwords


def test_hash_has_the_cost_of_gotrue_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    """A project can import a hash of devstack's, because only tests choose a lower cost."""
    with monkeypatch.context() as patch:
        patch.delenv("DEVSTACK_PASSWORD_COST")
        importlib.reload(passwords)

        made = asyncio.run(passwords.hash_of("correct horse 7"))
    importlib.reload(passwords)

    assert made.startswith("$2b$10$")

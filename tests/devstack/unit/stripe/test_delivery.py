"""The fake Stripe retries a delivery after any end of its connection."""

import asyncio
from pathlib import Path

import httpx
import pytest
import respx

from devstack.stripe.config import StripeConfig
from devstack.stripe.delivery import WebhookSender
from devstack.stripe.store import Store


@pytest.mark.parametrize(
    "error",
    [httpx.ConnectError("refused"), AttributeError("'NoneType' object has no 'getpeername'")],
    ids=["refused", "ended at once"],
)
@respx.mock
def test_broken_connection_is_a_failed_try(tmp_path: Path, error: Exception) -> None:
    """Anyio raises AttributeError if the peer closes a new connection at once."""
    respx.post("http://127.0.0.1:1/hook").mock(side_effect=error)
    config = StripeConfig(
        port=0, state=tmp_path, secret_key="sk_test_1", publishable_key="pk_test_1"
    )
    webhook_sender = WebhookSender(Store(tmp_path / "store"), config)

    answer = asyncio.run(webhook_sender._post("http://127.0.0.1:1/hook", b"{}", "t=1"))  # noqa: SLF001

    assert (None, "", f"{type(error).__name__}: {error}") == answer

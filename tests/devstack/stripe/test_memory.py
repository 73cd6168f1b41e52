"""The state of the fake outlives its process and follows the time."""

import contextlib
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import stripe

from devstack.stripe.config import StripeConfig, WebhookEndpoint
from devstack.stripe.store import Store
from tests.support.fake_server import SECRET, Receiver, running


def test_killed_fake_keeps_its_state(tmp_path: Path) -> None:
    """A killed fake keeps objects, answers by key, and undelivered events."""
    key: Any = {"idempotency_key": "k"}
    params: Any = {"amount": 5000, "currency": "aud"}
    with Receiver() as receiver:
        with running(tmp_path, receiver) as account:
            account.command("PUT", "/delivery", mode="delay", delay_s=600)
            made = account.client.v1.payment_intents.create(params, key)
        with running(tmp_path, receiver) as account:
            found = account.client.v1.payment_intents.retrieve(made.id)
            again = account.client.v1.payment_intents.create(params, key)
            account.command("POST", "/deliveries/retry")
            event = receiver.next().verify()

    assert made.to_dict() == found.to_dict()
    assert made.id == again.id
    assert "payment_intent.created" == event.type


def test_memory_of_another_version_is_forgotten(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The fake replaces a state file of another version by an empty one."""
    path = tmp_path / "stripe.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as old:
        old.execute("create table objects (id text, kind text)")
        old.execute("create table former (id text)")
        old.execute("insert into objects values ('pi_1', 'payment_intent')")
        old.commit()

    with contextlib.closing(Store(path)) as store:
        assert store.find("payment_intent", "pi_1") is None
        assert [] == store.connection.execute("pragma table_info(former)").fetchall()
        store.insert({"id": "pi_2", "object": "payment_intent", "created": 1})

    with contextlib.closing(Store(path)) as store:
        assert store.find("payment_intent", "pi_2") is not None
    assert 1 == len(caplog.records)


def test_pending_refund_succeeds_in_time(tmp_path: Path) -> None:
    """A pending refund succeeds after the configured delay."""
    with Receiver() as receiver, running(tmp_path, receiver, async_after_s=0.05) as account:
        intent = account.paid("pm_card_pendingRefund")
        refund = account.client.v1.refunds.create({"payment_intent": intent.id})

        account.deliveries(event_type="refund.updated", object_id=refund.id)

        assert "succeeded" == account.client.v1.refunds.retrieve(refund.id).status


def test_endpoint_that_is_down_is_tried_again(tmp_path: Path) -> None:
    """A refused connection counts as a failed attempt."""
    with Receiver() as receiver:
        pass
    with running(tmp_path, receiver, max_attempts=2) as account:
        account.intent()

        delivery = account.deliveries(state="failed")[0]

    assert [None, None] == [attempt["status"] for attempt in delivery["attempts"]]
    assert "ConnectError" in delivery["attempts"][0]["error"]


def test_endpoints_get_their_event_types(tmp_path: Path) -> None:
    """Each endpoint has its types and its secret; a Connect endpoint gets no events of our own."""
    with Receiver() as ours, Receiver() as identity:
        endpoints = (
            WebhookEndpoint(url=ours.url, secret=SECRET, enabled_events=("payment_intent.*",)),
            WebhookEndpoint(url=ours.url, secret="whsec_of_connect", connect=True),
            WebhookEndpoint(
                url=identity.url, secret="whsec_of_identity", enabled_events=("identity.*",)
            ),
        )
        with running(tmp_path, ours, webhook_endpoints=endpoints) as account:
            account.paid()
            account.client.v1.identity.verification_sessions.create({"type": "document"})
            account.deliveries(count=3, state="delivered")

        types = [ours.next().verify().type for _ in range(2)]
        checked = identity.next().verify("whsec_of_identity")
        assert {"payment_intent.created", "payment_intent.succeeded"} == set(types)
        assert "identity.verification_session.created" == checked.type
        assert ours.received.empty()
        assert identity.received.empty()


def test_config_survives_the_file(tmp_path: Path) -> None:
    """A configuration that is written as JSON and read back is equal."""
    with Receiver() as receiver, running(tmp_path, receiver) as account:
        config = account.config

    assert config == StripeConfig.from_json(config.to_json())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no JSON", "unusable"),
        ('{"port": 1}', "unusable"),
        ('{"port": 1, "state": "s", "secret_key": "sk_test_x", "colour": "red"}', "colour"),
        (
            '{"port": 1, "state": "s", "secret_key": "sk_live_x", "publishable_key": "pk_test_x"}',
            "live key",
        ),
    ],
)
def test_wrong_config_ends_with_one_sentence(tmp_path: Path, text: str, words: str) -> None:
    """The command ends with one sentence about a wrong configuration."""
    path = tmp_path / "stripe.json"
    path.write_text(text)

    run = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "devstack.stripe", "--config", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert 1 == run.returncode
    assert words in run.stderr
    assert 1 == len(run.stderr.strip().splitlines())
    assert [path] == list(tmp_path.iterdir())


def test_library_and_fake_speak_the_same_version() -> None:
    """The fake has the API version of the installed library, and a new release fails this test."""
    config = StripeConfig(
        port=1, state=Path("s"), secret_key="sk_test_x", publishable_key="pk_test_x"
    )

    assert config.api_version == stripe.api_version

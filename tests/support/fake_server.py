"""The fake Stripe in its own process, and a receiver of its webhooks."""

import contextlib
import dataclasses
import json
import queue
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx
import stripe

from devstack.stripe.config import StripeConfig, WebhookEndpoint
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import wait_until
from tests.support.waits import ANSWER_S, START_S


SECRET = "whsec_of_the_tests"
CONNECT_SECRET = "whsec_for_connected_accounts"
SECRET_KEY = "sk_test_of_the_tests"
PUBLISHABLE_KEY = "pk_test_of_the_tests"


@dataclasses.dataclass(frozen=True, slots=True)
class Received:
    """A received webhook."""

    body: bytes
    headers: dict[str, str]

    @property
    def event(self) -> dict[str, Any]:
        """Return the event in the body, signed or not."""
        event: dict[str, Any] = json.loads(self.body)
        return event

    def verify(self, secret: str = SECRET) -> stripe.Event:
        """Check the signature, and return the event as the official library reads it."""
        event: stripe.Event = stripe.Webhook.construct_event(
            self.body, self.headers.get("Stripe-Signature"), secret
        )
        return event


class Receiver:
    """An endpoint that answers 200, or first the statuses in `answers`."""

    def __init__(self) -> None:
        self.received: queue.Queue[Received] = queue.Queue()
        self.answers: list[int] = []
        #: A test closes this gate to delay the answers.
        self.gate = threading.Event()
        self.gate.set()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                status = receiver.answers.pop(0) if receiver.answers else 200
                receiver.received.put(Received(body, dict(self.headers)))
                receiver.gate.wait(ANSWER_S)
                self.send_response(status)
                self.send_header("Content-Length", "2")
                self.end_headers()
                # A test may kill the fake before it reads the answer.
                with suppress(ConnectionError):
                    self.wfile.write(b"ok")

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
                """Stay silent."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Return the URL of the webhooks."""
        return f"http://127.0.0.1:{self._server.server_port}/webhooks"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def next(self) -> Received:
        """Return the next webhook; fail if none comes in time."""
        return self.received.get(timeout=ANSWER_S)

    def forget(self) -> None:
        """Drop all webhooks and answers, and open the gate."""
        self.answers.clear()
        self.gate.set()
        while not self.received.empty():
            self.received.get_nowait()


@dataclasses.dataclass(frozen=True, slots=True)
class Account:
    """A running fake Stripe, seen by the official client and by its control API."""

    config: StripeConfig
    client: stripe.StripeClient
    control: httpx.Client
    receiver: Receiver

    def intent(self, **params: Any) -> stripe.PaymentIntent:
        """Make an intent for a card; `params` add to the usual parameters."""
        usual: Any = {"amount": 5000, "currency": "aud", "payment_method_types": ["card"]}
        return self.client.v1.payment_intents.create(usual | params)

    def paid(self, card: str = "pm_card_visa", **params: Any) -> stripe.PaymentIntent:
        """Make an intent and pay it with a test card."""
        return self.intent(confirm=True, payment_method=card, **params)

    def seller(self, *, is_onboarded: bool = True, **params: Any) -> stripe.Account:
        """Make a connected account that can be paid; `params` add to the usual parameters."""
        usual: Any = {
            "type": "express",
            "country": "AU",
            "capabilities": {
                "card_payments": {"requested": True},
                "transfers": {"requested": True},
            },
        }
        seller = self.client.v1.accounts.create(usual | params)
        if is_onboarded:
            self.command("POST", f"/accounts/{seller.id}/onboarding")
        return seller

    def funds(self, seller: str = "") -> tuple[int, int]:
        """Return the available and the pending balance, of ours or of a seller's."""
        options: Any = {"stripe_account": seller} if seller else {}
        balance = self.client.v1.balance.retrieve(None, options)
        return balance.available[0].amount, balance.pending[0].amount

    def command(self, method: str, path: str, /, **body: Any) -> Any:
        """Send a command to the control API, which must accept it."""
        response = self.control.request(method, path, json=body)
        response.raise_for_status()
        return response.json()

    def age(self, object_id: str, seconds: int) -> None:
        """Move the times of an object into the past, which no call of the API can do."""
        with contextlib.closing(sqlite3.connect(self.config.state)) as state:
            state.execute(
                "update objects set body = json_replace(body,"
                " '$.created', json_extract(body, '$.created') - :seconds,"
                " '$.expires_at', json_extract(body, '$.expires_at') - :seconds)"
                " where id = :id",
                {"seconds": seconds, "id": object_id},
            )
            state.commit()

    def deliveries(self, *, count: int = 1, **query: Any) -> list[dict[str, Any]]:
        """Wait until `count` deliveries match the query, and return all that match."""
        params = {"count": count, "wait_s": ANSWER_S, **query}
        response = self.control.get("/deliveries", params=params)
        response.raise_for_status()
        found: list[dict[str, Any]] = response.json()["deliveries"]
        assert len(found) >= count, f"only {len(found)} deliveries of {query}"
        return found

    def event_types(self, object_id: str) -> list[str]:
        """Return the types of the events about an object, oldest first."""
        events = self.client.v1.events.list({"limit": 100}).data
        about = [e for e in events if e.to_dict()["data"]["object"]["id"] == object_id]
        return [event.type for event in reversed(about)]


def error_code(error: stripe.StripeError) -> str | None:
    """Return the code of an error that the library leaves in its body, as for a 403."""
    body: Any = error.json_body
    code: str | None = body["error"].get("code")
    return code


@contextmanager
def running(folder: Path, receiver: Receiver, **settings: Any) -> Iterator[Account]:
    """Run the fake Stripe with its state in `folder` until the block ends."""
    defaults: dict[str, Any] = {
        "async_after_s": None,
        "retry_base_s": 0.05,
        "retry_cap_s": 0.1,
        "webhook_endpoints": (
            WebhookEndpoint(url=receiver.url, secret=SECRET),
            WebhookEndpoint(url=receiver.url, secret=CONNECT_SECRET, connect=True),
        ),
    }
    config = StripeConfig(
        port=free_port(),
        state=folder / "stripe.sqlite",
        secret_key=SECRET_KEY,
        publishable_key=PUBLISHABLE_KEY,
        **(defaults | settings),
    )
    path = folder / "stripe.json"
    path.write_text(config.to_json())
    command = [sys.executable, "-m", "devstack.stripe", "--config", str(path)]
    with (
        subprocess.Popen(command) as process,  # noqa: S603 - our own program
        httpx.Client(base_url=f"{config.url}/_control", timeout=60, trust_env=False) as control,
    ):
        try:
            is_up = wait_until(lambda: _is_up(control, process), START_S)
            assert is_up, "the fake Stripe did not come up"
            yield Account(config, _client(config), control, receiver)
        finally:
            process.kill()


def _is_up(control: httpx.Client, process: subprocess.Popen[bytes]) -> bool:
    assert process.poll() is None, "the fake Stripe has ended"
    with suppress(httpx.TransportError):
        return control.get("/health").is_success
    return False


def _client(config: StripeConfig) -> stripe.StripeClient:
    return stripe.StripeClient(
        config.secret_key,
        base_addresses={"api": config.url},
        http_client=stripe.RequestsClient(timeout=ANSWER_S),
        max_network_retries=0,
    )

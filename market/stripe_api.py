"""The adapter for Stripe."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import stripe

from market import retry
from market.errors import MarketError, RejectedError, TransientError
from market.settings import Settings


R = TypeVar("R")

#: Somebody waits for the service; a worker has time, and an answer spares it a question.
SERVICE_TIMEOUT_S = 1.5
WORKER_TIMEOUT_S = 20.0
_MOST_REFUNDS = 100


@dataclasses.dataclass(frozen=True, slots=True)
class _AnsweredError:
    """An error that Stripe answered to a write: the same idempotency key gets it again."""

    error: MarketError


class StripeApi:
    """Calls Stripe.

    The client it is given must not retry on its own, or its tries and ours would multiply. What
    has gone wrong is told by the code: `STRIPE_UNREACHABLE` no answer came, `STRIPE_CONFLICT` a
    twin of the call is under way, `STRIPE_RATE_LIMITED` we ask too often (with these three the
    idempotency key of a write is as good as before), `STRIPE_ERROR` Stripe answered with an error
    of its own or of our configuration, `STRIPE_REFUSED` and `RESOURCE_NOT_FOUND` it said no.
    """

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    @retry.transient
    def retrieve_payment_intent(self, payment_intent_id: str) -> Mapping[str, Any]:
        """Return the intent as it is now; `RESOURCE_NOT_FOUND` if there is none."""
        return _read(
            lambda: self._client.v1.payment_intents.retrieve(payment_intent_id).to_dict(),
            "retrieve_payment_intent",
        )

    def create_payment_intent(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Create an intent; the same key returns the same intent, or the same refusal."""
        return self._write(
            lambda: self._client.v1.payment_intents.create(
                dict(parameters),  # type: ignore[arg-type] # the handler's JSON, checked by Stripe
                {"idempotency_key": idempotency_key},
            ).to_dict(),
            "create_payment_intent",
        )

    def cancel_payment_intent(
        self, payment_intent_id: str, *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Cancel an intent that has not succeeded."""
        return self._write(
            lambda: self._client.v1.payment_intents.cancel(
                payment_intent_id, None, {"idempotency_key": idempotency_key}
            ).to_dict(),
            "cancel_payment_intent",
        )

    @retry.transient
    def retrieve_refund(self, refund_id: str) -> Mapping[str, Any]:
        """Return the refund as it is now, whatever the events about it say."""
        return _read(
            lambda: self._client.v1.refunds.retrieve(refund_id).to_dict(), "retrieve_refund"
        )

    @retry.transient
    def list_refunds(self, payment_intent_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the refunds of an intent, the newest first."""
        return _read(
            lambda: [
                refund.to_dict()
                for refund in self._client.v1.refunds.list(
                    {"payment_intent": payment_intent_id, "limit": _MOST_REFUNDS}
                ).data
            ],
            "list_refunds",
        )

    def create_refund(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Send money back; the same key returns the same refund, or the same refusal."""
        return self._write(
            lambda: self._client.v1.refunds.create(
                dict(parameters),  # type: ignore[arg-type] # the sender's JSON, checked by Stripe
                {"idempotency_key": idempotency_key},
            ).to_dict(),
            "create_refund",
        )

    def ping(self) -> None:
        """Ask Stripe for something small, once, to see that it answers us."""
        _read(lambda: self._client.v1.balance.retrieve().to_dict(), "ping")

    def _write(self, send: Callable[[], dict[str, Any]], function: str) -> Mapping[str, Any]:
        answer = self._sent(send, function)
        if isinstance(answer, _AnsweredError):
            raise answer.error
        return answer

    @retry.transient
    def _sent(
        self, send: Callable[[], dict[str, Any]], function: str
    ) -> dict[str, Any] | _AnsweredError:
        # Only what raises is tried again here. Stripe would replay an error that it has answered,
        # 5xx too, so that one is returned, and whoever called may go on under another key.
        try:
            return send()
        except stripe.StripeError as error:
            translated = _translate(error, function)
            if _undecided_code(error) is not None:
                raise translated from error
            return _AnsweredError(translated)


def connect(settings: Settings, timeout_s: float) -> StripeApi:
    """Build the adapter, for one process and all of its threads."""
    # Telemetry would send our latencies, and write an id into the home folder.
    stripe.enable_telemetry = False
    client = stripe.StripeClient(
        settings.stripe_secret_key,
        http_client=stripe.RequestsClient(timeout=timeout_s),
        max_network_retries=0,
        base_addresses={"api": settings.stripe_api_base} if settings.stripe_api_base else None,
    )
    return StripeApi(client)


def _read(ask: Callable[[], R], function: str) -> R:
    try:
        return ask()
    except stripe.StripeError as error:
        raise _translate(error, function) from error


def _translate(error: stripe.StripeError, function: str) -> MarketError:
    detail = f"{function}: {error.code or error.http_status}"
    undecided = _undecided_code(error)
    if undecided is not None:
        return TransientError(undecided, detail)
    if isinstance(error, stripe.APIError):
        return TransientError("STRIPE_ERROR", detail)
    if error.code == "resource_missing":
        return RejectedError("RESOURCE_NOT_FOUND", detail)
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return RejectedError("STRIPE_REFUSED", detail)
    # Our key, our rights or a key used for two different calls: a person has to look.
    return MarketError("STRIPE_ERROR", detail)


def _undecided_code(error: stripe.StripeError) -> str | None:
    """Return the code of an error after which Stripe has kept nothing under our key, else None."""
    if isinstance(error, stripe.APIConnectionError):
        return "STRIPE_UNREACHABLE"
    if isinstance(error, stripe.RateLimitError):
        return "STRIPE_RATE_LIMITED"
    if error.http_status == HTTPStatus.CONFLICT:
        return "STRIPE_CONFLICT"
    return None

"""The adapter for Stripe."""

import dataclasses
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeVar

import stripe

from market import retry
from market.errors import MarketError, RejectedError, TransientError
from market.settings import Settings
from market.stripe_objects import text_in


R = TypeVar("R")

#: A user waits for the service, so it gives up soon. A worker can wait longer, which saves retries.
SERVICE_TIMEOUT_S = 1.5
WORKER_TIMEOUT_S = 20.0
_PAGE_LENGTH = 100
#: A request has time for no more pages. An object that a lost answer hid is usually new.
_MOST_PAGES = 3
#: The seller's account cannot receive money now, or Stripe lets us no longer act for it.
_UNABLE_CODES = (
    "account_invalid",
    "insufficient_capabilities_for_transfer",
    "transfers_not_allowed",
)


@dataclasses.dataclass(frozen=True, slots=True)
class _AnsweredError:
    """An error that Stripe answered to a write, and replays under the same idempotency key."""

    error: MarketError


class StripeApi:
    """Calls Stripe. The library must not retry, or its tries and ours would multiply.

    An error's code tells how to go on:

    - `STRIPE_UNREACHABLE`, `STRIPE_CONFLICT`, `STRIPE_RATE_LIMITED`: no answer came, the same call
      is under way, or we call too often. Repeat the call under the same idempotency key.
    - `STRIPE_ERROR`: Stripe failed, or our key or call is wrong. Stripe replays this answer under
      the key of a write, so another try needs another key.
    - `STRIPE_BALANCE_INSUFFICIENT`, `STRIPE_ACCOUNT_UNABLE`: an account lacks the money, or the
      seller's account cannot receive any. Another try needs another key.
    - `STRIPE_REFUSED`, `STRIPE_EMAIL_REFUSED`, `RESOURCE_NOT_FOUND`: Stripe refused the call.
    """

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    @retry.transient
    def retrieve_payment_intent(self, payment_intent_id: str) -> Mapping[str, Any]:
        """Return the current state of an intent; `RESOURCE_NOT_FOUND` if there is none."""
        return _read(
            lambda: _object(self._client.v1.payment_intents.retrieve(payment_intent_id)),
            "retrieve_payment_intent",
        )

    def list_payment_intents(self, *, created_since: int) -> Iterator[Mapping[str, Any]]:
        """Yield the newest intents of the account that were created since a Unix time."""
        return self._newest(
            self._client.v1.payment_intents.list,
            {"created": {"gte": created_since}},
            "list_payment_intents",
        )

    def create_payment_intent(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Create an intent; the same key returns the same intent, or the same refusal."""
        return self._write(
            lambda: _object(
                self._client.v1.payment_intents.create(
                    dict(parameters),  # type: ignore[arg-type] # the caller's JSON; Stripe checks it
                    {"idempotency_key": idempotency_key},
                )
            ),
            "create_payment_intent",
        )

    def cancel_payment_intent(
        self, payment_intent_id: str, *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Cancel an intent that has not succeeded."""
        return self._write(
            lambda: _object(
                self._client.v1.payment_intents.cancel(
                    payment_intent_id, None, {"idempotency_key": idempotency_key}
                )
            ),
            "cancel_payment_intent",
        )

    @retry.transient
    def retrieve_refund(self, refund_id: str) -> Mapping[str, Any]:
        """Return the current state of a refund; `RESOURCE_NOT_FOUND` if there is none."""
        return _read(
            lambda: _object(self._client.v1.refunds.retrieve(refund_id)), "retrieve_refund"
        )

    @retry.transient
    def list_refunds(self, payment_intent_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the refunds of an intent, the newest first."""
        return _read(
            lambda: _objects(
                self._client.v1.refunds.list(
                    {"payment_intent": payment_intent_id, "limit": _PAGE_LENGTH}
                )
            ),
            "list_refunds",
        )

    @retry.transient
    def retrieve_dispute(self, dispute_id: str) -> Mapping[str, Any]:
        """Return the current state of a dispute; `RESOURCE_NOT_FOUND` if there is none."""
        return _read(
            lambda: _object(self._client.v1.disputes.retrieve(dispute_id)), "retrieve_dispute"
        )

    @retry.transient
    def list_disputes(self, payment_intent_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the disputes of an intent, the newest first."""
        return _read(
            lambda: _objects(
                self._client.v1.disputes.list(
                    {"payment_intent": payment_intent_id, "limit": _PAGE_LENGTH}
                )
            ),
            "list_disputes",
        )

    def create_refund(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Send money back; the same key returns the same refund, or the same refusal."""
        return self._write(
            lambda: _object(
                self._client.v1.refunds.create(
                    dict(parameters),  # type: ignore[arg-type] # the sender's JSON; Stripe checks it
                    {"idempotency_key": idempotency_key},
                )
            ),
            "create_refund",
        )

    def list_accounts(self, *, created_since: int) -> Iterator[Mapping[str, Any]]:
        """Yield the newest connected accounts that were created since a Unix time."""
        return self._newest(
            self._client.v1.accounts.list, {"created": {"gte": created_since}}, "list_accounts"
        )

    @retry.transient
    def retrieve_account(self, account_id: str) -> Mapping[str, Any]:
        """Return the current state of a connected account."""
        return _read(
            lambda: _object(self._client.v1.accounts.retrieve(account_id)), "retrieve_account"
        )

    def create_account(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Create a connected account; the same key returns the same account."""
        return self._write(
            lambda: _object(
                self._client.v1.accounts.create(
                    dict(parameters),  # type: ignore[arg-type] # the caller's JSON; Stripe checks it
                    {"idempotency_key": idempotency_key},
                )
            ),
            "create_account",
        )

    @retry.transient
    def create_account_link(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a new link to Stripe's onboarding; it opens once, so it is never the same."""
        return _read(
            lambda: self._client.v1.account_links.create(
                dict(parameters)  # type: ignore[arg-type] # the caller's JSON; Stripe checks it
            ).to_dict(),
            "create_account_link",
        )

    def list_events(
        self, types: Sequence[str], *, since: int, until: int
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of our account's events of at most 20 types, created between two times."""
        return self._created_between(
            self._client.v1.events.list, since, until, "list_events", types=list(types)
        )

    def list_payment_intents_between(
        self, *, since: int, until: int
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of the intents that were created between two times."""
        return self._created_between(
            self._client.v1.payment_intents.list, since, until, "list_payment_intents"
        )

    def list_balance_transactions(
        self, *, since: int, until: int
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of the movements of our balance between two times, each with its source."""
        return self._created_between(
            self._client.v1.balance_transactions.list,
            since,
            until,
            "list_balance_transactions",
            expand=["data.source"],
        )

    @retry.transient
    def retrieve_transfer(self, transfer_id: str) -> Mapping[str, Any]:
        """Return the current state of a transfer; `RESOURCE_NOT_FOUND` if there is none."""
        return _read(
            lambda: _object(self._client.v1.transfers.retrieve(transfer_id)), "retrieve_transfer"
        )

    def list_transfers(self, transfer_group: str) -> Iterator[Mapping[str, Any]]:
        """Yield the transfers of a group, the newest first."""
        return self._newest(
            self._client.v1.transfers.list, {"transfer_group": transfer_group}, "list_transfers"
        )

    def create_transfer(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Transfer money to a connected account; the same key returns the same transfer."""
        return self._write(
            lambda: _object(
                self._client.v1.transfers.create(
                    dict(parameters),  # type: ignore[arg-type] # the sender's JSON; Stripe checks it
                    {"idempotency_key": idempotency_key},
                )
            ),
            "create_transfer",
        )

    def list_reversals(self, transfer_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield the reversals of a transfer, the newest first."""
        return self._newest(
            lambda page: self._client.v1.transfers.reversals.list(transfer_id, page),
            {},
            "list_reversals",
        )

    def create_reversal(
        self, transfer_id: str, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Take money of a transfer back; the same key returns the same reversal."""
        return self._write(
            lambda: _object(
                self._client.v1.transfers.reversals.create(
                    transfer_id,
                    dict(parameters),  # type: ignore[arg-type] # the sender's JSON; Stripe checks it
                    {"idempotency_key": idempotency_key},
                )
            ),
            "create_reversal",
        )

    def ping(self) -> None:
        """Make one small call, so that a health check sees whether Stripe answers."""
        _read(self._client.v1.balance.retrieve, "ping")

    def _newest(
        self, fetch: Callable[[Any], stripe.StripeObject], parameters: Any, function: str
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the newest objects of a list, at most as many pages as a request has time for."""
        for page in itertools.islice(self._pages(fetch, parameters, function), _MOST_PAGES):
            yield from page

    def _created_between(
        self,
        fetch: Callable[[Any], stripe.StripeObject],
        since: int,
        until: int,
        function: str,
        **parameters: Any,
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        return self._pages(fetch, parameters | {"created": {"gte": since, "lte": until}}, function)

    def _pages(
        self,
        fetch: Callable[[Any], stripe.StripeObject],
        parameters: Mapping[str, Any],
        function: str,
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield the pages of a list, the newest objects first."""
        page: dict[str, Any] = {"limit": _PAGE_LENGTH}
        has_more = True
        while has_more:
            objects, has_more = self._page(fetch, dict(parameters) | page, function)
            yield objects
            if not objects:
                return
            page["starting_after"] = objects[-1]["id"]

    @retry.transient
    def _page(
        self, fetch: Callable[[Any], stripe.StripeObject], parameters: Any, function: str
    ) -> tuple[Sequence[Mapping[str, Any]], bool]:
        def read() -> tuple[Sequence[Mapping[str, Any]], bool]:
            answer = fetch(parameters)
            return _objects(answer), answer.to_dict().get("has_more") is True

        return _read(read, function)

    def _write(self, send: Callable[[], Mapping[str, Any]], function: str) -> Mapping[str, Any]:
        answer = self._send(send, function)
        if isinstance(answer, _AnsweredError):
            raise answer.error
        return answer

    @retry.transient
    def _send(
        self, send: Callable[[], Mapping[str, Any]], function: str
    ) -> Mapping[str, Any] | _AnsweredError:
        # The retry policy repeats a call that raises. Stripe replays an error that it answered, 5xx
        # too, under the same key. So return such an error; the caller may try again under another
        # key.
        try:
            return send()
        except stripe.StripeError as error:
            translated = _translate(error, function)
            if _unreplayed_code(error) is not None:
                raise translated from error
            return _AnsweredError(translated)


class _HttpClient(stripe.RequestsClient):
    """Stripe's HTTP client, which also checks the form of each answer.

    A proxy may answer in Stripe's place, with any status and body. The library raises
    `AttributeError` on some of these answers, and treats a proxy's 404 page as Stripe's answer.
    """

    def request(  # type: ignore[override] # the library's own clients have this form
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        """Send a request and return Stripe's answer, which holds an object or an error."""
        body, status, answer_headers = super().request(method, url, headers, post_data)
        if not _is_stripes(body, status):
            raise stripe.APIError("not an answer of Stripe", http_status=status)
        return body, status, answer_headers


def connect(settings: Settings, timeout_s: float) -> StripeApi:
    """Build the adapter, for one process and all of its threads."""
    # Telemetry would send our latencies, and write an id into the home folder.
    stripe.enable_telemetry = False
    client = stripe.StripeClient(
        settings.stripe_secret_key,
        http_client=_HttpClient(timeout=timeout_s),
        max_network_retries=0,
        base_addresses={"api": settings.stripe_api_base} if settings.stripe_api_base else None,
    )
    return StripeApi(client)


def _is_stripes(body: bytes, status: int) -> bool:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return False
    if not isinstance(answer, dict):
        return False
    return status < HTTPStatus.BAD_REQUEST or isinstance(answer.get("error"), dict)


def _object(answer: stripe.StripeObject) -> Mapping[str, Any]:
    """Return an object as plain JSON; its id is a text."""
    json_object = answer.to_dict()
    if text_in(json_object, "id") is None:
        raise stripe.APIError("an object without an id", http_status=HTTPStatus.OK)
    return json_object


def _objects(answer: stripe.StripeObject) -> Sequence[Mapping[str, Any]]:
    """Return the objects of a list as plain JSON; the id of each is a text."""
    items = answer.to_dict().get("data")
    if not isinstance(items, list):
        raise stripe.APIError("a list without data", http_status=HTTPStatus.OK)
    return [item for item in items if isinstance(item, dict) and text_in(item, "id") is not None]


def _read(ask: Callable[[], R], function: str) -> R:
    try:
        return ask()
    except stripe.StripeError as error:
        raise _translate(error, function) from error


def _translate(error: stripe.StripeError, function: str) -> MarketError:
    detail = f"{function}: {error.code or error.http_status}"
    unreplayed = _unreplayed_code(error)
    if unreplayed is not None:
        return TransientError(unreplayed, detail)
    # The library omits the code of a 403, but keeps its body.
    if (error.code or getattr(error.error, "code", None)) in _UNABLE_CODES:
        return TransientError("STRIPE_ACCOUNT_UNABLE", detail)
    if isinstance(error, stripe.InvalidRequestError | stripe.CardError):
        return _refusal(error, detail)
    if isinstance(error, stripe.APIError) and _is_transient(error):
        return TransientError("STRIPE_ERROR", detail)
    # Only mistakes of ours are left: a wrong key, missing rights, an idempotency key that is used
    # for two calls, or an address that does not lead to Stripe.
    return MarketError("STRIPE_ERROR", detail)


def _refusal(error: stripe.InvalidRequestError | stripe.CardError, detail: str) -> MarketError:
    if error.code == "balance_insufficient":
        return TransientError("STRIPE_BALANCE_INSUFFICIENT", detail)
    if error.param == "destination":
        # Stripe does not know the account that a transfer should go to.
        return TransientError("STRIPE_ACCOUNT_UNABLE", detail)
    if error.code == "resource_missing":
        return RejectedError("RESOURCE_NOT_FOUND", detail)
    if error.code == "email_invalid" or error.param == "receipt_email":
        return RejectedError("STRIPE_EMAIL_REFUSED", detail)
    return RejectedError("STRIPE_REFUSED", detail)


def _unreplayed_code(error: stripe.StripeError) -> str | None:
    """Return the code of an error that Stripe does not replay under the same key, else None."""
    if isinstance(error, stripe.APIConnectionError):
        return "STRIPE_UNREACHABLE"
    if error.http_status == HTTPStatus.TOO_MANY_REQUESTS or isinstance(
        error, stripe.RateLimitError
    ):
        return "STRIPE_RATE_LIMITED"
    if error.http_status == HTTPStatus.CONFLICT:
        return "STRIPE_CONFLICT"
    return None


def _is_transient(error: stripe.APIError) -> bool:
    status = error.http_status or HTTPStatus.INTERNAL_SERVER_ERROR
    # A success without an object of Stripe comes from a proxy; the next answer may be Stripe's.
    return status < HTTPStatus.BAD_REQUEST or retry.is_transient_status(status)

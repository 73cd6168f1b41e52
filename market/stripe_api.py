"""The adapter for Stripe."""

import functools
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any, TypeAlias, TypeVar

import stripe

from market import retry
from market.errors import MarketError
from market.settings import Settings
from market.stripe_errors import translated, unreplayed_code
from market.stripe_objects import text_in


R = TypeVar("R")
#: A method of Stripe's library. It checks the parameters only at Stripe, so any fit its type.
_Call: TypeAlias = Callable[..., stripe.StripeObject]

#: A user waits for the service, so it gives up soon. A worker can wait longer, which saves retries.
SERVICE_TIMEOUT_S = 1.5
WORKER_TIMEOUT_S = 20.0
_PAGE_LENGTH = 100
#: A request has time for no more pages. An object that a lost answer hid is usually new.
_MOST_PAGES = 3


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
        retrieve = self._client.v1.payment_intents.retrieve
        return _read("retrieve_payment_intent", _object, retrieve, payment_intent_id)

    def list_payment_intents(self, *, created_since: int) -> Iterator[Mapping[str, Any]]:
        """Yield the newest intents of the account that were created since a Unix time."""
        return self._newest(
            "list_payment_intents",
            self._client.v1.payment_intents.list,
            created={"gte": created_since},
        )

    def create_payment_intent(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Create an intent; the same key returns the same intent, or the same refusal."""
        create = self._client.v1.payment_intents.create
        return self._write("create_payment_intent", idempotency_key, create, dict(parameters))

    def cancel_payment_intent(
        self, payment_intent_id: str, *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Cancel an intent that has not succeeded."""
        cancel = self._client.v1.payment_intents.cancel
        return self._write(
            "cancel_payment_intent", idempotency_key, cancel, payment_intent_id, None
        )

    @retry.transient
    def retrieve_refund(self, refund_id: str) -> Mapping[str, Any]:
        """Return the current state of a refund; `RESOURCE_NOT_FOUND` if there is none."""
        return _read("retrieve_refund", _object, self._client.v1.refunds.retrieve, refund_id)

    def list_refunds(self, payment_intent_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the refunds of an intent, the newest first."""
        list_ = self._client.v1.refunds.list
        return list(self._newest("list_refunds", list_, payment_intent=payment_intent_id))

    @retry.transient
    def retrieve_dispute(self, dispute_id: str) -> Mapping[str, Any]:
        """Return the current state of a dispute; `RESOURCE_NOT_FOUND` if there is none."""
        return _read("retrieve_dispute", _object, self._client.v1.disputes.retrieve, dispute_id)

    def list_disputes(self, payment_intent_id: str) -> Sequence[Mapping[str, Any]]:
        """Return the disputes of an intent, the newest first."""
        list_ = self._client.v1.disputes.list
        return list(self._newest("list_disputes", list_, payment_intent=payment_intent_id))

    def create_refund(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Send money back; the same key returns the same refund, or the same refusal."""
        create = self._client.v1.refunds.create
        return self._write("create_refund", idempotency_key, create, dict(parameters))

    def list_accounts(self, *, created_since: int) -> Iterator[Mapping[str, Any]]:
        """Yield the newest connected accounts that were created since a Unix time."""
        list_ = self._client.v1.accounts.list
        return self._newest("list_accounts", list_, created={"gte": created_since})

    @retry.transient
    def retrieve_account(self, account_id: str) -> Mapping[str, Any]:
        """Return the current state of a connected account."""
        return _read("retrieve_account", _object, self._client.v1.accounts.retrieve, account_id)

    def create_account(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Create a connected account; the same key returns the same account."""
        create = self._client.v1.accounts.create
        return self._write("create_account", idempotency_key, create, dict(parameters))

    @retry.transient
    def create_account_link(self, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a new link to Stripe's onboarding; it opens once, so it is never the same."""
        create = self._client.v1.account_links.create
        return _read("create_account_link", _plain, create, dict(parameters))

    def list_events(
        self, types: Sequence[str], *, since: int, until: int
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of our account's events of at most 20 types, created between two times."""
        return self._pages(
            "list_events",
            self._client.v1.events.list,
            types=list(types),
            created={"gte": since, "lte": until},
        )

    def list_payment_intents_between(
        self, *, since: int, until: int
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of the intents that were created between two times."""
        return self._pages(
            "list_payment_intents",
            self._client.v1.payment_intents.list,
            created={"gte": since, "lte": until},
        )

    def list_balance_transactions(
        self, *, since: int, until: int
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield pages of the movements of our balance between two times, each with its source."""
        return self._pages(
            "list_balance_transactions",
            self._client.v1.balance_transactions.list,
            created={"gte": since, "lte": until},
            expand=["data.source"],
        )

    @retry.transient
    def retrieve_transfer(self, transfer_id: str) -> Mapping[str, Any]:
        """Return the current state of a transfer; `RESOURCE_NOT_FOUND` if there is none."""
        return _read("retrieve_transfer", _object, self._client.v1.transfers.retrieve, transfer_id)

    def list_transfers(self, transfer_group: str) -> Iterator[Mapping[str, Any]]:
        """Yield the transfers of a group, the newest first."""
        list_ = self._client.v1.transfers.list
        return self._newest("list_transfers", list_, transfer_group=transfer_group)

    def create_transfer(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Transfer money to a connected account; the same key returns the same transfer."""
        create = self._client.v1.transfers.create
        return self._write("create_transfer", idempotency_key, create, dict(parameters))

    def list_reversals(self, transfer_id: str) -> Iterator[Mapping[str, Any]]:
        """Yield the reversals of a transfer, the newest first."""
        list_ = functools.partial(self._client.v1.transfers.reversals.list, transfer_id)
        return self._newest("list_reversals", list_)

    def create_reversal(
        self, transfer_id: str, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Take money of a transfer back; the same key returns the same reversal."""
        create = self._client.v1.transfers.reversals.create
        return self._write(
            "create_reversal", idempotency_key, create, transfer_id, dict(parameters)
        )

    @retry.transient
    def retrieve_verification_session(
        self, session_id: str, *, expand: Sequence[str] = ()
    ) -> Mapping[str, Any]:
        """Return an Identity session; while it waits for input, with a new way in."""
        retrieve = self._client.v1.identity.verification_sessions.retrieve
        parameters = {"expand": list(expand)}
        return _read("retrieve_verification_session", _object, retrieve, session_id, parameters)

    def list_verification_sessions(
        self, *, client_reference_id: str
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the Identity sessions with a reference of ours, the newest first."""
        list_ = self._client.v1.identity.verification_sessions.list
        return self._newest(
            "list_verification_sessions", list_, client_reference_id=client_reference_id
        )

    def create_verification_session(
        self, parameters: Mapping[str, Any], *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Create an Identity session; the same key returns the same session."""
        create = self._client.v1.identity.verification_sessions.create
        return self._write("create_verification_session", idempotency_key, create, dict(parameters))

    def redact_verification_session(
        self, session_id: str, *, idempotency_key: str
    ) -> Mapping[str, Any]:
        """Have the personal data of an Identity session erased; Stripe takes up to four days."""
        redact = self._client.v1.identity.verification_sessions.redact
        return self._write("redact_verification_session", idempotency_key, redact, session_id, None)

    def ping(self) -> None:
        """Make one small call, so that a health check sees whether Stripe answers."""
        _read("ping", _plain, self._client.v1.balance.retrieve)

    def _newest(
        self, function: str, fetch: _Call, **parameters: Any
    ) -> Iterator[Mapping[str, Any]]:
        """Yield the newest objects of a list, at most as many pages as a request has time for."""
        for page in itertools.islice(self._pages(function, fetch, **parameters), _MOST_PAGES):
            yield from page

    def _pages(
        self, function: str, fetch: _Call, **parameters: Any
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield the pages of a list, the newest objects first."""
        parameters["limit"] = _PAGE_LENGTH
        has_more = True
        while has_more:
            objects, has_more = self._page(function, fetch, parameters)
            yield objects
            if not objects:
                return
            parameters["starting_after"] = objects[-1]["id"]

    @retry.transient
    def _page(
        self, function: str, fetch: _Call, parameters: Mapping[str, Any]
    ) -> tuple[Sequence[Mapping[str, Any]], bool]:
        return _read(function, _objects, fetch, dict(parameters))

    def _write(
        self, function: str, idempotency_key: str, call: _Call, *arguments: Any
    ) -> Mapping[str, Any]:
        answer = self._send(function, call, *arguments, {"idempotency_key": idempotency_key})
        if isinstance(answer, MarketError):
            raise answer
        return answer

    @retry.transient
    def _send(self, function: str, call: _Call, *arguments: Any) -> Mapping[str, Any] | MarketError:
        # The retry policy repeats a call that raises. Stripe replays an error that it answered, 5xx
        # too, under the same key. So return such an error; the caller may try again under another
        # key.
        try:
            return _object(call(*arguments))
        except stripe.StripeError as error:
            if unreplayed_code(error) is not None:
                raise translated(error, function) from error
            return translated(error, function)


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


def _read(
    function: str, convert: Callable[[stripe.StripeObject], R], call: _Call, *arguments: Any
) -> R:
    try:
        return convert(call(*arguments))
    except stripe.StripeError as error:
        raise translated(error, function) from error


def _plain(answer: stripe.StripeObject) -> Mapping[str, Any]:
    """Return an answer as plain JSON."""
    return answer.to_dict()


def _object(answer: stripe.StripeObject) -> Mapping[str, Any]:
    """Return an object as plain JSON; its id is a text."""
    json_object = answer.to_dict()
    if text_in(json_object, "id") is None:
        raise stripe.APIError("an object without an id", http_status=HTTPStatus.OK)
    return json_object


def _objects(answer: stripe.StripeObject) -> tuple[Sequence[Mapping[str, Any]], bool]:
    """Return the objects of a page as plain JSON, and true if more pages follow.

    The id of each object is a text.
    """
    page = answer.to_dict()
    items = page.get("data")
    if not isinstance(items, list):
        raise stripe.APIError("a list without data", http_status=HTTPStatus.OK)
    objects = [item for item in items if isinstance(item, dict) and text_in(item, "id") is not None]
    return objects, page.get("has_more") is True

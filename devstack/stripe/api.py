"""One request to the API: check its keys and parameters, carry it out, answer as Stripe does."""

import base64
import binascii
import dataclasses
import hmac
import json
import re
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import Response

from devstack.emulation.connection_reset import break_connection
from devstack.emulation.faults import Fault, When
from devstack.stripe.config import StripeConfig
from devstack.stripe.errors import (
    StripeError,
    account_invalid,
    invalid,
    masked,
    server_failure,
    unauthorized,
)
from devstack.stripe.expansion import expand
from devstack.stripe.fake import FakeStripe
from devstack.stripe.idempotency import Key, SavedAnswer, read_key
from devstack.stripe.params import Params
from devstack.stripe.routes import Operation
from devstack.stripe.store import Json, Store, new_id
from devstack.stripe.transaction import Answer, Origin


_FORM = "application/x-www-form-urlencoded"
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
_PART = re.compile(r"\[([^\[\]]*)\]")
_MAX_FIELDS = 1000
_MAX_DEPTH = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request whose key and parameters have been read."""

    operation: Operation
    path: str
    ids: tuple[str, ...]
    values: Mapping[str, Any]
    origin: Origin
    key: Key | None


class _ConnectionLostError(Exception):
    """A fault breaks the connection instead of an answer."""


async def serve(fake: FakeStripe, operation: Operation, request: Request) -> Response:
    """Answer one request to the API."""
    request_id = new_id("req", 14)
    headers = {"Request-Id": request_id, "Stripe-Version": fake.config.api_version}
    try:
        call = await _read_call(fake, operation, request, request_id)
        if call.key is not None:
            headers["Idempotency-Key"] = call.key.value
        answer = await _answer(fake, call)
    except _ConnectionLostError:
        await break_connection(request.scope, request.receive)
        return Response()
    except StripeError as error:
        return render(error.status, error.body, headers)
    if isinstance(answer, SavedAnswer):
        headers |= {"Idempotent-Replayed": "true", "Original-Request": answer.request_id}
    return render(answer.status, answer.body, headers)


def render(status: int, body: Json, headers: Mapping[str, str]) -> Response:
    """Return an answer with Stripe's headers about retries."""
    extra: dict[str, str] = {}
    if status == HTTPStatus.CONFLICT:
        extra["Stripe-Should-Retry"] = "true"
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        # https://docs.stripe.com/rate-limits
        extra["Stripe-Rate-Limited-Reason"] = "global-rate"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        # A retry with the same key would only get the same answer.
        extra["Stripe-Should-Retry"] = "false"
    text = json.dumps(body, indent=2)
    return Response(text, status, {**headers, **extra}, media_type="application/json")


async def _read_call(
    fake: FakeStripe, operation: Operation, request: Request, request_id: str
) -> Call:
    is_publishable = _is_publishable(request.headers.get("authorization"), fake.config)
    if is_publishable and not operation.is_public:
        raise _refuse_publishable()
    _check_version(request.headers.get("stripe-version"), fake.config)
    account = _connected_account(request.headers.get("stripe-account"), fake.store, fake.config)
    if account is not None and not operation.for_connected:
        raise invalid(
            f"The fake Stripe does not serve {request.method} {operation.path} for connected "
            "accounts (header Stripe-Account)."
        )

    values = _decode_form(await _read_text(request))
    key = None
    if request.method == "POST":
        key = read_key(request.headers.get("idempotency-key"), request.url.path, values)
    return Call(
        operation=operation,
        path=request.url.path,
        ids=tuple(request.path_params.values()),
        values=values,
        origin=Origin(
            request_id=request_id,
            idempotency_key=key.value if key else None,
            is_publishable=is_publishable,
            account=account,
        ),
        key=key,
    )


def _is_publishable(authorization: str | None, config: StripeConfig) -> bool:
    """Return true if the caller has a publishable key, false for the secret key.

    Raises:
        StripeError: the key is missing or wrong.

    """
    key = _read_key(authorization or "")
    if not key:
        raise unauthorized(
            "You did not provide an API key. You need to provide your API key in the "
            "Authorization header, using Bearer auth (e.g. 'Authorization: Bearer "
            "YOUR_SECRET_KEY')."
        )
    if hmac.compare_digest(key.encode(), config.publishable_key.encode()):
        return True
    if hmac.compare_digest(key.encode(), config.secret_key.encode()):
        return False
    raise unauthorized(f"Invalid API Key provided: {masked(key)}")


def _read_key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _refuse_publishable() -> StripeError:
    """Return the answer to a publishable key where a secret one is needed."""
    return unauthorized(
        "This API call cannot be made with a publishable API key. Please use a secret API key."
    )


def _check_version(requested: str | None, config: StripeConfig) -> None:
    """Refuse an API version whose objects look different from ours.

    Versions of one name (`….endive`) differ only in their additions.
    """
    name = config.api_version.rpartition(".")[2]
    if requested is not None and requested.rpartition(".")[2] != name:
        raise invalid(
            f"The fake Stripe speaks API version {config.api_version}, not {requested[:50]}."
        )


def _connected_account(header: str | None, store: Store, config: StripeConfig) -> str | None:
    """Return the connected account that the header Stripe-Account names, or None for our own.

    Raises:
        StripeError: the account is not connected to ours.

    """
    if header is None or header == config.account_id:
        return None
    if store.find("account", header) is None:
        raise account_invalid(config, header)
    return header


async def _read_text(request: Request) -> str:
    if request.method in ("GET", "DELETE"):
        return request.url.query
    body = await request.body()
    kind = request.headers.get("content-type", _FORM).partition(";")[0].strip()
    if body and kind != _FORM:
        raise invalid(f"Invalid request: the content type must be {_FORM}, not {kind[:50]}.")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise invalid("Invalid request: the body is not UTF-8.") from error


def _decode_form(text: str) -> dict[str, Any]:
    """Return the nested values of a form; lists stay dictionaries with numbers for keys.

    Only an operation knows if `a[0]` is the first item of a list or a key of metadata.

    Raises:
        StripeError: a name is malformed, or two names contradict each other.

    """
    try:
        fields = parse_qsl(
            text, keep_blank_values=True, max_num_fields=_MAX_FIELDS, errors="strict"
        )
    except ValueError as error:
        raise invalid(f"Invalid form body: {error}") from error
    return _nest(fields)


def _nest(fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in fields:
        *branch, leaf = _split(name)
        target = values
        for part in branch:
            target = target.setdefault(part or str(len(target)), {})
            if not isinstance(target, dict):
                raise invalid(f"Invalid parameter: {name}", param=name)
        key = leaf or str(len(target))
        if isinstance(target.get(key), dict):
            raise invalid(f"Invalid parameter: {name}", param=name)
        target[key] = value
    return values


def _split(name: str) -> list[str]:
    match = _NAME.fullmatch(name)
    parts = [match[1], *_PART.findall(match[2])] if match else []
    if not parts or len(parts) > _MAX_DEPTH:
        raise invalid(f"Invalid parameter name: {name[:100]}")
    return parts


async def _answer(fake: FakeStripe, call: Call) -> Answer | SavedAnswer:
    with fake.keys.claim(call.key):
        fault = fake.faults.take(call.operation.method, call.path)
        if fault is not None and fault.when is When.BEFORE:
            await _apply_before(fake, call, fault)
        saved = fake.keys.find(call.key)
        answer = saved or await _execute(fake, call, fault)
        if fault is not None and fault.when is When.AFTER:
            await _delay(fake, fault)
            if fault.status is not None:
                raise server_failure(fault.status)
        return answer


async def _apply_before(fake: FakeStripe, call: Call, fault: Fault) -> None:
    """Apply a fault before the request has any effect."""
    await _delay(fake, fault)
    if fault.status is None:
        return
    error = server_failure(fault.status)
    if error.is_saved and fake.keys.find(call.key) is None:
        _save(fake, call, error.status, error.body)
    raise error


async def _delay(fake: FakeStripe, fault: Fault) -> None:
    # The test that clears the faults no longer waits for this answer.
    is_cleared = await fake.faults.delay(fault.delay_s)
    if fault.reset or is_cleared:
        raise _ConnectionLostError


async def _execute(fake: FakeStripe, call: Call, fault: Fault | None) -> Answer:
    """Carry out the operation; save its effect and the answer to its key in one transaction."""
    try:
        with fake.transaction(call.origin) as tx:
            params = Params(call.values)
            paths = params.texts("expand") or []
            result = call.operation.run(tx, params, *call.ids)
            answer = result if isinstance(result, Answer) else Answer(HTTPStatus.OK, result)
            if answer.status == HTTPStatus.OK:
                expand(fake.store, answer.body, paths)
            saved = _saved_answer(answer, fault)
            fake.keys.save(call.key, saved.status, saved.body, request_id=_request_id(call))
    except StripeError as error:
        if error.is_saved:
            _save(fake, call, error.status, error.body)
        raise
    await fake.webhook_sender.deliver_now(tx.before_answer)
    return answer


def _saved_answer(answer: Answer, fault: Fault | None) -> Answer:
    """Return the answer to save under the key.

    A fault that answers 500 after the effect is the answer to every later use of the key.
    """
    if fault is not None and fault.status is not None and server_failure(fault.status).is_saved:
        error = server_failure(fault.status)
        return Answer(error.status, error.body)
    return answer


def _save(fake: FakeStripe, call: Call, status: int, body: Json) -> None:
    with fake.store.transaction():
        fake.keys.save(call.key, status, body, request_id=_request_id(call))


def _request_id(call: Call) -> str:
    return call.origin.request_id or ""

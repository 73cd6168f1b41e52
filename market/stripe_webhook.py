"""Check a Stripe webhook's signature, age, mode and form, and return its event.

The event holds no personal data that our handlers do not need, so nothing can store or log it.
"""

import dataclasses
import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from typing import Any

import stripe
import structlog

from market import metrics
from market.errors import RejectedError
from market.stripe_objects import object_in, text_in


log = structlog.get_logger(__name__)

#: Stripe may leave out these fields, or send null or a text.
_OPTIONAL = ("account", "api_version")
#: Events with these prefixes are about money. Their objects are kept whole, with the amounts.
_WHOLE = (
    "application_fee.",
    "balance.",
    "charge.",
    "payment_intent.",
    "payout.",
    "refund.",
    "topup.",
    "transfer.",
)
_ID = re.compile(r"[a-z]+(?:_[A-Za-z0-9-]+)+")
_WORD = re.compile(r"[a-z]+(?:[._][a-z]+)*")
#: Any other object may describe a person, even in fields that Stripe adds later. So only these
#: fields are kept, and each only in its usual form.
_KEPT = {
    "id": _ID,
    "object": _WORD,
    "status": _WORD,
    "charge": _ID,
    "payment_intent": _ID,
}
#: JSON may contain NUL and unpaired surrogates, which Postgres cannot store.
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """Limits for the age and the future of an event, and the mode that it must have."""

    tolerance_s: int
    future_s: int
    max_age_s: int
    livemode: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvent:
    """A verified event; `data` is the object that it is about, `created` is in Unix seconds.

    `account` is the connected account in which the event happened, or None for our own account.
    `api_version` is the version of Stripe's API that shaped `data`.
    `is_connect` is true if a Connect endpoint's secret signed the event.
    """

    id: str
    type: str
    created: int
    livemode: bool
    data: Mapping[str, Any]
    account: str | None = None
    api_version: str | None = None
    is_connect: bool = False


def read_event(
    payload: bytes,
    signature: str | None,
    *,
    secrets: Sequence[str],
    connect_secrets: Sequence[str] = (),
    rules: EventRules,
) -> StripeEvent:
    """Return the event in `payload`, which one of the secrets must have signed.

    An event of the other mode is returned only if a Connect secret signed it: Stripe sends events
    of both modes to Connect endpoints.

    Raises:
        RejectedError: `MISSING_SIGNATURE`, `INVALID_SIGNATURE`, `INVALID_PAYLOAD`,
            `EVENT_FROM_FUTURE`, `EVENT_TOO_OLD`, `LIVEMODE_MISMATCH`.

    """
    if not signature:
        raise RejectedError("MISSING_SIGNATURE")
    is_connect = not _is_signed(payload, signature, secrets, rules.tolerance_s)
    if is_connect and not _is_signed(payload, signature, connect_secrets, rules.tolerance_s):
        raise RejectedError("INVALID_SIGNATURE")

    # Read the signed bytes ourselves: Stripe's own objects are not mappings.
    body = _parsed(payload)
    _check_time(signature, body["created"], rules)
    if body["livemode"] is not rules.livemode and not is_connect:
        raise RejectedError("LIVEMODE_MISMATCH", body["id"])
    _notice_version(body)
    return _event(body, is_connect=is_connect)


def listed_event(item: Mapping[str, Any]) -> StripeEvent | None:
    """Return an event of Stripe's list, in the form in which it is delivered; None if it has none.

    The list came over our own connection to Stripe, so it needs no signature.
    """
    body = _keepable(dict(item))
    return _event(body, is_connect=False) if _is_event(body) else None


def _event(body: Mapping[str, Any], *, is_connect: bool) -> StripeEvent:
    return StripeEvent(
        id=body["id"],
        type=body["type"],
        created=body["created"],
        livemode=body["livemode"],
        data=_without_personal_data(body["type"], body["data"]["object"]),
        account=body.get("account"),
        api_version=body.get("api_version"),
        is_connect=is_connect,
    )


def _is_signed(payload: bytes, signature: str, secrets: Sequence[str], tolerance_s: int) -> bool:
    return any(_is_signed_by(payload, signature, secret, tolerance_s) for secret in secrets)


def _is_signed_by(payload: bytes, signature: str, secret: str, tolerance_s: int) -> bool:
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, tolerance_s)
    except (
        ValueError,  # the body is not UTF-8
        TypeError,  # the signature is not ASCII
        OverflowError,  # the time is too large a number
        stripe.SignatureVerificationError,
    ):
        return False
    return True


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        body = json.loads(payload, parse_float=_finite, parse_constant=_finite)
        # Only an escape or a character outside of ASCII can stand for what Postgres cannot store.
        if not payload.isascii() or b"\\" in payload:
            body = _keepable(body)
    except (ValueError, RecursionError) as error:
        raise RejectedError("INVALID_PAYLOAD") from error
    if not _is_event(body):
        raise RejectedError("INVALID_PAYLOAD")
    parsed: dict[str, Any] = body
    return parsed


def _finite(number: str | float) -> float | None:
    """Return a number, or None for infinity and NaN, which Postgres cannot store in JSON."""
    value = float(number)
    return value if math.isfinite(value) else None


def _keepable(value: Any) -> Any:
    """Return JSON in a form that Postgres can store, or Stripe would repeat the event for days."""
    if isinstance(value, str):
        return _UNKEPT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_keepable(key): _keepable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_keepable(item) for item in value]
    return _finite(value) if isinstance(value, float) else value


def _is_event(body: Any) -> bool:
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        return False
    return (
        isinstance(body["data"].get("object"), dict)
        and isinstance(body.get("livemode"), bool)
        and type(body.get("created")) is int
        and all(text_in(body, key) is not None for key in ("id", "type"))
        and all(text_in(body, key) == body.get(key) for key in _OPTIONAL)
    )


def _without_personal_data(event_type: str, data: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the object of an event; unless it is about money, only ids, status and reason code.

    Handlers of other objects read them from Stripe again, because events may arrive out of order.
    """
    if event_type.startswith(_WHOLE):
        return data
    kept = {key: data[key] for key, form in _KEPT.items() if _has_form(data, key, form)}
    error = object_in(data, "last_error")
    return kept | (
        {"last_error": {"code": error["code"]}} if _has_form(error, "code", _WORD) else {}
    )


def _has_form(fields: Mapping[str, Any], key: str, form: re.Pattern[str]) -> bool:
    value = text_in(fields, key)
    return value is not None and form.fullmatch(value) is not None


def _check_time(signature: str, created: int, rules: EventRules) -> None:
    # This check alone uses this machine's clock: it compares with Stripe's clock, and no bid or
    # payment depends on it. A clock that is wrong by minutes still accepts every event.
    now = time.time()
    if max(_signed_at(signature), created) > now + rules.future_s:
        raise RejectedError("EVENT_FROM_FUTURE")
    if created < now - rules.max_age_s:
        raise RejectedError("EVENT_TOO_OLD")


def _signed_at(signature: str) -> float:
    # Stripe's library has checked the first `t` item, so its value is a number.
    for item in signature.split(","):
        name, _, value = item.partition("=")
        if name == "t":
            return int(value.partition("=")[0])
    return math.inf


def _notice_version(body: Mapping[str, Any]) -> None:
    version = body.get("api_version")
    if version != stripe.api_version:
        # Accept the event: the account's API version may change before our library does.
        metrics.STRIPE_VERSIONS_DIFFERED.inc()
        log.warning("stripe_event_version_differed", event_id=body["id"], version=version)

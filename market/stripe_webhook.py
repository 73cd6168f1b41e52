"""What a webhook of Stripe must be to be taken: signed, new enough, of our mode."""

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


log = structlog.get_logger(__name__)

#: What JSON may hold and Postgres cannot keep: NUL, and halves of a character.
_UNKEPT = re.compile("[\x00\ud800-\udfff]")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class EventRules:
    """How old and how far ahead an event may be, and which mode it has to be of."""

    tolerance_s: int
    future_s: int
    max_age_s: int
    livemode: bool


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StripeEvent:
    """A verified event; `data` is the object it tells about, `created` is in Unix seconds."""

    id: str
    type: str
    created: int
    livemode: bool
    data: Mapping[str, Any]


def read_event(
    payload: bytes, signature: str | None, *, secrets: Sequence[str], rules: EventRules
) -> StripeEvent:
    """Return the event in `payload` if one of `secrets` has signed it, and it is one to take."""
    if not signature:
        raise RejectedError("MISSING_SIGNATURE")
    if not any(_is_signed(payload, signature, secret, rules.tolerance_s) for secret in secrets):
        raise RejectedError("INVALID_SIGNATURE")

    # Read the signed bytes ourselves: Stripe's own objects are not mappings.
    body = _parsed(payload)
    _check_time(signature, body["created"], rules)
    if body["livemode"] is not rules.livemode:
        raise RejectedError("LIVEMODE_MISMATCH", body["id"])
    _notice_version(body)
    return StripeEvent(
        id=body["id"],
        type=body["type"],
        created=body["created"],
        livemode=body["livemode"],
        data=body["data"]["object"],
    )


def _is_signed(payload: bytes, signature: str, secret: str, tolerance_s: int) -> bool:
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret, tolerance_s)
    except (
        ValueError,  # the body is no UTF-8
        TypeError,  # a signature of other than ASCII cannot be compared
        OverflowError,  # a time that is no time
        stripe.SignatureVerificationError,
    ):
        return False
    return True


def _parsed(payload: bytes) -> dict[str, Any]:
    try:
        body = _keepable(json.loads(payload))
    except (ValueError, RecursionError) as error:
        raise RejectedError("INVALID_PAYLOAD") from error
    if not _is_event(body):
        raise RejectedError("INVALID_PAYLOAD")
    parsed: dict[str, Any] = body
    return parsed


def _keepable(value: Any) -> Any:
    """Return JSON as Postgres can keep it; the event would be refused for ever as it is."""
    if isinstance(value, str):
        return _UNKEPT.sub("\ufffd", value)
    if isinstance(value, dict):
        return {_keepable(key): _keepable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_keepable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _is_event(body: Any) -> bool:
    if not isinstance(body, dict) or not isinstance(body.get("data"), dict):
        return False
    return (
        isinstance(body["data"].get("object"), dict)
        and isinstance(body.get("livemode"), bool)
        and type(body.get("created")) is int
        and all(isinstance(body.get(key), str) and body[key] for key in ("id", "type"))
    )


def _check_time(signature: str, created: int, rules: EventRules) -> None:
    # The one decision of ours by this machine's clock: it is about Stripe's clock, not about time
    # that anybody bids or pays by, and a clock that is wrong by minutes still takes every event.
    now = time.time()
    if max(_signed_at(signature), created) > now + rules.future_s:
        raise RejectedError("EVENT_FROM_FUTURE")
    if created < now - rules.max_age_s:
        raise RejectedError("EVENT_TOO_OLD")


def _signed_at(signature: str) -> float:
    # Stripe's own check has read the first such item; it has passed by now.
    for item in signature.split(","):
        name, _, value = item.partition("=")
        if name == "t":
            return int(value.partition("=")[0])
    return math.inf


def _notice_version(body: Mapping[str, Any]) -> None:
    version = body.get("api_version")
    if version != stripe.api_version:
        # Taken all the same: the account may be moved to a version before our library is.
        metrics.STRIPE_VERSIONS_DIFFERED.inc()
        log.warning("stripe_event_version_differed", event_id=body["id"], version=version)

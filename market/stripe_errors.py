"""Translate the errors of Stripe's library; a part of Stripe's adapter."""

from http import HTTPStatus

import stripe

from market import retry
from market.errors import MarketError, RejectedError, TransientError


#: Stripe replays errors with these codes under the idempotency key of a write for a day, so the
#: next try needs another key.
ANSWERED_CODES = frozenset(
    {
        "STRIPE_ACCOUNT_UNABLE",
        "STRIPE_BALANCE_INSUFFICIENT",
        "STRIPE_EMAIL_REFUSED",
        "STRIPE_ERROR",
        "STRIPE_REFUSED",
    }
)
#: The seller's account cannot receive money now, or Stripe lets us no longer act for it.
_UNABLE_CODES = (
    "account_invalid",
    "insufficient_capabilities_for_transfer",
    "transfers_not_allowed",
)


def translated(error: stripe.StripeError, function: str) -> MarketError:
    """Return our error for an error of Stripe's library; `function` goes into its detail."""
    detail = f"{function}: {error.code or error.http_status}"
    unreplayed = unreplayed_code(error)
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


def unreplayed_code(error: stripe.StripeError) -> str | None:
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

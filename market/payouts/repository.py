"""The SQL functions of the payouts domain: one function here for each.

Every call may be repeated. For a settled event SQL answers its outcome and changes nothing.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from market.database import Database, accepted
from market.inbox import Outcome, read_outcome
from market.payouts.types import AccountState, AccountTerms, Transfer


def begin_onboarding(database: Database, *, user_id: str) -> AccountTerms:
    """Return what a seller's Connect account is made from, or its id.

    Raises:
        RejectedError: `KYC_REQUIRED`, `PROFILE_NOT_FOUND`.

    """
    answer = accepted(database.call("begin_onboarding", user_id=user_id))
    return AccountTerms(
        user_id=user_id,
        account_id=answer["account_id"],
        answered_errors=answer["answered_errors"],
        seller_since=answer["seller_since"],
    )


def record_connect_error(database: Database, terms: AccountTerms, error_code: str) -> None:
    """Count an error that Stripe answered when we created an account, once per idempotency key."""
    accepted(
        database.call(
            "record_connect_error",
            user_id=terms.user_id,
            answered_errors=terms.answered_errors,
            error_code=error_code,
        )
    )


def set_connect_account(database: Database, *, user_id: str, account_id: str) -> None:
    """Make an account the one of a seller.

    Raises:
        RejectedError: `CONFLICT` if the seller has another account already.

    """
    accepted(database.call("set_connect_account", user_id=user_id, account_id=account_id))


def list_payouts(database: Database, *, user_id: str, max_rows: int) -> Mapping[str, Any]:
    """Return the payouts of a seller as the web app reads them."""
    answer: Mapping[str, Any] = accepted(
        database.call("list_payouts", user_id=user_id, max_rows=max_rows)
    )
    return answer


def begin_account_read(database: Database, *, account_id: str) -> int | None:
    """Return the number of a new read of an account, or None if no seller has the account."""
    number: int | None = database.call("begin_account_read", account_id=account_id)["read_number"]
    return number


def apply_account_updated(database: Database, state: AccountState, *, event_id: str) -> Outcome:
    """Record the state of an account, and mark the event processed in the same transaction."""
    answer = database.call("apply_account_updated", event_id=event_id, **dataclasses.asdict(state))
    return read_outcome(database, answer, event_id=event_id)


def record_account_read(database: Database, state: AccountState) -> None:
    """Record the state of an account that was read without an event."""
    database.call("record_account_read", **dataclasses.asdict(state))


def apply_transfer(database: Database, transfer: Transfer, *, event_id: str) -> Outcome:
    """Record a transfer and its reversals, and mark the event processed in the same transaction.

    Raises:
        RejectedError: `PREDECESSOR_MISSING` if the payment of the order is not recorded yet,
            `PAYLOAD_UNREADABLE`.

    """
    answer = database.call("apply_transfer", event_id=event_id, **dataclasses.asdict(transfer))
    return read_outcome(database, answer, event_id=event_id)


def record_transfer(database: Database, transfer: Transfer) -> Outcome:
    """Record a transfer that was read from Stripe, as the events about it do."""
    answer = database.call("record_transfer", **dataclasses.asdict(transfer))
    return read_outcome(database, answer, event_id=str(transfer.stripe_transfer_id))


def claim_waiting_accounts(database: Database, *, limit: int) -> Sequence[str]:
    """Return the ids of accounts whose transfers wait, each at most every ten minutes."""
    claimed: Sequence[str] = database.call("claim_waiting_accounts", max_rows=limit)
    return claimed


def claim_differing_orders(database: Database, *, limit: int) -> Sequence[str]:
    """Return the ids of orders that differ from Stripe, whose transfers must be read again."""
    ids: list[str] = database.call("claim_differing_orders", max_rows=limit)
    return ids

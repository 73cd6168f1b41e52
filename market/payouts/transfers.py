"""Outbox senders of the payouts domain: transfers to sellers, and their reversals."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import structlog

from market.database import Database
from market.errors import MarketError, TransientError
from market.outbox import OutboxRow, Senders, Sent, made_once
from market.payouts import onboarding, repository
from market.payouts.handlers import read_transfer
from market.stripe_api import StripeApi
from market.stripe_objects import cents_in, made_under


log = structlog.get_logger(__name__)

#: After these errors the state of the seller's account at Stripe may differ from ours.
_ACCOUNT_TROUBLE = frozenset({"STRIPE_BALANCE_INSUFFICIENT", "STRIPE_ACCOUNT_UNABLE"})


def outbox_senders(stripe_api: StripeApi, database: Database) -> Senders:
    """Return the sender for each kind of outbox row that belongs to payouts."""
    return {
        "transfer": functools.partial(_send_transfer, stripe_api, database),
        "transfer_reversal": functools.partial(_send_reversal, stripe_api, database),
    }


def _send_transfer(stripe_api: StripeApi, database: Database, row: OutboxRow) -> Sent:
    """Transfer the seller's part, unless Stripe has made the transfer for this row already.

    Raises:
        TransientError: `STRIPE_BALANCE_INSUFFICIENT`, `STRIPE_ACCOUNT_UNABLE` after the account was
            read again; the row waits. `TRANSFER_UNKNOWN` after a transfer was recorded that we did
            not know, so another amount may be due.

    """
    parameters = {
        "amount": row.value("amount_cents"),
        "currency": row.value("currency"),
        "destination": row.value("destination"),
        "transfer_group": row.value("transfer_group"),
        "metadata": row.metadata,
    }
    # The money of the charge need not have arrived in our balance yet.
    if row.payload.get("source_transaction") is not None:
        parameters["source_transaction"] = row.value("source_transaction")
    existing = list(stripe_api.list_transfers(row.value("transfer_group")))
    if _is_more_at_stripe(row, existing, row.value("transferred_cents")):
        for transfer in existing:
            repository.record_transfer(database, read_transfer(stripe_api, transfer["id"]))
        raise TransientError("TRANSFER_UNKNOWN", row.value("transfer_group"))
    try:
        return _sent(made_once(row, existing, stripe_api.create_transfer, parameters))
    except TransientError as error:
        if error.code in _ACCOUNT_TROUBLE:
            _read_account_again(stripe_api, database, row.value("destination"))
        raise


def _send_reversal(stripe_api: StripeApi, database: Database, row: OutboxRow) -> Sent:
    """Take a part of a transfer back, unless Stripe has made the reversal for this row already.

    Raises:
        TransientError: `REVERSAL_UNKNOWN` after a reversal was recorded that we did not know, so
            another amount may be due.

    """
    transfer_id = row.value("transfer_id")
    parameters = {"amount": row.value("amount_cents"), "metadata": row.metadata}
    existing = list(stripe_api.list_reversals(transfer_id))
    if _is_more_at_stripe(row, existing, row.value("reversed_cents")):
        repository.record_transfer(database, read_transfer(stripe_api, transfer_id))
        raise TransientError("REVERSAL_UNKNOWN", transfer_id)
    return _sent(made_once(row, existing, stripe_api.create_reversal, transfer_id, parameters))


def _is_more_at_stripe(
    row: OutboxRow, existing: Sequence[Mapping[str, Any]], known_cents: int
) -> bool:
    """Return true if Stripe has made none for this row, and others of which we did not know."""
    at_stripe_cents = sum(cents_in(one, "amount") or 0 for one in existing)
    return made_under(row.dedupe_key, existing) is None and at_stripe_cents > known_cents


def _sent(made: Mapping[str, Any]) -> Sent:
    return Sent(stripe_object_id=made["id"], result={"amount_cents": cents_in(made, "amount")})


def _read_account_again(stripe_api: StripeApi, database: Database, account_id: str) -> None:
    try:
        state = onboarding.read_account(stripe_api, database, account_id=account_id)
    except MarketError as error:
        # The row waits in any case, and the next event of the account is read.
        log.warning("connect_account_not_read", account_id=account_id, code=error.code)
        return
    if state is not None:
        repository.record_account_read(database, state)

"""Handle Stripe's events about payouts: read the object again, then make one SQL call."""

import functools
from collections.abc import Mapping
from typing import Any

import structlog

from market import inbox
from market.database import Database
from market.errors import RejectedError
from market.payouts import onboarding, repository
from market.payouts.types import Reversal, Transfer
from market.stripe_api import StripeApi
from market.stripe_objects import cents_in, currency_in, object_in, order_ref_in, text_in
from market.stripe_webhook import StripeEvent


log = structlog.get_logger(__name__)


def stripe_handlers(stripe_api: StripeApi, database: Database) -> inbox.Handlers:
    """Return the handler of each payouts event, with the adapters that it needs."""
    transfer_changed = functools.partial(_handle_transfer_changed, stripe_api, database)
    return {
        "account.updated": functools.partial(_handle_account_updated, stripe_api, database),
        "transfer.created": transfer_changed,
        "transfer.reversed": transfer_changed,
    }


def read_transfer(stripe_api: StripeApi, transfer_id: str) -> Transfer:
    """Return a transfer at Stripe with all of its reversals."""
    transfer = stripe_api.retrieve_transfer(transfer_id)
    reversals = stripe_api.list_reversals(transfer_id) if transfer.get("amount_reversed") else ()
    metadata = object_in(transfer, "metadata")
    return Transfer(
        stripe_transfer_id=transfer_id,
        outbox_id=text_in(metadata, "outbox_id"),
        dedupe_key=text_in(metadata, "dedupe_key"),
        order_ref=order_ref_in(transfer) or text_in(transfer, "transfer_group"),
        charge_id=text_in(transfer, "source_transaction"),
        amount_cents=cents_in(transfer, "amount"),
        currency=currency_in(transfer),
        reversals=[_reversal(reversal) for reversal in reversals],
    )


def _reversal(reversal: Mapping[str, Any]) -> Reversal:
    metadata = object_in(reversal, "metadata")
    amount_cents = cents_in(reversal, "amount")
    if not amount_cents:
        raise RejectedError("PAYLOAD_UNREADABLE", "amount")
    return Reversal(
        id=reversal["id"],
        amount_cents=amount_cents,
        outbox_id=text_in(metadata, "outbox_id"),
        dedupe_key=text_in(metadata, "dedupe_key"),
    )


def _handle_account_updated(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Record whether the seller can be paid now; events may arrive out of order."""
    account_id = text_in(event.data, "id")
    state = None
    if account_id is not None:
        state = onboarding.read_account(stripe_api, database, account_id=account_id)
    if state is None:
        return inbox.ignore(database, event, reason="account_unknown")
    outcome = repository.apply_account_updated(database, state, event_id=event.id)
    log.info("account_applied", event_id=event.id, account_id=account_id, outcome=outcome)
    return outcome


def _handle_transfer_changed(
    stripe_api: StripeApi, database: Database, event: StripeEvent
) -> inbox.Outcome:
    """Record the transfer that the event names, with its reversals as they are now."""
    transfer_id = text_in(event.data, "id")
    if transfer_id is None:
        raise RejectedError("PAYLOAD_UNREADABLE", "id")
    transfer = read_transfer(stripe_api, transfer_id)
    outcome = repository.apply_transfer(database, transfer, event_id=event.id)
    log.info("transfer_applied", event_id=event.id, transfer_id=transfer_id, outcome=outcome)
    return outcome

"""Transfers that can be sent again, and Connect accounts whose state no event has reported.

Stripe's list of our events does not contain those of connected accounts.
"""

from collections.abc import Sequence

import structlog

from market.database import Database
from market.duties import Duty, rpc
from market.inbox import Outcome
from market.payouts import onboarding, repository
from market.payouts.handlers import read_transfer
from market.stripe_api import StripeApi


log = structlog.get_logger(__name__)


def duties(stripe_api: StripeApi, database: Database) -> Sequence[Duty]:
    """Return the duties of the payouts domain, with the adapters that they need."""
    return [
        rpc(database, "queue_due_transfers"),
        Duty(
            name="waiting_accounts",
            work=lambda limit: reread_accounts(stripe_api, database, limit=limit),
        ),
        Duty(
            name="differing_transfers",
            work=lambda limit: reread_transfers(stripe_api, database, limit=limit),
        ),
    ]


def reread_accounts(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read accounts from Stripe again whose transfers wait, and record their state."""
    claimed = repository.claim_waiting_accounts(database, limit=limit)
    for account_id in claimed:
        state = onboarding.read_account(stripe_api, database, account_id=account_id)
        if state is not None:
            repository.record_account_read(database, state)
    return len(claimed)


def reread_transfers(stripe_api: StripeApi, database: Database, *, limit: int) -> int:
    """Read the transfers and reversals again of orders that differ from Stripe."""
    claimed = repository.claim_differing_orders(database, limit=limit)
    for order_id in claimed:
        for listed in stripe_api.list_transfers(order_id):
            transfer = read_transfer(stripe_api, listed["id"])
            if repository.record_transfer(database, transfer) is Outcome.PROCESSED:
                log.warning("transfer_changed_without_event", transfer_id=listed["id"])
    return len(claimed)

"""Orders whose deadline has passed, and orders whose money disagrees with ledger or Stripe."""

from collections.abc import Sequence

from market import duties
from market.alerts import raise_alerts
from market.database import Database
from market.duties import Duty


#: SQL compares many orders about as fast as a few.
_BATCHES_AT_ONCE = 5


def deadlines(database: Database) -> Sequence[Duty]:
    """Return the duties that cancel, settle and remind; they need no answer of Stripe."""
    functions = ("expire_unpaid_orders", "settle_due_orders", "send_order_reminders")
    return [duties.rpc(database, function) for function in functions]


def check_orders(database: Database, *, limit: int) -> int:
    """Compare orders with ledger and Stripe; return how many were compared.

    SQL decides about each difference: one that lasts blocks the order's transfers.
    """
    answer = database.call("check_orders", max_rows=_BATCHES_AT_ONCE * limit)
    for order in answer["alerts"]:
        order_id = order["order_id"]
        raise_alerts(database, order, subject=order_id, order_id=order_id)
    return int(answer["count"])

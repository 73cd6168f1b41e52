"""Actions that Stripe does "some time later": rows with the time at which each is due."""

import time

from devstack.stripe.store import Store
from devstack.stripe.transaction import Transaction


def schedule(tx: Transaction, object_id: str, action: str) -> None:
    """Have `action` done to an object later; without a delay only the control API does it."""
    delay_s = tx.config.async_after_s
    tx.store.connection.execute(
        "insert or replace into later (object_id, action, due_at) values (?, ?, ?)",
        (object_id, action, None if delay_s is None else time.time() + delay_s),
    )


def take(store: Store, object_id: str) -> str | None:
    """Return what was to be done to the object and forget it; call it inside a transaction."""
    row = store.connection.execute(
        "delete from later where object_id = ? returning action", (object_id,)
    ).fetchone()
    return str(row["action"]) if row else None


def next_due(store: Store) -> tuple[str | None, float | None]:
    """Return the object whose time has come, or else the seconds until one's will."""
    row = store.connection.execute(
        "select object_id, due_at from later where due_at is not null order by due_at limit 1"
    ).fetchone()
    if row is None:
        return None, None
    wait_s = row["due_at"] - time.time()
    return (row["object_id"], None) if wait_s <= 0 else (None, wait_s)

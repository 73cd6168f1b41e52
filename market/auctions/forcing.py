"""Close auctions on request: for a scheduler, or for staff with a reason."""

import uuid
from collections.abc import Mapping
from typing import Any

from market.auctions import closing, repository
from market.database import Database


_BATCH = 100


def close_expired(database: Database) -> Mapping[str, Any]:
    """Close auctions whose end has come; return the answer of SQL."""
    result = repository.close_batch(database, limit=_BATCH)
    _report(result)
    return result


def finalize(
    database: Database,
    *,
    actor_id: str,
    reason: str,
    auction_id: str | None = None,
    force: bool = False,
    request_id: str | None = None,
) -> Mapping[str, Any]:
    """Close one auction, or all whose end has come, and audit it; return result and audit entry.

    The same `request_id` gets the same answer. Without one, each call is a request of its own.

    Raises:
        RejectedError: `AUCTION_NOT_FOUND`, `AUCTION_NOT_LIVE`, `AUCTION_NOT_OVER`,
            `REQUEST_ID_REUSED`, or `VALIDATION_ERROR` for a reason that is too short.

    """
    done = repository.finalize_auctions(
        database,
        actor_id=actor_id,
        # The adapter may repeat the call, and SQL answers a repeat from the audit log.
        request_id=request_id or str(uuid.uuid4()),
        reason=reason,
        auction_id=auction_id,
        force=force,
    )
    _report(done["result"])
    return done


def _report(result: Mapping[str, Any]) -> None:
    # The result of a single auction has neither: staff may close it before its end.
    closing.report(failed_count=result.get("failed", 0), lags_s=result.get("lags_s", ()))

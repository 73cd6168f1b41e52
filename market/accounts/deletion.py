"""Delete an account here and at Auth."""

from collections.abc import Sequence

import structlog

from market.accounts import repository
from market.auth_api import AuthApi
from market.database import Database
from market.duties import Duty
from market.errors import MarketError


log = structlog.get_logger(__name__)

#: Each deletion is a call of Auth. More wait for the next run, so that the other duties go on.
_MOST_AT_ONCE = 20


def delete_account(database: Database, auth_api: AuthApi, *, user_id: str) -> None:
    """Anonymise an account, then delete its user at Auth. A repeat finishes an earlier call.

    Raises:
        RejectedError: `ACCOUNT_BUSY`, `PROFILE_NOT_FOUND`; nothing has changed.
        TransientError: Auth does not answer. The account is anonymised, and reconcile goes on.

    """
    repository.anonymise_account(database, user_id=user_id)
    log.info("account_anonymised", user_id=user_id)
    auth_api.soft_delete_user(user_id)


def duties(database: Database, auth_api: AuthApi) -> Sequence[Duty]:
    """Return the duties of the accounts domain, with the adapters that they need."""
    return [
        Duty(
            name="account_deletions",
            work=lambda limit: finish_deletions(database, auth_api, limit=limit),
        )
    ]


def finish_deletions(database: Database, auth_api: AuthApi, *, limit: int) -> int:
    """Delete the users of anonymised accounts at Auth; return the number of them.

    A user that Auth fails to delete does not stop the others. SQL offers that user again later.
    """
    deleted_count = 0
    claimed = repository.claim_account_deletions(database, limit=min(limit, _MOST_AT_ONCE))
    for user_id in claimed:
        try:
            auth_api.soft_delete_user(user_id)
        except MarketError as error:
            log.warning("user_not_deleted", user_id=user_id, code=error.code, detail=error.detail)
        else:
            deleted_count += 1
    return deleted_count

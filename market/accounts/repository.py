"""The SQL functions of the accounts domain: one function here for each.

Every call may be repeated.
"""

from collections.abc import Sequence

from market.database import Database, accepted


def check_deletion(database: Database, *, user_id: str, session_id: str) -> None:
    """Check that a session may delete its account. After a deletion, any old session may repeat it.

    Raises:
        RejectedError: `UNAUTHORIZED`, `USER_SUSPENDED`, or `SESSION_TOO_OLD` if the user did not
            sign in within the last ten minutes.

    """
    accepted(database.call("check_deletion", user_id=user_id, session_id=session_id))


def anonymise_account(database: Database, *, user_id: str) -> None:
    """Erase the personal data of an account, and end its sessions.

    Raises:
        RejectedError: `ACCOUNT_BUSY`, `PROFILE_NOT_FOUND`.

    """
    accepted(database.call("anonymise_account", user_id=user_id))


def claim_account_deletions(database: Database, *, limit: int) -> Sequence[str]:
    """Return the ids of anonymised accounts whose user Auth still has, each once a minute."""
    return [str(user_id) for user_id in database.call("claim_account_deletions", max_rows=limit)]

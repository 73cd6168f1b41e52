"""The SQL functions of notifications: one function here for each. Every call may be repeated."""

from collections.abc import Mapping
from typing import Any

from market.database import Database, accepted


def list_notifications(
    database: Database, *, user_id: str, is_unread_only: bool, max_rows: int
) -> Mapping[str, Any]:
    """Return the newest notifications of a user, and the number of all that are unread.

    Raises:
        RejectedError: `PROFILE_NOT_FOUND`.

    """
    answer: Mapping[str, Any] = accepted(
        database.call(
            "list_notifications",
            user_id=user_id,
            is_unread_only=is_unread_only,
            max_rows=max_rows,
        )
    )
    return answer


def mark_notifications(database: Database, *, user_id: str, notification_id: str | None) -> int:
    """Mark one notification of a user as read, or all; return the number that was unread.

    Raises:
        RejectedError: `PROFILE_NOT_FOUND`, `RESOURCE_NOT_FOUND`, or `FORBIDDEN` if it is another
            user's.

    """
    answer = accepted(
        database.call("mark_notifications", user_id=user_id, notification_id=notification_id)
    )
    return int(answer["updated"])

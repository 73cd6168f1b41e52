"""The route by which a user deletes the account."""

from typing import Literal

from flask import Blueprint

from market.accounts import deletion, repository
from market.auth_api import AuthApi
from market.database import Database
from market.errors import RejectedError
from service.limits import UserLimits
from service.route_table import Answer, Caller, Route
from service.session import Sessions


class DeleteAnswer(Answer):
    """The account is deleted, here and at Auth."""

    success: Literal[True]


def account_blueprint(
    database: Database, auth_api: AuthApi, sessions: Sessions, limits: UserLimits
) -> Blueprint:
    """Build the blueprint that serves `/api/account`."""
    blueprint = Blueprint("account", __name__, url_prefix="/api/account")

    @blueprint.post("/delete")
    @Route(
        summary="Delete the caller's account. The caller signed in at most ten minutes ago. "
        "Send the same call again after a 5xx: it finishes the deletion.",
        callers=(Caller.USER,),
        limits=("delete_account",),
        answer=DeleteAnswer,
        codes=("ACCOUNT_BUSY", "PROFILE_NOT_FOUND", "SESSION_TOO_OLD", "USER_SUSPENDED"),
        # The first call ends the sessions, so its repeat cannot come from a live one.
        is_live=False,
    )
    def delete() -> DeleteAnswer:
        session = sessions.require_session()
        limits.hit("delete_account", session.user_id)
        if session.session_id is None:
            raise RejectedError("UNAUTHORIZED", "session_id_missing")
        repository.check_deletion(database, user_id=session.user_id, session_id=session.session_id)
        deletion.delete_account(database, auth_api, user_id=session.user_id)
        return DeleteAnswer(success=True)

    return blueprint

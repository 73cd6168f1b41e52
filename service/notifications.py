"""Routes by which a user reads notifications."""

import time
import uuid
from typing import Annotated, Any, Literal, Self

import pydantic
from flask import Blueprint

from market.database import Database
from market.errors import RejectedError
from market.notifications import repository
from service.bodies import needs_one_of, read_body, read_query
from service.limits import UserLimits
from service.route_table import Answer, Caller, Id, Route, Time
from service.session import Sessions


class NotificationsQuery(pydantic.BaseModel):
    """The part of the list to show. `userId` may only be the caller's own."""

    user_id: Annotated[uuid.UUID | None, pydantic.Field(alias="userId")] = None
    unread_only: Annotated[Literal["true", "false"], pydantic.Field(alias="unreadOnly")] = "false"
    limit: Annotated[int, pydantic.Field(ge=1, le=100)] = 50


class MarkBody(pydantic.BaseModel):
    """The notifications that the user has read: the one of `notificationId`, or all."""

    model_config = needs_one_of({"action": ["mark_all_read"]}, {"notificationId": []})

    action: Literal["mark_read", "mark_all_read"]
    notification_id: Annotated[uuid.UUID | None, pydantic.Field(alias="notificationId")] = None

    @pydantic.model_validator(mode="after")
    def _check_id(self) -> Self:
        if self.action == "mark_read" and self.notification_id is None:
            raise ValueError("notificationId")
        return self


class Notification(Answer):
    """A notification. `metadata` names what it is about, such as an order."""

    id: Id
    user_id: Id
    type: str
    title: str
    message: str
    read: bool
    metadata: dict[str, Any]
    created_at: Time
    updated_at: Time


class NotificationsAnswer(Answer):
    """The newest notifications, and the number of all that are unread."""

    success: Literal[True]
    notifications: list[Notification]
    unread_count: int = pydantic.Field(alias="unreadCount")
    response_time_ms: int = pydantic.Field(alias="responseTimeMs")


class MarkAnswer(Answer):
    """The number of notifications that were unread before."""

    success: Literal[True]
    updated: int


def notifications_blueprint(
    database: Database, sessions: Sessions, limits: UserLimits
) -> Blueprint:
    """Build the blueprint that serves `/api/notifications`."""
    blueprint = Blueprint("notifications", __name__, url_prefix="/api/notifications")

    @blueprint.get("")
    @Route(
        summary="Read the caller's notifications, the newest first.",
        callers=(Caller.USER,),
        limits=("list_notifications",),
        query=NotificationsQuery,
        answer=NotificationsAnswer,
        codes=("FORBIDDEN", "PROFILE_NOT_FOUND"),
    )
    def show() -> NotificationsAnswer:
        began = time.monotonic()
        session = sessions.require_live_session()
        limits.hit("list_notifications", session.user_id)
        query = read_query(NotificationsQuery)
        if query.user_id is not None and str(query.user_id) != session.user_id:
            raise RejectedError("FORBIDDEN", "user_id", text="These notifications are not yours")
        found = repository.list_notifications(
            database,
            user_id=session.user_id,
            is_unread_only=query.unread_only == "true",
            max_rows=query.limit,
        )
        return NotificationsAnswer(
            success=True,
            notifications=found["notifications"],
            unreadCount=found["unread_count"],
            responseTimeMs=round((time.monotonic() - began) * 1000),
        )

    @blueprint.post("")
    @Route(
        summary="Mark one notification as read, or all of the caller's.",
        callers=(Caller.USER,),
        limits=("mark_notifications",),
        body=MarkBody,
        answer=MarkAnswer,
        codes=("FORBIDDEN", "PROFILE_NOT_FOUND", "RESOURCE_NOT_FOUND"),
    )
    def mark() -> MarkAnswer:
        session = sessions.require_live_session()
        limits.hit("mark_notifications", session.user_id)
        body = read_body(MarkBody)
        one = body.notification_id if body.action == "mark_read" else None
        count = repository.mark_notifications(
            database,
            user_id=session.user_id,
            notification_id=None if one is None else str(one),
        )
        return MarkAnswer(success=True, updated=count)

    return blueprint

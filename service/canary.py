"""Serve the route on which the canary looks up the events that it sent."""

import hmac
from typing import Literal

import pydantic
from flask import Blueprint, request

from market import inbox
from market.database import Database
from market.errors import RejectedError
from service.bodies import EventName, read_query
from service.limits import AddressLimits
from service.route_table import ADDRESS, DATABASE_CODES, Answer, Caller, Route, Time


_HEADER = "x-canary-token"


class LookupQuery(pydantic.BaseModel):
    """Names one event by its id, or the newest event of a type."""

    event_id: EventName | None = None
    type: EventName | None = None
    since: pydantic.AwareDatetime | None = None

    @pydantic.model_validator(mode="after")
    def _check_named(self) -> "LookupQuery":
        if self.event_id is None and self.type is None:
            raise ValueError("event_id or type")
        return self


class FoundEvent(Answer):
    """The times at which an event was made, and settled."""

    event_id: str
    type: str
    created_at: Time
    processed_at: Time | None


class LookupAnswer(Answer):
    """The event. An event that is not found is a refusal with `found: false`."""

    found: Literal[True]
    event: FoundEvent


def canary_blueprint(database: Database, limits: AddressLimits, *, token: str) -> Blueprint:
    """Build the blueprint that serves `/api/canary` to callers with the token."""
    blueprint = Blueprint("canary", __name__, url_prefix="/api/canary")
    expected = token.encode()

    @blueprint.get("/webhook-events")
    @Route(
        summary="Look up an event by `event_id`, or the newest one of a `type`.",
        callers=(Caller.TOKEN,),
        auth_header=_HEADER,
        limits=(ADDRESS,),
        query=LookupQuery,
        answer=LookupAnswer,
        codes=("RESOURCE_NOT_FOUND", *DATABASE_CODES),
    )
    def look_up() -> LookupAnswer:
        given = request.headers.get(_HEADER, "").encode()
        # The comparison takes constant time. Otherwise a caller could guess the token by bytes.
        if not hmac.compare_digest(given, expected):
            limits.hit()
            raise RejectedError("UNAUTHORIZED", "canary_token")
        query = read_query(LookupQuery)
        found = inbox.find(database, event_id=query.event_id, type_=query.type, since=query.since)
        if found is None:
            raise RejectedError("RESOURCE_NOT_FOUND", text="No such event", fields={"found": False})
        return LookupAnswer(found=True, event=FoundEvent.model_validate(found))

    return blueprint

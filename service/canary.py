"""Serve the route on which the canary looks up the events that it sent."""

import hmac
from http import HTTPStatus
from typing import Annotated

import pydantic
from flask import Blueprint, Response, jsonify, request

from market import inbox
from market.database import Database
from market.errors import RejectedError
from service.errors import body_of
from service.limits import AddressLimits


_Name = Annotated[str, pydantic.Field(min_length=1, max_length=255, pattern=r"^[\w.-]+$")]


class LookupQuery(pydantic.BaseModel):
    """Names one event by its id, or the newest event of a type."""

    event_id: _Name | None = None
    type: _Name | None = None
    since: pydantic.AwareDatetime | None = None

    @pydantic.model_validator(mode="after")
    def _check_named(self) -> "LookupQuery":
        if self.event_id is None and self.type is None:
            raise ValueError("event_id or type")
        return self


def canary_blueprint(database: Database, limits: AddressLimits, *, token: str) -> Blueprint:
    """Build the blueprint that serves `/api/canary` to callers with the token."""
    blueprint = Blueprint("canary", __name__, url_prefix="/api/canary")
    expected = token.encode()

    @blueprint.get("/webhook-events")
    def look_up() -> Response | tuple[Response, HTTPStatus]:
        given = request.headers.get("x-canary-token", "").encode()
        # The comparison takes constant time. Otherwise a caller could guess the token by bytes.
        if not hmac.compare_digest(given, expected):
            limits.hit()
            raise RejectedError("UNAUTHORIZED", "canary_token")
        query = LookupQuery.model_validate(request.args.to_dict())
        found = inbox.find(database, event_id=query.event_id, type_=query.type, since=query.since)
        if found is None:
            body = body_of(RejectedError("RESOURCE_NOT_FOUND", text="No such event"))
            return jsonify(body | {"found": False}), HTTPStatus.NOT_FOUND
        return jsonify(found=True, event=found)

    return blueprint

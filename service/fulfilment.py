"""Routes by which an order changes hands: pickup codes, shipments and the steps of a parcel."""

import uuid
from typing import Annotated, Literal

import pydantic
import structlog
from flask import Blueprint, Response, jsonify

from market.database import Database
from market.errors import RejectedError
from market.orders import pickup, repository
from market.orders.types import ParcelStep
from service.bodies import read_body, read_order_id
from service.limits import UserLimits
from service.session import Session, Sessions


log = structlog.get_logger(__name__)

#: SQL cleans and checks the texts. It also refuses a long one before any work, so this bound only
#: keeps the call small.
_Text = Annotated[str, pydantic.Field(max_length=8_192)]


class PickupBody(pydantic.BaseModel):
    """The seller asks for a code, or the buyer redeems it by its digits or its token."""

    action: Literal["init", "redeem"] = "init"
    code6: Annotated[str, pydantic.Field(pattern=r"^[0-9]{6}$")] | None = None
    qr_token: uuid.UUID | None = None

    @pydantic.model_validator(mode="after")
    def _check_redeemable(self) -> "PickupBody":
        if self.action == "redeem" and self.code6 is None and self.qr_token is None:
            raise ValueError("code6 or qr_token")
        return self


class ShipmentBody(pydantic.BaseModel):
    """The parcel of an order; an empty label is none."""

    carrier: _Text
    tracking: _Text
    label_url: _Text | None = None


class ShipmentEventBody(pydantic.BaseModel):
    """A step of a parcel; without a time it is a step of now."""

    status: _Text
    description: _Text | None = None
    location: _Text | None = None
    event_time: _Text | None = None


def fulfilment_blueprint(
    database: Database, sessions: Sessions, limits: UserLimits, *, pepper: str
) -> Blueprint:
    """Build the blueprint that serves `/api/pickup` and `/api/shipments`."""
    blueprint = Blueprint("fulfilment", __name__, url_prefix="/api")

    @blueprint.post("/pickup/<order_id>")
    def pick_up(order_id: str) -> Response:
        session = sessions.require_live_session()
        try:
            # The two actions have limits of their own, so the body is read first.
            body = read_body(PickupBody)
        except (RejectedError, pydantic.ValidationError):
            # A refused body has no action, so it counts as a call to redeem.
            limits.hit("redeem_pickup", session.user_id)
            raise
        limits.hit(f"{body.action}_pickup", session.user_id)
        answer = _redeemed if body.action == "redeem" else _initiated
        return answer(database, pepper, read_order_id(order_id), session, body)

    @blueprint.post("/shipments/<order_id>")
    def save_shipment(order_id: str) -> Response:
        session = sessions.require_live_session()
        limits.hit("save_shipment", session.user_id)
        body = read_body(ShipmentBody)
        shipment = repository.save_shipment(
            database,
            order_id=read_order_id(order_id),
            user_id=session.user_id,
            carrier=body.carrier,
            tracking=body.tracking,
            label_url=body.label_url,
        )
        log.info("shipment_saved", order_id=order_id, shipment_id=shipment["id"])
        return jsonify(success=True, shipment=shipment)

    @blueprint.post("/shipments/<order_id>/events")
    def add_event(order_id: str) -> Response:
        session = sessions.require_live_session()
        limits.hit("add_shipment_event", session.user_id)
        step = ParcelStep(**read_body(ShipmentEventBody).model_dump())
        event = repository.add_shipment_event(
            database, step, order_id=read_order_id(order_id), user_id=session.user_id
        )
        log.info("shipment_event_added", order_id=order_id, event_id=event["id"])
        return jsonify(success=True, event=event)

    return blueprint


def _initiated(
    database: Database, pepper: str, order_id: str, session: Session, _body: PickupBody
) -> Response:
    made = pickup.init(database, pepper=pepper, order_id=order_id, user_id=session.user_id)
    return jsonify(
        success=True,
        code6=made.code6,
        qr_token=made.qr_token,
        pickup={"expires_at": made.expires_at},
    )


def _redeemed(
    database: Database, pepper: str, order_id: str, session: Session, body: PickupBody
) -> Response:
    state = pickup.redeem(
        database,
        pepper=pepper,
        order_id=order_id,
        user_id=session.user_id,
        code6=body.code6,
        qr_token=None if body.qr_token is None else str(body.qr_token),
    )
    return jsonify(success=True, state=state)

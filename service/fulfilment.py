"""Routes by which an order changes hands: pickup codes, shipments and the steps of a parcel."""

import uuid
from typing import Annotated, Literal

import pydantic
import structlog
from flask import Blueprint

from market.database import Database
from market.errors import RejectedError
from market.orders import pickup, repository
from market.orders.types import OrderState, ParcelStep
from service.bodies import needs_one_of, read_body, read_order_id
from service.limits import UserLimits
from service.orders import ORDER_PATH
from service.route_table import Answer, Caller, Id, Route, Time
from service.session import Session, Sessions


log = structlog.get_logger(__name__)

#: SQL cleans and checks the texts. It also refuses a long one before any work, so this bound only
#: keeps the call small.
_Text = Annotated[str, pydantic.Field(max_length=8_192)]


class PickupBody(pydantic.BaseModel):
    """The seller asks for a code, or the buyer redeems it by its digits or its token."""

    model_config = needs_one_of({"action": ["init"]}, {"code6": []}, {"qr_token": []})

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


class CodeExpiry(Answer):
    """The end of a pickup code."""

    expires_at: Time


class PickupAnswer(Answer):
    """The new code, for the seller; or the order's state after the buyer has redeemed one."""

    success: Literal[True]
    code6: str | None = None
    qr_token: Id | None = None
    pickup: CodeExpiry | None = None
    state: OrderState | None = None


class Shipment(Answer):
    """The parcel of an order."""

    id: Id
    order_id: Id
    carrier: str
    tracking: str
    label_url: str | None
    first_scan_at: Time | None
    delivered_at: Time | None
    created_at: Time
    updated_at: Time


class ShipmentAnswer(Answer):
    """The saved parcel."""

    success: Literal[True]
    shipment: Shipment


class ShipmentEvent(Answer):
    """A step of a parcel."""

    id: Id
    shipment_id: Id
    status: str
    description: str | None
    location: str | None
    event_time: Time
    created_at: Time


class ShipmentEventAnswer(Answer):
    """The step that was added."""

    success: Literal[True]
    event: ShipmentEvent


def fulfilment_blueprint(
    database: Database, sessions: Sessions, limits: UserLimits, *, pepper: str
) -> Blueprint:
    """Build the blueprint that serves `/api/pickup` and `/api/shipments`."""
    blueprint = Blueprint("fulfilment", __name__, url_prefix="/api")
    _add_pickup_route(blueprint, database, sessions, limits, pepper)
    _add_shipment_routes(blueprint, database, sessions, limits)
    return blueprint


def _add_pickup_route(
    blueprint: Blueprint, database: Database, sessions: Sessions, limits: UserLimits, pepper: str
) -> None:
    @blueprint.post("/pickup/<order_id>")
    @Route(
        summary="Make a pickup code as the seller (`init`), or redeem one as the buyer (`redeem`).",
        callers=(Caller.PARTY,),
        limits=("init_pickup", "redeem_pickup"),
        path=ORDER_PATH,
        body=PickupBody,
        answer=PickupAnswer,
        codes=(
            "CODE_EXPIRED",
            "FORBIDDEN",
            "INVALID_CODE",
            "NOT_READY",
            "PICKUP_LOCKED",
            "RESOURCE_NOT_FOUND",
        ),
    )
    def pick_up(order_id: str) -> PickupAnswer:
        session = sessions.require_live_session()
        try:
            # The two actions have limits of their own, so the body is read first.
            body = read_body(PickupBody)
        except RejectedError:
            # A refused body has no action, so it counts as a call to redeem.
            limits.hit("redeem_pickup", session.user_id)
            raise
        limits.hit(f"{body.action}_pickup", session.user_id)
        answer = _redeemed if body.action == "redeem" else _initiated
        return answer(database, pepper, read_order_id(order_id), session, body)


def _initiated(
    database: Database, pepper: str, order_id: str, session: Session, _body: PickupBody
) -> PickupAnswer:
    made = pickup.init(database, pepper=pepper, order_id=order_id, user_id=session.user_id)
    return PickupAnswer(
        success=True,
        code6=made.code6,
        qr_token=made.qr_token,
        pickup=CodeExpiry(expires_at=made.expires_at),
    )


def _redeemed(
    database: Database, pepper: str, order_id: str, session: Session, body: PickupBody
) -> PickupAnswer:
    state = pickup.redeem(
        database,
        pepper=pepper,
        order_id=order_id,
        user_id=session.user_id,
        code6=body.code6,
        qr_token=None if body.qr_token is None else str(body.qr_token),
    )
    return PickupAnswer(success=True, state=OrderState(state))


def _add_shipment_routes(
    blueprint: Blueprint, database: Database, sessions: Sessions, limits: UserLimits
) -> None:
    @blueprint.post("/shipments/<order_id>")
    @Route(
        summary="Save the parcel of an order; the first save marks the order shipped.",
        callers=(Caller.SELLER,),
        limits=("save_shipment",),
        path=ORDER_PATH,
        body=ShipmentBody,
        answer=ShipmentAnswer,
        codes=(
            "CONFLICT",
            "FORBIDDEN",
            "PAYMENT_IN_TEXT",
            "RESOURCE_NOT_FOUND",
            "SHIPPING_NOT_OFFERED",
        ),
    )
    def save_shipment(order_id: str) -> ShipmentAnswer:
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
        return ShipmentAnswer(success=True, shipment=Shipment.model_validate(shipment))

    @blueprint.post("/shipments/<order_id>/events")
    @Route(
        summary="Add a step of a parcel; `delivered` marks the order delivered.",
        callers=(Caller.SELLER,),
        limits=("add_shipment_event",),
        path=ORDER_PATH,
        body=ShipmentEventBody,
        answer=ShipmentEventAnswer,
        codes=("FORBIDDEN", "PAYMENT_IN_TEXT", "RESOURCE_NOT_FOUND"),
    )
    def add_event(order_id: str) -> ShipmentEventAnswer:
        session = sessions.require_live_session()
        limits.hit("add_shipment_event", session.user_id)
        step = ParcelStep(**read_body(ShipmentEventBody).model_dump())
        event = repository.add_shipment_event(
            database, step, order_id=read_order_id(order_id), user_id=session.user_id
        )
        log.info("shipment_event_added", order_id=order_id, event_id=event["id"])
        return ShipmentEventAnswer(success=True, event=ShipmentEvent.model_validate(event))

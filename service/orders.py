"""Routes by which the parties of an order see it and act on it."""

import time
from typing import Literal

import pydantic
import structlog
from flask import Blueprint

from market.database import Database
from market.orders import repository
from market.orders.types import ActionResult, OrderAction, OrderState
from service.bodies import read_body, read_order_id
from service.limits import UserLimits
from service.route_table import Answer, Caller, Cents, Id, Route, Time
from service.session import Sessions


log = structlog.get_logger(__name__)

#: The path of every route about one order.
ORDER_PATH = {"order_id": "Id of the order."}


class ActionBody(pydantic.BaseModel):
    """The button that a party pressed."""

    action: OrderAction


class Photo(Answer):
    """A photo of a listing."""

    id: Id
    url: str
    order_idx: int


class ListingOfOrder(Answer):
    """The part of a listing that the page of its order shows."""

    id: Id
    title: str
    description: str
    listing_photos: list[Photo]


class Person(Answer):
    """A party of an order, as the other one sees it."""

    id: Id
    display_name: str


class Address(Answer):
    """The address of a handover."""

    street: str | None
    suburb: str
    postcode: str
    state: str


class OrderAnswer(Answer):
    """An order: its row, its listing under both names, its parties, and an address.

    The buyer gets `pickup_address` and the seller `delivery_address`, from the payment until the
    order ends with its money returned.
    """

    id: Id
    listing_id: Id
    auction_id: Id
    winning_bid_id: Id
    buyer_id: Id
    seller_id: Id
    amount_cents: Cents
    platform_fee_cents: Cents
    seller_amount_cents: Cents
    currency: str
    state: OrderState
    state_before_dispute: OrderState | None
    stripe_payment_intent_id: str | None
    payment_due_at: Time
    paid_at: Time | None
    ready_at: Time | None
    shipped_at: Time | None
    delivered_at: Time | None
    released_at: Time | None
    refunded_at: Time | None
    cancelled_at: Time | None
    cancel_reason: str | None
    refunded_cents: Cents
    refund_pending: bool
    protection_eligible: bool
    version: int
    platform_fee_bps: int
    created_at: Time
    updated_at: Time
    listing: ListingOfOrder
    listings: ListingOfOrder
    buyer: Person
    seller: Person
    pickup_address: Address | None = None
    delivery_address: Address | None = None


class ActionAnswer(Answer):
    """The order after an action."""

    success: Literal[True]
    state: OrderState
    updated_at: Time
    processing_time_ms: int = pydantic.Field(alias="processingTimeMs")
    seller_amount: Cents | None = pydantic.Field(default=None, alias="sellerAmount")
    refund_amount: Cents | None = pydantic.Field(default=None, alias="refundAmount")
    refund_status: str | None = pydantic.Field(default=None, alias="refundStatus")


def orders_blueprint(database: Database, sessions: Sessions, limits: UserLimits) -> Blueprint:
    """Build the blueprint that serves `/api/orders`."""
    blueprint = Blueprint("orders", __name__, url_prefix="/api/orders")

    @blueprint.get("/<order_id>")
    @Route(
        summary="Read an order.",
        callers=(Caller.PARTY, Caller.STAFF),
        limits=("get_order",),
        path=ORDER_PATH,
        answer=OrderAnswer,
        codes=("FORBIDDEN", "RESOURCE_NOT_FOUND"),
        is_live=False,
    )
    def show(order_id: str) -> OrderAnswer:
        session = sessions.require_known_session()
        limits.hit("get_order", session.user_id)
        order = repository.get_order(
            database,
            order_id=read_order_id(order_id),
            user_id=session.user_id,
            aal=session.aal,
        )
        return OrderAnswer.model_validate(order)

    @blueprint.post("/<order_id>")
    @Route(
        summary="Take a step of an order: `act_on_order` lists the actions of each party.",
        callers=(Caller.PARTY,),
        limits=("act_on_order",),
        path=ORDER_PATH,
        body=ActionBody,
        answer=ActionAnswer,
        codes=("CONFLICT", "FORBIDDEN", "RESOURCE_NOT_FOUND", "SHIPPING_NOT_OFFERED"),
    )
    def act(order_id: str) -> ActionAnswer:
        began = time.monotonic()
        session = sessions.require_live_session()
        limits.hit("act_on_order", session.user_id)
        body = read_body(ActionBody)
        result = repository.act_on_order(
            database,
            order_id=read_order_id(order_id),
            user_id=session.user_id,
            action=body.action,
        )
        log.info("order_acted_on", order_id=order_id, action=body.action, state=result.state)
        return _answer_of(result, began)

    return blueprint


def _answer_of(result: ActionResult, began: float) -> ActionAnswer:
    body = {
        "success": True,
        "state": result.state,
        "updated_at": result.updated_at,
        "processingTimeMs": round((time.monotonic() - began) * 1000),
        "sellerAmount": result.seller_amount_cents,
        "refundAmount": result.refund_amount_cents,
        "refundStatus": result.refund_status,
    }
    # A value that the action does not have is no key of the answer.
    given = {name: value for name, value in body.items() if value is not None}
    return ActionAnswer.model_validate(given)

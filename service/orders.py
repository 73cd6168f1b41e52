"""Routes by which the parties of an order see it and act on it."""

import time

import pydantic
import structlog
from flask import Blueprint, Response, jsonify

from market.database import Database
from market.orders import repository
from market.orders.types import ActionResult, OrderAction
from service.bodies import read_body, read_order_id
from service.limits import UserLimits
from service.session import Sessions


log = structlog.get_logger(__name__)


class ActionBody(pydantic.BaseModel):
    """The button that a party pressed."""

    action: OrderAction


def orders_blueprint(database: Database, sessions: Sessions, limits: UserLimits) -> Blueprint:
    """Build the blueprint that serves `/api/orders`."""
    blueprint = Blueprint("orders", __name__, url_prefix="/api/orders")

    @blueprint.get("/<order_id>")
    def show(order_id: str) -> Response:
        session = sessions.require_session()
        limits.hit("get_order", session.user_id)
        order = repository.get_order(
            database,
            order_id=read_order_id(order_id),
            user_id=session.user_id,
            aal=session.aal,
        )
        return jsonify(order)

    @blueprint.post("/<order_id>")
    def act(order_id: str) -> Response:
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
        return jsonify(_body_of(result, began))

    return blueprint


def _body_of(result: ActionResult, began: float) -> dict[str, object]:
    body = {
        "success": True,
        "state": result.state,
        "updated_at": result.updated_at,
        "processingTimeMs": round((time.monotonic() - began) * 1000),
        "sellerAmount": result.seller_amount_cents,
        "refundAmount": result.refund_amount_cents,
        "refundStatus": result.refund_status,
    }
    return {name: value for name, value in body.items() if value is not None}

"""Routes by which a buyer pays for an order."""

import datetime as dt
import time
import uuid
from typing import Annotated

import pydantic
from flask import Blueprint, Response, jsonify

from market.database import Database
from market.payments import intents
from market.stripe_api import StripeApi
from service.bodies import read_body
from service.limits import UserLimits
from service.session import Sessions


_MOST_CENTS = 99_999_999
_ID_LENGTH = 255


class CreateIntentBody(pydantic.BaseModel):
    """The terms on the buyer's screen; the charge itself follows from the order."""

    order_id: Annotated[uuid.UUID, pydantic.Field(alias="orderId")]
    amount: Annotated[int, pydantic.Field(ge=100, le=_MOST_CENTS)]
    currency: Annotated[str, pydantic.Field(min_length=3, max_length=3)] = "aud"


class ConfirmBody(pydantic.BaseModel):
    """The intent that the browser reports as succeeded."""

    order_id: Annotated[uuid.UUID, pydantic.Field(alias="orderId")]
    payment_intent_id: Annotated[
        str,
        pydantic.Field(
            alias="paymentIntentId", min_length=5, max_length=_ID_LENGTH, pattern=r"^[A-Za-z0-9_]+$"
        ),
    ]


def payments_blueprint(
    stripe_api: StripeApi, database: Database, sessions: Sessions, limits: UserLimits
) -> Blueprint:
    """Build the blueprint that serves `/api/payments`."""
    blueprint = Blueprint("payments", __name__, url_prefix="/api/payments")

    @blueprint.post("/create-intent")
    def create_intent() -> Response:
        session = sessions.require_live_session()
        limits.hit("create_intent", session.user_id)
        body = read_body(CreateIntentBody)
        intent = intents.open_intent(
            stripe_api,
            database,
            order_id=str(body.order_id),
            buyer_id=session.user_id,
            amount_cents=body.amount,
            currency=body.currency,
        )
        return jsonify(clientSecret=intent.client_secret, paymentIntentId=intent.payment_intent_id)

    @blueprint.post("/confirm")
    def confirm() -> Response:
        began = time.monotonic()
        session = sessions.require_live_session()
        limits.hit("confirm_payment", session.user_id)
        body = read_body(ConfirmBody)
        paid = intents.confirm(
            stripe_api,
            database,
            order_id=str(body.order_id),
            payment_intent_id=body.payment_intent_id,
            buyer_id=session.user_id,
        )
        return jsonify(
            success=True,
            message="Payment confirmed",
            orderState=paid.state,
            paymentIntentId=body.payment_intent_id,
            amount=paid.amount_cents,
            timestamp=dt.datetime.now(dt.UTC).isoformat(),
            processingTimeMs=round((time.monotonic() - began) * 1000),
        )

    return blueprint

"""Routes by which a buyer pays for an order and a seller returns the money."""

import datetime as dt
import time
import uuid
from typing import Annotated

import pydantic
import structlog
from flask import Blueprint, Response, jsonify, request

from market.database import Database
from market.payments import intents, repository
from market.stripe_api import StripeApi
from service.bodies import read_body
from service.limits import UserLimits
from service.session import Sessions


log = structlog.get_logger(__name__)

_MOST_CENTS = 99_999_999
_ID_LENGTH = 255
_KEYS_NAMESPACE = uuid.UUID("5c8b7f0e-0a53-4a0f-9f0e-2a1d6c3b9e47")


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


class RefundBody(pydantic.BaseModel):
    """A refund that the seller or staff ask for; without an amount it is all that is left."""

    order_id: Annotated[uuid.UUID, pydantic.Field(alias="orderId")]
    amount_cents: Annotated[int, pydantic.Field(ge=1, le=_MOST_CENTS)] | None = None
    client_request_id: uuid.UUID | None = None

    @pydantic.field_validator("amount_cents", mode="before")
    @classmethod
    def _refuse_bool(cls, value: object) -> object:
        # Python counts true as 1, and a refund of one cent is never meant by it.
        if isinstance(value, bool):
            raise ValueError("bool")  # noqa: TRY004 - pydantic turns only a ValueError into a 400
        return value


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

    @blueprint.post("/refund")
    def refund() -> Response:
        session = sessions.require_live_session()
        limits.hit("refund_payment", session.user_id)
        body = read_body(RefundBody)
        requested = repository.refund_order(
            database,
            order_id=str(body.order_id),
            amount_cents=body.amount_cents,
            user_id=session.user_id,
            aal=session.aal,
            client_request_id=str(body.client_request_id or _request_id_in_header(session.user_id)),
        )
        log.info("refund_requested", order_id=str(body.order_id), refund_id=requested.refund_id)
        return jsonify(success=True, refund_id=requested.refund_id, status=requested.status)

    return blueprint


def _request_id_in_header(user_id: str) -> uuid.UUID:
    """Return the id that the header Idempotency-Key names, or a new one without the header."""
    key = request.headers.get("Idempotency-Key")
    if not key:
        return uuid.uuid4()
    try:
        return uuid.UUID(key)
    except ValueError:
        # Other clients send any text. Two users may send the same one.
        return uuid.uuid5(_KEYS_NAMESPACE, f"{user_id}:{key}")

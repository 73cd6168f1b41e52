"""Routes by which a buyer pays for an order and a seller returns the money."""

import datetime as dt
import time
import uuid
from typing import Annotated, Literal

import pydantic
import structlog
from flask import Blueprint, request

from market.database import Database
from market.orders.types import OrderState
from market.payments import intents, repository
from market.stripe_api import StripeApi
from service.bodies import NO_BOOL, read_body
from service.limits import UserLimits
from service.route_table import STRIPE_CODES, Answer, Caller, Cents, Id, Route, Time
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
    amount_cents: Annotated[int, pydantic.Field(ge=1, le=_MOST_CENTS), NO_BOOL] | None = None
    client_request_id: uuid.UUID | None = None


class IntentAnswer(Answer):
    """The PaymentIntent that Stripe's form pays."""

    client_secret: str = pydantic.Field(alias="clientSecret")
    payment_intent_id: str = pydantic.Field(alias="paymentIntentId")


class ConfirmAnswer(Answer):
    """The paid order."""

    success: Literal[True]
    message: str
    order_state: OrderState = pydantic.Field(alias="orderState")
    payment_intent_id: str = pydantic.Field(alias="paymentIntentId")
    amount: Cents | None
    timestamp: Time
    processing_time_ms: int = pydantic.Field(alias="processingTimeMs")


class RefundAnswer(Answer):
    """The refund that we request from Stripe; its state changes when Stripe has made it."""

    success: Literal[True]
    refund_id: Id
    status: str


def payments_blueprint(
    stripe_api: StripeApi, database: Database, sessions: Sessions, limits: UserLimits
) -> Blueprint:
    """Build the blueprint that serves `/api/payments`."""
    blueprint = Blueprint("payments", __name__, url_prefix="/api/payments")
    _add_intent_routes(blueprint, stripe_api, database, sessions, limits)
    _add_refund_route(blueprint, database, sessions, limits)
    return blueprint


def _add_intent_routes(
    blueprint: Blueprint,
    stripe_api: StripeApi,
    database: Database,
    sessions: Sessions,
    limits: UserLimits,
) -> None:
    @blueprint.post("/create-intent")
    @Route(
        summary="Create the PaymentIntent of an order, or return the open one.",
        callers=(Caller.BUYER,),
        limits=("create_intent",),
        body=CreateIntentBody,
        answer=IntentAnswer,
        codes=(
            "CONFLICT",
            "FORBIDDEN",
            "RESOURCE_NOT_FOUND",
            "STRIPE_EMAIL_REFUSED",
            "TRANSACTION_FAILED",
            *STRIPE_CODES,
        ),
    )
    def create_intent() -> IntentAnswer:
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
        return IntentAnswer(
            clientSecret=intent.client_secret, paymentIntentId=intent.payment_intent_id
        )

    @blueprint.post("/confirm")
    @Route(
        summary="Mark an order paid whose intent has succeeded at Stripe.",
        callers=(Caller.BUYER,),
        limits=("confirm_payment",),
        body=ConfirmBody,
        answer=ConfirmAnswer,
        codes=("FORBIDDEN", "RESOURCE_NOT_FOUND", "TRANSACTION_FAILED", *STRIPE_CODES),
    )
    def confirm() -> ConfirmAnswer:
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
        return ConfirmAnswer(
            success=True,
            message="Payment confirmed",
            orderState=OrderState(paid.state),
            paymentIntentId=body.payment_intent_id,
            amount=paid.amount_cents,
            timestamp=dt.datetime.now(dt.UTC).isoformat(),
            processingTimeMs=round((time.monotonic() - began) * 1000),
        )


def _add_refund_route(
    blueprint: Blueprint, database: Database, sessions: Sessions, limits: UserLimits
) -> None:
    @blueprint.post("/refund")
    @Route(
        summary="Request a refund, which a worker sends to Stripe.",
        callers=(Caller.SELLER, Caller.STAFF),
        limits=("refund_payment",),
        headers={"Idempotency-Key": "Id of the request, if the body has no `client_request_id`."},
        body=RefundBody,
        answer=RefundAnswer,
        codes=("CONFLICT", "FORBIDDEN", "REQUEST_ID_REUSED", "RESOURCE_NOT_FOUND"),
    )
    def refund() -> RefundAnswer:
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
        return RefundAnswer(success=True, refund_id=requested.refund_id, status=requested.status)


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

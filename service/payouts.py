"""Routes by which a seller gets paid."""

from typing import Annotated, Literal

import pydantic
from flask import Blueprint

from market.database import Database
from market.payouts import onboarding, repository
from market.stripe_api import StripeApi
from service.bodies import read_query
from service.limits import UserLimits
from service.route_table import STRIPE_CODES, Answer, Caller, Cents, Id, Route, Time
from service.session import Sessions


class PayoutsQuery(pydantic.BaseModel):
    """The length of the list."""

    limit: Annotated[int, pydantic.Field(ge=1, le=100)] = 50


class OnboardAnswer(Answer):
    """A link to Stripe's form, which opens once."""

    success: Literal[True]
    url: str
    expires_at: Time


class Payout(Answer):
    """The seller's part of one order, on its way or paid."""

    id: Id
    order_id: Id
    amount_cents: Cents
    reversed_cents: Cents
    status: Literal["queued", "paid", "reversed", "canceled", "dead"]
    created_at: Time
    updated_at: Time


class PayoutsAnswer(Answer):
    """The payouts of a seller, the newest first, and the sums of all of them."""

    success: Literal[True]
    payouts_enabled: bool
    pending_cents: Cents
    paid_cents: Cents
    payouts: list[Payout]


def payouts_blueprint(
    stripe_api: StripeApi, database: Database, sessions: Sessions, limits: UserLimits, *, site: str
) -> Blueprint:
    """Build the blueprint that serves `/api/payouts`; `site` is the origin of the web app."""
    blueprint = Blueprint("payouts", __name__, url_prefix="/api/payouts")

    @blueprint.post("/onboard")
    @Route(
        summary="Get a link to Stripe's form. Stripe sends the seller back to "
        "`/account?payouts=returned`, or to `/account?payouts=expired` if the page should ask for "
        "a new link.",
        callers=(Caller.USER,),
        limits=("onboard_payouts",),
        answer=OnboardAnswer,
        codes=("CONFLICT", "KYC_REQUIRED", "PROFILE_NOT_FOUND", *STRIPE_CODES),
    )
    def onboard() -> OnboardAnswer:
        session = sessions.require_live_session()
        limits.hit("onboard_payouts", session.user_id)
        link = onboarding.open_link(stripe_api, database, user_id=session.user_id, site=site)
        return OnboardAnswer(success=True, url=link.url, expires_at=link.expires_at.isoformat())

    @blueprint.get("")
    @Route(
        summary="Read the caller's payouts.",
        callers=(Caller.USER,),
        limits=("list_payouts",),
        query=PayoutsQuery,
        answer=PayoutsAnswer,
    )
    def payouts() -> PayoutsAnswer:
        session = sessions.require_live_session()
        limits.hit("list_payouts", session.user_id)
        query = read_query(PayoutsQuery)
        return PayoutsAnswer.model_validate(
            repository.list_payouts(database, user_id=session.user_id, max_rows=query.limit)
        )

    return blueprint

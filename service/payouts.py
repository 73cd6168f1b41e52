"""Routes by which a seller gets paid."""

from typing import Annotated

import pydantic
from flask import Blueprint, Response, jsonify, request

from market.database import Database
from market.payouts import onboarding, repository
from market.stripe_api import StripeApi
from service.limits import UserLimits
from service.session import Sessions


class PayoutsQuery(pydantic.BaseModel):
    """The length of the list."""

    limit: Annotated[int, pydantic.Field(ge=1, le=100)] = 50


def payouts_blueprint(
    stripe_api: StripeApi, database: Database, sessions: Sessions, limits: UserLimits, *, site: str
) -> Blueprint:
    """Build the blueprint that serves `/api/payouts`; `site` is the origin of the web app."""
    blueprint = Blueprint("payouts", __name__, url_prefix="/api/payouts")

    @blueprint.post("/onboard")
    def onboard() -> Response:
        session = sessions.require_live_session()
        limits.hit("onboard_payouts", session.user_id)
        link = onboarding.open_link(stripe_api, database, user_id=session.user_id, site=site)
        return jsonify(success=True, url=link.url, expires_at=link.expires_at.isoformat())

    @blueprint.get("")
    def payouts() -> Response:
        session = sessions.require_live_session()
        limits.hit("list_payouts", session.user_id)
        query = PayoutsQuery.model_validate(request.args.to_dict())
        return jsonify(
            repository.list_payouts(database, user_id=session.user_id, max_rows=query.limit)
        )

    return blueprint

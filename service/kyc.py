"""Routes by which a person is verified."""

import datetime as dt
import uuid
from typing import Annotated, Literal

import pydantic
from flask import Blueprint, Response, jsonify, request

from market.database import Database
from market.errors import RejectedError
from market.kyc import repository, verification
from market.kyc.types import Profile
from market.stripe_api import StripeApi
from service.bodies import read_body
from service.limits import UserLimits
from service.session import Sessions


_Line = Annotated[str, pydantic.Field(min_length=1, max_length=120)]


class AddressBody(pydantic.BaseModel):
    """A whole Australian address."""

    model_config = pydantic.ConfigDict(extra="forbid", str_strip_whitespace=True)

    street: _Line
    suburb: _Line
    postcode: Annotated[str, pydantic.Field(pattern=r"^[0-9]{4}$")]
    state: Literal["NSW", "VIC", "QLD", "WA", "SA", "TAS", "ACT", "NT"]


class StartBody(pydantic.BaseModel):
    """The profile that a person gives for the verification."""

    model_config = pydantic.ConfigDict(str_strip_whitespace=True)

    legal_name: Annotated[str, pydantic.Field(min_length=1, max_length=200)]
    dob: Annotated[str, pydantic.Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    address: AddressBody

    @pydantic.field_validator("dob")
    @classmethod
    def _check_date(cls, value: str) -> str:
        return dt.date.fromisoformat(value).isoformat()


class KycQuery(pydantic.BaseModel):
    """The verification to show: the newest of the caller unless a session is named."""

    session_id: Annotated[str, pydantic.Field(pattern=r"^vs_[A-Za-z0-9_-]{1,200}$")] | None = None
    user_id: uuid.UUID | None = None


def kyc_blueprint(
    stripe_api: StripeApi, database: Database, sessions: Sessions, limits: UserLimits, *, site: str
) -> Blueprint:
    """Build the blueprint that serves `/api/kyc`; `site` is the origin of the web app."""
    blueprint = Blueprint("kyc", __name__, url_prefix="/api/kyc")

    @blueprint.post("/start")
    def start() -> Response:
        session = sessions.require_live_session()
        limits.hit("start_verification", session.user_id)
        body = read_body(StartBody)
        opened = verification.start(
            stripe_api,
            database,
            Profile(legal_name=body.legal_name, dob=body.dob, address=body.address.model_dump()),
            user_id=session.user_id,
            site=site,
        )
        return jsonify(
            success=True,
            verificationId=opened.stripe_session_id,
            clientSecret=opened.client_secret,
            verificationUrl=opened.url,
        )

    @blueprint.get("")
    def show() -> Response:
        session = sessions.require_live_session()
        limits.hit("get_verification", session.user_id)
        query = KycQuery.model_validate(request.args.to_dict())
        if query.user_id is not None and str(query.user_id) != session.user_id:
            raise RejectedError("FORBIDDEN", "user_id", text="This is not your identity check")
        return jsonify(
            repository.get_verification(
                database, user_id=session.user_id, stripe_session_id=query.session_id
            )
        )

    return blueprint

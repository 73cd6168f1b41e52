"""Routes by which a person is verified."""

import datetime as dt
import uuid
from typing import Annotated, Literal

import pydantic
from flask import Blueprint

from market.database import Database
from market.errors import RejectedError
from market.kyc import repository, verification
from market.kyc.types import Profile
from market.stripe_api import StripeApi
from service.bodies import read_body, read_query
from service.limits import UserLimits
from service.route_table import STRIPE_CODES, Answer, Caller, Route, Time
from service.session import Sessions


_Line = Annotated[str, pydantic.Field(min_length=1, max_length=120, pattern=r"\S")]


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

    legal_name: Annotated[str, pydantic.Field(min_length=1, max_length=200, pattern=r"\S")]
    dob: Annotated[
        str,
        pydantic.Field(
            pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$", json_schema_extra={"format": "date"}
        ),
    ]
    address: AddressBody

    @pydantic.field_validator("dob")
    @classmethod
    def _check_date(cls, value: str) -> str:
        return dt.date.fromisoformat(value).isoformat()


class KycQuery(pydantic.BaseModel):
    """The verification to show: the newest of the caller unless a session is named."""

    session_id: Annotated[str, pydantic.Field(pattern=r"^vs_[A-Za-z0-9_-]{1,200}$")] | None = None
    user_id: uuid.UUID | None = None


class StartAnswer(Answer):
    """The open session of Stripe Identity, or a new one.

    Secret and address work once. Both are null while Stripe checks a document.
    """

    success: Literal[True]
    verification_id: str = pydantic.Field(alias="verificationId")
    client_secret: str | None = pydantic.Field(alias="clientSecret")
    verification_url: str | None = pydantic.Field(alias="verificationUrl")


class KycDetails(Answer):
    """The last change of a verification."""

    reason_code: str | None
    updated_at: Time | None
    completed_at: Time | None


class KycAnswer(Answer):
    """A verification: `status` is ours, `stripe_status` is Stripe's or null."""

    success: Literal[True]
    status: Literal["none", "pending", "passed", "failed"]
    stripe_status: Literal["requires_input", "processing", "verified", "canceled"] | None
    details: KycDetails


def kyc_blueprint(
    stripe_api: StripeApi, database: Database, sessions: Sessions, limits: UserLimits, *, site: str
) -> Blueprint:
    """Build the blueprint that serves `/api/kyc`; `site` is the origin of the web app."""
    blueprint = Blueprint("kyc", __name__, url_prefix="/api/kyc")

    @blueprint.post("/start")
    @Route(
        summary="Start a verification. Stripe sends the person back to `/account?kyc=returned`.",
        callers=(Caller.USER,),
        limits=("start_verification",),
        body=StartBody,
        answer=StartAnswer,
        codes=("CONFLICT", "KYC_COOLDOWN", "PROFILE_NOT_FOUND", *STRIPE_CODES),
    )
    def start() -> StartAnswer:
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
        return StartAnswer(
            success=True,
            verificationId=opened.stripe_session_id,
            clientSecret=opened.client_secret,
            verificationUrl=opened.url,
        )

    @blueprint.get("")
    @Route(
        summary="Read the caller's newest verification, or the one of `session_id`.",
        callers=(Caller.USER,),
        limits=("get_verification",),
        query=KycQuery,
        answer=KycAnswer,
        codes=("FORBIDDEN", "PROFILE_NOT_FOUND"),
    )
    def show() -> KycAnswer:
        session = sessions.require_live_session()
        limits.hit("get_verification", session.user_id)
        query = read_query(KycQuery)
        if query.user_id is not None and str(query.user_id) != session.user_id:
            raise RejectedError("FORBIDDEN", "user_id", text="This is not your identity check")
        return KycAnswer.model_validate(
            repository.get_verification(
                database, user_id=session.user_id, stripe_session_id=query.session_id
            )
        )

    return blueprint

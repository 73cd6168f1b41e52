"""Pages by which a person signs in to the console, proves a second factor, and signs out."""

from typing import Annotated
from uuid import UUID

import pydantic
import structlog
from flask import Blueprint, Response

from market.auth_api import AuthApi, Enrolment, Tokens
from market.errors import RejectedError
from service.bodies import read_body
from service.console.rendering import asset, page
from service.console.visits import Visits, redirect_to
from service.route_table import Caller, Page


log = structlog.get_logger(__name__)


class SignInForm(pydantic.BaseModel):
    """An e-mail address and a password."""

    email: Annotated[str, pydantic.Field(min_length=3, max_length=320)]
    password: Annotated[str, pydantic.Field(min_length=1, max_length=200)]


class CodeForm(pydantic.BaseModel):
    """A code of an authenticator app: of one that has proved itself before, or of a new one."""

    code: Annotated[str, pydantic.Field(pattern=r"^\s*[0-9]{3}\s?[0-9]{3}\s*$")]
    factor_id: UUID | None = None


def add_pages(blueprint: Blueprint, auth_api: AuthApi, visits: Visits) -> None:
    """Add the pages to the blueprint of the console."""
    _add_sign_in(blueprint, auth_api, visits)
    _add_second_factor(blueprint, auth_api, visits)
    _add_assets(blueprint, visits)


def _add_sign_in(blueprint: Blueprint, auth_api: AuthApi, visits: Visits) -> None:
    @blueprint.post("/sign-in")
    @Page(summary="Sign in with a password.", callers=(Caller.ANYONE,))
    def sign_in() -> Response:
        visits.count_visitor()
        visits.check_form()
        form = read_body(SignInForm)
        visits.count_try()
        session = visits.begin(auth_api.sign_in(form.email.strip(), form.password))
        log.info("console_signed_in", user_id=session.user_id)
        return redirect_to("")

    @blueprint.post("/sign-out")
    @Page(summary="Sign out.", callers=(Caller.USER,))
    def sign_out() -> Response:
        auth_api.sign_out(visits.require_session().access_token)
        visits.forget()
        return redirect_to("")


def _add_second_factor(blueprint: Blueprint, auth_api: AuthApi, visits: Visits) -> None:
    @blueprint.post("/second-factor")
    @Page(summary="Prove a second factor by a code.", callers=(Caller.USER,))
    def prove() -> Response:
        session = visits.require_session()
        form = _code_form()
        visits.count_try()
        visits.begin(_proved(auth_api, session.access_token, form))
        log.info("console_second_factor_proved", user_id=session.user_id)
        return redirect_to("")

    @blueprint.post("/enrol")
    @Page(summary="Enrol an authenticator app.", callers=(Caller.USER,))
    def enrol() -> Response:
        session = visits.require_session()
        visits.count_try()
        enrolment = _enrolled(auth_api, session.access_token)
        return page(visits, "enrol.html", has_image=True, enrolment=enrolment)


def _code_form() -> CodeForm:
    try:
        return read_body(CodeForm)
    except RejectedError as refusal:
        # Any text but six digits is a wrong code to the person who typed it.
        raise RejectedError("INVALID_CODE", "malformed") from refusal


def _proved(auth_api: AuthApi, access_token: str, form: CodeForm) -> Tokens:
    """Prove the new app, or that one of the user's apps which shows this code."""
    code = "".join(form.code.split())
    if form.factor_id is not None:
        return auth_api.prove(access_token, str(form.factor_id), code)
    factor_ids = auth_api.verified_factors(access_token)
    if not factor_ids:
        raise RejectedError("INVALID_CODE", text="Set up an authenticator app first.")
    for factor_id in factor_ids[:-1]:
        try:
            return auth_api.prove(access_token, factor_id, code)
        except RejectedError as refusal:
            if refusal.code != "INVALID_CODE":
                raise
    return auth_api.prove(access_token, factor_ids[-1], code)


def _enrolled(auth_api: AuthApi, access_token: str) -> Enrolment:
    try:
        return auth_api.enrol(access_token)
    except RejectedError as refusal:
        if refusal.code != "SECOND_FACTOR_REQUIRED":
            raise
        text = "You have an authenticator app already. Prove it."
        raise RejectedError(refusal.code, refusal.detail, text=text) from refusal


def _add_assets(blueprint: Blueprint, visits: Visits) -> None:
    @blueprint.get("/console.css")
    @Page(summary="Load the style of the pages.", callers=(Caller.ANYONE,))
    def style() -> Response:
        visits.count_visitor()
        return asset("console.css", "text/css")

    @blueprint.get("/console.js")
    @Page(summary="Load the script that counts down.", callers=(Caller.ANYONE,))
    def script() -> Response:
        visits.count_visitor()
        return asset("console.js", "text/javascript")

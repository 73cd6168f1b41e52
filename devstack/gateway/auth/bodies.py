"""Request bodies as typed values; unknown fields are ignored."""

import re
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from starlette.requests import Request

from devstack.gateway.auth.errors import AuthError, invalid


#: The length of the column `auth.users.email`.
_MAX_ADDRESS_BYTES = 255
#: GoTrue checks addresses by this pattern of github.com/badoux/checkmail.
_ADDRESS = re.compile(
    r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@{label}(?:\.{label})*".replace(
        "{label}", "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
    ),
    re.ASCII | re.IGNORECASE,
)


class Body(BaseModel):
    """A request's body. JSON types are not converted, and a null counts as absent."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: object) -> object:
        """Drop nulls, which clients send for arguments that their caller left out."""
        if not isinstance(values, dict):
            return values
        return {name: value for name, value in values.items() if value is not None}


BodyType = TypeVar("BodyType", bound=Body)


class SignUp(Body):
    """The body of POST /signup."""

    email: str = ""
    phone: str = ""
    password: str = ""
    code_challenge: str = ""
    data: dict[str, Any] | None = None


class PasswordGrant(Body):
    """The body of POST /token?grant_type=password."""

    email: str = ""
    phone: str = ""
    password: str = ""


class RefreshGrant(Body):
    """The body of POST /token?grant_type=refresh_token."""

    refresh_token: str = ""


class UserChange(Body):
    """The body of PUT /user."""

    email: str = ""
    phone: str = ""
    password: str | None = None
    nonce: str = ""
    code_challenge: str = ""
    data: dict[str, Any] | None = None


class Enroll(Body):
    """The body of POST /factors."""

    friendly_name: str = ""
    factor_type: str = ""
    issuer: str = ""


class VerifyFactor(Body):
    """The body of POST /factors/{id}/verify."""

    challenge_id: str = ""
    code: str = ""


class Otp(Body):
    """The body of POST /otp and /magiclink."""

    email: str = ""
    phone: str = ""
    channel: str = ""
    create_user: bool = True
    code_challenge: str = ""
    data: dict[str, Any] | None = None


class MailRequest(Body):
    """The body of POST /recover and /resend."""

    type: str = ""
    email: str = ""
    phone: str = ""
    code_challenge: str = ""


class Verify(Body):
    """The body of POST /verify."""

    type: str = ""
    token: str = ""
    token_hash: str = ""
    email: str = ""
    phone: str = ""


class IdTokenGrant(Body):
    """The body of POST /token?grant_type=id_token."""

    provider: str = ""


class GenerateLink(Body):
    """The body of POST /invite and /admin/generate_link."""

    type: str = ""
    email: str = ""
    new_email: str = ""
    password: str = ""
    data: dict[str, Any] | None = None
    redirect_to: str = ""


class AdminUser(Body):
    """The body of POST /admin/users and PUT /admin/users/{id}."""

    id: str = ""
    aud: str = ""
    role: str = Field(default="", max_length=255)
    email: str = ""
    phone: str = ""
    password: str | None = None
    password_hash: str = ""
    email_confirm: bool = False
    user_metadata: dict[str, Any] | None = None
    app_metadata: dict[str, Any] | None = None
    ban_duration: str = ""


class AdminDelete(Body):
    """The body of DELETE /admin/users/{id}."""

    should_soft_delete: bool = Field(default=False)


async def read(request: Request, kind: type[BodyType]) -> BodyType:
    """Read the request's body as `kind`; a missing body counts as an empty object."""
    raw = await request.body()
    try:
        return kind.model_validate_json(raw or b"{}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        detail = f"{where}: {first['msg']}" if where else first["msg"]
        message = f"Could not parse request body as JSON: {detail}"
        raise AuthError(400, "bad_json", message) from error


def refuse_phone(phone: str) -> None:
    """Refuse a phone number: devstack sends no text messages, so it cannot confirm one."""
    if phone:
        raise AuthError(400, "phone_provider_disabled", "Phone signups are disabled")


def address_of(email: str) -> str:
    """Return an e-mail address in lower case, as Auth stores it.

    Raises: AuthError validation_failed for no address, or one with blanks around it.
    """
    if not email:
        raise invalid("An email address is required")
    if len(email.encode()) > _MAX_ADDRESS_BYTES:
        raise invalid("An email address is too long")
    if not _ADDRESS.fullmatch(email):
        raise invalid("Unable to validate email address: invalid format")
    return email.lower()

"""Sign-ups whose address has to be confirmed first, so that the answer is no session.

GoTrue: `Signup` and `sanitizeUser` of `internal/api/signup.go` of supabase/auth.
"""

import dataclasses
import uuid
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from devstack.gateway.auth import answers, bodies, mails, users
from devstack.gateway.auth.context import AuthContext
from devstack.gateway.auth.errors import email_exists, refusing_what_is_taken
from devstack.gateway.auth.mails import Mail
from devstack.gateway.auth.one_time_tokens import Kind
from devstack.gateway.auth.users import EMAIL_METADATA, User


async def sign_up_unconfirmed(
    context: AuthContext, request: Request, body: bodies.SignUp, email: str, encrypted_password: str
) -> Response:
    """Make a user who has to confirm the address, or repeat the mail to one who has not.

    A user who has confirmed it gets no mail, and the caller does not learn that there is one.
    """
    with refusing_what_is_taken(email_exists()):
        async with context.transaction() as cursor:
            user = await users.find_by_email(cursor, email)
            if user and user.email_confirmed_at:
                return answers.ok(answers.user_json(_stranger(user, body)))
            user_id = await users.create_unless_found(
                cursor,
                user,
                email=email,
                encrypted_password=encrypted_password,
                user_metadata=body.data or {},
            )
            mail = Mail(kind=Kind.CONFIRMATION, type="signup", is_pkce=bool(body.code_challenge))
            await mails.send(context, request, cursor, user_id, address=email, mail=mail)
            found = await users.require(cursor, user_id)
    return answers.ok(answers.user_json(found))


def _stranger(user: User, body: bodies.SignUp) -> User:
    """Return a user as if there had been none: with another id, and nothing of the known one."""
    now = datetime.now(UTC)
    return dataclasses.replace(
        user,
        id=uuid.uuid4(),
        role="",
        created_at=now,
        updated_at=now,
        confirmation_sent_at=now,
        last_sign_in_at=None,
        confirmed_at=None,
        email_confirmed_at=None,
        invited_at=None,
        recovery_sent_at=None,
        email_change="",
        email_change_sent_at=None,
        banned_until=None,
        raw_user_meta_data=body.data or {},
        raw_app_meta_data=EMAIL_METADATA,
        identities=(),
        factors=(),
    )

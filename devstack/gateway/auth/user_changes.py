"""Changes of a user: address, password, metadata, role, ban, and the end of it."""

import uuid
from collections.abc import Mapping
from typing import Any

from devstack.gateway.auth import one_time_tokens
from devstack.gateway.auth.context import Cursor
from devstack.gateway.auth.stored_json import as_json


async def confirm_email(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Take the address as the user's own, as a click on the link in a mail would prove it."""
    await cursor.execute(
        """
        update auth.users set
          email_confirmed_at = coalesce(email_confirmed_at, now()), updated_at = now(),
          raw_user_meta_data = raw_user_meta_data || '{"email_verified": true}'
        where id = %s
        """,
        [user_id],
    )


async def confirm_identity(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Say in the identity, too, that the address is the user's own."""
    await cursor.execute(
        """
        update auth.identities set
          identity_data = identity_data || '{"email_verified": true}', updated_at = now()
        where user_id = %s and provider = 'email'
        """,
        [user_id],
    )


async def note_invitation(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Remember that the user was invited now."""
    await cursor.execute("update auth.users set invited_at = now() where id = %s", [user_id])


async def note_wanted_email(cursor: Cursor, user_id: uuid.UUID, email: str) -> None:
    """Remember which address the user wants, until it is confirmed."""
    await cursor.execute(
        """
        update auth.users set
          email_change = %s, email_change_confirm_status = 0, updated_at = now()
        where id = %s
        """,
        [email, user_id],
    )


async def change_email(
    cursor: Cursor, user_id: uuid.UUID, email: str, *, is_verified: bool = True
) -> None:
    """Give the user another address, in the identity too; what was mailed is void.

    Who changes it without having verified it leaves a user confirmed or not, as they were.

    Raises: psycopg.errors.UniqueViolation when the address is another user's.
    """
    claims = as_json({"email": email, "email_verified": is_verified})
    await cursor.execute(
        """
        update auth.users set
          email = %s, email_change = '', email_change_confirm_status = 0, is_anonymous = false,
          updated_at = now(),
          email_confirmed_at = case
            when %s then coalesce(email_confirmed_at, now()) else email_confirmed_at
          end,
          raw_user_meta_data = coalesce(raw_user_meta_data, '{}') || %s
        where id = %s
        """,
        [email, is_verified, claims, user_id],
    )
    await cursor.execute(
        """
        update auth.identities set identity_data = identity_data || %s, updated_at = now()
        where user_id = %s and provider = 'email'
        """,
        [claims, user_id],
    )
    await one_time_tokens.drop(cursor, user_id)


async def note_first_confirmation(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Remember that one of the two addresses has agreed to a change."""
    await cursor.execute(
        "update auth.users set email_change_confirm_status = 1, updated_at = now() where id = %s",
        [user_id],
    )


async def name_email_provider(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Say that a user who was anonymous signs in by an address from now on."""
    await cursor.execute(
        "update auth.users set raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || %s"
        " where id = %s",
        [as_json({"provider": "email", "providers": ["email"]}), user_id],
    )


async def change_password(cursor: Cursor, user_id: uuid.UUID, encrypted_password: str) -> None:
    """Store another password's hash; what was mailed is void."""
    await cursor.execute(
        "update auth.users set encrypted_password = %s, updated_at = now() where id = %s",
        [encrypted_password, user_id],
    )
    await one_time_tokens.drop(cursor, user_id)


async def merge_metadata(
    cursor: Cursor,
    user_id: uuid.UUID,
    *,
    user: Mapping[str, Any] | None = None,
    app: Mapping[str, Any] | None = None,
) -> None:
    """Set keys of either metadata; a null takes its key away."""
    user, app = user or {}, app or {}
    await cursor.execute(
        """
        update auth.users set
          raw_user_meta_data = (coalesce(raw_user_meta_data, '{}') || %s) - %s::text[],
          raw_app_meta_data = (coalesce(raw_app_meta_data, '{}') || %s) - %s::text[],
          updated_at = now()
        where id = %s
        """,
        [as_json(user), _nulls(user), as_json(app), _nulls(app), user_id],
    )


async def set_role(cursor: Cursor, user_id: uuid.UUID, role: str) -> None:
    """Name the database role that the user's tokens carry."""
    await cursor.execute(
        "update auth.users set role = %s, updated_at = now() where id = %s", [role, user_id]
    )


async def set_ban(cursor: Cursor, user_id: uuid.UUID, duration_s: float | None) -> None:
    """Ban the user for so many seconds from now, or lift the ban with None."""
    await cursor.execute(
        """
        update auth.users set
          banned_until = now() + make_interval(secs => %s::double precision), updated_at = now()
        where id = %s
        """,
        [duration_s, user_id],
    )


async def note_sign_in(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Remember that the user signed in now."""
    await cursor.execute(
        "update auth.users set last_sign_in_at = now(), updated_at = now() where id = %s",
        [user_id],
    )
    await cursor.execute(
        "update auth.identities set last_sign_in_at = now(), updated_at = now()"
        " where user_id = %s and provider = 'email'",
        [user_id],
    )


async def delete(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Delete the user with all that hangs on it."""
    await cursor.execute("delete from auth.users where id = %s", [user_id])


async def soft_delete(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Keep the row and its id, and make everything else in it unreadable and unusable."""
    await cursor.execute(
        f"""
        update auth.users set
          email = {_hidden("id::text || coalesce(email, '')")},
          phone = left({_hidden("id::text || coalesce(phone, '')")}, 15),
          email_change = {_hidden("id::text || coalesce(email_change, '')")},
          phone_change = left({_hidden("id::text || coalesce(phone_change, '')")}, 15),
          encrypted_password = null, confirmation_token = '', recovery_token = '',
          email_change_token_current = '', email_change_token_new = '', phone_change_token = '',
          raw_user_meta_data = '{{}}', raw_app_meta_data = '{{}}',
          deleted_at = now(), updated_at = now()
        where id = %s
        """,  # noqa: S608 - the expressions are constants
        [user_id],
    )
    await one_time_tokens.drop(cursor, user_id)
    await cursor.execute(
        f"""
        update auth.identities set
          provider_id = {_hidden("user_id::text || provider || ':' || provider_id")},
          identity_data = '{{}}', updated_at = now()
        where user_id = %s
        """,  # noqa: S608 - the expression is a constant
        [user_id],
    )
    await cursor.execute("delete from auth.mfa_factors where user_id = %s", [user_id])
    await cursor.execute("delete from auth.sessions where user_id = %s", [user_id])


def _hidden(text: str) -> str:
    """Return the SQL for the hash by which GoTrue replaces a text: SHA-256, in base64 for URLs."""
    return f"translate(encode(sha256(convert_to({text}, 'UTF8')), 'base64'), '+/=', '-_')"


def _nulls(values: Mapping[str, Any]) -> list[str]:
    return [key for key, value in values.items() if value is None]

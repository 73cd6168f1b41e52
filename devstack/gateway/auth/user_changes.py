"""Changes of a user's rows: address, password, metadata, role, ban and deletion."""

import uuid
from collections.abc import Mapping
from typing import Any

from devstack.gateway.auth import one_time_tokens
from devstack.gateway.auth.context import Cursor
from devstack.gateway.auth.users import EMAIL_METADATA, as_json


async def confirm_email(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Mark the user's address as confirmed."""
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
    """Mark the address as confirmed in the user's identity."""
    await cursor.execute(
        """
        update auth.identities set
          identity_data = identity_data || '{"email_verified": true}', updated_at = now()
        where user_id = %s and provider = 'email'
        """,
        [user_id],
    )


async def set_invited_at(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Record that the user was invited now."""
    await cursor.execute("update auth.users set invited_at = now() where id = %s", [user_id])


async def set_pending_email(cursor: Cursor, user_id: uuid.UUID, email: str) -> None:
    """Store the address that the user wants, until a mail confirms it."""
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
    """Give the user another address, in the identity too, and revoke the one-time tokens.

    An address that is not verified does not change whether the user is confirmed.

    Raises: psycopg.errors.UniqueViolation if another user has the address.
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
    await one_time_tokens.revoke(cursor, user_id)


async def record_first_confirmation(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Record that one of the two addresses has confirmed a change."""
    await cursor.execute(
        "update auth.users set email_change_confirm_status = 1, updated_at = now() where id = %s",
        [user_id],
    )


async def set_email_provider(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Set the provider of a user who was anonymous to `email`."""
    await cursor.execute(
        "update auth.users set raw_app_meta_data = coalesce(raw_app_meta_data, '{}') || %s"
        " where id = %s",
        [as_json(EMAIL_METADATA), user_id],
    )


async def change_password(cursor: Cursor, user_id: uuid.UUID, encrypted_password: str) -> None:
    """Store the hash of another password, and revoke the one-time tokens."""
    await cursor.execute(
        "update auth.users set encrypted_password = %s, updated_at = now() where id = %s",
        [encrypted_password, user_id],
    )
    await one_time_tokens.revoke(cursor, user_id)


async def merge_metadata(
    cursor: Cursor,
    user_id: uuid.UUID,
    *,
    user: Mapping[str, Any] | None = None,
    app: Mapping[str, Any] | None = None,
) -> None:
    """Set keys of the user's and the app's metadata; null removes a key."""
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
    """Set the database role in the user's tokens."""
    await cursor.execute(
        "update auth.users set role = %s, updated_at = now() where id = %s", [role, user_id]
    )


async def set_ban(cursor: Cursor, user_id: uuid.UUID, duration_s: float | None) -> None:
    """Ban the user from now for `duration_s`, or end the ban if it is None."""
    await cursor.execute(
        """
        update auth.users set
          banned_until = now() + make_interval(secs => %s::double precision), updated_at = now()
        where id = %s
        """,
        [duration_s, user_id],
    )


async def record_sign_in(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Record that the user signed in now."""
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
    """Delete the user with all rows that refer to it."""
    await cursor.execute("delete from auth.users where id = %s", [user_id])


async def soft_delete(cursor: Cursor, user_id: uuid.UUID) -> None:
    """Keep the user's row and id, and hash or empty the other values.

    The user's factors and sessions are deleted.
    """
    await cursor.execute(
        f"""
        update auth.users set
          email = {_hash_sql("id::text || coalesce(email, '')")},
          phone = left({_hash_sql("id::text || coalesce(phone, '')")}, 15),
          email_change = {_hash_sql("id::text || coalesce(email_change, '')")},
          phone_change = left({_hash_sql("id::text || coalesce(phone_change, '')")}, 15),
          encrypted_password = null, confirmation_token = '', recovery_token = '',
          email_change_token_current = '', email_change_token_new = '', phone_change_token = '',
          raw_user_meta_data = '{{}}', raw_app_meta_data = '{{}}',
          deleted_at = now(), updated_at = now()
        where id = %s
        """,  # noqa: S608 - the expressions are constants
        [user_id],
    )
    await one_time_tokens.revoke(cursor, user_id)
    await cursor.execute(
        f"""
        update auth.identities set
          provider_id = {_hash_sql("user_id::text || provider || ':' || provider_id")},
          identity_data = '{{}}', updated_at = now()
        where user_id = %s
        """,  # noqa: S608 - the expression is a constant
        [user_id],
    )
    await cursor.execute("delete from auth.mfa_factors where user_id = %s", [user_id])
    await cursor.execute("delete from auth.sessions where user_id = %s", [user_id])


def _hash_sql(text: str) -> str:
    """Return SQL for the hash by which GoTrue replaces a text: SHA-256 in URL-safe base64."""
    return f"translate(encode(sha256(convert_to({text}, 'UTF8')), 'base64'), '+/=', '-_')"


def _nulls(values: Mapping[str, Any]) -> list[str]:
    return [key for key, value in values.items() if value is None]

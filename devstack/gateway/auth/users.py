"""Users and their identities: the rows of `auth.users` and `auth.identities`."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

from psycopg.types.json import Jsonb

from devstack.gateway.auth import factors
from devstack.gateway.auth.context import Cursor
from devstack.gateway.auth.errors import AuthError
from devstack.gateway.auth.factors import Factor


EMAIL_METADATA: Mapping[str, Any] = {"provider": "email", "providers": ["email"]}
_INSTANCE_ID = uuid.UUID(int=0)
_COLUMNS = """
  id, aud, role, email, encrypted_password, email_confirmed_at, confirmed_at, invited_at,
  last_sign_in_at, raw_app_meta_data, raw_user_meta_data, created_at, updated_at, banned_until,
  deleted_at, is_anonymous, confirmation_sent_at, recovery_sent_at, email_change,
  email_change_sent_at, coalesce(banned_until > now(), false) as is_banned
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A user with the identities and second factors by which they sign in."""

    id: uuid.UUID
    aud: str
    role: str
    email: str | None
    encrypted_password: str | None
    email_confirmed_at: datetime | None
    confirmed_at: datetime | None
    invited_at: datetime | None
    last_sign_in_at: datetime | None
    raw_app_meta_data: Mapping[str, Any]
    raw_user_meta_data: Mapping[str, Any]
    created_at: datetime | None
    updated_at: datetime | None
    banned_until: datetime | None
    deleted_at: datetime | None
    is_anonymous: bool
    is_banned: bool
    confirmation_sent_at: datetime | None
    recovery_sent_at: datetime | None
    #: The address that the user asked for and has not confirmed yet.
    email_change: str
    email_change_sent_at: datetime | None
    identities: Sequence[Mapping[str, Any]] = ()
    factors: Sequence[Factor] = ()

    @property
    def has_second_factor(self) -> bool:
        """Return true if the user has a verified second factor."""
        return any(factor.is_verified for factor in self.factors)

    @classmethod
    def from_row(
        cls,
        row: Mapping[str, Any],
        identities: Sequence[Mapping[str, Any]],
        user_factors: Sequence[Factor],
    ) -> Self:
        """Build a user from a row. A row that Auth did not write may have nulls."""
        filled = {
            "raw_app_meta_data": row["raw_app_meta_data"] or {},
            "raw_user_meta_data": row["raw_user_meta_data"] or {},
            "aud": row["aud"] or "authenticated",
            "role": row["role"] or "",
            "email_change": row["email_change"] or "",
        }
        return cls(**{**row, **filled}, identities=identities, factors=user_factors)


async def find(cursor: Cursor, user_id: uuid.UUID) -> User | None:
    """Return the user of that id, also a soft-deleted one."""
    await cursor.execute(f"select {_COLUMNS} from auth.users where id = %s", [user_id])  # noqa: S608 - the columns are a constant
    return await _first(cursor)


async def require(cursor: Cursor, user_id: uuid.UUID) -> User:
    """Return a user who was just written.

    Raises: AuthError unexpected_failure if a trigger of the project has deleted the user.
    """
    user = await find(cursor, user_id)
    if user is None:
        raise AuthError(500, "unexpected_failure", "Database error finding user")
    return user


async def find_by_email(cursor: Cursor, email: str) -> User | None:
    """Return the user who has that address."""
    await cursor.execute(
        f"select {_COLUMNS} from auth.users where email = %s and not is_sso_user"  # noqa: S608 - the columns are a constant
        " and deleted_at is null",
        [email],
    )
    return await _first(cursor)


async def page(cursor: Cursor, number: int, size: int) -> tuple[list[User], int]:
    """Return one page of all users, newest first, and the count of all users."""
    await cursor.execute("select count(*) as total from auth.users")
    counted = await cursor.fetchone()
    await cursor.execute(
        f"select {_COLUMNS} from auth.users order by created_at desc nulls last, id"  # noqa: S608 - the columns are a constant
        " limit %s offset %s",
        [size, (number - 1) * size],
    )
    found = await _users_of(cursor, await cursor.fetchall())
    return found, counted["total"] if counted else 0


async def create(
    cursor: Cursor,
    *,
    email: str,
    encrypted_password: str,
    user_metadata: Mapping[str, Any],
    app_metadata: Mapping[str, Any] = EMAIL_METADATA,
    role: str = "authenticated",
    user_id: uuid.UUID | None = None,
    is_sign_up: bool = False,
) -> uuid.UUID:
    """Insert a user with an unconfirmed address, and its identity.

    A sign-up also merges the user's metadata with the claims of the identity. The project's
    triggers on `auth.users` fire here, in the caller's transaction.

    Raises: psycopg.errors.UniqueViolation if another user has the address or the id.
    """
    new_id = user_id or uuid.uuid4()
    claims = _claims(new_id, email, is_verified=False)
    identity_data, metadata = claims, user_metadata
    if is_sign_up:
        identity_data, metadata = {**claims, **user_metadata}, {**user_metadata, **claims}
    await cursor.execute(
        """
        insert into auth.users (
          instance_id, id, aud, role, email, encrypted_password, confirmation_token,
          recovery_token, email_change_token_new, email_change, raw_app_meta_data,
          raw_user_meta_data, created_at, updated_at
        ) values (%s, %s, 'authenticated', %s, %s, %s, '', '', '', '', %s, %s, now(), now())
        """,
        [
            _INSTANCE_ID,
            new_id,
            role,
            email,
            encrypted_password,
            as_json({**EMAIL_METADATA, **app_metadata}),
            as_json(metadata),
        ],
    )
    await _insert_identity(cursor, new_id, identity_data)
    return new_id


async def create_unless_found(
    cursor: Cursor,
    found: User | None,
    *,
    email: str,
    encrypted_password: str,
    user_metadata: Mapping[str, Any],
) -> uuid.UUID:
    """Return the id of the found user, or create one by a sign-up."""
    if found is not None:
        return found.id
    return await create(
        cursor,
        email=email,
        encrypted_password=encrypted_password,
        user_metadata=user_metadata,
        is_sign_up=True,
    )


async def create_anonymous(cursor: Cursor, user_metadata: Mapping[str, Any]) -> uuid.UUID:
    """Insert a user without an address and without an identity."""
    await cursor.execute(
        """
        insert into auth.users (
          instance_id, id, aud, role, encrypted_password, confirmation_token, recovery_token,
          email_change_token_new, email_change, raw_app_meta_data, raw_user_meta_data, created_at,
          updated_at, is_anonymous
        ) values (
          %s, gen_random_uuid(), 'authenticated', 'authenticated', '', '', '', '', '', '{}', %s,
          now(), now(), true
        )
        returning id
        """,
        [_INSTANCE_ID, as_json(user_metadata)],
    )
    row = await cursor.fetchone()
    new_id: uuid.UUID = row["id"] if row else uuid.UUID(int=0)
    return new_id


async def add_email_identity(cursor: Cursor, user_id: uuid.UUID, email: str) -> None:
    """Insert the identity of an address, if the user has none yet."""
    await _insert_identity(cursor, user_id, _claims(user_id, email, is_verified=True))


def as_json(value: Mapping[str, Any]) -> Jsonb:
    """Wrap a client's JSON object as a parameter.

    Raises: AuthError bad_json for a NUL or an infinite number, which Postgres cannot store.
    """
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise AuthError(400, "bad_json", "Numbers must be finite") from error
    if _has_nul(value):
        raise AuthError(400, "bad_json", "Text must not contain a NUL character")
    return Jsonb(value)


async def _insert_identity(
    cursor: Cursor, user_id: uuid.UUID, identity_data: Mapping[str, Any]
) -> None:
    await cursor.execute(
        """
        insert into auth.identities (
          id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at
        ) values (gen_random_uuid(), %s, %s, %s, 'email', now(), now(), now())
        on conflict (provider_id, provider) do nothing
        """,
        [str(user_id), user_id, as_json(identity_data)],
    )


def _claims(user_id: uuid.UUID, email: str, *, is_verified: bool) -> dict[str, Any]:
    return {
        "sub": str(user_id),
        "email": email,
        "email_verified": is_verified,
        "phone_verified": False,
    }


async def _first(cursor: Cursor) -> User | None:
    rows = await cursor.fetchmany(1)
    found = await _users_of(cursor, rows)
    return found[0] if found else None


async def _users_of(cursor: Cursor, rows: Sequence[dict[str, Any]]) -> list[User]:
    user_ids = [row["id"] for row in rows]
    await cursor.execute(
        """
        select id, provider_id, user_id, identity_data, provider, last_sign_in_at, created_at,
          updated_at, email
        from auth.identities where user_id = any(%s) order by created_at, id
        """,
        [user_ids],
    )
    identities = await cursor.fetchall()
    found = await factors.of_users(cursor, user_ids)
    return [
        User.from_row(
            row,
            [identity for identity in identities if identity["user_id"] == row["id"]],
            [factor for factor in found if factor.user_id == row["id"]],
        )
        for row in rows
    ]


def _has_nul(value: object) -> bool:
    """Return true if any key or string has a NUL.

    It does not recurse, because a client may nest values deeply.
    """
    parts: list[object] = [value]
    while parts:
        match parts.pop():
            case str(text) if "\0" in text:
                return True
            case Mapping() as fields:
                parts += [*fields.keys(), *fields.values()]
            case list(members):
                parts += members
    return False

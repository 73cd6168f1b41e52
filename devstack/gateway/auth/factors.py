"""Second factors and their challenges: the rows of `auth.mfa_factors` and `auth.mfa_challenges`."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from devstack.gateway.auth.context import Cursor


#: GoTrue's limits for the code of a challenge, and for the first challenge of an enrolment.
CHALLENGE_LIFETIME_S = 300
ENROLMENT_LIFETIME_S = 300
_COLUMNS = """
  id, user_id, coalesce(friendly_name, '') as friendly_name, factor_type::text as factor_type,
  status::text as status, secret, coalesce(phone, '') as phone, created_at, updated_at,
  last_challenged_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Factor:
    """A second factor, such as an authenticator app."""

    id: uuid.UUID
    user_id: uuid.UUID
    friendly_name: str
    factor_type: str
    status: str
    secret: str | None
    phone: str
    created_at: datetime
    updated_at: datetime
    last_challenged_at: datetime | None

    @property
    def is_verified(self) -> bool:
        """Return true if the user has entered a correct code of this factor."""
        return self.status == "verified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """A request for a code, which one code can verify before it expires."""

    id: uuid.UUID
    ip_address: str
    expires_at: datetime
    is_expired: bool
    is_verified: bool


async def of_users(cursor: Cursor, user_ids: Sequence[uuid.UUID]) -> list[Factor]:
    """Return the factors of these users, the oldest first."""
    async with cursor.connection.cursor(row_factory=class_row(Factor)) as rows:
        await rows.execute(
            f"select {_COLUMNS} from auth.mfa_factors where user_id = any(%s)"  # noqa: S608 - the columns are a constant
            " order by created_at, id",
            [list(user_ids)],
        )
        return await rows.fetchall()


async def enroll(cursor: Cursor, user_id: uuid.UUID, friendly_name: str, secret: str) -> uuid.UUID:
    """Insert an unverified TOTP factor.

    Raises: psycopg.errors.UniqueViolation if the user has a factor of that name.
    """
    factor_id = uuid.uuid4()
    await cursor.execute(
        """
        insert into auth.mfa_factors (
          id, user_id, friendly_name, factor_type, status, secret, created_at, updated_at
        ) values (%s, %s, %s, 'totp', 'unverified', %s, now(), now())
        """,
        [factor_id, user_id, friendly_name, secret],
    )
    return factor_id


async def create_challenge(cursor: Cursor, factor_id: uuid.UUID, ip_address: str) -> Challenge:
    """Insert a challenge of the factor, which only this address can verify."""
    async with cursor.connection.cursor(row_factory=class_row(Challenge)) as rows:
        await rows.execute(
            """
            insert into auth.mfa_challenges (id, factor_id, created_at, ip_address)
            values (%s, %s, clock_timestamp(), %s)
            returning id, host(ip_address) as ip_address, false as is_verified,
              created_at + make_interval(secs => %s) as expires_at, false as is_expired
            """,
            [uuid.uuid4(), factor_id, ip_address, CHALLENGE_LIFETIME_S],
        )
        [created] = await rows.fetchall()
    # The column is unique, and two challenges of one transaction need different times.
    await cursor.execute(
        "update auth.mfa_factors set last_challenged_at = clock_timestamp() where id = %s",
        [factor_id],
    )
    return created


async def find_challenge(
    cursor: Cursor, factor_id: uuid.UUID, challenge_id: uuid.UUID
) -> Challenge | None:
    """Return the factor's challenge, and lock it, so that only one code can verify it."""
    async with cursor.connection.cursor(row_factory=class_row(Challenge)) as rows:
        await rows.execute(
            """
            select id, host(ip_address) as ip_address, verified_at is not null as is_verified,
              created_at + make_interval(secs => %(lifetime_s)s) as expires_at,
              created_at + make_interval(secs => %(lifetime_s)s) < clock_timestamp() as is_expired
            from auth.mfa_challenges where id = %(id)s and factor_id = %(factor_id)s
            for update
            """,
            {"lifetime_s": CHALLENGE_LIFETIME_S, "id": challenge_id, "factor_id": factor_id},
        )
        return await rows.fetchone()


async def delete_challenge(cursor: Cursor, challenge_id: uuid.UUID) -> None:
    """Delete a challenge."""
    await cursor.execute("delete from auth.mfa_challenges where id = %s", [challenge_id])


async def verify(cursor: Cursor, factor: Factor, challenge_id: uuid.UUID) -> None:
    """Mark a challenge and its factor as verified, and delete the user's unverified factors."""
    await cursor.execute(
        "update auth.mfa_challenges set verified_at = now() where id = %s", [challenge_id]
    )
    await cursor.execute(
        "update auth.mfa_factors set status = 'verified', updated_at = now()"
        " where id = %s and status <> 'verified'",
        [factor.id],
    )
    await cursor.execute(
        "delete from auth.mfa_factors"
        " where user_id = %s and status = 'unverified' and factor_type = 'totp'",
        [factor.user_id],
    )


async def delete(cursor: Cursor, factor: Factor) -> None:
    """Delete a factor; sessions that it raised to aal2 fall back to aal1."""
    await cursor.execute("delete from auth.mfa_factors where id = %s", [factor.id])
    await cursor.execute(
        """
        delete from auth.mfa_amr_claims as c using auth.sessions as s
        where s.id = c.session_id and s.factor_id = %s and c.authentication_method = %s
        """,
        [factor.id, factor.factor_type],
    )
    await cursor.execute(
        "update auth.sessions set aal = 'aal1', factor_id = null where factor_id = %s", [factor.id]
    )


async def delete_abandoned(cursor: Cursor) -> None:
    """Delete the expired enrolments of all users: unverified factors without a challenge."""
    await cursor.execute(
        """
        delete from auth.mfa_factors as f
        where f.status <> 'verified' and f.created_at + make_interval(secs => %s) < now()
          and not exists (select from auth.mfa_challenges as c where c.factor_id = f.id)
        """,
        [ENROLMENT_LIFETIME_S],
    )

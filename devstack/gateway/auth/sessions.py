"""Sessions and their refresh tokens: rows of `auth.sessions` and `auth.refresh_tokens`."""

import secrets
import string
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from devstack.gateway.auth.context import Cursor
from devstack.gateway.auth.errors import AuthError


Scope = Literal["global", "local", "others"]

_TOKEN_ALPHABET = string.ascii_lowercase + string.digits
_TOKEN_LENGTH = 12
_ENDED: Mapping[Scope, str] = {
    "global": "user_id = %(user_id)s",
    "local": "user_id = %(user_id)s and id = %(session_id)s",
    "others": "user_id = %(user_id)s and id is distinct from %(session_id)s",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A session that has not ended, its assurance level and the methods that proved it."""

    id: uuid.UUID
    user_id: uuid.UUID
    aal: str
    amr: Sequence[Mapping[str, Any]]


async def begin(
    cursor: Cursor, user_id: uuid.UUID, method: str, user_agent: str | None, ip: str | None
) -> tuple[uuid.UUID, str]:
    """Begin a session proved by `method`; return its id and its first refresh token."""
    session_id = uuid.uuid4()
    await cursor.execute(
        """
        insert into auth.sessions (id, user_id, created_at, updated_at, aal, user_agent, ip)
        values (%s, %s, now(), now(), 'aal1', %s, %s)
        """,
        [session_id, user_id, user_agent, ip],
    )
    await _record_method(cursor, session_id, method)
    return session_id, await _issue(cursor, session_id, user_id, parent=None)


async def raise_to_aal2(cursor: Cursor, session: Session, method: str, factor_id: uuid.UUID) -> str:
    """Raise a session to aal2 by a second factor, and return its next refresh token.

    The user's sessions at aal1 end.
    """
    await cursor.execute("select from auth.sessions where id = %s for update", [session.id])
    await _record_method(cursor, session.id, method)
    await cursor.execute(
        "update auth.sessions set aal = 'aal2', factor_id = %s, updated_at = now() where id = %s",
        [factor_id, session.id],
    )
    await cursor.execute(
        "delete from auth.sessions where user_id = %s and aal < 'aal2'", [session.user_id]
    )
    await cursor.execute(
        """
        update auth.refresh_tokens set revoked = true, updated_at = now()
        where session_id = %s and not revoked returning token
        """,
        [session.id],
    )
    current = await cursor.fetchone()
    parent = current["token"] if current else None
    return await _issue(cursor, session.id, session.user_id, parent=parent)


async def find(cursor: Cursor, session_id: uuid.UUID) -> Session | None:
    """Return the session unless it has ended or expired."""
    await cursor.execute(
        """
        select s.id, s.user_id, coalesce(s.aal, 'aal1')::text as aal, coalesce((
          select jsonb_agg(
            jsonb_build_object(
              'method', c.authentication_method,
              'timestamp', extract(epoch from c.updated_at)::bigint
            )
            order by c.updated_at desc
          )
          from auth.mfa_amr_claims as c where c.session_id = s.id
        ), '[]') as amr
        from auth.sessions as s
        where s.id = %s and (s.not_after is null or s.not_after > now())
        """,
        [session_id],
    )
    row = await cursor.fetchone()
    return Session(**row) if row else None


async def is_recent(cursor: Cursor, session_id: uuid.UUID) -> bool:
    """Return true if the user signed in for this session within the last day."""
    await cursor.execute(
        "select from auth.sessions where id = %s and created_at > now() - interval '1 day'",
        [session_id],
    )
    return await cursor.fetchone() is not None


async def end(
    cursor: Cursor, scope: Scope, user_id: uuid.UUID, session_id: uuid.UUID | None
) -> None:
    """End all sessions of the user, this one, or all but this one, with their refresh tokens."""
    await cursor.execute(
        f"delete from auth.sessions where {_ENDED[scope]}",  # noqa: S608 - one of three constants
        {"user_id": user_id, "session_id": session_id},
    )


async def rotate_refresh_token(
    cursor: Cursor, token: str, reuse_s: int
) -> tuple[uuid.UUID, uuid.UUID, str]:
    """Exchange a refresh token for its successor; return user id, session id and successor.

    A token that was exchanged before still gives the active token in two cases: it is the active
    token's parent, because a client may have missed the response; or it was exchanged within
    `reuse_s`, because two tabs of a browser may use one token at once. In every other case the
    token may be a stolen copy. Then all tokens of the session are revoked, which the caller must
    commit.

    Raises: AuthError refresh_token_not_found, session_expired; TokenReusedError after it has
    revoked the session's tokens.
    """
    session_id = await _locked_session_of(cursor, token)
    await cursor.execute(
        """
        select user_id::uuid as user_id, revoked,
          updated_at + make_interval(secs => %s) > now() as is_recent
        from auth.refresh_tokens where token = %s
        """,
        [reuse_s, token],
    )
    row = await cursor.fetchone()
    if row is None:
        raise _not_found()
    user_id: uuid.UUID = row["user_id"]
    if not row["revoked"]:
        await cursor.execute(
            "update auth.refresh_tokens set revoked = true, updated_at = now() where token = %s",
            [token],
        )
        successor = await _issue(cursor, session_id, user_id, parent=token)
    else:
        successor = await _active_token(cursor, session_id, token, is_recent=row["is_recent"])
    await cursor.execute(
        "update auth.sessions set refreshed_at = now() at time zone 'utc', updated_at = now()"
        " where id = %s",
        [session_id],
    )
    return user_id, session_id, successor


class TokenReusedError(AuthError):
    """A client used an old refresh token again, so all tokens of its session are revoked."""

    def __init__(self) -> None:
        super().__init__(400, "refresh_token_already_used", "Invalid Refresh Token: Already Used")


async def _record_method(cursor: Cursor, session_id: uuid.UUID, method: str) -> None:
    """Record that `method` proved the session now."""
    await cursor.execute(
        """
        insert into auth.mfa_amr_claims (
          id, session_id, created_at, updated_at, authentication_method
        ) values (gen_random_uuid(), %s, now(), now(), %s)
        on conflict (session_id, authentication_method) do update set updated_at = now()
        """,
        [session_id, method],
    )


async def _locked_session_of(cursor: Cursor, token: str) -> uuid.UUID:
    """Lock the token's session, so that two exchanges cannot both create a successor."""
    await cursor.execute(
        """
        select s.id, s.not_after is null or s.not_after > now() as is_live
        from auth.refresh_tokens as t join auth.sessions as s on s.id = t.session_id
        where t.token = %s
        for update of s
        """,
        [token],
    )
    row = await cursor.fetchone()
    if row is None:
        raise _not_found()
    if not row["is_live"]:
        raise AuthError(400, "session_expired", "Invalid Refresh Token: Session Expired")
    session_id: uuid.UUID = row["id"]
    return session_id


async def _active_token(
    cursor: Cursor, session_id: uuid.UUID, token: str, *, is_recent: bool
) -> str:
    await cursor.execute(
        """
        select token, parent from auth.refresh_tokens
        where session_id = %s and not revoked order by id desc limit 1
        """,
        [session_id],
    )
    active = await cursor.fetchone()
    if active and (is_recent or active["parent"] == token):
        active_token: str = active["token"]
        return active_token
    await cursor.execute(
        "update auth.refresh_tokens set revoked = true, updated_at = now()"
        " where session_id = %s and not revoked",
        [session_id],
    )
    raise TokenReusedError


async def _issue(
    cursor: Cursor, session_id: uuid.UUID, user_id: uuid.UUID, *, parent: str | None
) -> str:
    token = "".join(secrets.choice(_TOKEN_ALPHABET) for _ in range(_TOKEN_LENGTH))
    await cursor.execute(
        """
        insert into auth.refresh_tokens (
          instance_id, token, user_id, revoked, created_at, updated_at, parent, session_id
        ) values (%s, %s, %s, false, now(), now(), %s, %s)
        """,
        [uuid.UUID(int=0), token, str(user_id), parent, session_id],
    )
    return token


def _not_found() -> AuthError:
    message = "Invalid Refresh Token: Refresh Token Not Found"
    return AuthError(400, "refresh_token_not_found", message)

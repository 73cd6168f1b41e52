"""One-time tokens: the codes and links of mails, of which `auth.one_time_tokens` has hashes."""

import hashlib
import secrets
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum

from devstack.gateway.auth.context import Cursor
from devstack.gateway.auth.sent_mails import IssuedToken


class Kind(StrEnum):
    """The purpose of a token, named as its column in `auth.users`."""

    CONFIRMATION = "confirmation_token"
    RECOVERY = "recovery_token"
    EMAIL_CHANGE_CURRENT = "email_change_token_current"
    EMAIL_CHANGE_NEW = "email_change_token_new"
    REAUTHENTICATION = "reauthentication_token"


_SENT_AT: Mapping[Kind, str] = {
    Kind.CONFIRMATION: "confirmation_sent_at",
    Kind.RECOVERY: "recovery_sent_at",
    Kind.EMAIL_CHANGE_CURRENT: "email_change_sent_at",
    Kind.EMAIL_CHANGE_NEW: "email_change_sent_at",
    Kind.REAUTHENTICATION: "reauthentication_sent_at",
}
#: The hash of a token that belongs to a PKCE flow begins with this.
PKCE_PREFIX = "pkce_"


@dataclass(frozen=True, slots=True, kw_only=True)
class OneTimeToken:
    """A token that has not expired."""

    user_id: uuid.UUID
    kind: Kind


def hash_of(address: str, otp: str) -> str:
    """Return the hash of a code that was sent to this address."""
    return hashlib.sha224(f"{address}{otp}".encode()).hexdigest()


async def issue(
    cursor: Cursor,
    user_id: uuid.UUID,
    kind: Kind,
    address: str,
    *,
    digits: int,
    is_pkce: bool = False,
) -> IssuedToken:
    """Create a token with a code of `digits` digits, and revoke the user's last of that kind."""
    otp = f"{secrets.randbelow(10**digits):0{digits}}"
    token_hash = (PKCE_PREFIX if is_pkce else "") + hash_of(address, otp)
    await revoke(cursor, user_id, [kind])
    await cursor.execute(
        """
        insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
        values (gen_random_uuid(), %s, %s::auth.one_time_token_type, %s, %s)
        """,
        [user_id, kind.value, token_hash, address],
    )
    await cursor.execute(
        f"update auth.users set {kind} = %s, {_SENT_AT[kind]} = now() where id = %s",  # noqa: S608 - the columns are constants
        [token_hash, user_id],
    )
    return IssuedToken(otp=otp, token_hash=token_hash)


async def wait_s(cursor: Cursor, user_id: uuid.UUID, kind: Kind, interval_s: float) -> int:
    """Return the seconds until the user may get another mail of a kind, or 0."""
    await cursor.execute(
        f"""
        select ceil(extract(epoch from {_SENT_AT[kind]} + make_interval(secs => %s) - now()))::int
        from auth.users where id = %s
        """,  # noqa: S608 - the column is a constant
        [interval_s, user_id],
    )
    row = await cursor.fetchone()
    return max(0, (row and row["ceil"]) or 0)


async def find(
    cursor: Cursor, token_hash: str, kinds: Collection[Kind], lifetime_s: int
) -> OneTimeToken | None:
    """Return the token of that hash, and lock it, so that only one request can use it."""
    await cursor.execute(
        """
        select user_id, token_type::text as kind from auth.one_time_tokens
        where token_hash = any(%s) and token_type::text = any(%s)
          and created_at + make_interval(secs => %s) > localtimestamp
        for update
        """,
        [[token_hash, f"{PKCE_PREFIX}{token_hash}"], [kind.value for kind in kinds], lifetime_s],
    )
    row = await cursor.fetchone()
    return OneTimeToken(user_id=row["user_id"], kind=Kind(row["kind"])) if row else None


async def has_any(cursor: Cursor, user_id: uuid.UUID, kinds: Collection[Kind]) -> bool:
    """Return true if the user has a token of one of these kinds, even an expired one."""
    await cursor.execute(
        "select from auth.one_time_tokens where user_id = %s and token_type::text = any(%s)",
        [user_id, [kind.value for kind in kinds]],
    )
    return await cursor.fetchone() is not None


async def revoke(cursor: Cursor, user_id: uuid.UUID, kinds: Collection[Kind] = tuple(Kind)) -> None:
    """Delete the user's tokens of these kinds."""
    await cursor.execute(
        "delete from auth.one_time_tokens where user_id = %s and token_type::text = any(%s)",
        [user_id, [kind.value for kind in kinds]],
    )
    emptied = ", ".join(f"{kind} = ''" for kind in kinds)
    await cursor.execute(f"update auth.users set {emptied} where id = %s", [user_id])  # noqa: S608 - the columns are constants

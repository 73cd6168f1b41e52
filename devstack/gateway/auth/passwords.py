"""Passwords: their strength and their hashes.

Threads compute the hashes, because the event loop must not wait for them.
"""

import asyncio
import os
from typing import Any

import bcrypt

from devstack.gateway.auth.errors import AuthError, invalid
from devstack.gateway.auth.settings import AuthSettings


#: The default is GoTrue's cost, so a hash of devstack can move to a hosted project.
_COST = int(os.environ.get("DEVSTACK_PASSWORD_COST", "10"))
#: bcrypt ignores further bytes, and GoTrue refuses a longer password.
_MAX_BYTES = 72
#: A sign-in without a user is checked against this, so that it takes as long as one with a user.
_DUMMY_HASH = bcrypt.hashpw(b"nobody", bcrypt.gensalt(_COST)).decode()


def check_strength(password: str, settings: AuthSettings) -> None:
    """Refuse a weak password, and one that is too long for bcrypt. Raises: AuthError."""
    if len(password.encode()) > _MAX_BYTES:
        raise invalid(f"Password cannot be longer than {_MAX_BYTES} characters")
    if weakness := weakness_of(password, settings):
        reasons = {"weak_password": {"reasons": weakness["reasons"]}}
        raise AuthError(422, "weak_password", weakness["message"], reasons)


def weakness_of(password: str, settings: AuthSettings) -> dict[str, Any] | None:
    """Return the rules that a password breaks, or None if it breaks none."""
    reasons = {}
    if len(password.encode()) < settings.minimum_password_length:
        length = settings.minimum_password_length
        reasons["length"] = f"Password should be at least {length} characters."
    required = settings.required_characters
    if not all(set(password) & set(characters) for characters in required):
        reasons["characters"] = (
            f"Password should contain at least one character of each: {', '.join(required)}."
        )
    if not reasons:
        return None
    return {"message": " ".join(reasons.values()), "reasons": list(reasons)}


async def hash_of(password: str) -> str:
    """Return a new hash of `password`."""
    salt = bcrypt.gensalt(_COST)
    return (await asyncio.to_thread(bcrypt.hashpw, password.encode(), salt)).decode()


async def is_match(password: str, stored_hash: str | None) -> bool:
    """Return true if `stored_hash` is a hash of `password`; None matches no password."""
    candidate = password.encode()
    if len(candidate) > _MAX_BYTES:
        return False
    expected = (stored_hash or _DUMMY_HASH).encode()
    try:
        is_hash_of = await asyncio.to_thread(bcrypt.checkpw, candidate, expected)
    except ValueError:  # The row has a hash of another algorithm.
        return False
    return is_hash_of and bool(stored_hash)

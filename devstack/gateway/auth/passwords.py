"""Passwords: what is strong enough, and hashes made and checked off the event loop."""

import asyncio
import os
from typing import Any

import bcrypt

from devstack.gateway.auth.errors import AuthError, invalid
from devstack.gateway.auth.settings import AuthSettings


#: By default GoTrue's own cost, so that a hash taken from here is one it would have made.
_COST = int(os.environ.get("DEVSTACK_PASSWORD_COST", "10"))
#: bcrypt reads no further, and GoTrue refuses what it would not read.
_MAX_BYTES = 72
#: Checked when there is no user, so that an unknown address takes as long as a wrong password.
_NOBODYS_HASH = bcrypt.hashpw(b"nobody", bcrypt.gensalt(_COST)).decode()


def check_strength(password: str, settings: AuthSettings) -> None:
    """Refuse a password that is weak, or longer than its hash could tell."""
    if len(password.encode()) > _MAX_BYTES:
        raise invalid(f"Password cannot be longer than {_MAX_BYTES} characters")
    if weakness := weakness_of(password, settings):
        reasons = {"weak_password": {"reasons": weakness["reasons"]}}
        raise AuthError(422, "weak_password", weakness["message"], reasons)


def weakness_of(password: str, settings: AuthSettings) -> dict[str, Any] | None:
    """Say what is wrong with a password that an admin gave, or that is older than the rule."""
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


async def is_right(password: str, stored_hash: str | None) -> bool:
    """Tell whether `stored_hash` is one of `password`; without a hash nothing is right."""
    candidate = password.encode()
    if len(candidate) > _MAX_BYTES:
        return False
    against = (stored_hash or _NOBODYS_HASH).encode()
    try:
        is_match = await asyncio.to_thread(bcrypt.checkpw, candidate, against)
    except ValueError:  # the row holds a hash of another kind
        return False
    return is_match and bool(stored_hash)

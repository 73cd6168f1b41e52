"""The keys that sign users' tokens, and their rotation.

A key is standby (published, signs nothing), in use, previously used (still trusted) or revoked, as
in https://supabase.com/docs/guides/auth/signing-keys. Each process that verifies tokens holds its
own keys and begins with the one in its configuration; a restart forgets a rotation.
"""

import json
import secrets
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm


#: The public fields of an elliptic-curve key (RFC 7518), and the name and use of ours.
PUBLIC_FIELDS = ("kty", "crv", "x", "y", "kid", "alg", "use", "key_ops")


class KeyState(StrEnum):
    """The state of a signing key."""

    STANDBY = "standby"
    IN_USE = "in_use"
    PREVIOUSLY_USED = "previously_used"
    REVOKED = "revoked"


_NEXT: Mapping[KeyState, tuple[KeyState, ...]] = {
    KeyState.STANDBY: (KeyState.IN_USE, KeyState.PREVIOUSLY_USED),
    #: It leaves this state only when another key takes its place.
    KeyState.IN_USE: (),
    KeyState.PREVIOUSLY_USED: (KeyState.STANDBY, KeyState.REVOKED),
    KeyState.REVOKED: (KeyState.STANDBY,),
}


class SigningKeys:
    """ES256 keys, one of which is in use."""

    def __init__(self, first: Mapping[str, Any]) -> None:
        kid = str(first["kid"])
        self._jwks: dict[str, Mapping[str, Any]] = {kid: first}
        self._states = {kid: KeyState.IN_USE}
        self._publish()

    def states(self) -> Mapping[str, KeyState]:
        """Return the state of each key by its name, the oldest key first."""
        return dict(self._states)

    def add(self) -> str:
        """Add a standby key; return its name."""
        jwk = new_jwk()
        kid = str(jwk["kid"])
        self._jwks[kid] = jwk
        self._states[kid] = KeyState.STANDBY
        self._publish()
        return kid

    def move(self, kid: str, state: KeyState) -> None:
        """Give a key another state; a key that comes into use replaces the one in use.

        Raises: ValueError when the key does not exist, or cannot get this state.
        """
        if kid not in self._states:
            raise ValueError(f"there is no signing key {kid}")
        before = self._states[kid]
        if state not in _NEXT[before]:
            raise ValueError(f"a signing key cannot go from {before} to {state}")
        if state is KeyState.IN_USE:
            self._states[str(self.in_use["kid"])] = KeyState.PREVIOUSLY_USED
        self._states[kid] = state
        self._publish()

    def _publish(self) -> None:
        """Compute the values that each request reads."""
        [kid] = [kid for kid, state in self._states.items() if state is KeyState.IN_USE]
        #: The signing JWK with its private part.
        self.in_use: Mapping[str, Any] = self._jwks[kid]
        #: The public JWKs of all trusted keys, each as JSON.
        self.published: tuple[str, ...] = tuple(
            json.dumps({name: value for name, value in jwk.items() if name in PUBLIC_FIELDS})
            for kid, jwk in self._jwks.items()
            if self._states[kid] is not KeyState.REVOKED
        )


def new_jwk() -> dict[str, Any]:
    """Make a named ES256 key with its private part."""
    key = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    return key | {
        "kid": secrets.token_hex(16),
        "alg": "ES256",
        "use": "sig",
        "key_ops": ["verify"],
    }

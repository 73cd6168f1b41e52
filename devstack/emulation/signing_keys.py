"""The keys that sign users' tokens, and their rotation.

A key is standby (published, signs nothing), in use, previously used (still believed) or revoked, as
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
    #: It makes room only for another one, by a rotation.
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
        """Make a key that stands by; return its name."""
        jwk = new_jwk()
        kid = str(jwk["kid"])
        self._jwks[kid] = jwk
        self._states[kid] = KeyState.STANDBY
        self._publish()
        return kid

    def move(self, kid: str, state: KeyState) -> None:
        """Give a key another state; the key in use makes room for one that takes over.

        Raises: ValueError when there is no such key, or no such way for it.
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
        """Write down what each request asks for."""
        [kid] = [kid for kid, state in self._states.items() if state is KeyState.IN_USE]
        #: The JWK that signs, private part included.
        self.in_use: Mapping[str, Any] = self._jwks[kid]
        #: The public JWKs of all keys that are believed, each as JSON.
        self.published: tuple[str, ...] = tuple(
            json.dumps({name: value for name, value in jwk.items() if name in PUBLIC_FIELDS})
            for kid, jwk in self._jwks.items()
            if self._states[kid] is not KeyState.REVOKED
        )


def new_jwk() -> dict[str, Any]:
    """Make an ES256 key with a name, private part included."""
    key = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
    return key | {
        "kid": secrets.token_hex(16),
        "alg": "ES256",
        "use": "sig",
        "key_ops": ["verify"],
    }

"""API keys and JWTs: sign them and verify them."""

import functools
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

import jwt
from jwt.algorithms import ECAlgorithm

from devstack.emulation.signing_keys import SigningKeys, new_jwk


#: The legacy keys of a hosted project live about ten years, too.
LEGACY_LIFE_S = 10 * 365 * 24 * 3600
CACHED_TOKENS = 4096
#: `_check_times` checks the times at each use, because the claims come from a cache.
_SIGNATURE_ONLY: Any = {
    "verify_signature": True,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}


class TokenError(Exception):
    """An invalid token.

    `code` is one of malformed, no_key, bad_algorithm, bad_signature (another key signed it),
    bad_claims, expired and not_yet_valid (our key signed it, but its time is past or to come).
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectKeys:
    """A project's stored keys: the API keys, old and new, and the first key that signs tokens."""

    publishable_key: str
    secret_key: str = field(repr=False)
    jwt_secret: str = field(repr=False)
    anon_jwt: str
    service_role_jwt: str = field(repr=False)
    #: The ES256 JWK, with its private part, that signs until a rotation.
    signing_jwk: Mapping[str, Any] = field(repr=False)

    @classmethod
    def generate(cls, jwt_secret: str | None = None, *, issuer: str) -> Self:
        """Make the keys of a new project; the legacy keys name the `issuer`."""
        secret = jwt_secret or secrets.token_urlsafe(48)
        return cls(
            publishable_key=f"sb_publishable_{secrets.token_urlsafe(24)}",
            secret_key=f"sb_secret_{secrets.token_urlsafe(24)}",
            jwt_secret=secret,
            anon_jwt=_legacy_key("anon", secret, issuer),
            service_role_jwt=_legacy_key("service_role", secret, issuer),
            signing_jwk=new_jwk(),
        )

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the JSON of `to_json`."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """Write the keys, private parts too, as one JSON object."""
        return json.dumps(asdict(self))


class Keys:
    """A project's keys in one process, which may rotate the signing keys."""

    def __init__(self, project: ProjectKeys) -> None:
        self.project = project
        self.signing = SigningKeys(project.signing_jwk)

    def jwt_of(self, key: str) -> str:
        """Return the legacy JWT for an API key of the new form, or any other key unchanged."""
        project = self.project
        legacy = {
            project.publishable_key: project.anon_jwt,
            project.secret_key: project.service_role_jwt,
        }
        return legacy.get(key, key)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """Sign a user's claims with the key in use."""
        jwk = self.signing.in_use
        return jwt.encode(dict(claims), _key(json.dumps(dict(jwk))), "ES256", {"kid": jwk["kid"]})

    def verify(self, token: str, *, leeway_s: float = 0) -> dict[str, Any]:
        """Return the claims of a token that one of our keys, or the legacy secret, signed.

        Raises: TokenError.
        """
        claims = _verified(token, self.signing.published, self.project.jwt_secret)
        _check_times(claims, leeway_s)
        return dict(claims)

    def jwks(self) -> dict[str, Any]:
        """Return the public parts of the trusted signing keys."""
        return {"keys": [json.loads(jwk) for jwk in self.signing.published]}


def _legacy_key(role: str, secret: str, issuer: str) -> str:
    now = int(time.time())
    claims = {"iss": issuer, "role": role, "iat": now, "exp": now + LEGACY_LIFE_S}
    return jwt.encode(claims, secret, "HS256")


@functools.lru_cache
def _key(jwk: str) -> Any:
    return ECAlgorithm.from_jwk(jwk)


@functools.lru_cache
def _named(published: tuple[str, ...]) -> Mapping[str, str]:
    """Return the JWKs by their key ids."""
    return {json.loads(jwk)["kid"]: jwk for jwk in published}


@functools.lru_cache(maxsize=CACHED_TOKENS)
def _verified(token: str, published: tuple[str, ...], secret: str) -> Mapping[str, Any]:
    """Check the signature, and cache the claims: a client sends one token with each request."""
    kid, algorithm = _header(token)
    jwk = _named(published).get(kid or "")
    if jwk:
        key, allowed = _key(jwk), "ES256"
    else:
        # The legacy secret has no key id, but tools that sign with it may send any id.
        key, allowed = secret, "HS256"
    if algorithm != allowed:
        known = algorithm in ("ES256", "HS256")
        raise (
            TokenError("no_key", "No suitable key or wrong key type")
            if known
            else TokenError("bad_algorithm", "Wrong or unsupported encoding algorithm")
        )
    try:
        claims = jwt.decode(token, key, [allowed], options=_SIGNATURE_ONLY)
    except jwt.InvalidSignatureError as error:
        raise TokenError("bad_signature", "JWT cryptographic operation failed") from error
    except (jwt.PyJWTError, ValueError) as error:
        raise TokenError("malformed", "JWT couldn't be decoded") from error
    return claims


def _header(token: str) -> tuple[str | None, str]:
    part_count = token.count(".") + 1 if token else 0
    if part_count != 3:  # noqa: PLR2004 -- header, claims, signature
        raise TokenError("malformed", f"Expected 3 parts in JWT; got {part_count}")
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError) as error:
        raise TokenError("malformed", "JWT couldn't be decoded") from error
    return header.get("kid"), str(header.get("alg"))


def _check_times(claims: Mapping[str, Any], leeway_s: float) -> None:
    now = time.time()
    for name in ("exp", "nbf", "iat"):
        value = claims.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise TokenError("bad_claims", f"The JWT '{name}' claim must be a number")
    if now >= claims.get("exp", now + 1) + leeway_s:
        raise TokenError("expired", "JWT expired")
    if now < claims.get("nbf", now) - leeway_s:
        raise TokenError("not_yet_valid", "JWT not yet valid")

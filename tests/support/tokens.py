"""Tokens of users, good and forged, for a service that accepts the keys of `JWKS`."""

import base64
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_KEY = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
UNKNOWN_KEY = ec.generate_private_key(ec.SECP256R1())


def public_jwk(key: Any, key_id: str) -> dict[str, Any]:
    """Return the public half of a key, as Auth publishes it."""
    algorithm: Any = (
        jwt.algorithms.RSAAlgorithm
        if isinstance(key, rsa.RSAPrivateKey)
        else jwt.algorithms.ECAlgorithm
    )
    fields: dict[str, Any] = algorithm.to_jwk(key.public_key(), as_dict=True)
    name = "RS256" if isinstance(key, rsa.RSAPrivateKey) else "ES256"
    return fields | {"kid": key_id, "alg": name, "use": "sig"}


JWKS = [public_jwk(EC_KEY, "ec-1"), public_jwk(RSA_KEY, "rsa-1")]


def signed_token(
    claims: Mapping[str, Any],
    *,
    key: Any = EC_KEY,
    key_id: str | None = "ec-1",
    algorithm: str = "ES256",
) -> str:
    """Sign claims with a good key, unless an argument says otherwise."""
    headers = {} if key_id is None else {"kid": key_id}
    return jwt.encode(dict(claims), key, algorithm=algorithm, headers=headers)


def forged_tokens(claims: Mapping[str, Any]) -> dict[str, str]:
    """Return a token for each way to forge one; `claims` are those of a good token."""
    return {
        "nonsense": "nonsense",
        "three parts": "a.b.c",
        "publishable key": "sb_publishable_1",
        **_with_bad_signature(claims),
        **{
            name: signed_token({key: value for key, value in bad.items() if value is not None})
            for name, bad in _bad_claims(claims).items()
        },
    }


def _bad_claims(claims: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    now = int(time.time())
    changes: dict[str, dict[str, Any]] = {
        "expired": {"exp": now - 1},
        "no expiry": {"exp": None},
        "not yet valid": {"nbf": now + 86_400},
        "other audience": {"aud": "anon"},
        "no audience": {"aud": None},
        "other issuer": {"iss": "http://evil.test/auth/v1"},
        "issuer of another version": {"iss": f"{str(claims['iss']).removesuffix('v1')}v2"},
        "no issuer": {"iss": None},
        "no subject": {"sub": None},
        "subject that is no id": {"sub": "alice"},
        "session id that is no id": {"session_id": "1"},
        "service role": {"role": "service_role"},
        "anonymous role": {"role": "anon"},
        "no role": {"role": None},
    }
    return {name: {**claims, **change} for name, change in changes.items()}


def _with_bad_signature(claims: Mapping[str, Any]) -> dict[str, str]:
    pem = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    head, _, signature = signed_token(claims).split(".")
    other_user = _encoded({**claims, "sub": str(uuid.uuid4())})
    return {
        "unsigned": jwt.encode(dict(claims), "", algorithm="none", headers={"kid": "ec-1"}),
        "without its signature": f"{head}.{_encoded(claims)}.",
        "tampered": f"{head}.{other_user}.{signature}",
        "another key under our id": signed_token(claims, key=UNKNOWN_KEY),
        "unknown id": signed_token(claims, key=UNKNOWN_KEY, key_id="ec-2"),
        "no id": signed_token(claims, key_id=None),
        "id of a key of another kind": signed_token(claims, key_id="rsa-1"),
        "algorithm of another kind": signed_token(claims, key=RSA_KEY, algorithm="RS256"),
        "public JWK as a shared secret": _signed_by_secret(claims, json.dumps(JWKS[1]).encode()),
        "public PEM as a shared secret": _signed_by_secret(claims, pem),
    }


def _signed_by_secret(claims: Mapping[str, Any], secret: bytes) -> str:
    # The library itself refuses to sign with a public key.
    unsigned = f"{_encoded({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{_encoded(claims)}"
    sha256 = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    signature = base64.urlsafe_b64encode(sha256.sign(unsigned.encode(), secret))
    return f"{unsigned}.{signature.rstrip(b'=').decode()}"


def _encoded(part: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()

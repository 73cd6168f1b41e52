"""Keys and tokens: accepted tokens, and a code for each refusal."""

import time

import jwt
import pytest

from devstack.emulation.tokens import Keys, ProjectKeys, TokenError


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys(ProjectKeys.generate("a secret of at least thirty-two bytes", issuer="here"))


def test_keys_survive_being_written(keys: Keys) -> None:
    """Keys that are written to a file and read back are equal."""
    assert ProjectKeys.from_json(keys.project.to_json()) == keys.project


def test_signed_token_is_accepted(keys: Keys) -> None:
    """A token names the key that signed it, so others can verify it."""
    token = keys.sign({"sub": "u", "exp": int(time.time()) + 60})

    assert keys.verify(token)["sub"] == "u"
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256",
        "kid": keys.project.signing_jwk["kid"],
        "typ": "JWT",
    }
    public = jwt.PyJWK(keys.jwks()["keys"][0])
    assert jwt.decode(token, public, ["ES256"])["sub"] == "u"


def test_published_key_has_no_private_part(keys: Keys) -> None:
    """A published key verifies tokens and cannot sign them."""
    [published] = keys.jwks()["keys"]

    assert "d" in keys.project.signing_jwk
    assert "d" not in published


@pytest.mark.parametrize("role", ["anon", "service_role"])
def test_legacy_key_is_accepted(keys: Keys, role: str) -> None:
    """The legacy API keys are JWTs of the legacy secret."""
    token = keys.project.anon_jwt if role == "anon" else keys.project.service_role_jwt

    assert keys.verify(token)["role"] == role


def forged(keys: Keys, kind: str) -> str:
    now = int(time.time())
    return {
        "no token": "",
        "two parts": "a.b",
        "no base64": "?.?.?",
        "other secret": jwt.encode({}, "x" * 40, "HS256"),
        "other algorithm": jwt.encode({}, keys.project.jwt_secret.ljust(64, "x"), "HS512"),
        "no algorithm": "eyJhbGciOiJub25lIn0.e30.",
        "our kid, their secret": jwt.encode(
            {}, "x" * 40, "HS256", {"kid": keys.project.signing_jwk["kid"]}
        ),
        "other key": Keys(ProjectKeys.generate(issuer="there")).sign({}),
        "old": keys.sign({"exp": now - 1}),
        "early": keys.sign({"nbf": now + 60}),
        "odd time": keys.sign({"exp": "soon"}),
    }[kind]


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("no token", "malformed"),
        ("two parts", "malformed"),
        ("no base64", "malformed"),
        ("other secret", "bad_signature"),
        ("other algorithm", "bad_algorithm"),
        ("no algorithm", "bad_algorithm"),
        ("our kid, their secret", "no_key"),
        ("other key", "no_key"),
        ("old", "expired"),
        ("early", "not_yet_valid"),
        ("odd time", "bad_claims"),
    ],
)
def test_other_token_is_refused(keys: Keys, kind: str, code: str) -> None:
    """Each kind of forged or foreign token has a code of its own."""
    with pytest.raises(TokenError) as caught:
        keys.verify(forged(keys, kind))

    assert caught.value.code == code


def test_leeway_forgives_a_clock(keys: Keys) -> None:
    """A verifier may accept a token for a short time after its end."""
    token = keys.sign({"exp": int(time.time()) - 10})

    assert keys.verify(token, leeway_s=30)
    with pytest.raises(TokenError):
        keys.verify(token, leeway_s=5)


def test_acceptance_ends_with_the_token(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """The signature is verified once, the time at each use."""
    now = time.time()
    token = keys.sign({"exp": int(now) + 60})
    keys.verify(token)

    monkeypatch.setattr(time, "time", lambda: now + 120)

    with pytest.raises(TokenError):
        keys.verify(token)


def test_printed_keys_have_no_secret(keys: Keys) -> None:
    """The printed form of the keys has only what browsers have."""
    shown = repr(keys.project)

    secrets = (
        keys.project.secret_key,
        keys.project.jwt_secret,
        keys.project.service_role_jwt,
        keys.project.signing_jwk["d"],
    )
    assert keys.project.publishable_key in shown
    assert [] == [secret for secret in secrets if secret in shown]

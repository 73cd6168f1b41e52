"""Signing keys: their states, and the tokens that each state accepts.

https://supabase.com/docs/guides/auth/signing-keys#lifetime-of-a-signing-key
"""

import jwt
import pytest

from devstack.emulation.signing_keys import KeyState
from devstack.emulation.tokens import Keys, ProjectKeys, TokenError


@pytest.fixture
def keys() -> Keys:
    return Keys(ProjectKeys.generate("a secret of at least thirty-two bytes", issuer="here"))


def kid_of(token: str) -> str:
    return str(jwt.get_unverified_header(token)["kid"])


def rotate(keys: Keys) -> str:
    """Put a new key in use; return its id."""
    kid = keys.signing.add()
    keys.signing.move(kid, KeyState.IN_USE)
    return kid


def test_key_on_standby_is_published_and_signs_nothing(keys: Keys) -> None:
    """A standby key is published before its first token, and signs nothing."""
    first = keys.project.signing_jwk["kid"]

    second = keys.signing.add()

    assert [first, second] == [key["kid"] for key in keys.jwks()["keys"]]
    assert first == kid_of(keys.sign({}))
    assert {first: "in_use", second: "standby"} == keys.signing.states()


def test_rotation_changes_the_signer_and_accepts_the_old_key(keys: Keys) -> None:
    """A rotation changes the signing key, and accepts the earlier key's tokens."""
    old = keys.sign({"sub": "before"})

    kid = rotate(keys)

    new = keys.sign({"sub": "after"})
    assert kid == kid_of(new)
    assert ("before", "after") == (keys.verify(old)["sub"], keys.verify(new)["sub"])
    assert ["previously_used", "in_use"] == list(keys.signing.states().values())
    assert all("d" not in key for key in keys.jwks()["keys"])


def test_revoked_key_is_refused(keys: Keys) -> None:
    """A revoked key is not published, and its tokens are refused."""
    old = keys.sign({})
    keys.verify(old)
    kid = rotate(keys)

    keys.signing.move(kid_of(old), KeyState.REVOKED)

    with pytest.raises(TokenError) as caught:
        keys.verify(old)
    assert "no_key" == caught.value.code
    assert [kid] == [key["kid"] for key in keys.jwks()["keys"]]


def test_legacy_secret_outlives_a_rotation(keys: Keys) -> None:
    """The legacy secret has no id, so a key with an id never replaces it."""
    rotate(keys)

    assert "anon" == keys.verify(keys.project.anon_jwt)["role"]


def test_revocation_can_be_taken_back(keys: Keys) -> None:
    """A revoked key may be used again after a mistaken rotation."""
    old = keys.sign({"sub": "u"})
    rotate(keys)
    keys.signing.move(kid_of(old), KeyState.REVOKED)

    keys.signing.move(kid_of(old), KeyState.STANDBY)
    keys.signing.move(kid_of(old), KeyState.IN_USE)

    assert "u" == keys.verify(old)["sub"]
    assert kid_of(old) == kid_of(keys.sign({}))


@pytest.mark.parametrize(
    ("which", "state"),
    [
        ("in use", KeyState.REVOKED),
        ("in use", KeyState.STANDBY),
        ("in use", KeyState.PREVIOUSLY_USED),
        ("standby", KeyState.REVOKED),
        ("unknown", KeyState.STANDBY),
    ],
)
def test_impossible_move_is_refused(keys: Keys, which: str, state: KeyState) -> None:
    """One key is always in use, and a key in use cannot be revoked."""
    names = {"in use": str(keys.project.signing_jwk["kid"]), "standby": keys.signing.add()}
    before = keys.signing.states()

    with pytest.raises(ValueError, match="signing key"):
        keys.signing.move(names.get(which, which), state)

    assert before == keys.signing.states()


def test_rotation_stays_in_its_process(keys: Keys) -> None:
    """The written configuration keeps the first key after any rotation."""
    rotate(keys)

    again = Keys(ProjectKeys.from_json(keys.project.to_json()))

    assert keys.project.signing_jwk["kid"] == kid_of(again.sign({}))

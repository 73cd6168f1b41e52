"""Second factors through the official client, as its documentation shows them.

Client: https://supabase.com/docs/reference/python/auth-mfa-api and
https://supabase.com/docs/guides/auth/auth-mfa/totp. Codes, sentences and side effects: GoTrue's
`internal/api/mfa.go` and `internal/models/factor.go` (github.com/supabase/auth).
"""

import uuid
from xml.etree import ElementTree as ET

import httpx
import psycopg
import pyotp
import pytest
from postgrest import ReturnMethod
from supabase import AuthApiError, Client
from supabase_auth.types import AuthMFAEnrollResponse, MFAVerifyParams, UserAttributes

from tests.integration.auth.clients import (
    PASSWORD,
    MakeClient,
    assert_ended,
    assert_refused,
    claims_of,
    send,
    token_of,
)
from tests.integration.gateways import Gateway


def enrolled(client: Client, name: str = "phone") -> AuthMFAEnrollResponse:
    """Enrol an authenticator app."""
    return client.auth.mfa.enroll(
        {"factor_type": "totp", "friendly_name": name, "issuer": "Aussie Market"}
    )


def code_of(factor: AuthMFAEnrollResponse) -> str:
    """Return what the app shows now."""
    assert factor.totp is not None
    return pyotp.TOTP(factor.totp.secret).now()


def verify(client: Client, factor: AuthMFAEnrollResponse) -> None:
    """Prove the factor."""
    client.auth.mfa.challenge_and_verify({"factor_id": factor.id, "code": code_of(factor)})


def level_of(client: Client) -> tuple[str | None, str | None]:
    """Return the level of the session, and the one it could have."""
    level = client.auth.mfa.get_authenticator_assurance_level()
    return level.current_level, level.next_level


@pytest.fixture
def factor(user: Client) -> AuthMFAEnrollResponse:
    """Return the user's factor, verified: the client's session is at aal2."""
    factor = enrolled(user)
    verify(user, factor)
    return factor


def test_enrolment_shows_a_secret_to_scan_and_to_type(user: Client, email: str) -> None:
    """The address carries all that an app needs; the picture is an image of the client's."""
    factor = enrolled(user)

    assert ("totp", "phone") == (factor.type, factor.friendly_name)
    assert factor.totp is not None
    app = pyotp.parse_uri(factor.totp.uri)
    assert ("Aussie Market", email) == (app.issuer, app.name)
    assert factor.totp.secret == app.secret
    query = httpx.URL(factor.totp.uri).params
    assert ("SHA1", "6", "30") == (query["algorithm"], query["digits"], query["period"])
    kind, _, image = factor.totp.qr_code.partition(",")
    assert "data:image/svg+xml;utf-8" == kind
    assert "{http://www.w3.org/2000/svg}svg" == ET.fromstring(image).tag  # noqa: S314 - ours
    assert "#" not in image


def test_enrolment_without_an_issuer_names_the_site(user: Client) -> None:
    """GoTrue takes the host of the project's site_url; config.toml names none, so the default."""
    factor = user.auth.mfa.enroll({"factor_type": "totp"})

    assert factor.totp is not None
    assert "127.0.0.1:3000" == httpx.URL(factor.totp.uri).params["issuer"]


def test_right_code_raises_the_session(user: Client, database: psycopg.Connection) -> None:
    """Same session, new tokens at aal2, with both proofs named; the rows say the same."""
    before = claims_of(user)
    session = user.auth.get_session()
    assert session is not None
    factor = enrolled(user)
    assert ("aal1", "aal1") == level_of(user)

    challenge = user.auth.mfa.challenge({"factor_id": factor.id})
    answer = user.auth.mfa.verify(
        {"factor_id": factor.id, "challenge_id": challenge.id, "code": code_of(factor)}
    )

    after = claims_of(user)
    assert ("aal2", "aal2") == level_of(user)
    assert ["totp", "password"] == [entry["method"] for entry in after["amr"]]
    assert before["session_id"] == after["session_id"]
    assert session.refresh_token != answer.refresh_token
    query = "select aal::text, factor_id::text from auth.sessions where id = %s"
    assert ("aal2", factor.id) == database.execute(query, [after["session_id"]]).fetchone()
    query = "select authentication_method from auth.mfa_amr_claims where session_id = %s order by 1"
    rows = database.execute(query, [after["session_id"]]).fetchall()
    assert [("password",), ("totp",)] == rows
    query = "select verified_at is not null, host(ip_address) from auth.mfa_challenges"
    row = database.execute(f"{query} where id = %s", [challenge.id]).fetchone()
    assert (True, "127.0.0.1") == row


def test_user_names_the_factors(user: Client, factor: AuthMFAEnrollResponse) -> None:
    """The user object lists them all, without the secret; the client sorts out the verified."""
    waiting = enrolled(user, "tablet")

    listed = user.auth.mfa.list_factors()

    assert [factor.id, waiting.id] == [entry.id for entry in listed.all]
    assert [factor.id] == [entry.id for entry in listed.totp]
    assert ["verified", "unverified"] == [entry.status for entry in listed.all]
    answer = user.auth.get_user()
    assert answer is not None
    assert factor.totp is not None
    assert factor.totp.secret not in answer.model_dump_json()


def test_level_survives_a_refresh(user: Client, factor: AuthMFAEnrollResponse) -> None:
    """The session remembers how it was proved."""
    assert factor.id

    user.auth.refresh_session()

    assert "aal2" == claims_of(user)["aal"]


def test_next_sign_in_begins_below(
    user: Client, other_device: Client, factor: AuthMFAEnrollResponse, email: str
) -> None:
    """A password alone is aal1 again, and the client knows that more is possible."""
    other_device.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    assert ("aal1", "aal2") == level_of(other_device)
    verify(other_device, factor)
    assert ("aal2", "aal2") == level_of(other_device)
    assert "aal2" == claims_of(user)["aal"]


def test_proof_ends_the_sessions_that_prove_less(
    make_client: MakeClient, user: Client, other_device: Client
) -> None:
    """From the first right code on, no device goes on with a password alone."""
    token = token_of(other_device)

    verify(user, enrolled(user))

    assert_ended(make_client(), token)
    assert user.auth.get_user() is not None


def test_proof_ends_the_other_enrolments(user: Client) -> None:
    """What was begun and never finished goes when one factor is verified."""
    enrolled(user, "left half done")

    verify(user, enrolled(user))

    assert ["phone"] == [entry.friendly_name for entry in user.auth.mfa.list_factors().all]


def test_wrong_code_is_refused(user: Client) -> None:
    """The level stays, and the same challenge may be answered again."""
    factor = enrolled(user)
    challenge = user.auth.mfa.challenge({"factor_id": factor.id})
    wrong = f"{(int(code_of(factor)) + 500_000) % 1_000_000:06}"

    with pytest.raises(AuthApiError) as caught:
        user.auth.mfa.verify({"factor_id": factor.id, "challenge_id": challenge.id, "code": wrong})

    assert ("mfa_verification_failed", 422) == (caught.value.code, caught.value.status)
    assert "Invalid TOTP code entered" == caught.value.message
    assert ("aal1", "aal1") == level_of(user)
    user.auth.mfa.verify(
        {"factor_id": factor.id, "challenge_id": challenge.id, "code": code_of(factor)}
    )


def test_challenge_is_answered_once(user: Client) -> None:
    """GoTrue says of a used one what it says of another's address (`validateChallenge`)."""
    factor = enrolled(user)
    challenge = user.auth.mfa.challenge({"factor_id": factor.id})
    user.auth.mfa.verify(
        {"factor_id": factor.id, "challenge_id": challenge.id, "code": code_of(factor)}
    )

    with pytest.raises(AuthApiError) as caught:
        user.auth.mfa.verify(
            {"factor_id": factor.id, "challenge_id": challenge.id, "code": code_of(factor)}
        )

    assert ("mfa_ip_address_mismatch", 422) == (caught.value.code, caught.value.status)


def test_challenge_is_answered_from_where_it_was_asked(
    user: Client, database: psycopg.Connection
) -> None:
    """A code that was taken elsewhere is of no use."""
    factor = enrolled(user)
    challenge = user.auth.mfa.challenge({"factor_id": factor.id})
    database.execute(
        "update auth.mfa_challenges set ip_address = '10.0.0.1' where id = %s", [challenge.id]
    )

    with pytest.raises(AuthApiError) as caught:
        user.auth.mfa.verify(
            {"factor_id": factor.id, "challenge_id": challenge.id, "code": code_of(factor)}
        )

    assert ("mfa_ip_address_mismatch", 422) == (caught.value.code, caught.value.status)


def test_challenge_expires(user: Client, database: psycopg.Connection) -> None:
    """After five minutes it is gone, and asking again is all it takes."""
    factor = enrolled(user)
    challenge = user.auth.mfa.challenge({"factor_id": factor.id})
    database.execute(
        "update auth.mfa_challenges set created_at = created_at - interval '301 s' where id = %s",
        [challenge.id],
    )
    answer: MFAVerifyParams = {
        "factor_id": factor.id,
        "challenge_id": challenge.id,
        "code": code_of(factor),
    }

    with pytest.raises(AuthApiError) as caught:
        user.auth.mfa.verify(answer)

    assert ("mfa_challenge_expired", 422) == (caught.value.code, caught.value.status)
    with pytest.raises(AuthApiError) as caught:
        user.auth.mfa.verify(answer)
    assert ("mfa_factor_not_found", 422) == (caught.value.code, caught.value.status)
    verify(user, factor)


def test_factor_of_somebody_else_is_not_found(
    make_client: MakeClient, user: Client, email: str
) -> None:
    """Nobody asks for codes of another's app."""
    factor = enrolled(user)
    stranger = make_client()
    stranger.auth.sign_up({"email": f"other-{email}", "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        stranger.auth.mfa.challenge({"factor_id": factor.id})

    assert ("mfa_factor_not_found", 404) == (caught.value.code, caught.value.status)
    assert "Factor not found" == caught.value.message


def test_name_of_a_factor_is_used_once(user: Client) -> None:
    """Two factors of one name could not be told apart."""
    enrolled(user, "phone")

    with pytest.raises(AuthApiError) as caught:
        enrolled(user, "phone")

    assert ("mfa_factor_name_conflict", 422) == (caught.value.code, caught.value.status)
    expected = 'A factor with the friendly name "phone" for this user already exists'
    assert expected == caught.value.message


def test_factors_are_limited(user: Client) -> None:
    """Ten enrolments is the default of `[auth.mfa] max_enrolled_factors`."""
    for number in range(10):
        enrolled(user, f"phone {number}")

    with pytest.raises(AuthApiError) as caught:
        enrolled(user, "one more")

    assert ("too_many_enrolled_mfa_factors", 422) == (caught.value.code, caught.value.status)


def test_abandoned_enrolment_makes_room(user: Client, database: psycopg.Connection) -> None:
    """One that was never asked for a code is forgotten after five minutes."""
    factor = enrolled(user)
    database.execute(
        "update auth.mfa_factors set created_at = created_at - interval '301 s' where id = %s",
        [factor.id],
    )

    again = enrolled(user)

    assert [again.id] == [entry.id for entry in user.auth.mfa.list_factors().all]


def test_second_factor_is_enrolled_at_aal2(
    user: Client, factor: AuthMFAEnrollResponse, email: str
) -> None:
    """Who holds only the password adds no factor of their own."""
    assert factor.id
    user.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        enrolled(user, "thief's")

    assert ("insufficient_aal", 403) == (caught.value.code, caught.value.status)


def test_unenrolled_factor_is_gone(user: Client, factor: AuthMFAEnrollResponse) -> None:
    """The token runs on at aal2; the refreshed one is aal1, with the password as its proof."""
    answer = user.auth.mfa.unenroll({"factor_id": factor.id})

    assert factor.id == answer.id
    assert [] == user.auth.mfa.list_factors().all
    user.auth.refresh_session()
    claims = claims_of(user)
    assert ("aal1", ["password"]) == (claims["aal"], [entry["method"] for entry in claims["amr"]])


def test_verified_factor_is_unenrolled_at_aal2(
    user: Client, factor: AuthMFAEnrollResponse, email: str
) -> None:
    """A password alone does not switch the second factor off."""
    user.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        user.auth.mfa.unenroll({"factor_id": factor.id})

    assert ("insufficient_aal", 422) == (caught.value.code, caught.value.status)


def test_unverified_factor_is_unenrolled_at_aal1(user: Client) -> None:
    """An enrolment that was never finished protects nothing."""
    factor = enrolled(user)

    assert factor.id == user.auth.mfa.unenroll({"factor_id": factor.id}).id


@pytest.mark.parametrize("change", ["password", "email"])
def test_first_factor_changes_at_aal2(
    user: Client, factor: AuthMFAEnrollResponse, email: str, change: str
) -> None:
    """Where there is a second factor, password and address need it (`UserUpdate`)."""
    new: UserAttributes = {"email": f"new-{email}"}
    if change == "password":
        new = {"password": "battery staple"}
    user.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        user.auth.update_user(new)

    assert ("insufficient_aal", 401) == (caught.value.code, caught.value.status)
    user.auth.update_user({"data": {"nickname": "Countess"}})
    verify(user, factor)
    user.auth.update_user(new)


def test_admin_lists_and_deletes_factors(
    user: Client, admin: Client, factor: AuthMFAEnrollResponse
) -> None:
    """Somebody lost the app: the office takes the factor away, and the password is enough."""
    user_id = claims_of(user)["sub"]

    listed = admin.auth.admin.mfa.list_factors({"user_id": user_id})
    deleted = admin.auth.admin.mfa.delete_factor({"user_id": user_id, "id": factor.id})

    assert [factor.id] == [entry.id for entry in listed]
    assert factor.id == deleted.id
    user.auth.refresh_session()
    assert ("aal1", "aal1") == level_of(user)


def test_soft_deleted_user_keeps_no_factor(
    user: Client, admin: Client, factor: AuthMFAEnrollResponse
) -> None:
    """What remains of the user can prove nothing."""
    assert factor.id
    user_id = claims_of(user)["sub"]

    admin.auth.admin.delete_user(user_id, should_soft_delete=True)

    assert [] == admin.auth.admin.mfa.list_factors({"user_id": user_id})


def test_policy_reads_the_level(user: Client) -> None:
    """A row-level policy on `auth.jwt() ->> 'aal'` opens with the second factor only.

    https://supabase.com/docs/guides/auth/auth-mfa#enforce-rules-for-mfa-logins
    """
    row_id = uuid.uuid4().int % 2**62
    vault = user.table("vault")
    vault.insert({"id": row_id, "content": "gold"}, returning=ReturnMethod.minimal).execute()
    assert [] == user.table("vault").select("content").execute().data

    verify(user, enrolled(user))

    assert [{"content": "gold"}] == user.table("vault").select("content").execute().data


@pytest.mark.parametrize(
    ("request_line", "body", "status", "code", "message"),
    [
        (
            "POST /factors",
            {"factor_type": "phone", "phone": "+61400000000"},
            422,
            "mfa_phone_enroll_not_enabled",
            "MFA enroll is disabled for Phone",
        ),
        (
            "POST /factors",
            {"factor_type": "webauthn", "friendly_name": "key"},
            422,
            "mfa_webauthn_enroll_not_enabled",
            "MFA enroll is disabled for WebAuthn",
        ),
        (
            "POST /factors",
            {"factor_type": "smoke"},
            400,
            "validation_failed",
            "factor_type needs to be totp, phone, or webauthn",
        ),
        (
            "POST /factors/nonsense/challenge",
            {},
            404,
            "validation_failed",
            "factor_id must be an UUID",
        ),
        ("DELETE /factors/{unknown}", None, 404, "mfa_factor_not_found", "Factor not found"),
        (
            "POST /factors/{factor}/verify",
            {"challenge_id": "{unknown}"},
            400,
            "validation_failed",
            "Code needs to be non-empty",
        ),
        (
            "POST /factors/{factor}/verify",
            {"challenge_id": "{unknown}", "code": "123456"},
            422,
            "mfa_factor_not_found",
            "MFA factor with the provided challenge ID not found",
        ),
        (
            "POST /factors/{factor}/verify",
            {"challenge_id": "x", "code": "123456"},
            400,
            "validation_failed",
            "challenge_id must be an UUID",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_both_shapes(
    gateway: Gateway,
    http: httpx.Client,
    user: Client,
    request_line: str,
    body: dict[str, str] | None,
    status: int,
    code: str,
    message: str,
) -> None:
    """Phone and WebAuthn are refused as where they are switched off; the rest as GoTrue does."""
    names = {"factor": enrolled(user).id, "unknown": str(uuid.uuid4())}
    path = request_line.format(**names)
    body = body and {key: value.format(**names) for key, value in body.items()}

    refusal = (status, code, message)
    assert_refused(http, gateway, path, body, refusal, token=token_of(user))


def test_factors_need_a_session(gateway: Gateway, http: httpx.Client, user: Client) -> None:
    """A token that names no session could not hold the proof."""
    claims = claims_of(user)
    del claims["session_id"]

    answer = send(
        http, gateway, "POST /factors", {"factor_type": "totp"}, token=gateway.keys.sign(claims)
    )

    assert (403, "session_not_found") == (answer.status_code, answer.json()["code"])

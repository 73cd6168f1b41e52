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
from supabase_auth.types import AuthMFAEnrollResponse, MFAVerifyParams

from tests.devstack.gateway.auth.clients import (
    PASSWORD,
    MakeClient,
    assert_ended,
    claims_of,
    token_of,
)
from tests.support.authenticator import code_of, enrolled, level_of, verify


def test_enrolment_shows_a_secret_to_scan_and_to_type(user: Client, email: str) -> None:
    """The address of an enrolment has all that an app needs; the client makes the picture."""
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
    """GoTrue takes the host of site_url as issuer; config.toml names none, so the default holds."""
    factor = user.auth.mfa.enroll({"factor_type": "totp"})

    assert factor.totp is not None
    assert "127.0.0.1:3000" == httpx.URL(factor.totp.uri).params["issuer"]


def test_right_code_raises_the_session(user: Client, database: psycopg.Connection) -> None:
    """The session stays, and gets new tokens at aal2; tokens and rows name both methods."""
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
    """The user object lists all factors without their secrets; the client selects verified ones."""
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
    """A refresh keeps the session's level."""
    assert factor.id

    user.auth.refresh_session()

    assert "aal2" == claims_of(user)["aal"]


def test_next_sign_in_begins_at_aal1(
    user: Client, other_device: Client, factor: AuthMFAEnrollResponse, email: str
) -> None:
    """The next sign-in by password begins at aal1, and the client knows that aal2 is possible."""
    other_device.auth.sign_in_with_password({"email": email, "password": PASSWORD})

    assert ("aal1", "aal2") == level_of(other_device)
    verify(other_device, factor)
    assert ("aal2", "aal2") == level_of(other_device)
    assert "aal2" == claims_of(user)["aal"]


def test_verification_ends_sessions_of_a_lower_level(
    make_client: MakeClient, user: Client, other_device: Client
) -> None:
    """The first right code ends the user's sessions of a lower level."""
    token = token_of(other_device)

    verify(user, enrolled(user))

    assert_ended(make_client(), token)
    assert user.auth.get_user() is not None


def test_verification_deletes_unverified_factors(user: Client) -> None:
    """A verified factor deletes the user's unverified ones."""
    enrolled(user, "left half done")

    verify(user, enrolled(user))

    assert ["phone"] == [entry.friendly_name for entry in user.auth.mfa.list_factors().all]


def test_wrong_code_is_refused(user: Client) -> None:
    """A wrong code keeps the level, and the challenge may be answered again."""
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
    """GoTrue refuses a used challenge as one of another IP address (`validateChallenge`)."""
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


def test_challenge_is_answered_from_its_own_address(
    user: Client, database: psycopg.Connection
) -> None:
    """Auth refuses a code from another IP address than the challenge's."""
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
    """A challenge expires after five minutes; the user may ask for another."""
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


def test_unenrolled_factor_is_gone(user: Client, factor: AuthMFAEnrollResponse) -> None:
    """The access token stays at aal2 until the refresh, which returns to aal1 and the password."""
    answer = user.auth.mfa.unenroll({"factor_id": factor.id})

    assert factor.id == answer.id
    assert [] == user.auth.mfa.list_factors().all
    user.auth.refresh_session()
    claims = claims_of(user)
    assert ("aal1", ["password"]) == (claims["aal"], [entry["method"] for entry in claims["amr"]])


def test_admin_lists_and_deletes_factors(
    user: Client, admin: Client, factor: AuthMFAEnrollResponse
) -> None:
    """An admin deletes the factor of a user who lost the app; then the password is enough."""
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
    """A soft delete removes the user's factors."""
    assert factor.id
    user_id = claims_of(user)["sub"]

    admin.auth.admin.delete_user(user_id, should_soft_delete=True)

    assert [] == admin.auth.admin.mfa.list_factors({"user_id": user_id})


def test_policy_reads_the_level(user: Client) -> None:
    """A policy on `auth.jwt() ->> 'aal'` shows its rows to a second factor alone.

    https://supabase.com/docs/guides/auth/auth-mfa#enforce-rules-for-mfa-logins
    """
    row_id = uuid.uuid4().int % 2**62
    vault = user.table("vault")
    vault.insert({"id": row_id, "content": "gold"}, returning=ReturnMethod.minimal).execute()
    assert [] == user.table("vault").select("content").execute().data

    verify(user, enrolled(user))

    assert [{"content": "gold"}] == user.table("vault").select("content").execute().data

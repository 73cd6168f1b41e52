"""Requests that send mails, and their codes and links, through the official client.

https://supabase.com/docs/reference/python/auth-resetpasswordforemail, -auth-verifyotp, -auth-resend
and -auth-updateuser; rules, codes and sentences: `recover.go`, `resend.go`, `reauthenticate.go` and
`verify.go` of GoTrue's `internal/api` (github.com/supabase/auth).
"""

from urllib.parse import parse_qs, urlsplit

import httpx
import psycopg
import pytest
from supabase import AuthApiError, Client

from tests.devstack.gateway.auth.clients import (
    PASSWORD,
    MakeClient,
    assert_ended,
    claims_of,
    token_of,
)
from tests.support.gateways import Gateway


def mailed_hash(database: psycopg.Connection, email: str, kind: str) -> str:
    """Return the token hash of the last mail to this address."""
    row = database.execute(
        "select token_hash from auth.one_time_tokens where relates_to = %s and token_type = %s",
        [email, kind],
    ).fetchone()
    assert row is not None
    return str(row[0])


def test_forgotten_password_is_replaced(
    make_client: MakeClient, user: Client, database: psycopg.Connection, email: str
) -> None:
    """A user asks for a recovery mail, follows its link and sets another password."""
    lost = make_client()
    lost.auth.reset_password_for_email(email, {"redirect_to": "http://127.0.0.1:3000/reset"})

    answer = lost.auth.verify_otp(
        {"token_hash": mailed_hash(database, email, "recovery_token"), "type": "recovery"}
    )

    assert answer.user is not None
    assert email == answer.user.email
    assert ["otp"] == [entry["method"] for entry in claims_of(lost)["amr"]]
    lost.auth.update_user({"password": "battery staple"})
    assert_ended(make_client(), token_of(user))
    make_client().auth.sign_in_with_password({"email": email, "password": "battery staple"})


def test_unknown_address_gets_the_same_answer(
    client: Client, database: psycopg.Connection, email: str
) -> None:
    """A recovery of an unknown address has the same answer as one of a known address."""
    client.auth.reset_password_for_email(email)

    query = "select count(*) from auth.one_time_tokens where relates_to = %s"
    assert (0,) == database.execute(query, [email]).fetchone()


def test_link_is_followed_once(user: Client, database: psycopg.Connection, email: str) -> None:
    """A link works once; its second use has the error of an expired link."""
    user.auth.reset_password_for_email(email)
    token_hash = mailed_hash(database, email, "recovery_token")
    user.auth.verify_otp({"token_hash": token_hash, "type": "recovery"})

    with pytest.raises(AuthApiError) as caught:
        user.auth.verify_otp({"token_hash": token_hash, "type": "recovery"})

    assert ("otp_expired", 403) == (caught.value.code, caught.value.status)
    assert "Email link is invalid or has expired" == caught.value.message


def test_later_mail_voids_the_earlier(
    user: Client, database: psycopg.Connection, email: str
) -> None:
    """Only the link of the latest mail works."""
    user.auth.reset_password_for_email(email)
    earlier = mailed_hash(database, email, "recovery_token")
    user.auth.reset_password_for_email(email)

    with pytest.raises(AuthApiError) as caught:
        user.auth.verify_otp({"token_hash": earlier, "type": "recovery"})

    assert "otp_expired" == caught.value.code


def test_link_expires(user: Client, database: psycopg.Connection, email: str) -> None:
    """A link expires after an hour, the default of `[auth.email] otp_expiry`."""
    user.auth.reset_password_for_email(email)
    database.execute(
        "update auth.one_time_tokens set created_at = created_at - interval '3601 s'"
        " where relates_to = %s",
        [email],
    )

    with pytest.raises(AuthApiError) as caught:
        user.auth.verify_otp(
            {"token_hash": mailed_hash(database, email, "recovery_token"), "type": "recovery"}
        )

    assert "otp_expired" == caught.value.code


def test_new_password_voids_mailed_links(
    user: Client, database: psycopg.Connection, email: str
) -> None:
    """A new password voids every mailed link, because another person may have one."""
    user.auth.reset_password_for_email(email)
    token_hash = mailed_hash(database, email, "recovery_token")

    user.auth.update_user({"password": "battery staple"})

    with pytest.raises(AuthApiError) as caught:
        user.auth.verify_otp({"token_hash": token_hash, "type": "recovery"})
    assert "otp_expired" == caught.value.code


def test_link_is_right_for_its_type_only(
    user: Client, database: psycopg.Connection, email: str
) -> None:
    """A link works only for its type: a recovery confirms no sign-up."""
    user.auth.reset_password_for_email(email)
    token_hash = mailed_hash(database, email, "recovery_token")

    with pytest.raises(AuthApiError) as caught:
        user.auth.verify_otp({"token_hash": token_hash, "type": "signup"})

    assert "otp_expired" == caught.value.code
    user.auth.verify_otp({"token_hash": token_hash, "type": "email"})


def test_banned_user_is_not_let_in(
    user: Client, admin: Client, database: psycopg.Connection, email: str
) -> None:
    """A ban refuses the link of a mail too."""
    user_id = claims_of(user)["sub"]
    user.auth.reset_password_for_email(email)
    admin.auth.admin.update_user_by_id(user_id, {"ban_duration": "1h"})

    with pytest.raises(AuthApiError) as caught:
        user.auth.verify_otp(
            {"token_hash": mailed_hash(database, email, "recovery_token"), "type": "recovery"}
        )

    assert ("user_banned", 403) == (caught.value.code, caught.value.status)


@pytest.mark.parametrize("answers_from", ["new", "old"])
def test_new_address_is_confirmed(
    make_client: MakeClient,
    user: Client,
    database: psycopg.Connection,
    email: str,
    answers_from: str,
) -> None:
    """The old address stays until the new one is confirmed; here one confirmation is enough."""
    new_email = f"new-{email}"
    changed = user.auth.update_user({"email": new_email})
    assert (email, new_email) == (changed.user.email, changed.user.new_email)
    assert changed.user.email_change_sent_at is not None
    address, kind = {
        "new": (new_email, "email_change_token_new"),
        "old": (email, "email_change_token_current"),
    }[answers_from]

    answer = make_client().auth.verify_otp(
        {"token_hash": mailed_hash(database, address, kind), "type": "email_change"}
    )

    assert answer.user is not None
    assert (new_email, None) == (answer.user.email, answer.user.new_email)
    identities = answer.user.identities or []
    assert [new_email] == [identity.identity_data["email"] for identity in identities]
    make_client().auth.sign_in_with_password({"email": new_email, "password": PASSWORD})
    query = "select count(*) from auth.one_time_tokens where relates_to = any(%s)"
    assert (0,) == database.execute(query, [[email, new_email]]).fetchone()


def test_address_taken_meanwhile_is_refused(
    make_client: MakeClient, user: Client, database: psycopg.Connection, email: str
) -> None:
    """Auth refuses a change to an address that another user has taken meanwhile."""
    new_email = f"new-{email}"
    user.auth.update_user({"email": new_email})
    make_client().auth.sign_up({"email": new_email, "password": PASSWORD})

    with pytest.raises(AuthApiError) as caught:
        user.auth.verify_otp(
            {
                "token_hash": mailed_hash(database, new_email, "email_change_token_new"),
                "type": "email_change",
            }
        )

    assert ("email_exists", 422) == (caught.value.code, caught.value.status)


def test_resend_repeats_the_confirmation(
    admin: Client, client: Client, database: psycopg.Connection, email: str
) -> None:
    """A user without a confirmed address gets another link, and it works."""
    admin.auth.admin.create_user({"email": email, "password": PASSWORD})

    client.auth.resend({"type": "signup", "email": email})

    token_hash = mailed_hash(database, email, "confirmation_token")
    answer = client.auth.verify_otp({"token_hash": token_hash, "type": "signup"})
    assert answer.user is not None
    assert answer.user.email_confirmed_at is not None
    [identity] = answer.user.identities or []
    assert identity.identity_data["email_verified"] is True


def test_resend_of_a_change_voids_the_first_mail(
    user: Client, database: psycopg.Connection, email: str
) -> None:
    """Another mail of a change keeps the new address and voids the first link."""
    new_email = f"new-{email}"
    user.auth.update_user({"email": new_email})
    earlier = mailed_hash(database, new_email, "email_change_token_new")

    user.auth.resend({"type": "email_change", "email": email})

    later = mailed_hash(database, new_email, "email_change_token_new")
    assert earlier != later
    user.auth.verify_otp({"token_hash": later, "type": "email_change"})


def test_resend_to_the_confirmed_sends_nothing(
    user: Client, database: psycopg.Connection, email: str
) -> None:
    """A resend to a confirmed user sends nothing, and does not tell that the user exists."""
    user.auth.resend({"type": "signup", "email": email})
    user.auth.resend({"type": "email_change", "email": email})

    query = "select count(*) from auth.one_time_tokens where relates_to = %s"
    assert (0,) == database.execute(query, [email]).fetchone()


def test_reauthentication_sends_a_code(
    user: Client, database: psycopg.Connection, email: str
) -> None:
    """The project requires no reauthentication, so a password changes with or without its code."""
    user.auth.reauthenticate()

    assert mailed_hash(database, email, "reauthentication_token")
    user.auth.update_user({"password": "battery staple", "nonce": "123456"})


def test_link_of_the_browser_leads_to_the_site(
    gateway: Gateway, http: httpx.Client, admin: Client, user: Client, email: str
) -> None:
    """The link redirects a browser to the site, with a session in the fragment."""
    target = "http://127.0.0.1:3000/welcome"
    link = admin.auth.admin.generate_link(
        {"type": "recovery", "email": email, "options": {"redirect_to": target}}
    ).properties

    answer = http.get(link.action_link)

    assert 303 == answer.status_code
    address, _, fragment = answer.headers["location"].partition("#")
    parameters = {name: value for name, [value] in parse_qs(fragment).items()}
    assert (target, "recovery", "bearer") == (address, parameters["type"], parameters["token_type"])
    found = user.auth.set_session(parameters["access_token"], parameters["refresh_token"])
    assert found.user is not None
    assert email == found.user.email
    assert {"expires_at", "expires_in"} < set(parameters)
    again = http.get(link.action_link).headers["location"]
    assert {
        "error": ["access_denied"],
        "error_code": ["otp_expired"],
        "error_description": ["Email link is invalid or has expired"],
    } == parse_qs(urlsplit(again).fragment)
    assert again.startswith(f"{target}#")
    assert gateway.url in link.action_link

"""The admin's invitations and links through the official client.

https://supabase.com/docs/reference/python/auth-admin-inviteuserbyemail and
-auth-admin-generatelink; rules and sentences: `invite.go` and `mail.go` of GoTrue's `internal/api`.
"""

import httpx
import psycopg
import pytest
from supabase import AuthApiError, Client
from supabase_auth.types import GenerateLinkResponse

from tests.devstack.gateway.auth.clients import PASSWORD, MakeClient, assert_refused, send
from tests.support.gateways import Gateway


def follow(client: Client, link: GenerateLinkResponse, email: str) -> str:
    """Verify the code of a link; return the id of the user whose session began."""
    properties = link.properties
    answer = client.auth.verify_otp(
        {
            "email": email,
            "token": properties.email_otp,
            "type": properties.verification_type,  # type: ignore[typeddict-item]  # a word of it
        }
    )
    assert answer.user is not None
    return answer.user.id


def test_invited_user_signs_in(
    admin: Client, client: Client, database: psycopg.Connection, email: str
) -> None:
    """An invited user has the inviter's metadata and no password; the link confirms the address."""
    invited = admin.auth.admin.invite_user_by_email(email, {"data": {"nickname": "Grace"}}).user

    assert invited.invited_at is not None
    assert invited.email_confirmed_at is None
    assert "Grace" == invited.user_metadata["nickname"]
    query = "select token_hash from auth.one_time_tokens where relates_to = %s"
    row = database.execute(query, [email]).fetchone()
    assert row is not None
    answer = client.auth.verify_otp({"token_hash": row[0], "type": "invite"})
    assert answer.user is not None
    assert answer.user.email_confirmed_at is not None
    client.auth.update_user({"password": PASSWORD})
    client.auth.sign_in_with_password({"email": email, "password": PASSWORD})


def test_invited_user_has_no_password(admin: Client, client: Client, email: str) -> None:
    """An empty password does not sign an invited user in."""
    admin.auth.admin.invite_user_by_email(email)

    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_password({"email": email, "password": " "})

    assert "invalid_credentials" == caught.value.code


def test_invitation_of_a_user_is_refused(admin: Client, user: Client, email: str) -> None:
    """Auth refuses to invite an address that a confirmed user has."""
    assert user.auth.get_user() is not None

    with pytest.raises(AuthApiError) as caught:
        admin.auth.admin.invite_user_by_email(email)

    assert ("email_exists", 422) == (caught.value.code, caught.value.status)


def test_invitation_can_be_repeated(admin: Client, email: str) -> None:
    """An admin may invite an address again, because the first mail may be lost."""
    first = admin.auth.admin.invite_user_by_email(email).user

    assert first.id == admin.auth.admin.invite_user_by_email(email).user.id


def test_sign_up_link_makes_a_user(admin: Client, client: Client, email: str) -> None:
    """A sign-up link makes a user who must use the code; then the link's password signs in."""
    link = admin.auth.admin.generate_link({"type": "signup", "email": email, "password": PASSWORD})

    assert email == link.user.email
    assert link.user.email_confirmed_at is None
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_password({"email": email, "password": PASSWORD})
    assert "email_not_confirmed" == caught.value.code
    assert link.user.id == follow(client, link, email)
    client.auth.sign_in_with_password({"email": email, "password": PASSWORD})


@pytest.mark.parametrize("kind", ["recovery", "magiclink"])
def test_magic_link_signs_a_user_in(
    admin: Client, make_client: MakeClient, user: Client, email: str, kind: str
) -> None:
    """A magic link signs a user in once, by its code or its hash."""
    link = admin.auth.admin.generate_link({"type": kind, "email": email})  # type: ignore[misc,arg-type]  # either kind

    assert kind == link.properties.verification_type
    client = make_client()
    assert link.user.id == follow(client, link, email)
    with pytest.raises(AuthApiError) as caught:
        client.auth.verify_otp({"token_hash": link.properties.hashed_token, "type": "recovery"})
    assert "otp_expired" == caught.value.code
    assert user.auth.get_user() is not None


def test_magic_link_of_an_unknown_address_signs_up(
    admin: Client, client: Client, email: str
) -> None:
    """GoTrue turns the magic link of an unknown address into a sign-up with a random password."""
    link = admin.auth.admin.generate_link({"type": "magiclink", "email": email})

    assert "signup" == link.properties.verification_type
    assert link.user.id == follow(client, link, email)


def test_invitation_link_invites(admin: Client, client: Client, email: str) -> None:
    """An invitation link invites as an invitation does, but the caller sends the mail."""
    link = admin.auth.admin.generate_link(
        {"type": "invite", "email": email, "options": {"data": {"nickname": "Grace"}}}
    )

    assert link.user.invited_at is not None
    assert "Grace" == link.user.user_metadata["nickname"]
    assert link.user.id == follow(client, link, email)


@pytest.mark.parametrize("kind", ["email_change_new", "email_change_current"])
def test_change_link_changes_the_address(
    admin: Client, make_client: MakeClient, user: Client, email: str, kind: str
) -> None:
    """A link of a change of address has that type, for the old and for the new address."""
    new_email = f"new-{email}"

    link = admin.auth.admin.generate_link(
        {"type": kind, "email": email, "new_email": new_email}  # type: ignore[typeddict-item]  # either kind
    )

    assert "type=email_change&" in link.properties.action_link
    answer = make_client().auth.verify_otp(
        {"token_hash": link.properties.hashed_token, "type": "email_change"}
    )
    assert answer.user is not None
    assert new_email == answer.user.email
    assert user.auth.get_user() is not None


@pytest.mark.parametrize(
    ("body", "status", "code", "message"),
    [
        (
            {"type": "recovery", "email": "{nobody}"},
            404,
            "user_not_found",
            "User with this email not found",
        ),
        (
            {"type": "email_change_new", "email": "{nobody}", "new_email": "a@b.c"},
            404,
            "user_not_found",
            "User with this email not found",
        ),
        (
            {"type": "signup", "email": "{user}", "password": PASSWORD},
            422,
            "email_exists",
            "A user with this email address has already been registered",
        ),
        (
            {"type": "email_change_new", "email": "{user}", "new_email": "{user}"},
            422,
            "email_exists",
            "A user with this email address has already been registered",
        ),
        (
            {"type": "signup", "email": "{nobody}"},
            400,
            "validation_failed",
            "Signup requires a valid password",
        ),
        (
            {"type": "smoke", "email": "{user}"},
            400,
            "validation_failed",
            "Invalid email action link type requested: smoke",
        ),
        (
            {"type": "recovery", "email": "nonsense"},
            400,
            "validation_failed",
            "Unable to validate email address: invalid format",
        ),
    ],
)
def test_impossible_link_is_refused_in_both_shapes(
    gateway: Gateway,
    http: httpx.Client,
    user: Client,
    email: str,
    body: dict[str, str],
    status: int,
    code: str,
    message: str,
) -> None:
    """Auth refuses unknown users and impossible links, in the current and the older form."""
    assert user.auth.get_user() is not None
    named = {key: value.format(user=email, nobody=f"nobody-{email}") for key, value in body.items()}
    path, key = "POST /admin/generate_link", gateway.keys.secret_key

    refusal = (status, code, message)
    assert_refused(http, gateway, path, named, refusal, token=key)


@pytest.mark.parametrize("path", ["/invite", "/admin/generate_link"])
def test_only_admins_generate_links(
    gateway: Gateway, http: httpx.Client, user: Client, path: str, email: str
) -> None:
    """Only an admin may generate a link, because a link is a session."""
    session = user.auth.get_session()
    assert session is not None

    answer = send(
        http,
        gateway,
        f"POST {path}",
        {"type": "recovery", "email": email},
        token=session.access_token,
    )

    assert (403, "not_admin") == (answer.status_code, answer.json()["code"])


def test_admins_new_password_ends_every_session(admin: Client, user: Client) -> None:
    """An admin's new password ends every session (`UpdatePassword` without a session)."""
    answer = user.auth.get_user()
    assert answer is not None

    admin.auth.admin.update_user_by_id(answer.user.id, {"password": "battery staple"})

    with pytest.raises(AuthApiError) as caught:
        user.auth.get_user()
    assert "session_not_found" == caught.value.code

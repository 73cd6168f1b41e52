"""Sign-ins without a password through the official client: by code, by link, anonymous.

https://supabase.com/docs/reference/python/auth-signinwithotp and -auth-signinanonymously; rules,
codes and sentences: `otp.go`, `magic_link.go` and `anonymous.go` of GoTrue's `internal/api`.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from supabase import AuthApiError, Client

from tests.devstack.gateway.auth.clients import PASSWORD, Mails, MakeClient, claims_of, send
from tests.support.gateways import Gateway, running_gateway


def test_code_signs_up(client: Client, mails: Mails, email: str) -> None:
    """The first mail makes the user of an unknown address; the code makes the session."""
    client.auth.sign_in_with_otp({"email": email, "options": {"data": {"nickname": "Ada"}}})
    [mail] = mails(email)

    answer = client.auth.verify_otp({"email": email, "token": mail["code"], "type": "email"})

    assert answer.user is not None
    assert (email, "Ada") == (answer.user.email, answer.user.user_metadata["nickname"])
    assert ["otp"] == [entry["method"] for entry in claims_of(client)["amr"]]
    assert (email, "magiclink", 6) == (mail["to"], mail["type"], len(mail["code"]))


def test_code_signs_a_known_user_in(
    user: Client, make_client: MakeClient, mails: Mails, email: str
) -> None:
    """A code signs the existing user in."""
    other = make_client()
    other.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})

    other.auth.verify_otp({"email": email, "token": mails(email)[0]["code"], "type": "email"})

    assert claims_of(user)["sub"] == claims_of(other)["sub"]


def test_link_signs_in(gateway: Gateway, http: httpx.Client, mails: Mails, email: str) -> None:
    """The link redirects to the site with a session, once."""
    headers = {"apikey": gateway.keys.publishable_key}
    url = f"{gateway.url}/auth/v1/otp?redirect_to=http://127.0.0.1:3000/welcome"
    assert {} == http.post(url, json={"email": email}, headers=headers).json()
    [mail] = mails(email)

    first = http.get(mail["link"])
    second = http.get(mail["link"])

    target, fragment = first.headers["location"].split("#")
    parameters = parse_qs(fragment)
    assert "http://127.0.0.1:3000/welcome" == target
    assert ["magiclink"] == parameters["type"]
    assert email == gateway.tokens.verify(parameters["access_token"][0])["email"]
    assert ["otp_expired"] == parse_qs(urlsplit(second.headers["location"]).fragment)["error_code"]


def test_older_path_sends_the_same(
    gateway: Gateway, http: httpx.Client, mails: Mails, email: str
) -> None:
    """POST /magiclink does the same as POST /otp with an address."""
    headers = {"apikey": gateway.keys.publishable_key}
    answer = http.post(f"{gateway.url}/auth/v1/magiclink", json={"email": email}, headers=headers)

    assert (200, ["magiclink"]) == (answer.status_code, [mail["type"] for mail in mails(email)])


def test_latest_code_works_once(client: Client, mails: Mails, email: str) -> None:
    """A code works once, and a later mail voids it."""
    client.auth.sign_in_with_otp({"email": email})
    client.auth.sign_in_with_otp({"email": email})
    late, early = (mail["code"] for mail in mails(email))

    if early != late:
        with pytest.raises(AuthApiError) as old:
            client.auth.verify_otp({"email": email, "token": early, "type": "email"})
        assert ("otp_expired", 403) == (old.value.code, old.value.status)
    client.auth.verify_otp({"email": email, "token": late, "type": "email"})
    with pytest.raises(AuthApiError) as used:
        client.auth.verify_otp({"email": email, "token": late, "type": "email"})
    assert "otp_expired" == used.value.code


def test_unknown_address_is_refused_without_sign_up(
    client: Client, mails: Mails, email: str
) -> None:
    """`should_create_user` false makes no user and sends no mail."""
    with pytest.raises(AuthApiError) as caught:
        client.auth.sign_in_with_otp({"email": email, "options": {"should_create_user": False}})

    assert ("otp_disabled", 422) == (caught.value.code, caught.value.status)
    assert "Signups not allowed for otp" == caught.value.message
    assert [] == mails(email)


@pytest.mark.parametrize(
    ("path", "body", "message"),
    [
        ("/otp", {}, "One of email or phone must be set"),
        (
            "/otp",
            {"email": "a@b.co", "phone": "+61400000000"},
            "Only an email address or phone number should be provided",
        ),
        (
            "/otp",
            {"email": "a@b.co", "channel": "sms"},
            "Channel should only be specified with Phone OTP",
        ),
        ("/otp", {"email": "nonsense"}, "Unable to validate email address: invalid format"),
        ("/magiclink", {}, "Password recovery requires an email"),
    ],
)
def test_impossible_request_is_refused(
    gateway: Gateway, http: httpx.Client, path: str, body: dict[str, str], message: str
) -> None:
    """Auth refuses an impossible request with GoTrue's sentence."""
    headers = {"apikey": gateway.keys.publishable_key, "X-Supabase-Api-Version": "2024-01-01"}
    answer = http.post(f"{gateway.url}/auth/v1{path}", json=body, headers=headers)

    assert (400, "validation_failed", message) == (
        answer.status_code,
        answer.json()["code"],
        answer.json()["message"],
    )


def test_every_mail_is_kept(user: Client, admin: Client, mails: Mails, email: str) -> None:
    """The control API keeps every mail, with a link unless the mail has only a code."""
    user.auth.reset_password_for_email(email)
    user.auth.reauthenticate()
    user.auth.update_user({"email": f"new-{email}"})
    admin.auth.admin.invite_user_by_email(f"invited-{email}")

    kept = {to: mails(to) for to in (email, f"new-{email}", f"invited-{email}")}
    assert [["email_change", "reauthentication", "recovery"], ["email_change"], ["invite"]] == [
        [mail["type"] for mail in sent] for sent in kept.values()
    ]
    for mail in (mail for sent in kept.values() for mail in sent):
        assert (mail["link"] is None) == (mail["type"] == "reauthentication")


def test_mails_are_forgotten_on_command(
    gateway: Gateway, http: httpx.Client, client: Client, mails: Mails, email: str
) -> None:
    """The control API deletes all mails on request."""
    client.auth.sign_in_with_otp({"email": email})
    assert mails(email)

    http.delete(f"{gateway.url}/_control/mails")

    assert [] == http.get(f"{gateway.url}/_control/mails").json()["mails"]


@pytest.fixture(scope="module")
def open_gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Serve a project that lets anonymous users sign in."""
    auth = "[auth]\nenable_anonymous_sign_ins = true"
    with running_gateway(database_url, tmp_path_factory.mktemp("open"), auth=auth) as gateway:
        yield gateway


def test_anonymous_sign_in_makes_a_user(open_gateway: Gateway, http: httpx.Client) -> None:
    """An anonymous user has no address and no identity, and the token says so."""
    client = open_gateway.client(http)
    answer = client.auth.sign_in_anonymously({"options": {"data": {"cart": 1}}})

    assert answer.user is not None
    assert answer.user.is_anonymous
    assert ({"cart": 1}, {}) == (answer.user.user_metadata, answer.user.app_metadata)
    assert ([], "") == (answer.user.identities, answer.user.email)
    claims = claims_of(client)
    assert (True, "authenticated") == (claims["is_anonymous"], claims["role"])
    assert ["anonymous"] == [entry["method"] for entry in claims["amr"]]
    client.auth.refresh_session()
    assert answer.user.id == claims_of(client)["sub"]


def test_anonymous_user_becomes_permanent(
    open_gateway: Gateway, http: httpx.Client, email: str
) -> None:
    """A confirmed address ends the anonymity, and then the user may set a password."""
    auth = open_gateway.client(http).auth
    started = auth.sign_in_anonymously()
    assert started.user is not None
    with pytest.raises(AuthApiError) as caught:
        auth.update_user({"password": PASSWORD})
    assert ("validation_failed", 422) == (caught.value.code, caught.value.status)
    auth.update_user({"email": email})
    [mail] = open_gateway.mails(email)

    answer = auth.verify_otp({"token_hash": mail["token_hash"], "type": "email_change"})

    assert answer.user is not None
    assert (started.user.id, email, False) == (
        answer.user.id,
        answer.user.email,
        answer.user.is_anonymous,
    )
    assert ["email"] == [identity.provider for identity in answer.user.identities or []]
    assert "email" == answer.user.app_metadata["provider"]
    auth.update_user({"password": PASSWORD})
    auth.sign_in_with_password({"email": email, "password": PASSWORD})


def test_anonymous_sign_in_is_a_sign_up(
    database_url: str, tmp_path: Path, http: httpx.Client
) -> None:
    """Auth refuses anonymous and first sign-ins while sign-up is disabled."""
    auth = "[auth]\nenable_anonymous_sign_ins = true\nenable_signup = false"
    with running_gateway(database_url, tmp_path, auth=auth) as gateway:
        for path, body in (("/signup", {}), ("/otp", {"email": "new@example.com"})):
            answer = send(http, gateway, f"POST {path}", body)

            assert (422, "signup_disabled") == (answer.status_code, answer.json()["code"])

"""Auth obeys the settings of `supabase/config.toml` for a production project.

Rules, codes and sentences: `signup.go`, `password.go` and `verify.go` of GoTrue's `internal/api`.
"""

from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest
from supabase import AuthApiError, Client
from supabase_auth.errors import AuthWeakPasswordError

from tests.devstack.gateway.auth.clients import PASSWORD, Mails, send
from tests.support.gateways import Gateway, running_gateway


STRONG = "correct horse 7"


@pytest.fixture(scope="module")
def gateway(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Run a gateway with all of the project's Auth settings that this stack has."""
    folder = tmp_path_factory.mktemp("production")
    with running_gateway(database_url, folder, has_production_auth=True) as gateway:
        yield gateway


@pytest.fixture
def member(client: Client, mails: Mails, email: str) -> Client:
    """Return a client whose user has confirmed the address."""
    client.auth.sign_up({"email": email, "password": STRONG})
    confirm(client, mails, email)
    return client


def pass_a_minute(database: psycopg.Connection, email: str) -> None:
    """Make the last mails to an address a minute older."""
    database.execute(
        """
        update auth.users set
          confirmation_sent_at = confirmation_sent_at - interval '60 s',
          recovery_sent_at = recovery_sent_at - interval '60 s'
        where email = %s
        """,
        [email],
    )


def confirm(client: Client, mails: Mails, email: str) -> None:
    [mail] = mails(email)
    client.auth.verify_otp({"token_hash": mail["token_hash"], "type": mail["type"]})


def test_sign_up_waits_for_a_confirmation(client: Client, mails: Mails, email: str) -> None:
    """A sign-up returns a user without a session; the link of the mail begins one."""
    auth = client.auth
    answer = auth.sign_up({"email": email, "password": STRONG})

    assert answer.session is None
    assert answer.user is not None
    assert answer.user.email_confirmed_at is None
    assert answer.user.confirmation_sent_at is not None
    with pytest.raises(AuthApiError) as caught:
        auth.sign_in_with_password({"email": email, "password": STRONG})
    assert "email_not_confirmed" == caught.value.code
    confirm(client, mails, email)
    auth.sign_in_with_password({"email": email, "password": STRONG})


def test_second_sign_up_repeats_the_mail(
    client: Client, mails: Mails, database: psycopg.Connection, email: str
) -> None:
    """A second sign-up of an unconfirmed address sends another mail and makes no other user."""
    first = client.auth.sign_up({"email": email, "password": STRONG})
    pass_a_minute(database, email)
    second = client.auth.sign_up({"email": email, "password": f"other {STRONG}"})

    assert first.user is not None
    assert second.user is not None
    assert first.user.id == second.user.id
    assert ["signup", "signup"] == [mail["type"] for mail in mails(email)]


def test_sign_up_does_not_tell_who_has_an_account(member: Client, mails: Mails, email: str) -> None:
    """A sign-up of a known address sends no mail, and answers like a new one with a random id."""
    known = member.auth.get_user()
    sent = len(mails(email))

    answer = member.auth.sign_up({"email": email, "password": f"other {STRONG}"})

    assert known is not None
    assert answer.user is not None
    assert answer.session is None
    assert known.user.id != answer.user.id
    assert ([], None) == (answer.user.identities, answer.user.email_confirmed_at)
    assert sent == len(mails(email))


def test_code_confirms_a_new_address(client: Client, mails: Mails, email: str) -> None:
    """A sign-in by mail of a new address is a sign-up, and its code confirms the address."""
    client.auth.sign_in_with_otp({"email": email})
    [mail] = mails(email)

    answer = client.auth.verify_otp({"email": email, "token": mail["code"], "type": "email"})

    assert "signup" == mail["type"]
    assert answer.user is not None
    assert answer.user.email_confirmed_at is not None


@pytest.mark.parametrize(
    ("password", "reasons"),
    [
        ("a1", ["length"]),
        (PASSWORD, ["characters"]),
        ("12345678", ["characters"]),
        ("abc", ["length", "characters"]),
        ("ëëëëëëë1", ["characters"]),
    ],
)
def test_weak_password_is_refused(
    client: Client, email: str, password: str, reasons: list[str]
) -> None:
    """A password has eight characters or more, with a letter and a digit among them."""
    with pytest.raises(AuthWeakPasswordError) as caught:
        client.auth.sign_up({"email": email, "password": password})

    assert reasons == caught.value.reasons
    for reason, sentence in (
        ("length", "Password should be at least 8 characters."),
        (
            "characters",
            (
                "Password should contain at least one character of each: "
                "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ, 0123456789."
            ),
        ),
    ):
        assert (reason in reasons) == (sentence in caught.value.message)


def test_new_password_is_checked_too(member: Client) -> None:
    """The rules hold for a changed password too."""
    with pytest.raises(AuthWeakPasswordError):
        member.auth.update_user({"password": "only letters"})


@pytest.mark.parametrize("is_new_first", [False, True])
def test_both_addresses_agree_to_a_change(
    member: Client, mails: Mails, email: str, *, is_new_first: bool
) -> None:
    """The address changes at the confirmation of the second mail, in either order."""
    wanted = f"new-{email}"
    member.auth.update_user({"email": wanted})
    hashes = [mails(to)[0]["token_hash"] for to in (email, wanted)]
    first, second = reversed(hashes) if is_new_first else hashes

    half = member.auth._request(  # noqa: SLF001 -- the client cannot parse this answer of Auth
        "POST", "verify", body={"type": "email_change", "token_hash": first}
    )
    assert "Please proceed to confirm link sent to the other email" in half.json()["msg"]
    before = member.auth.get_user()
    assert before is not None
    assert (email, wanted) == (before.user.email, before.user.new_email)
    answer = member.auth.verify_otp({"type": "email_change", "token_hash": second})

    assert answer.user is not None
    assert wanted == answer.user.email


def test_first_link_of_a_change_says_that_another_follows(
    member: Client, http: httpx.Client, mails: Mails, email: str
) -> None:
    """The first link redirects to the site with a message and without a session."""
    member.auth.update_user({"email": f"new-{email}"})
    answer = http.get(mails(email)[0]["link"].replace("pkce_", ""))

    fragment = answer.headers["location"].partition("#")[2]
    assert "message=Confirmation+link+accepted" in fragment
    assert "access_token" not in fragment


def test_settings_show_the_confirmation(gateway: Gateway, http: httpx.Client) -> None:
    """Auth's settings tell a client that a sign-up needs a confirmation."""
    settings = send(http, gateway, "GET /settings").json()

    assert settings["mailer_autoconfirm"] is False
    assert settings["external"]["anonymous_users"] is False


@pytest.mark.parametrize(
    "ask",
    [
        lambda auth, email: auth.reset_password_for_email(email),
        lambda auth, email: auth.sign_in_with_otp({"email": email}),
    ],
)
def test_mail_waits_for_a_minute(
    member: Client,
    mails: Mails,
    database: psycopg.Connection,
    email: str,
    ask: Callable[[object, str], object],
) -> None:
    """Auth refuses a second mail of a kind within a minute, and sends none."""
    ask(member.auth, email)
    sent = len(mails(email))

    with pytest.raises(AuthApiError, match=r"request this after \d+ seconds") as caught:
        ask(member.auth, email)

    assert (429, "over_email_send_rate_limit") == (caught.value.status, caught.value.code)
    assert sent == len(mails(email))
    pass_a_minute(database, email)
    ask(member.auth, email)


def test_password_of_an_old_session_needs_a_code(
    member: Client, mails: Mails, database: psycopg.Connection, email: str
) -> None:
    """A session older than a day needs a mailed code for a new password; the code works once."""
    member.auth.update_user({"password": f"first {STRONG}"})
    database.execute(
        "update auth.sessions set created_at = created_at - interval '1 day' where user_id ="
        " (select id from auth.users where email = %s)",
        [email],
    )

    with pytest.raises(AuthApiError) as caught:
        member.auth.update_user({"password": f"second {STRONG}"})
    assert (400, "reauthentication_needed") == (caught.value.status, caught.value.code)
    with pytest.raises(AuthApiError) as caught:
        member.auth.update_user({"password": f"second {STRONG}", "nonce": "none"})
    assert (422, "reauthentication_not_valid") == (caught.value.status, caught.value.code)
    member.auth.reauthenticate()
    code = mails(email)[0]["code"]
    member.auth.update_user({"password": f"second {STRONG}", "nonce": code})
    with pytest.raises(AuthApiError) as caught:
        member.auth.update_user({"password": f"third {STRONG}", "nonce": code})
    assert "reauthentication_not_valid" == caught.value.code

"""People use the fake Stripe's pages: they pay, pass 3-D Secure, verify themselves, onboard."""

import threading
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlencode

import pytest
import stripe
from playwright.sync_api import Page, expect
from stripe.identity import VerificationSession

from tests.support.browser import (
    LOOKS,
    NewPerson,
    Person,
    check_accessibility,
    examine,
    screenshot,
)
from tests.support.fake_server import PUBLISHABLE_KEY, Account, Receiver, running


@pytest.fixture(scope="module")
def _server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with (
        Receiver() as receiver,
        running(tmp_path_factory.mktemp("stripe"), receiver) as account,
    ):
        yield account


@pytest.fixture
def account(_server: Account) -> Account:
    """Return the account after a reset."""
    _server.command("POST", "/reset")
    return _server


@pytest.fixture(scope="module")
def back() -> Iterator[str]:
    """Return the address of a site, to which Stripe's pages send people back."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Site) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{site.server_port}/order?id=1"
        site.shutdown()


class _Site(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><link rel=icon href='data:,'><title>Back</title>")

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base's name
        """Stay silent."""


@pytest.fixture
def person(new_person: NewPerson) -> Person:
    return new_person()


def pay_url(account: Account, intent: stripe.PaymentIntent, back: str, **changes: str) -> str:
    fields = {
        "payment_intent_client_secret": str(intent.client_secret),
        "publishable_key": PUBLISHABLE_KEY,
        "return_url": back,
    }
    return f"{account.config.url}/pay?{urlencode(fields | changes)}"


def bicycle(account: Account) -> stripe.PaymentIntent:
    return account.intent(amount=24_500, description="Bicycle, Carlton")


def session_of(account: Account, back: str) -> VerificationSession:
    params: Any = {
        "type": "document",
        "provided_details": {"email": "kylie@example.com"},
        "return_url": back,
    }
    return account.client.v1.identity.verification_sessions.create(params)


def link_of(account: Account, seller: stripe.Account, back: str) -> str:
    params: Any = {"account": seller.id, "type": "account_onboarding"}
    params |= {"refresh_url": f"{back}&expired", "return_url": back}
    return account.client.v1.account_links.create(params).url


def dashboard_of(account: Account) -> str:
    """Return a link to the dashboard of a seller with transfers and a payout."""
    seller = account.seller()
    charge = account.paid("pm_card_bypassPending", amount=50_000).latest_charge
    account.command("POST", f"/scheduled_actions/{charge}")
    for amount, text in ((23_275, "Bicycle, Carlton"), (950, "Teapot, Fitzroy")):
        params: Any = {"amount": amount, "destination": seller.id, "description": text}
        account.client.v1.transfers.create(params | {"currency": "aud"})
        if amount > 1000:
            account.command("POST", f"/balance/{seller.id}/payout")
    return account.client.v1.accounts.login_links.create(seller.id).url


def choose(page: Page, label: str) -> None:
    page.get_by_label(label, exact=False).check()


def card(page: Page, number: str) -> None:
    page.get_by_role("radio", name=number).check()


def expect_return(page: Page, back: str, intent: stripe.PaymentIntent, status: str) -> None:
    """Expect the address of the site with what Stripe appends."""
    expect(page).to_have_url(
        f"{back}&payment_intent={intent.id}"
        f"&payment_intent_client_secret={intent.client_secret}&redirect_status={status}"
    )


def test_buyer_pays_with_the_keyboard_alone(account: Account, person: Person, back: str) -> None:
    """The first card is chosen, so Tab, Tab and Enter pay and lead back to the site."""
    intent, page = bicycle(account), person.page
    page.goto(pay_url(account, intent, back))
    expect(page.get_by_role("button", name="Pay $245.00 AUD")).to_be_enabled()
    expect(page.get_by_text("Bicycle, Carlton")).to_be_visible()

    page.get_by_role("radio", name="4242 4242 4242 4242").focus()
    page.keyboard.press("Enter")

    expect_return(page, back, intent, "succeeded")
    assert "succeeded" == account.client.v1.payment_intents.retrieve(intent.id).status


def test_declined_buyer_reads_why_and_pays_by_another_card(
    account: Account, person: Person, back: str
) -> None:
    """A decline is shown on the page, also after a reload, and another card pays."""
    intent, page = bicycle(account), person.page
    page.goto(pay_url(account, intent, back))
    card(page, "4000 0000 0000 9995")
    with person.expecting("/confirm answered 402"):
        page.get_by_role("button", name="Pay").click()
        expect(page.get_by_role("alert")).to_have_text("Your card has insufficient funds.")
    screenshot(page, "stripe-pay-declined")
    check_accessibility(page)
    page.reload()
    expect(page.get_by_role("alert")).to_have_text("Your card has insufficient funds.")

    card(page, "5555 5555 5555 4444")
    page.get_by_role("button", name="Pay").click()

    expect_return(page, back, intent, "succeeded")


@pytest.mark.parametrize(
    ("answer", "status"),
    [("Complete the authentication", "succeeded"), ("Fail the authentication", "failed")],
)
def test_buyer_answers_the_bank(
    account: Account, person: Person, back: str, answer: str, status: str
) -> None:
    """A card with 3-D Secure leads to the bank's page, and that to the site."""
    intent, page = bicycle(account), person.page
    page.goto(pay_url(account, intent, back))
    card(page, "4000 0000 0000 3220")
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_role("heading", name="3-D Secure")).to_be_visible()
    expect(page.get_by_text("$245.00 AUD")).to_be_visible()

    choose(page, answer)
    page.get_by_role("button", name="Continue").click()

    expect_return(page, back, intent, status)


def test_paid_buyer_is_sent_back(account: Account, person: Person, back: str) -> None:
    """The page of a paid intent offers no payment, but the way back."""
    intent, page = account.paid(), person.page
    page.goto(pay_url(account, intent, back))

    expect(page.get_by_role("alert")).to_have_text("This payment has already succeeded.")
    expect(page.get_by_role("button", name="Pay")).to_be_disabled()
    page.get_by_role("link", name="Back").click()

    expect_return(page, back, intent, "succeeded")


@pytest.mark.parametrize(
    ("change", "text", "fault"),
    [
        ({"payment_intent_client_secret": "pi_1_secret_2"}, "No such", "answered 404"),
        ({"publishable_key": "pk_test_other"}, "Invalid API Key", "answered 401"),
    ],
)
def test_wrong_secret_or_key_shows_no_payment(
    account: Account, person: Person, back: str, change: dict[str, str], text: str, fault: str
) -> None:
    """A page with a wrong secret or key says so, and its button stays off."""
    with person.expecting(fault):
        person.page.goto(pay_url(account, bicycle(account), back, **change))
        expect(person.page.get_by_role("alert")).to_contain_text(text)

    expect(person.page.get_by_role("button", name="Pay")).to_be_disabled()


def test_return_url_runs_no_script(account: Account, person: Person) -> None:
    """A page with a return_url of another scheme is closed, without a link."""
    with person.expecting("answered 400"):
        person.page.goto(pay_url(account, bicycle(account), "javascript:alert(1)"))
        expect(person.page.get_by_text("begins with http or https")).to_be_visible()

    expect(person.page.get_by_role("link")).to_have_count(0)
    check_accessibility(person.page)
    screenshot(person.page, "stripe-closed")


@pytest.mark.parametrize(
    ("answer", "status", "code"),
    [
        ("Verified Jenny Rosen", "verified", None),
        ("The document is expired.", "requires_input", "document_expired"),
        ("The user has declined", "requires_input", "consent_declined"),
    ],
)
def test_person_is_verified_or_refused(
    account: Account, person: Person, back: str, answer: str, status: str, code: str | None
) -> None:
    """The chosen outcome is the session's, the site is next, and the old page is closed."""
    session, page = session_of(account, back), person.page
    page.goto(str(session.url))
    choose(page, answer)
    page.get_by_role("button", name="Continue").click()
    expect(page).to_have_url(back)

    found = account.client.v1.identity.verification_sessions.retrieve(session.id)
    assert (status, code) == (found.status, found.last_error.code if found.last_error else None)
    with person.expecting("answered 410"):
        page.goto(str(session.url))
        expect(page.get_by_role("heading", name="Nothing to do here")).to_be_visible()
    page.get_by_role("link", name="Go back").click()
    expect(page).to_have_url(back)


def test_person_closes_the_check(account: Account, person: Person, back: str) -> None:
    """Closing leads back, and the session still requires input at the same address."""
    session, page = session_of(account, back), person.page
    page.goto(str(session.url))

    page.get_by_role("button", name="Close").click()

    expect(page).to_have_url(back)
    page.goto(str(session.url))
    expect(page.get_by_role("heading", name="Verify your identity")).to_be_visible()


def test_seller_onboards(account: Account, person: Person, back: str) -> None:
    """The completed form enables payouts, and the used link leads to refresh_url."""
    seller, page = account.seller(is_onboarded=False), person.page
    link = link_of(account, seller, back)
    page.goto(link)
    expect(page.get_by_text(seller.id)).to_be_visible()

    page.get_by_role("button", name="Continue").click()

    expect(page).to_have_url(back)
    assert account.client.v1.accounts.retrieve(seller.id).payouts_enabled
    page.goto(link)
    expect(page).to_have_url(f"{back}&expired")


def test_seller_leaves_the_form(account: Account, person: Person, back: str) -> None:
    """A form that the seller leaves changes nothing."""
    seller, page = account.seller(is_onboarded=False), person.page
    page.goto(link_of(account, seller, back))

    page.get_by_role("button", name="Leave it incomplete").click()

    expect(page).to_have_url(back)
    assert not account.client.v1.accounts.retrieve(seller.id).details_submitted


def test_seller_sees_the_money(account: Account, person: Person) -> None:
    """The dashboard shows the balance, the transfers and the payouts."""
    person.page.goto(dashboard_of(account))

    transfers = person.page.get_by_role("list").first.get_by_role("listitem")
    expect(transfers).to_contain_text(["$9.50 AUD", "$232.75 AUD"])
    expect(person.page.get_by_text("Enabled")).to_be_visible()


@pytest.mark.parametrize("look", LOOKS, ids=["desk", "phone", "dark"])
def test_pages_are_accessible_and_fit(
    account: Account, new_person: NewPerson, back: str, look: dict[str, bool]
) -> None:
    """Each page passes axe and fits its window, on a desk, on a phone, and in dark colours."""
    person = new_person(**look)
    intent = account.intent(amount=24_500, description="Bicycle, Carlton")
    challenged = account.paid("pm_card_threeDSecure2Required", return_url=back)
    assert challenged.next_action is not None
    assert challenged.next_action.redirect_to_url is not None
    pages = {
        "pay": pay_url(account, intent, back),
        "3ds": str(challenged.next_action.redirect_to_url.url),
        "identity": str(session_of(account, back).url),
        "onboarding": link_of(account, account.seller(is_onboarded=False), back),
        "dashboard": dashboard_of(account),
    }
    for name, url in pages.items():
        person.page.goto(url)
        expect(person.page.get_by_role("heading", level=1)).not_to_be_empty()
        if name == "pay":
            expect(person.page.get_by_role("button", name="Pay $")).to_be_enabled()
        examine(person.page, "-".join(["stripe", name, *look]))

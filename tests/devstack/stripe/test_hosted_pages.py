"""The pages that Stripe hosts, by the requests that browsers and the pages' scripts send."""

import html
import json
import re
from typing import Any

import httpx
import pytest
import stripe
from stripe.identity import VerificationSession

from tests.support.fake_server import PUBLISHABLE_KEY, SECRET_KEY, Account
from tests.support.waits import ANSWER_S


BACK = "https://market.example/order?id=1&tab=pay"
_STATE = re.compile(r'<meta name="state" content="([^"]*)">')
_ASSET = re.compile(r'(?:src|href)="(/pages/[^"]+)"')


def open_page(url: str, **params: str) -> httpx.Response:
    return httpx.get(url, params=params or None, timeout=ANSWER_S)


def state_of(page: httpx.Response) -> Any:
    """Return the state that the script of a page reads."""
    found = _STATE.search(page.text)
    assert found is not None
    return json.loads(html.unescape(found[1]))


def bodies(page: httpx.Response) -> list[dict[str, str]]:
    """Return the body of each choice that a page offers."""
    groups = state_of(page)["groups"]
    return [choice["body"] for group in groups for choice in group["choices"]]


def choose(url: str, body: object) -> httpx.Response:
    """Send a choice to the page's own address, as its script does."""
    return httpx.post(url, json=body, timeout=ANSWER_S)


def payment_page(account: Account, intent: stripe.PaymentIntent, **changes: str) -> httpx.Response:
    usual = {
        "payment_intent_client_secret": str(intent.client_secret),
        "publishable_key": PUBLISHABLE_KEY,
        "return_url": BACK,
    }
    return open_page(f"{account.config.url}/pay", **(usual | changes))


def confirm(account: Account, page: httpx.Response, card: str) -> httpx.Response:
    """Confirm as the script of the payment page does, with its state and a card that it offers."""
    state = state_of(page)
    body = {"payment_method": f"pm_card_{card}"}
    assert body in bodies(page)
    intent_id = state["client_secret"].partition("_secret_")[0]
    return httpx.post(
        f"{account.config.url}/v1/payment_intents/{intent_id}/confirm",
        headers={"Authorization": f"Bearer {state['publishable_key']}"},
        data={"client_secret": state["client_secret"], "return_url": state["return_url"], **body},
        timeout=ANSWER_S,
    )


def challenge_of(account: Account, card: str = "threeDSecure2Required") -> tuple[str, str]:
    """Return an intent that awaits 3-D Secure, and the address of the bank's page."""
    intent = account.intent()
    answer = confirm(account, payment_page(account, intent), card).json()
    return intent.id, answer["next_action"]["redirect_to_url"]["url"]


def session_of(account: Account, **params: Any) -> VerificationSession:
    usual: Any = {"type": "document", "return_url": BACK}
    return account.client.v1.identity.verification_sessions.create(usual | params)


def dashboard_of(account: Account, seller: stripe.Account) -> str:
    return account.client.v1.accounts.login_links.create(seller.id).url


def all_pages(account: Account) -> list[httpx.Response]:
    """Return each page once, opened."""
    intent, (_, challenge), seller = account.intent(), challenge_of(account), account.seller()
    link: Any = {"account": seller.id, "type": "account_onboarding"}
    link |= {"refresh_url": BACK, "return_url": BACK}
    return [
        payment_page(account, intent),
        open_page(challenge),
        open_page(str(session_of(account).url)),
        open_page(account.client.v1.account_links.create(link).url),
        open_page(dashboard_of(account, seller)),
        open_page(f"{account.config.url}/setup/none"),
    ]


def test_pages_run_only_the_scripts_of_the_fake(account: Account) -> None:
    """Each page forbids other scripts, frames, caches and referrers, and its files exist."""
    for page in all_pages(account):
        policy = page.headers["Content-Security-Policy"]
        assert {"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'"} <= set(
            policy.split("; ")
        )
        assert ("no-store", "no-referrer") == (
            page.headers["Cache-Control"],
            page.headers["Referrer-Policy"],
        )
        assert "<script>" not in page.text
        for path in _ASSET.findall(page.text):
            assert 200 == open_page(account.config.url + path).status_code


def test_pages_hold_no_secret_key(account: Account) -> None:
    """No page holds the secret key, and one page alone holds the publishable key."""
    pages = all_pages(account)

    assert [] == [page for page in pages if SECRET_KEY in page.text]
    assert [pages[0]] == [page for page in pages if PUBLISHABLE_KEY in page.text]


def test_payment_page_reads_the_intent_with_its_secret(account: Account) -> None:
    """The page's key and secret read amount and description, and the API refuses wrong ones."""
    intent = account.intent(description="A bicycle")
    state = state_of(payment_page(account, intent))

    def read(key: str, secret: str) -> httpx.Response:
        return httpx.get(
            f"{account.config.url}/v1/payment_intents/{intent.id}",
            params={"client_secret": secret},
            headers={"Authorization": f"Bearer {key}"},
            timeout=ANSWER_S,
        )

    shown = read(state["publishable_key"], state["client_secret"])
    assert (5000, "A bicycle") == (shown.json()["amount"], shown.json()["description"])
    assert 400 == read(PUBLISHABLE_KEY, "pi_1_secret_other").status_code
    assert 401 == read("pk_test_other", str(intent.client_secret)).status_code


def test_payment_page_pays(account: Account) -> None:
    """The card that succeeds pays the intent, and the payment is announced."""
    intent = account.intent()

    answer = confirm(account, payment_page(account, intent), "visa")

    assert (200, "succeeded") == (answer.status_code, answer.json()["status"])
    account.deliveries(event_type="payment_intent.succeeded", object_id=intent.id)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ("chargeDeclined", "Your card was declined."),
        ("chargeDeclinedInsufficientFunds", "Your card has insufficient funds."),
    ],
)
def test_declined_buyer_may_try_another_card(account: Account, card: str, message: str) -> None:
    """A decline has a message for the buyer, is announced, and the same page pays afterwards."""
    intent = account.intent()
    page = payment_page(account, intent)

    declined, paid = confirm(account, page, card), confirm(account, page, "visa")

    assert (402, message) == (declined.status_code, declined.json()["error"]["message"])
    assert "succeeded" == paid.json()["status"]
    account.deliveries(event_type="payment_intent.payment_failed", object_id=intent.id)


def test_disputed_card_pays_and_is_disputed(account: Account) -> None:
    """The page says which card's bank opens a dispute, which follows the payment."""
    intent = account.intent()
    page = payment_page(account, intent)
    choices = [choice for group in state_of(page)["groups"] for choice in group["choices"]]
    [disputed] = [c for c in choices if c["body"]["payment_method"] == "pm_card_createDispute"]

    paid = confirm(account, page, "createDispute").json()

    assert ("4000 0000 0000 0259", True) == (disputed["label"], "a dispute" in disputed["detail"])
    assert account.command("POST", f"/scheduled_actions/{paid['latest_charge']}")["done"]


@pytest.mark.parametrize(
    "changes",
    [
        {"return_url": "javascript:alert(1)"},
        {"return_url": "//market.example"},
        {"return_url": "http://[::1"},
        {"return_url": ""},
        {"publishable_key": ""},
        {"payment_intent_client_secret": ""},
    ],
)
def test_payment_page_refuses_a_bad_address(account: Account, changes: dict[str, str]) -> None:
    """The page opens with all three parameters alone, and returns to http and https only."""
    page = payment_page(account, account.intent(), **changes)

    assert (400, None) == (page.status_code, state_of(page)["return_url"])
    assert state_of(page)["message"].startswith("The address needs ")


def test_api_refuses_a_return_url_of_another_scheme(account: Account) -> None:
    """The API too accepts http and https alone, in a confirmation and in a session."""
    intent = account.intent()
    bad: Any = {"return_url": "javascript:alert(1)"}

    for call in (
        lambda: account.client.v1.payment_intents.confirm(intent.id, bad),
        lambda: session_of(account, **bad),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refusal:
            call()
        assert ("url_invalid", "return_url") == (refusal.value.code, refusal.value.param)


def test_text_of_a_page_stays_text(account: Account) -> None:
    """A description with markup is in the state alone, escaped."""
    intent = account.intent(description='"><script>alert(1)</script>')
    confirmed = confirm(account, payment_page(account, intent), "threeDSecure2Required").json()

    page = open_page(confirmed["next_action"]["redirect_to_url"]["url"])

    assert "<script>alert" not in page.text
    assert {"Payment": '"><script>alert(1)</script>'} == state_of(page)["facts"]


@pytest.mark.parametrize(
    ("card", "outcome", "status", "result"),
    [
        ("threeDSecure2Required", "succeed", "succeeded", "succeeded"),
        ("threeDSecure2Required", "fail", "requires_payment_method", "failed"),
        ("threeDSecureRequiredChargeDeclined", "succeed", "requires_payment_method", "failed"),
    ],
)
def test_buyer_answers_the_bank(
    account: Account, card: str, outcome: str, status: str, result: str
) -> None:
    """The bank's page sends the buyer back with what Stripe appends to return_url."""
    intent_id, url = challenge_of(account, card)
    assert {"outcome": outcome} in bodies(open_page(url))

    answer = choose(url, {"outcome": outcome})

    intent = account.client.v1.payment_intents.retrieve(intent_id)
    assert status == intent.status
    assert {
        "redirect_to": (
            f"{BACK}&payment_intent={intent_id}"
            f"&payment_intent_client_secret={intent.client_secret}&redirect_status={result}"
        )
    } == answer.json()


def test_bank_is_answered_once(account: Account) -> None:
    """A page of 3-D Secure is closed by its answer, and by a later attempt."""
    _, answered = challenge_of(account)
    choose(answered, {"outcome": "succeed"})
    intent_id, replaced = challenge_of(account)
    account.client.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"})

    for url in (answered, replaced):
        page = open_page(url)
        assert (410, 410) == (page.status_code, choose(url, {"outcome": "fail"}).status_code)
        assert state_of(page)["return_url"].endswith("&redirect_status=succeeded")


@pytest.mark.parametrize("body", [{"outcome": "perhaps"}, [], "succeed"])
def test_unknown_answer_to_the_bank_changes_nothing(account: Account, body: object) -> None:
    """An unknown choice is a 400 with a message."""
    intent_id, url = challenge_of(account)

    answer = choose(url, body)

    assert 400 == answer.status_code
    assert answer.json()["error"]["message"]
    assert "requires_action" == account.client.v1.payment_intents.retrieve(intent_id).status


def test_identity_page_verifies(account: Account) -> None:
    """The choice "verified" verifies the session, is announced, and leads to return_url."""
    session = session_of(account, provided_details={"email": "seller@example.com"})
    page = open_page(str(session.url))
    assert {"Session": session.id, "E-mail": "seller@example.com"} == state_of(page)["facts"]
    assert BACK == state_of(page)["return_url"]

    answer = choose(str(session.url), bodies(page)[0])

    assert {"redirect_to": BACK} == answer.json()
    sessions = account.client.v1.identity.verification_sessions
    assert "verified" == sessions.retrieve(session.id).status
    account.deliveries(event_type="identity.verification_session.verified", object_id=session.id)


@pytest.mark.parametrize("has_selfie", [False, True])
def test_identity_page_refuses_for_each_reason(account: Account, *, has_selfie: bool) -> None:
    """Each refusal that the page offers is the session's last_error, and gives it a new address."""
    options: Any = {"document": {"require_matching_selfie": has_selfie}}
    session = session_of(account, options=options)
    sessions = account.client.v1.identity.verification_sessions
    url = str(session.url)
    refusals = [body for body in bodies(open_page(url)) if "error_code" in body]
    assert has_selfie == any(body["error_code"].startswith("selfie_") for body in refusals)

    for body in refusals:
        answer = choose(url, body)

        now = sessions.retrieve(session.id)
        assert 200 == answer.status_code
        assert now.last_error is not None
        assert body["error_code"] == now.last_error.code
        assert "used" in state_of(open_page(url))["message"]
        url = str(now.url)


@pytest.mark.parametrize("end", ["verified", "processing", "canceled", "redacted", "expired"])
def test_closed_identity_page_says_why(account: Account, end: str) -> None:
    """The page of an ended, redacted or old session offers no choice and accepts none."""
    session = session_of(account)
    sessions = account.client.v1.identity.verification_sessions
    url = str(session.url)
    match end:
        case "canceled":
            sessions.cancel(session.id)
        case "redacted":
            sessions.redact(session.id)
        case "expired":
            account.age(url.rpartition("/")[2], 48 * 3600)
        case _:
            choose(url, {"status": end})
    before = sessions.retrieve(session.id).status

    page, answer = open_page(url), choose(url, {"status": "verified"})

    words = {"processing": "Stripe checks what", "verified": "is verified"}.get(end, end)
    assert (410, 410) == (page.status_code, answer.status_code)
    assert words in state_of(page)["message"]
    assert BACK == state_of(page)["return_url"]
    assert before == sessions.retrieve(session.id).status


def test_redaction_keeps_the_way_back(account: Account) -> None:
    """A finished redaction deletes personal data, but the page still leads to return_url."""
    session = session_of(account)
    url = str(session.url)
    choose(url, {"status": "verified"})
    account.client.v1.identity.verification_sessions.redact(session.id)

    account.command("POST", f"/scheduled_actions/{session.id}")

    assert BACK == state_of(open_page(url))["return_url"]


def test_session_without_return_url_leads_nowhere(account: Account) -> None:
    """A session without return_url ends on its page."""
    session = account.client.v1.identity.verification_sessions.create({"type": "document"})

    assert {"redirect_to": None} == choose(str(session.url), {"status": "verified"}).json()


def test_dashboard_shows_money_once(account: Account) -> None:
    """A login link shows balance, transfers and payouts once."""
    seller = account.seller()
    charge = account.paid("pm_card_bypassPending").latest_charge
    account.command("POST", f"/scheduled_actions/{charge}")
    for amount in (1000, 500):
        account.client.v1.transfers.create(
            {"amount": amount, "currency": "aud", "destination": seller.id}
        )
    account.command("POST", f"/balance/{seller.id}/payout")
    url = dashboard_of(account, seller)

    page, again = open_page(url), open_page(url)

    state = state_of(page)
    assert {"aud": {"available": 0, "pending": 0}} == state["balance"]
    assert [500, 1000] == [transfer["amount"] for transfer in state["transfers"]]
    assert [1500] == [payout["amount"] for payout in state["payouts"]]
    assert (200, 410) == (page.status_code, again.status_code)


@pytest.mark.parametrize(
    "path", ["authenticate/payatt_1", "identity/start/test_1", "setup/setup_1"]
)
def test_unknown_address_opens_no_page(account: Account, path: str) -> None:
    """An unknown token is a 404, for the page and for its choice."""
    url = f"{account.config.url}/{path}"

    assert (404, 404) == (open_page(url).status_code, choose(url, {}).status_code)


def test_id_of_another_object_opens_no_page(account: Account) -> None:
    """An object's own id is the token of no page."""
    seller, intent, session = account.seller(), account.intent(), session_of(account)

    for path in (
        f"express/{seller.id}",
        f"setup/{seller.id}",
        f"authenticate/{intent.id}",
        f"identity/start/{session.id}",
    ):
        assert 404 == open_page(f"{account.config.url}/{path}").status_code


def test_pages_folder_serves_nothing_beside_it(account: Account) -> None:
    """A path that climbs out of the folder of the pages is a 404."""
    for path in ("/pages/..%2fapp.py", "/pages/%2e%2e/app.py", "/pages/", "/pages/none.js"):
        assert 404 == open_page(account.config.url + path).status_code

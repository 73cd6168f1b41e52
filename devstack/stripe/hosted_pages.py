"""The pages that Stripe hosts: payment, 3-D Secure, identity check, onboarding and dashboard.

A page holds its state as JSON. Its script shows the state and sends the person's choice back, which
`third_parties` carries out as it does for the control API. The script of the payment page calls
the API instead, with a publishable key and a client secret, as Stripe.js does.
"""

import functools
import html
import json
import string
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from devstack.emulation.control import read_body
from devstack.stripe import third_parties
from devstack.stripe.errors import StripeError
from devstack.stripe.fake import FakeStripe
from devstack.stripe.params import is_web_address
from devstack.stripe.resources import account_state, accounts, balance, confirmation, identity
from devstack.stripe.resources.cards import CARDS, TestCard
from devstack.stripe.store import Json
from devstack.stripe.transaction import Transaction


_FOLDER = Path(__file__).with_name("pages")
_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    # The addresses hold client secrets and tokens.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_BRANDS = {"amex": "American Express", "mastercard": "Mastercard", "visa": "Visa"}
_CLOSED_SESSIONS = {
    "canceled": "This verification was canceled.",
    "expired": "This address has expired. Start the verification again.",
    "processing": "Stripe checks what was submitted.",
    "redacted": "This verification was redacted: its personal data is deleted.",
    "used": "This address was used. The session has a new one.",
    "verified": "This identity is verified.",
}

Handler = Callable[[FakeStripe, Request], Awaitable[Response]]


class _ClosedError(Exception):
    """An address opens no page; the message tells a person why."""

    def __init__(self, status: HTTPStatus, message: str, return_url: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.return_url = return_url


def routes(fake: FakeStripe) -> list[BaseRoute]:
    """Return the routes of the pages and of their scripts and styles."""
    handlers: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "/pay", _show_payment),
        ("GET", "/authenticate/{token}", _show_challenge),
        ("POST", "/authenticate/{token}", _authenticate),
        ("GET", "/identity/start/{token}", _show_identity),
        ("POST", "/identity/start/{token}", _check_identity),
        ("GET", "/setup/{token}", _show_onboarding),
        ("POST", "/setup/{token}", _onboard),
        ("GET", "/express/{token}", _show_dashboard),
    )
    pages = [
        Route(path, functools.partial(_answer, handler, fake), methods=[method])
        for method, path, handler in handlers
    ]
    return [*pages, Mount("/pages", StaticFiles(directory=_FOLDER))]


async def _answer(handler: Handler, fake: FakeStripe, request: Request) -> Response:
    try:
        return await handler(fake, request)
    except (_ClosedError, StripeError, ValueError, TypeError) as error:
        status = getattr(error, "status", HTTPStatus.BAD_REQUEST)
        if request.method == "POST":
            return JSONResponse({"error": {"message": str(error)}}, status)
        state = {"message": str(error), "return_url": getattr(error, "return_url", None)}
        return _page("closed", "Nothing to do here", state, status)


def _page(name: str, title: str, state: Json, status: int = HTTPStatus.OK) -> Response:
    """Return the page `NAME.html` in the frame of all pages; its script is `NAME.js`."""
    frame = string.Template((_FOLDER / "frame.html").read_text())
    text = frame.substitute(
        name=name,
        title=html.escape(title),
        state=html.escape(json.dumps(state)),
        main=(_FOLDER / f"{name}.html").read_text(),
    )
    return HTMLResponse(text, status, headers=_HEADERS)


def _choices(title: str, facts: Json, groups: list[Json], **more: Any) -> Response:
    """Return a page that offers groups of choices and sends the chosen one back."""
    known = {name: value for name, value in facts.items() if value}
    state = {"facts": known, "groups": groups, "leave": None, "return_url": None, **more}
    return _page("choices", title, state | {"title": title})


def _group(title: str, choices: list[tuple[Json, str, str]]) -> Json:
    """Return choices under a title, each of a body to send, a label and a detail."""
    return {
        "title": title,
        "choices": [
            {"body": body, "label": label, "detail": detail} for body, label, detail in choices
        ],
    }


async def _show_payment(_fake: FakeStripe, request: Request) -> Response:
    query = request.query_params
    secret, key = query.get("payment_intent_client_secret"), query.get("publishable_key")
    return_url = query.get("return_url", "")
    if not secret or not key:
        raise _ClosedError(
            HTTPStatus.BAD_REQUEST,
            "The address needs payment_intent_client_secret and publishable_key.",
        )
    if not is_web_address(return_url):
        raise _ClosedError(
            HTTPStatus.BAD_REQUEST, "The address needs a return_url that begins with http or https."
        )
    state = {
        "client_secret": secret,
        "publishable_key": key,
        "return_url": return_url,
        "groups": _card_groups(),
    }
    return _page("pay", "Payment", state)


def _card_groups() -> list[Json]:
    groups: dict[str, list[tuple[Json, str, str]]] = {}
    for card in CARDS:
        body = {"payment_method": f"pm_card_{card.name}"}
        spaced = " ".join(card.number[i : i + 4] for i in range(0, len(card.number), 4))
        detail = f"{_BRANDS[card.brand]}, {card.country} · {card.effect}"
        groups.setdefault(_group_title(card), []).append((body, spaced, detail))
    return [_group(title, choices) for title, choices in groups.items()]


def _group_title(card: TestCard) -> str:
    if card.needs_authentication:
        return "3-D Secure"
    if card.decline is not None:
        return "Declined"
    is_plain = card.dispute is None and card.refund_outcome == "succeeds"
    return "Succeeds" if is_plain else "Succeeds, and something follows"


async def _show_challenge(fake: FakeStripe, request: Request) -> Response:
    with fake.transaction() as tx:
        challenge = _open_challenge(tx, request)
    intent = challenge.intent
    return _choices(
        "3-D Secure",
        {"Payment": intent["description"] or intent["id"]},
        [
            _group(
                "The cardholder's bank",
                [
                    ({"outcome": "succeed"}, "Complete the authentication", "The bank knows you"),
                    ({"outcome": "fail"}, "Fail the authentication", "Nothing is charged"),
                ],
            )
        ],
        amount=intent["amount"],
        currency=intent["currency"],
    )


async def _authenticate(fake: FakeStripe, request: Request) -> Response:
    choice = await read_body(request)
    with fake.transaction() as tx:
        challenge = _open_challenge(tx, request)
    action = third_parties.authenticate
    intent = await third_parties.perform(fake, action, challenge.intent["id"], choice)
    return JSONResponse({"redirect_to": _return_address(challenge.return_url, intent)})


def _open_challenge(tx: Transaction, request: Request) -> confirmation.Challenge:
    challenge = confirmation.find_challenge(tx, request.path_params["token"])
    if challenge is None:
        raise _unknown()
    if not challenge.is_open:
        status = challenge.intent["status"]
        raise _ClosedError(
            HTTPStatus.GONE,
            f"This authentication is over: the payment is {status}.",
            _return_address(challenge.return_url, challenge.intent),
        )
    return challenge


def _return_address(return_url: str | None, intent: Json) -> str | None:
    """Return the address to which Stripe sends the buyer after an attempt to pay."""
    if return_url is None:
        return None
    is_paid = intent["status"] in ("succeeded", "requires_capture")
    added = {
        "payment_intent": intent["id"],
        "payment_intent_client_secret": intent["client_secret"],
        "redirect_status": "succeeded" if is_paid else "failed",
    }
    parts = urlsplit(return_url)
    query = "&".join(filter(None, (parts.query, urlencode(added))))
    return urlunsplit(parts._replace(query=query))


async def _show_identity(fake: FakeStripe, request: Request) -> Response:
    with fake.transaction() as tx:
        page = _open_identity(tx, request)
    details = page.session["provided_details"] or {}
    facts = {"Session": page.session["id"], "E-mail": details.get("email")}
    has_selfie = page.session["options"]["document"].get("require_matching_selfie", False)
    return _choices(
        "Verify your identity",
        facts,
        _identity_groups(has_selfie=has_selfie),
        leave="Close without an answer",
        return_url=page.return_url,
    )


def _identity_groups(*, has_selfie: bool) -> list[Json]:
    refusals = {
        code: reason
        for code, reason in identity.CHECK_ERRORS.items()
        if has_selfie or not code.startswith("selfie_")
    }
    return [
        _group(
            "The document is submitted",
            [
                ({"status": "verified"}, "Verified", "Jenny Rosen, driving licence, Sydney"),
                ({"status": "processing"}, "Still processing", "Stripe answers later"),
            ],
        ),
        _group("Refused by Stripe", _failures(refusals)),
        _group("Not finished", _failures(identity.USER_ERRORS)),
    ]


def _failures(errors: dict[str, str]) -> list[tuple[Json, str, str]]:
    return [
        ({"status": "requires_input", "error_code": code}, reason, code)
        for code, reason in errors.items()
    ]


async def _check_identity(fake: FakeStripe, request: Request) -> Response:
    choice = await read_body(request)
    with fake.transaction() as tx:
        page = _open_identity(tx, request)
    await third_parties.perform(fake, third_parties.check_identity, page.session["id"], choice)
    return JSONResponse({"redirect_to": page.return_url})


def _open_identity(tx: Transaction, request: Request) -> identity.Page:
    page = identity.find_page(tx, request.path_params["token"])
    if page is None:
        raise _unknown()
    if page.state != "open":
        raise _ClosedError(HTTPStatus.GONE, _CLOSED_SESSIONS[page.state], page.return_url)
    return page


async def _show_onboarding(fake: FakeStripe, request: Request) -> Response:
    """Show the form behind an account link.

    A link opens it once; a used or expired link redirects to `refresh_url`:
    https://docs.stripe.com/connect/hosted-onboarding.
    """
    token = request.path_params["token"]
    with fake.transaction() as tx:
        link = _link(fake, "account_link", token)
        account = account_state.find(tx, link["account"])
        if not accounts.visit_link(tx, "account_link", token):
            return RedirectResponse(link["refresh_url"], HTTPStatus.SEE_OTHER)
    due = {name.partition(".")[0] for name in account["requirements"]["currently_due"]}
    facts = {
        "Account": account["id"],
        "E-mail": account["email"],
        "Stripe asks for": ", ".join(sorted(due)).replace("_", " ") or "nothing more",
    }
    filled = [
        ({"outcome": "active"}, "Everything is accepted", "Charges and payouts are enabled"),
        ({"outcome": "pending"}, "Stripe still checks a document", "No payouts until then"),
    ]
    return _choices(
        "Get paid by Aussie Market",
        facts,
        [_group("Fill the form in with test data", filled)],
        leave="Leave it incomplete",
        return_url=link["return_url"],
    )


async def _onboard(fake: FakeStripe, request: Request) -> Response:
    choice, token = await read_body(request), request.path_params["token"]
    link = _link(fake, "account_link", token)

    def submit(tx: Transaction, account_id: str, options: Json) -> Any:
        if not accounts.submit_link(tx, token):
            raise _ClosedError(HTTPStatus.GONE, "This form is not open.", link["return_url"])
        return third_parties.onboard(tx, account_id, options)

    await third_parties.perform(fake, submit, link["account"], choice)
    return JSONResponse({"redirect_to": link["return_url"]})


async def _show_dashboard(fake: FakeStripe, request: Request) -> Response:
    token = request.path_params["token"]
    with fake.transaction() as tx:
        account = account_state.find(tx, _link(fake, "login_link", token)["account"])
        if not accounts.visit_link(tx, "login_link", token):
            raise _ClosedError(HTTPStatus.GONE, "This link was used. Ask for a new one.")
        state = {
            "account": account["id"],
            "payouts_enabled": account["payouts_enabled"],
            "balance": balance.totals(tx, account["id"]),
            "transfers": tx.store.find_all("transfer", "destination", account["id"]),
            "payouts": balance.payouts_of(tx, account["id"]),
        }
    return _page("dashboard", "Your payouts", state)


def _link(fake: FakeStripe, kind: str, token: str) -> Json:
    link = accounts.link_target(fake.store, kind, token)
    if link is None:
        raise _unknown()
    return link


def _unknown() -> _ClosedError:
    return _ClosedError(HTTPStatus.NOT_FOUND, "There is no such page.")

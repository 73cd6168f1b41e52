"""The operators' console over HTTP: who gets in, what the pages show, and what the actions do."""

import urllib.parse
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pyotp
import pytest

from service.app import create_app
from service.route_table import Caller, pages_of
from tests.integration.service.browser import PASSWORD, Browser
from tests.integration.service.console_browser import ConsoleBrowser
from tests.integration.service.sale import Sale
from tests.integration.service.shop import Order, Shop
from tests.integration.service.staff import with_role, with_second_factor
from tests.support.factories import make_settings


pytestmark = pytest.mark.xdist_group("stack")

REASON = "The seller asked for it"
PAGES = {
    (method, rule.removeprefix("/api/admin/console")): stated
    for method, rule, stated in pages_of(create_app(make_settings()))
}
#: The id of no object.
NO_ONE = str(uuid.UUID(int=0))
PROTECTED = [key for key, stated in PAGES.items() if Caller.ANYONE not in stated.callers]
FOR_STAFF = [key for key, stated in PAGES.items() if Caller.STAFF in stated.callers]


@pytest.fixture(scope="module", autouse=True)
def _second_factor_needed(shop: Shop) -> Iterator[None]:
    """Ask staff for a second factor, as production does."""
    with shop.setting("require_staff_aal2", value=True):
        yield


@pytest.fixture(scope="module", autouse=True)
def _dead_letters_settled(shop: Shop) -> Iterator[None]:
    """Settle in the end what the tests left dead, or the checks of the books of others see it."""
    yield
    shop.db.execute(
        """
        update public.webhook_events
        set status = 'ignored', outcome = 'ignored', processed_at = now()
        where status = 'dead'
        """
    )
    shop.db.execute("update public.outbox set status = 'canceled' where status = 'dead'")


def browser_of(person: Browser) -> ConsoleBrowser:
    """Return a browser that has signed in as this person."""
    browser = ConsoleBrowser(person.shop)
    browser.get()
    browser.cookies |= {
        "console_access": person.session["access_token"],
        "console_refresh": person.session["refresh_token"],
    }
    return browser


@pytest.fixture(scope="module")
def moderator(shop: Shop) -> Browser:
    return with_second_factor(shop, with_role(shop, Browser.of_somebody_new(shop), "moderator"))


@pytest.fixture
def staff(moderator: Browser) -> ConsoleBrowser:
    """Open the console as a moderator who has proved a second factor."""
    return browser_of(moderator)


def path_of(rule: str) -> str:
    known = rule.replace("<name>", "suspend-user").replace("<path:place>", "no/page")
    return known.partition("<")[0] + (NO_ONE if "_id>" in rule else "")


def sent(browser: ConsoleBrowser, method: str, rule: str, **options: Any) -> tuple[int, str]:
    """Send the request of a page without the token of a form; return status and heading."""
    path = path_of(rule)
    answer = browser.get(path) if method == "GET" else browser.post(path, {}, **options)
    assert "text/html" in answer.headers["Content-Type"], answer.text
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return answer.status_code, answer.text.partition("<h1>")[2].partition("</h1>")[0]


def test_staff_sign_in_enrol_and_sign_out(shop: Shop) -> None:
    """A new moderator signs in, enrols a second factor, reads the auctions and signs out."""
    person = with_role(shop, Browser.of_somebody_new(shop), "moderator")
    email = person.session["user"]["email"]
    browser = ConsoleBrowser(shop)

    page = browser.get()
    assert (401, True) == (page.status_code, "Sign in" in page.text)
    wrong = browser.fill(page, "/sign-in", email=email, password="wrong")
    assert (400, True) == (wrong.status_code, "password is wrong" in wrong.text)
    factor_page = browser.sign_in(email, PASSWORD)
    assert (401, True) == (factor_page.status_code, "second factor" in factor_page.text)
    none = browser.fill(factor_page, "/second-factor", code="123456")
    assert (400, True) == (none.status_code, "Set up an authenticator app first" in none.text)
    enrolment = browser.fill(factor_page, "/enrol")
    secret = enrolment.text.partition("<code>")[2].partition("</code>")[0]
    # Auth also accepts the codes of the neighbouring periods, so this one is from 1970.
    old = browser.fill(enrolment, "/second-factor", code=pyotp.TOTP(secret).at(0))
    assert 400 == old.status_code
    page = browser.follow(browser.fill(enrolment, "/second-factor", code=pyotp.TOTP(secret).now()))
    assert (200, True) == (page.status_code, "<h1>Auctions</h1>" in page.text)
    assert 401 == browser.follow(browser.fill(page, "/sign-out")).status_code
    assert {"console_form"} == browser.cookies.keys()


def test_staff_with_an_app_prove_it_at_the_next_sign_in(shop: Shop, moderator: Browser) -> None:
    """A password alone enrols no other app."""
    browser = ConsoleBrowser(shop)

    page = browser.sign_in(moderator.session["user"]["email"], PASSWORD)
    refused = browser.fill(page, "/enrol")

    assert (401, True) == (refused.status_code, "have an authenticator app already" in refused.text)


def test_expired_token_is_refreshed(shop: Shop) -> None:
    """The page opens, and the browser gets the next tokens."""
    person = with_second_factor(shop, with_role(shop, Browser.of_somebody_new(shop), "admin"))
    browser = browser_of(person)
    del browser.cookies["console_access"]

    assert 200 == browser.get("/audit").status_code
    assert person.session["refresh_token"] != browser.cookies["console_refresh"]
    assert 200 == browser.get("/audit").status_code


def test_session_that_has_ended_leaves_the_browser(shop: Shop) -> None:
    """The token is valid for an hour, and the console asks the database."""
    person = with_second_factor(shop, with_role(shop, Browser.of_somebody_new(shop), "admin"))
    browser = browser_of(person)

    person.sign_out()

    assert 401 == browser.get("/audit").status_code
    assert {"console_form"} == browser.cookies.keys()


@pytest.mark.parametrize(("method", "rule"), PROTECTED)
def test_visitor_gets_the_sign_in_page(shop: Shop, method: str, rule: str) -> None:
    """Neither the token nor the cookie of an app opens a page."""
    assert (401, "Sign in") == sent(ConsoleBrowser(shop), method, rule)


@pytest.mark.parametrize(("method", "rule"), FOR_STAFF)
def test_others_than_staff_are_refused(shop: Shop, buyer: Browser, method: str, rule: str) -> None:
    """A user gets a 403; staff without a second factor get the page that asks for it."""
    weak = with_role(shop, Browser.of_somebody_new(shop), "admin")
    visits = {"GET": "Prove your second factor", "POST": "Not done"}
    statuses = {"GET": 401, "POST": 403}

    assert (403, "Not done") == sent(browser_of(buyer), method, rule)
    assert (statuses[method], visits[method]) == sent(browser_of(weak), method, rule)
    if method == "POST":
        # With the token of a form, the rights decide.
        browser = browser_of(weak)
        form = browser.form_of(browser.get(), "/second-factor")
        assert 401 == browser.post(path_of(rule), form).status_code


@pytest.mark.parametrize("rule", [rule for method, rule in PAGES if method == "POST"])
@pytest.mark.parametrize("origin", [None, "https://evil.test", "null", "http://127.0.0.1:1"])
def test_form_of_another_site_is_refused(
    staff: ConsoleBrowser, rule: str, origin: str | None
) -> None:
    """Even with the token of a form, which another site cannot have."""
    form = staff.form_of(staff.get(), "/sign-out")

    answer = staff.post(path_of(rule), form, origin=origin)

    assert (403, True) == (answer.status_code, "another site" in answer.text)


@pytest.mark.parametrize("rule", [rule for method, rule in PAGES if method == "POST"])
def test_form_without_its_token_is_refused(staff: ConsoleBrowser, rule: str) -> None:
    """A token of another session is none."""
    other = ConsoleBrowser(staff.shop)
    token = other.form_of(other.get(), "/sign-in")

    for form in ({}, {"form_token": ""}, {"form_token": "é"}, token):
        assert 403 == staff.post(path_of(rule), form).status_code


def test_console_ignores_the_session_of_an_app(shop: Shop, moderator: Browser) -> None:
    """A page of the site cannot act in the console."""
    for headers in (moderator.bearer, moderator.cookie):
        assert 401 == shop.http.get("/api/admin/console", headers=headers).status_code


def test_pages_show_what_happens(
    shop: Shop, sale: Sale, staff: ConsoleBrowser, paid_order: Order
) -> None:
    """Each page opens; the order has its money and its ledger."""
    auction_id = shop.auction(bidder=sale.buyer.actor, seller=sale.seller.actor)
    shop.disputed(paid_order)
    shop.wait_for(lambda: shop.state(paid_order) == "disputed")
    event_id, row_id = shop.dead_event(), shop.dead_outbox_row()

    pages = {
        path: staff.get(path)
        for path in ("", "/orders", "/orders?state=disputed", "/disputes", "/queues", "/review")
    } | {path: staff.get(path) for path in ("/jobs", "/audit", "/search", "/search?q=x")}

    assert dict.fromkeys(pages, 200) == {path: page.status_code for path, page in pages.items()}
    assert str(auction_id) in pages[""].text
    assert str(paid_order.id) in pages["/orders?state=disputed"].text
    assert str(paid_order.id) in pages["/disputes"].text
    assert event_id in pages["/queues"].text
    assert row_id in pages["/queues"].text
    order = staff.get(f"/orders/{paid_order.id}")
    assert 200 == order.status_code
    for text in (paid_order.intent_id, "stripe clearing", "dispute hold", "disputed"):
        assert text in order.text
    auction = staff.get(f"/auctions/{auction_id}")
    assert (200, True) == (auction.status_code, str(sale.buyer.actor.id) in auction.text)
    user = staff.get(f"/users/{sale.buyer.actor.id}")
    assert (200, True) == (user.status_code, sale.buyer.session["user"]["email"] in user.text)
    assert str(auction_id) in user.text


def acted(browser: ConsoleBrowser, page: str, action: str, **fields: str) -> httpx.Response:
    """Fill the form of an action on a page, send it twice, and return the page that follows."""
    opened = browser.get(page)
    form = browser.form_of(opened, f"/actions/{action}", **fields) | fields | {"reason": REASON}
    answers = [browser.post(f"/actions/{action}", form) for _ in range(2)]
    shown = browser.follow(answers[1])
    assert (200, True) == (shown.status_code, "Done: " in shown.text)
    return shown


def code_in(answer: httpx.Response) -> str:
    """Return the code that the page of a refusal shows."""
    return answer.text.partition("<dd><code>")[2].partition("</code>")[0]


def entries_of(shop: Shop, moderator: Browser, entity_id: object) -> list[str]:
    query = """
      select action from public.audit_logs
      where actor_id = %s and entity_id = %s and description = %s
      order by created_at
    """
    rows = shop.db.execute(query, [moderator.actor.id, str(entity_id), REASON]).fetchall()
    return [action for (action,) in rows]


def test_dead_letters_are_tried_again(
    shop: Shop, moderator: Browser, staff: ConsoleBrowser
) -> None:
    """A repeat of the form changes nothing and succeeds."""
    event_id, row_id = shop.dead_event(), shop.dead_outbox_row()

    acted(staff, "/queues", "requeue-row", outbox_id=row_id)
    opened = staff.get("/queues")
    form = staff.form_of(opened, "/actions/replay-event", event_id=event_id) | {"reason": REASON}
    assert 303 == staff.post("/actions/replay-event", form).status_code

    query = "select status::text from public.webhook_events where event_id = %s"
    shop.wait_for(lambda: shop.value(query, event_id) == "ignored")
    assert ["webhook_event_requeued"] == entries_of(shop, moderator, event_id)
    assert ["outbox_row_requeued"] == entries_of(shop, moderator, row_id)


def test_auction_is_closed_by_force(shop: Shop, moderator: Browser, staff: ConsoleBrowser) -> None:
    """The order exists once, and the audit log has the reason."""
    auction_id = shop.auction()

    shown = acted(staff, f"/auctions/{auction_id}", "close-auction")

    assert "finalized" in shown.text
    query = "select count(*) from public.orders where auction_id = %s"
    assert 1 == shop.value(query, auction_id)
    assert ["auction_forced"] == entries_of(shop, moderator, auction_id)


def test_bids_are_withdrawn_and_a_listing_removed(shop: Shop, staff: ConsoleBrowser) -> None:
    """The bidder is barred, then the auction is cancelled."""
    auction_id = shop.auction()

    acted(staff, f"/auctions/{auction_id}", "withdraw-bids", bidder_id=str(shop.buyer.id))
    query = "select bid_count from public.auctions where id = %s"
    assert 0 == shop.value(query, auction_id)
    shown = acted(staff, f"/auctions/{auction_id}", "remove-listing")

    assert "cancelled" in shown.text


def test_user_is_suspended_and_the_suspension_lifted(
    shop: Shop, moderator: Browser, staff: ConsoleBrowser
) -> None:
    """The page shows each state."""
    user = shop.person("user")
    query = "select suspended_at is not null from public.users where id = %s"

    acted(staff, f"/users/{user.id}", "suspend-user")
    assert shop.value(query, user.id)
    acted(staff, f"/users/{user.id}", "suspend-user", lift="true")

    assert not shop.value(query, user.id)
    assert ["user_suspended", "suspension_lifted"] == entries_of(shop, moderator, user.id)


def test_report_and_message_are_decided(shop: Shop, staff: ConsoleBrowser) -> None:
    """Staff read the original with a reason, release it, and uphold the report."""
    listing_id = shop.value("select listing_id from public.auctions where id = %s", shop.auction())
    with shop.setting("filter_hold", 60):
        asked = shop.person("asker").call(
            "start_thread",
            listing_id=listing_id,
            content="Call 0412 345 678",
            client_message_id=uuid.uuid4(),
        )
    report = shop.buyer.call(
        "report_content", user_id=shop.person("person").id, reason="Sells what is not theirs"
    )

    form = staff.form_of(staff.get("/review"), "/messages", message_id=asked["message_id"])
    original = staff.post("/messages", form | {"reason": REASON})
    assert (200, True) == (original.status_code, "0412 345 678" in original.text)
    for action, field, row_id, decision in (
        ("decide-message", "message_id", asked["message_id"], "release"),
        ("decide-report", "report_id", report["report_id"], "uphold"),
    ):
        acted(staff, "/review", action, **{field: row_id, "decision": decision})

    query = "select delivery::text from public.messages where id = %s"
    assert "delivered" == shop.value(query, asked["message_id"])
    query = "select status::text from public.content_reports where id = %s"
    assert "upheld" == shop.value(query, report["report_id"])


def test_dispute_is_decided(
    shop: Shop, sale: Sale, moderator: Browser, staff: ConsoleBrowser, paid_order: Order
) -> None:
    """The order continues, and the note stands in the audit log."""
    opened = sale.buyer.actor.call(
        "open_dispute",
        order_id=paid_order.id,
        dispute_type="item_not_received",
        reason="It never came",
        description=None,
    )

    shown = acted(staff, f"/orders/{paid_order.id}", "resolve-dispute", decision="deny")

    assert "resolved" in shown.text
    assert "paid" == shop.state(paid_order)
    assert ["dispute_resolved"] == entries_of(shop, moderator, opened["dispute_id"])


def test_dispute_is_decided_by_a_part(
    shop: Shop, sale: Sale, moderator: Browser, staff: ConsoleBrowser, paid_order: Order
) -> None:
    """The part goes back once, and the order continues."""
    opened = sale.buyer.actor.call(
        "open_dispute",
        order_id=paid_order.id,
        dispute_type="other",
        reason="It has a scratch",
        description=None,
    )

    acted(staff, f"/orders/{paid_order.id}", "resolve-dispute", decision="partial", amount="2.50")

    query = "select refunded_cents from public.orders where id = %s"
    shop.wait_for(lambda: shop.value(query, paid_order.id) == 250)
    shop.wait_for(lambda: shop.state(paid_order) == "paid")
    assert ["dispute_resolved"] == entries_of(shop, moderator, opened["dispute_id"])


def test_order_is_refunded_in_part_and_whole(
    shop: Shop, moderator: Browser, staff: ConsoleBrowser, paid_order: Order
) -> None:
    """A form that is sent twice refunds once, and both refunds have the reason."""
    query = "select refunded_cents from public.orders where id = %s"
    page = f"/orders/{paid_order.id}"

    acted(staff, page, "refund-order", amount="1.00")
    shop.wait_for(lambda: shop.value(query, paid_order.id) == 100)
    acted(staff, page, "refund-order")
    shop.wait_for(lambda: shop.state(paid_order) == "refunded")

    assert 2 == len(shop.refunds_of(paid_order))
    assert ["payment_refunded"] * 2 == entries_of(shop, moderator, paid_order.intent_id)


def test_ignored_events_are_requeued(shop: Shop, moderator: Browser, staff: ConsoleBrowser) -> None:
    """The type and the reason stand in the audit log, once."""
    acted(staff, "/queues", "requeue-events", type="a.rare_type", since="2026-01-01T00:00")

    assert ["ignored_events_requeued"] == entries_of(shop, moderator, "a.rare_type")


def test_role_is_set_by_an_admin_alone(
    shop: Shop, moderator: Browser, staff: ConsoleBrowser
) -> None:
    """The form of an admin, sent by a moderator, changes nothing."""
    person = shop.person("person")
    admin = with_second_factor(shop, with_role(shop, Browser.of_somebody_new(shop), "admin"))
    page = f"/users/{person.id}"
    form = staff.form_of(staff.get(page), "/actions/suspend-user")
    query = "select role::text from public.users where id = %s"
    before = shop.value(query, person.id)

    refused = staff.post("/actions/set-role", form | {"reason": REASON, "role": "admin"})
    assert (403, before) == (refused.status_code, shop.value(query, person.id))
    acted(browser_of(admin), page, "set-role", role="seller")

    assert "seller" == shop.value(query, person.id)
    assert [] == entries_of(shop, moderator, person.id)
    assert ["role_set"] == entries_of(shop, admin, person.id)


def test_transfers_are_released(shop: Shop, staff: ConsoleBrowser, paid_order: Order) -> None:
    """A seller without a debt has no transfer that waits, and the page says so."""
    seller_id = shop.value("select seller_id from public.orders where id = %s", paid_order.id)
    shop.value(
        "update public.users set stripe_connect_account_id = 'acct_console' where id = %s "
        "and stripe_connect_account_id is null returning id",
        seller_id,
    )
    form = staff.form_of(staff.get(f"/users/{seller_id}"), "/actions/release-transfers")

    answer = staff.post("/actions/release-transfers", form | {"reason": REASON})

    assert (409, True) == (answer.status_code, "waits for a reversal" in answer.text)


def test_nobody_on_the_staff_decides_about_themselves(
    shop: Shop, sale: Sale, moderator: Browser, staff: ConsoleBrowser
) -> None:
    """A moderator who buys, bids and is reported finds no action that serves the own cause."""
    own = moderator.actor
    # Staff buy and bid as everybody else, with the token of the app.
    auction_id = shop.auction(bidder=own)
    listing_id = shop.value("select listing_id from public.auctions where id = %s", auction_id)
    order = shop.paid(buyer=own)
    opened = own.call(
        "open_dispute", order_id=order.id, dispute_type="other", reason="It is late",
        description=None,
    )  # fmt: skip
    undisputed = shop.paid(buyer=own)
    report = sale.buyer.actor.call("report_content", user_id=own.id, reason="Bids for a friend")
    row_id = shop.dead_outbox_row()
    shop.value(
        "update public.outbox set payload = payload || jsonb_build_object('order_id', %s::text) "
        "where id = %s returning id",
        order.id,
        row_id,
    )
    event_id = shop.dead_event()
    shop.value(
        "update public.webhook_events set order_id = %s where event_id = %s returning event_id",
        order.id,
        event_id,
    )
    forms: dict[str, dict[str, object]] = {
        "close-auction": {"auction_id": auction_id, "force": "true"},
        "decide-report": {"report_id": report["report_id"], "decision": "dismiss"},
        "refund-order": {"order_id": undisputed.id},
        "release-transfers": {"seller_id": own.id},
        "remove-listing": {"listing_id": listing_id, "auction_id": auction_id},
        "replay-event": {"event_id": event_id},
        "requeue-row": {"outbox_id": row_id},
        "resolve-dispute": {
            "dispute_id": opened["dispute_id"], "order_id": order.id, "decision": "refund",
        },
        "set-role": {"user_id": own.id, "role": "admin"},
        "suspend-user": {"user_id": own.id, "lift": "true"},
        "withdraw-bids": {"auction_id": auction_id, "bidder_id": own.id},
    }  # fmt: skip
    token = staff.form_of(staff.get(), "/sign-out")

    codes = {
        action: code_in(
            staff.post(
                f"/actions/{action}",
                token
                | {name: str(value) for name, value in form.items()}
                | {"reason": REASON, "request_id": str(uuid.uuid4())},
            )
        )
        for action, form in forms.items()
    }

    assert dict.fromkeys(forms, "FORBIDDEN") == codes
    assert 403 == staff.get(f"/events/{event_id}").status_code
    query = "select count(*) from public.audit_logs where actor_id = %s and description = %s"
    entities = "and entity_id = any(%s)"
    ids = [str(value) for form in forms.values() for value in form.values()]
    assert 0 == shop.value(f"{query} {entities}", own.id, REASON, ids)
    assert report["report_id"] not in staff.get("/review").text
    assert 0 == shop.value("select refunded_cents from public.orders where id = %s", undisputed.id)


def test_refused_action_changes_nothing(
    shop: Shop, moderator: Browser, staff: ConsoleBrowser
) -> None:
    """A short reason, an unknown action and the refusal of an RPC have a page with the code."""
    page = staff.get(f"/users/{moderator.actor.id}")
    form = staff.form_of(page, "/actions/suspend-user")

    answers = [
        staff.post("/actions/suspend-user", form | {"reason": "short"}),
        staff.post("/actions/suspend-user", form | {"reason": REASON}),
        staff.post("/actions/nothing", form | {"reason": REASON}),
    ]

    assert [(400, "VALIDATION_ERROR"), (403, "FORBIDDEN"), (404, "RESOURCE_NOT_FOUND")] == [
        (answer.status_code, code_in(answer)) for answer in answers
    ]
    assert [] == entries_of(shop, moderator, moderator.actor.id)


def test_search_finds_objects_by_each_kind_of_id(
    shop: Shop, staff: ConsoleBrowser, paid_order: Order, sale: Sale
) -> None:
    """The search finds objects by an address in any case, by our ids and by Stripe's."""
    user = f"/users/{sale.buyer.actor.id}"
    order = f"/orders/{paid_order.id}"
    row = "select auction_id::text from public.orders where id = %s"
    auction_id = shop.value(row, paid_order.id)

    event_id = shop.dead_event()

    for text, link in (
        (event_id, f"/events/{event_id}"),
        (sale.buyer.session["user"]["email"].upper(), user),
        (str(sale.buyer.actor.id), user),
        (str(paid_order.id), order),
        (auction_id, f"/auctions/{auction_id}"),
        (paid_order.intent_id, order),
    ):
        assert link in staff.get(f"/search?q={text}").text
    assert "a.new_type" in staff.get(f"/events/{event_id}").text
    for text in ("x", NO_ONE, "a@b", "pi_none", "evt_none", "pi_1,or(id.gt.1)", "evt_\t"):
        assert "Found 0" in staff.get(f"/search?q={urllib.parse.quote(text)}").text
    for text in ("\0@x", "x" * 321, "\0"):
        assert 400 == staff.get(f"/search?q={urllib.parse.quote(text)}").status_code
    for place in ("/events/evt_%00", "/events/x", "/events/evt_none", "/users/%00", "/orders/%00"):
        assert 404 == staff.get(place).status_code


def test_no_page_has_a_secret_of_a_running_auction(
    shop: Shop, sale: Sale, staff: ConsoleBrowser
) -> None:
    """Staff see neither the reserve nor a maximum before the end, nor the tokens of a session."""
    auction_id = shop.auction(bidder=sale.buyer.actor, seller=sale.seller.actor)
    query = """
      update private.listing_private set reserve_cents = 76543211
      where listing_id = (select listing_id from public.auctions where id = %s)
      returning reserve_cents
    """
    assert shop.value(query, auction_id)
    bid = sale.buyer.actor.call(
        "place_bid", auction_id=auction_id, amount_cents=900_000,
        max_proxy_cents=54_321_977,
    )  # fmt: skip
    assert bid["success"], bid

    pages = [
        staff.get(path)
        for path in (
            "",
            "/audit",
            "/jobs",
            f"/auctions/{auction_id}",
            f"/users/{sale.seller.actor.id}",
            f"/users/{sale.buyer.actor.id}",
        )
    ]

    assert [200] * len(pages) == [page.status_code for page in pages]
    secrets = ("765432", "765,432", "543219", "543,219", *staff.cookies.values())
    for page in pages:
        assert [] == [secret for secret in secrets if secret in page.text]


def test_lists_have_pages(shop: Shop, staff: ConsoleBrowser) -> None:
    """The key of the last row leads to the next rows; another key is refused."""
    newest = shop.sold().id
    query = "select created_at::text || '~' || id from public.orders where id = %s"
    key = urllib.parse.quote(shop.value(query, newest))
    before = shop.sold().id

    page = staff.get(f"/orders?after={key}")

    assert (200, False, False) == (page.status_code, newest in page.text, before in page.text)
    assert 400 == staff.get("/orders?after=x").status_code
    assert 400 == staff.get("/orders?state=x").status_code
    assert 404 == staff.get("/orders/x").status_code

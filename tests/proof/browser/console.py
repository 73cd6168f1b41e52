"""The operators' console in a real browser: people of the staff look, search and act.

`make browser` runs this file. tests/integration/service/test_console.py tries every entry over
HTTP; here are the things that only a browser shows.
"""

import dataclasses
import re
import uuid
from collections.abc import Iterator
from typing import Any

import pyotp
import pytest
from playwright.sync_api import Locator, Page, Route, expect
from psycopg import sql

from tests.integration.service.browser import PASSWORD, Browser
from tests.integration.service.sale import Sale
from tests.integration.service.shop import Order, Shop
from tests.integration.service.staff import with_role, with_second_factor
from tests.sql.auctioning import auctioned
from tests.support.browser import NewPerson, Person, examine
from tests.support.stack import running_stack


CONSOLE = "/api/admin/console"
REASON = "The seller asked for it"
ATTACK = "<img src=/x onerror=alert(1)>"
#: Columns of texts from outside. Our functions strip markup, so the tests add it afterwards.
WRITTEN = (
    ("listings", "title"),
    ("users", "display_name"),
    ("messages", "content"),
    ("content_reports", "reason"),
    ("disputes", "reason"),
    ("webhook_events", "error_message"),
    ("outbox", "last_error"),
)
PAGES = (
    "Auctions",
    "Orders",
    "Disputes",
    "Queues",
    "Review",
    "Jobs",
    "Audit log",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Something on each page of the console."""

    live: uuid.UUID
    order: Order
    event_id: str
    row_id: str
    message_id: str
    report_id: str


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    """Run a stack of our own, whose settings and auctions no other page shows.

    It asks staff for a second factor, as production does.
    """
    with (
        running_stack() as stack,
        Shop(stack) as shop,
        shop.setting("require_staff_aal2", value=True),
    ):
        yield shop


@pytest.fixture(scope="module")
def sale(shop: Shop) -> Sale:
    seller = Browser.of_somebody_new(shop, role="seller")
    return Sale(
        shop=shop,
        seller=seller,
        buyer=Browser.of_somebody_new(shop),
        another=Browser.of_somebody_new(shop),
    )


@pytest.fixture(scope="module")
def scene(shop: Shop, sale: Sale) -> Scene:
    """Fill the pages, with texts of attackers wherever people write."""
    live = auctioned(sale.seller.actor, title="A teapot")
    for amount, bidder in ((1_000, sale.another.actor), (10_000, sale.buyer.actor)):
        assert bidder.call("place_bid", auction_id=live, amount_cents=amount)["success"]
    order = sale.paid()
    shop.disputed(order)
    shop.wait_for(lambda: shop.state(order) == "disputed")
    closed_in_time(shop, 5)
    report = shop.buyer.call(
        "report_content", user_id=sale.seller.actor.id, reason="Sells what is not theirs"
    )
    made = Scene(
        live=live,
        order=order,
        event_id=shop.dead_event(),
        row_id=shop.dead_outbox_row(),
        message_id=held_message(shop, live),
        report_id=report["report_id"],
    )
    for table, column in WRITTEN:
        change = sql.SQL("update public.{table} set {column} = %s || left({column}, 9)")
        shop.db.execute(
            change.format(table=sql.Identifier(table), column=sql.Identifier(column)), [ATTACK]
        )
    for table, column, row_id in (
        ("listings", "title", listing_of(shop, live)),
        ("messages", "content", made.message_id),
    ):
        change = sql.SQL("update public.{table} set {column} = %s where id = %s")
        names = {"table": sql.Identifier(table), "column": sql.Identifier(column)}
        shop.db.execute(change.format(**names), [f"{ATTACK}{'W' * 100}", row_id])
    return made


def listing_of(shop: Shop, auction_id: uuid.UUID) -> Any:
    return shop.value("select listing_id from public.auctions where id = %s", auction_id)


def closed_in_time(shop: Shop, count: int) -> None:
    """Let the closer close auctions, so that the plot has points."""
    auction_ids = [shop.auction() for _ in range(count)]
    end = """
      update public.auctions set end_at = clock_timestamp(), scheduled_end_at = start_at
      where id = any(%s)
    """
    shop.db.execute(end, [auction_ids])
    query = """
      select count(*) from public.auctions where id = any(%s) and status = 'finalized'
    """
    shop.wait_for(lambda: shop.value(query, auction_ids) == count)


def held_message(shop: Shop, auction_id: uuid.UUID) -> str:
    with shop.setting("filter_hold", 60):
        asked = shop.person("asker").call(
            "start_thread",
            listing_id=listing_of(shop, auction_id),
            content="Call 0412 345 678",
            client_message_id=uuid.uuid4(),
        )
    return str(asked["message_id"])


@pytest.fixture(scope="module")
def moderator(shop: Shop) -> Browser:
    return with_second_factor(shop, with_role(shop, Browser.of_somebody_new(shop), "moderator"))


@pytest.fixture(scope="module")
def admin(shop: Shop) -> Browser:
    return with_second_factor(shop, with_role(shop, Browser.of_somebody_new(shop), "admin"))


def staff_at(new_person: NewPerson, member: Browser, **options: bool) -> Person:
    """Return a browser in which this member of staff has signed in.

    The console lets an address try few passwords and codes a minute, so only one test signs in.
    """
    address = member.shop.environment["SERVICE_URL"]
    person = new_person(address, **options)
    for name in ("access", "refresh"):
        person.context.add_cookies(
            [
                {
                    "name": f"console_{name}",
                    "value": member.session[f"{name}_token"],
                    "domain": "127.0.0.1",
                    "path": CONSOLE,
                    "httpOnly": True,
                    "secure": True,
                    "sameSite": "Strict",
                }
            ]
        )
    return person


@pytest.fixture
def staff(new_person: NewPerson, moderator: Browser) -> Person:
    return staff_at(new_person, moderator)


def heading(page: Page) -> Locator:
    return page.get_by_role("heading", level=1)


def sign_in(page: Page, person: Browser, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail").fill(person.session["user"]["email"])
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def enrolled(page: Page) -> str:
    """Set up an authenticator app; return its secret."""
    page.get_by_role("button", name="Set up an authenticator app").click()
    expect(heading(page)).to_have_text("Set up an authenticator app")
    return page.locator("code").inner_text()


def prove(page: Page, secret: str) -> None:
    page.get_by_label("Code of").fill(pyotp.TOTP(secret).now())
    page.get_by_role("button", name=re.compile("Prove it|Finish")).click()


def test_new_moderator_enrols_signs_out_and_signs_in(shop: Shop, new_person: NewPerson) -> None:
    """A visitor gets a 401 with the sign-in page; a new moderator sets up an app, once."""
    member = with_role(shop, Browser.of_somebody_new(shop), "moderator")
    person = new_person(shop.environment["SERVICE_URL"])
    page = person.page

    with person.expecting("answered 401"):
        page.goto(CONSOLE)
    look_at(page, "sign-in")
    with person.expecting("sign-in answered 400"):
        sign_in(page, member, "wrong")
        expect(page.get_by_role("alert")).to_contain_text("password is wrong")
    with person.expecting("answered 401"):
        sign_in(page, member)
        expect(heading(page)).to_have_text("Prove your second factor")
    look_at(page, "second-factor")
    secret = enrolled(page)
    picture = page.get_by_alt_text("The secret as a QR code")
    assert picture.evaluate("image => image.naturalWidth") > 0
    look_at(page, "enrol")
    with person.expecting("second-factor answered 400"):
        page.get_by_label("Code of the app").fill(pyotp.TOTP(secret).at(0))
        page.get_by_role("button", name="Finish").click()
        expect(page.get_by_role("alert")).to_contain_text("This code is wrong")
    prove(page, secret)
    expect(heading(page)).to_have_text("Auctions")
    assert {
        "console_access": "Strict",
        "console_refresh": "Strict",
        "console_form": "Lax",
    } == {cookie["name"]: cookie["sameSite"] for cookie in person.context.cookies()}
    assert "" == page.evaluate("document.cookie")

    tab = person.context.new_page()
    tab.goto(f"{CONSOLE}/users/{member.actor.id}")
    with person.expecting("answered 401"):
        page.get_by_role("button", name="Sign out").click()
        expect(heading(page)).to_have_text("Sign in")
    with person.expecting("suspend-user answered 401"):
        act(tab, "Suspend the user")
        expect(heading(tab)).to_have_text("Sign in")
    tab.close()
    with person.expecting("answered 401"):
        page.go_back()
        expect(heading(page)).to_have_text("Sign in")
    with person.expecting("answered 401"):
        sign_in(page, member)
        expect(heading(page)).to_have_text("Prove your second factor")
    prove(page, secret)
    expect(heading(page)).to_have_text("Auctions")


def look_at(page: Page, name: str) -> None:
    """Check a page as everybody sees it, with all its forms open, and keep its picture."""
    expect(heading(page)).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach(each => { each.open = true })")
    examine(page, f"console-{name}")


@pytest.mark.parametrize("device", ["desk", "phone"])
def test_every_page_is_accessible(
    new_person: NewPerson, moderator: Browser, scene: Scene, device: str
) -> None:
    """The pages open from the list of pages and by their ids; an attacker's text stays text."""
    person = staff_at(new_person, moderator, phone=device == "phone")
    page = person.page

    page.goto(CONSOLE)
    for name in PAGES:
        page.get_by_role("navigation").get_by_role("link", name=name, exact=True).click()
        expect(page.locator("nav [aria-current]")).to_have_text(name)
        look_at(page, f"{name.lower().replace(' ', '-')}-{device}")
    for name, path in (
        ("auction", f"/auctions/{scene.live}"),
        ("order", f"/orders/{scene.order.id}"),
        ("user", f"/users/{scene.order.buyer_id}"),
    ):
        page.goto(CONSOLE + path)
        expect(heading(page)).to_contain_text(ATTACK)
        look_at(page, f"{name}-{device}")
    page.goto(f"{CONSOLE}/events/{scene.event_id}")
    look_at(page, f"event-{device}")
    with person.expecting("answered 404"):
        page.goto(f"{CONSOLE}/orders/x")
    look_at(page, f"not-found-{device}")


def test_name_of_a_row_stays_in_view_on_a_phone(
    new_person: NewPerson, moderator: Browser, scene: Scene
) -> None:
    """The cell with a row's name stays, and the other cells scroll beside it."""
    page = staff_at(new_person, moderator, phone=True).page
    row = page.get_by_role("row").filter(has_text=scene.event_id)

    page.goto(f"{CONSOLE}/queues")
    row.locator("summary").scroll_into_view_if_needed()

    expect(row.locator("summary")).to_be_in_viewport(ratio=1)
    expect(row.get_by_role("rowheader")).to_be_in_viewport(ratio=1)


def test_texts_of_attackers_stay_texts(staff: Person, scene: Scene) -> None:
    """No page makes an element of a text; an image would be one more request."""
    page = staff.page
    pages = ("", "/orders", "/disputes", "/queues", "/review", f"/orders/{scene.order.id}")

    for path in pages:
        page.goto(CONSOLE + path)

        expect(page.get_by_text(ATTACK).first).to_be_visible()
        expect(page.locator("img")).to_have_count(0)


def test_plot_shows_the_closes_and_the_countdown_ticks(staff: Person, scene: Scene) -> None:
    """The script counts to the end of the auction by the clock of the database."""
    page = staff.page

    page.clock.install()
    page.goto(CONSOLE)

    expect(page.get_by_role("img", name="Seconds from the end of each auction")).to_be_visible()
    assert page.locator("svg circle").count() >= 5
    row = page.get_by_role("row").filter(has=page.locator(f"a[href$='{scene.live}']"))
    left = row.locator(".left")
    expect(left).to_have_text(re.compile(r"^5\d min \d+ s$"))
    before = left.inner_text()
    page.clock.run_for(2_000)
    expect(left).not_to_have_text(before)
    page.clock.fast_forward("59:00")
    expect(left).to_have_text(re.compile(r"^\d+ s$|^over$"))
    page.clock.fast_forward("01:00:00")
    expect(left).to_have_text("over")


def test_keyboard_reaches_everything(staff: Person, scene: Scene) -> None:
    """The Tab key passes the skip link, each link and each form, and the focus is visible."""
    page = staff.page

    page.goto(f"{CONSOLE}/auctions/{scene.live}")
    things = page.locator("a, summary, button:visible, input:visible, textarea:visible, main")
    count = things.count()
    assert count > 20
    for number in range(count):
        page.keyboard.press("Tab")
        expect(things.nth(number)).to_be_focused()
        expect(things.nth(number)).to_have_css("outline", "rgb(179, 89, 0) solid 3px")

    page.goto(CONSOLE)
    page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def act(scope: Page | Locator, label: str, button: str = "", reason: str = REASON) -> None:
    """Open the form of an action by the keyboard, give a reason, and send it."""
    form = scope.locator("details").filter(has_text=label)
    if form.get_attribute("open") is None:
        form.locator("summary").press("Enter")
    form.get_by_label("Reason, for the audit log").fill(reason)
    form.get_by_role("button", name=button or label, exact=True).press("Enter")


def expect_done(page: Page, action: str) -> None:
    expect(page.get_by_role("status")).to_have_text(f"Done: {action}.")


def expect_audited(page: Page, action: str, entity_id: object) -> None:
    """Look the action up in the audit log."""
    page.goto(f"{CONSOLE}/audit")
    entry = page.get_by_role("row").filter(has_text=str(entity_id)).filter(has_text=action)
    expect(entry).to_have_count(1)
    expect(entry).to_contain_text(REASON)


def test_dead_letters_are_tried_again(shop: Shop, staff: Person) -> None:
    """The event leaves the list, and the log has both actions."""
    page = staff.page
    event_id, row_id = shop.dead_event(), shop.dead_outbox_row()

    page.goto(f"{CONSOLE}/queues")
    act(page.get_by_role("row").filter(has_text=event_id), "Replay")
    expect_done(page, "replay event")
    expect(page.get_by_role("row").filter(has_text=event_id)).to_have_count(0)
    act(page.get_by_role("row").filter(has_text=row_id), "Try again")
    expect_done(page, "requeue row")

    expect_audited(page, "webhook event requeued", event_id)
    expect_audited(page, "outbox row requeued", row_id)


def test_auction_is_closed_before_its_end(shop: Shop, staff: Person) -> None:
    """A form that is sent twice acts once; a reason that is too short is not sent."""
    page = staff.page
    auction_id = shop.auction()

    page.goto(f"{CONSOLE}/auctions/{auction_id}")
    act(page, "Close the auction now", reason="short")
    expect(page.locator("textarea:invalid:focus")).to_have_value("short")
    form = page.locator("details").filter(has_text="Close the auction now")
    form.get_by_label("Reason, for the audit log").fill(REASON)
    form.get_by_role("button").dblclick()

    expect_done(page, "close auction")
    expect(page.locator("dt:text-is('Status') + dd")).to_have_text("finalized")
    expect_audited(page, "auction forced", auction_id)


def test_bids_are_withdrawn_and_the_listing_removed(shop: Shop, staff: Person) -> None:
    """The auction shows no leader, and then its end."""
    page = staff.page
    auction_id = shop.auction()

    page.goto(f"{CONSOLE}/auctions/{auction_id}")
    act(page.get_by_role("row").filter(has_text=str(shop.buyer.id)), "Withdraw all bids")
    expect_done(page, "withdraw bids")
    expect(page.locator("dt:text-is('Leader') + dd")).to_have_text("none")
    act(page, "Remove the listing")
    expect_done(page, "remove listing")

    expect(page.locator("dt:text-is('Status') + dd")).to_have_text("cancelled")


def test_user_is_suspended_and_the_suspension_lifted(shop: Shop, staff: Person) -> None:
    """The page of the user shows the state, and the entries of the log."""
    page = staff.page
    user = shop.person("user")
    state = page.locator("dt:text-is('Suspended') + dd")

    page.goto(f"{CONSOLE}/users/{user.id}")
    expect(state).to_have_text("none")
    act(page, "Suspend the user")
    expect_done(page, "suspend user")
    expect(state).not_to_have_text("none")
    act(page, "Lift the suspension")
    expect_done(page, "suspend user")

    expect(state).to_have_text("none")
    log = page.get_by_role("table", name="Audit log of this user")
    expect(log).to_contain_text("suspension lifted")
    expect(log).to_contain_text("user suspended")


def test_refused_action_has_a_page(staff: Person, moderator: Browser) -> None:
    """Nobody suspends themselves; the page says so, and leads back."""
    page = staff.page

    page.goto(f"{CONSOLE}/users/{moderator.actor.id}")
    with staff.expecting("suspend-user answered 403"):
        act(page, "Suspend the user")
        expect(heading(page)).to_have_text("Not done")
    look_at(page, "refused-action-desk")
    page.get_by_role("link", name="Back to the console").click()

    expect(heading(page)).to_have_text("Auctions")


def test_message_is_read_and_released(shop: Shop, staff: Person) -> None:
    """The original appears after a reason was given, and the message leaves the list."""
    page = staff.page
    message_id = held_message(shop, shop.auction())
    sender = shop.value("select sender_id::text from public.messages where id = %s", message_id)
    row = page.get_by_role("row").filter(has_text=sender)

    page.goto(f"{CONSOLE}/review")
    expect(row).not_to_contain_text("0412")
    act(row, "Read the original")
    expect(page.get_by_text("Call 0412 345 678")).to_be_visible()
    look_at(page, "message-desk")
    act(page, "Decide", "Release")

    expect_done(page, "decide message")
    expect(row).to_have_count(0)
    expect_audited(page, "message read", message_id)


def test_report_is_upheld(shop: Shop, staff: Person) -> None:
    """The report leaves the list, and the log has the decision."""
    page = staff.page
    reporter, reported = shop.person("reporter"), shop.person("reported")
    report = reporter.call("report_content", user_id=reported.id, reason="Sells stolen goods")

    page.goto(f"{CONSOLE}/review")
    row = page.get_by_role("row").filter(has_text=str(reporter.id))
    act(row, "Decide", "Uphold")

    expect_done(page, "decide report")
    expect(row).to_have_count(0)
    expect_audited(page, "report upheld", report["report_id"])


def test_dispute_is_decided(sale: Sale, staff: Person) -> None:
    """The order continues after the decision against a refund."""
    page = staff.page
    order = sale.paid()
    opened = sale.buyer.actor.call(
        "open_dispute",
        order_id=order.id,
        dispute_type="item_not_received",
        reason="It never came",
        description=None,
    )

    page.goto(f"{CONSOLE}/orders/{order.id}")
    act(page, "Decide", "Refund nothing")

    expect_done(page, "resolve dispute")
    expect(page.locator("dt:text-is('State') + dd")).to_have_text("paid")
    expect_audited(page, "dispute resolved", opened["dispute_id"])


def test_part_of_a_dispute_is_refunded(sale: Sale, staff: Person) -> None:
    """The browser refuses what is no amount; the refund appears when Stripe has made it."""
    page = staff.page
    order = sale.paid()
    sale.buyer.actor.call(
        "open_dispute",
        order_id=order.id,
        dispute_type="item_not_as_described",
        reason="It has a crack",
        description=None,
    )

    page.goto(f"{CONSOLE}/orders/{order.id}")
    look_at(page, "open-dispute-desk")
    amount = page.get_by_label("Amount in dollars")
    amount.fill("12,50")
    act(page, "Refund a part")
    expect(page.locator("input:invalid:focus")).to_have_value("12,50")
    amount.fill("12.50")
    act(page, "Refund a part")

    expect_done(page, "resolve dispute")
    sale.shop.wait_for(lambda: len(sale.shop.refunds_of(order)) == 1)
    query = "select refunded_cents from public.orders where id = %s"
    sale.shop.wait_for(lambda: sale.shop.value(query, order.id) == 1_250)
    page.reload()
    expect(page.locator("dt:text-is('Refunded') + dd")).to_have_text("$12.50")


def test_order_is_refunded(sale: Sale, staff: Person) -> None:
    """Staff refund all that is left without a dispute."""
    page = staff.page
    order = sale.paid()

    page.goto(f"{CONSOLE}/orders/{order.id}")
    act(page, "Refund all that is left")

    expect_done(page, "refund order")
    sale.shop.wait_for(lambda: sale.shop.state(order) == "refunded")
    page.reload()
    expect(page.locator("dt:text-is('State') + dd")).to_have_text("refunded")


def test_admin_changes_a_role(
    shop: Shop, new_person: NewPerson, admin: Browser, staff: Person
) -> None:
    """A moderator has no such form."""
    user = shop.person("user")
    page = staff_at(new_person, admin).page

    staff.page.goto(f"{CONSOLE}/users/{user.id}")
    expect(staff.page.get_by_label("New role")).to_have_count(0)
    page.goto(f"{CONSOLE}/users/{user.id}")
    look_at(page, "user-for-admin-desk")
    page.get_by_label("New role").select_option("seller")
    act(page, "Change the role")

    expect_done(page, "set role")
    expect(page.locator("dt:text-is('Role') + dd")).to_have_text("seller")


def test_ignored_events_are_applied_again(new_person: NewPerson, admin: Browser) -> None:
    """The form takes the time as the browser's calendar writes it."""
    page = staff_at(new_person, admin).page

    page.goto(f"{CONSOLE}/queues")
    form = page.locator("details").filter(has_text="Apply ignored events again")
    form.locator("summary").click()
    form.get_by_label("Type").fill("charge.refunded")
    form.get_by_label("Received since").fill("2026-01-31T23:59")
    act(page, "Apply ignored events again")

    expect_done(page, "requeue events")


def test_search_leads_to_the_object(sale: Sale, staff: Person, scene: Scene) -> None:
    """Any page's search finds an object by our id, by Stripe's id and by an address."""
    page = staff.page
    email = sale.buyer.session["user"]["email"]

    page.goto(f"{CONSOLE}/jobs")
    for text, place in (
        (scene.order.id, f"/orders/{scene.order.id}"),
        (scene.order.intent_id, f"/orders/{scene.order.id}"),
        (scene.event_id, f"/events/{scene.event_id}"),
        (email, f"/users/{sale.buyer.actor.id}"),
        (str(scene.live), f"/auctions/{scene.live}"),
    ):
        page.get_by_label("Find an id or e-mail").fill(text)
        page.keyboard.press("Enter")
        page.locator("main").get_by_role("listitem").get_by_role("link").click()
        expect(page).to_have_url(re.compile(f"{place}$"))
    page.get_by_label("Find an id or e-mail").fill("nothing")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("Found 0 for “nothing”")
    look_at(page, "search-desk")


def test_user_without_staff_rights_is_refused(
    shop: Shop, sale: Sale, new_person: NewPerson
) -> None:
    """A buyer may sign in, and gets a page that says no more than that."""
    person = new_person(shop.environment["SERVICE_URL"])
    page = person.page

    with person.expecting("answered 401"):
        page.goto(CONSOLE)
    with person.expecting("answered 403"):
        sign_in(page, sale.buyer)
        expect(heading(page)).to_have_text("Not done")

    expect(page.get_by_role("navigation")).to_have_count(0)
    look_at(page, "refused-desk")


@pytest.mark.parametrize("site", ["http://127.0.0.1:1/", "http://localhost:1/"])
def test_form_of_another_origin_is_refused(shop: Shop, staff: Person, site: str) -> None:
    """A valid token does not help; a form from another port of 127.0.0.1 brings the cookies too."""
    page = staff.page
    user = shop.person("user")
    page.goto(f"{CONSOLE}/users/{user.id}")
    form = page.locator("form").filter(has_text="Suspend the user")
    form.locator("textarea").evaluate("(field, text) => { field.textContent = text }", REASON)
    action = shop.environment["SERVICE_URL"] + str(form.get_attribute("action"))
    body = form.evaluate("form => form.innerHTML")

    page.route(f"{site}**", lambda route: answer_with_form(route, action, body))
    page.goto(site)
    with staff.expecting("answered 403"):
        page.get_by_role("button", name="Suspend the user").click()
        expect(page.get_by_role("alert")).to_contain_text("another site")

    query = "select suspended_at from public.users where id = %s"
    assert shop.value(query, user.id) is None


def test_link_of_another_site_leads_to_the_page(shop: Shop, staff: Person) -> None:
    """The browser leaves the session behind; the page then opens itself, and other tabs go on."""
    page = staff.page
    user = shop.person("user")
    page.goto(f"{CONSOLE}/users/{user.id}")
    linked = staff.context.new_page()
    address = f"{shop.environment['SERVICE_URL']}{CONSOLE}/orders?state=paid"
    link = f"<title>Chat</title><a href='{address}'>Paid orders</a>"
    linked.route(
        "http://localhost/**", lambda route: route.fulfill(body=link, content_type="text/html")
    )

    linked.goto("http://localhost/")
    with staff.expecting("answered 401"):
        linked.get_by_role("link", name="Paid orders").click()
        expect(heading(linked)).to_have_text("Sign in")
    linked.get_by_role("link", name="Open the page").click()
    expect(heading(linked)).to_have_text("Orders")
    expect(linked.get_by_label("State")).to_have_value("paid")
    act(page, "Suspend the user")
    expect_done(page, "suspend user")
    linked.close()


def answer_with_form(route: Route, action: str, body: str) -> None:
    page = f"<title>Evil</title><form method=post action='{action}'>{body}</form>"
    route.fulfill(body=page, content_type="text/html")


def test_page_cannot_be_framed(staff: Person) -> None:
    """No site can show the console in a frame and lay its own page over it, not even our own."""
    page = staff.page

    page.goto("/api/health/live")
    faults = ("answered 403", "frame-ancestors", "net::ERR_BLOCKED_BY_RESPONSE")
    # The browser tells of the policy and of the failed request in any order.
    with (
        staff.expecting(*faults),
        page.expect_event("requestfailed"),
        page.expect_console_message(lambda message: "frame-ancestors" in message.text),
    ):
        page.evaluate("path => { document.body.innerHTML = `<iframe src=${path}>` }", CONSOLE)

    expect(page.frame_locator("iframe").get_by_text("Auctions")).to_have_count(0)


def test_script_of_the_site_reads_no_page(staff: Person) -> None:
    """A script of another page has the console's origin, and its requests bring the cookies."""
    page = staff.page

    page.goto("/api/health/live")
    with staff.expecting("answered 403"):
        text = page.evaluate("path => fetch(path).then(answer => answer.text())", CONSOLE)

    assert "Open this page in a tab of the browser" in text
    assert "form_token" not in text


def test_site_keeps_no_handle_on_a_tab_of_the_console(staff: Person) -> None:
    """A script of another page opens the console, and cannot reach into its tab."""
    page = staff.page

    page.goto("/api/health/live")
    with page.context.expect_page() as opened:
        page.evaluate("path => { window.tab = open(path) }", CONSOLE)
    expect(opened.value.get_by_role("heading", name="Auctions", exact=True)).to_be_visible()

    assert page.evaluate("() => window.tab.closed")
    opened.value.close()

"""The saleroom's pages of an order and of the account, for a buyer and a seller at two windows."""

import re
from collections.abc import Iterator, Mapping

import pytest
from playwright.sync_api import FilePayload, Locator, Page, Route, expect

from tests.integration.service.browser import PASSWORD, Browser
from tests.integration.service.shop import Order, Shop
from tests.support.browser import NewPerson, Person, examine
from tests.support.pictures import encoded, surfboard


@pytest.fixture(scope="module")
def shop(stack: Mapping[str, str]) -> Iterator[Shop]:
    with Shop(stack) as shop:
        yield shop


@pytest.fixture(scope="module")
def seller(shop: Shop) -> Browser:
    return Browser.of_somebody_new(shop, role="seller")


@pytest.fixture(scope="module")
def buyer(shop: Shop) -> Browser:
    return Browser.of_somebody_new(shop)


def at(new_person: NewPerson, who: Browser, path: str, **look: bool) -> Person:
    """Sign a person in at a window of their own, and open a page."""
    person = new_person(who.shop.environment["SALEROOM_URL"], **look)
    person.page.goto(path)
    page = person.page
    own = page.get_by_role("region", name="With your own account")
    own.get_by_label("E-mail").fill(who.session["user"]["email"])
    own.get_by_label("Password").fill(PASSWORD)
    own.get_by_role("button", name="Sign in").click()
    expect(page).to_have_url(re.compile(re.escape(path)))
    return person


def at_order(new_person: NewPerson, who: Browser, order: Order, **look: bool) -> Person:
    person = at(new_person, who, f"/order?id={order.id}", **look)
    expect(person.page.locator("#state")).not_to_be_empty()
    return person


def state(page: Page) -> Locator:
    return page.locator("#state")


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name)


def pay(page: Page, card: str = "4242 4242 4242 4242") -> None:
    """Go to Stripe's page and pay there."""
    button(page, "Pay $").click()
    expect(page.get_by_text("No money moves")).to_be_visible()
    page.get_by_role("radio", name=card).check()
    button(page, "Pay $").click()


def offering(shop: Shop, order: Order, *, pickup: bool, shipping: bool) -> Order:
    """Let the listing of an order offer other ways of the handover."""
    shop.db.execute(
        "update public.listings as l set pickup = %s, shipping = %s"
        " from public.orders as o where o.id = %s and l.id = o.listing_id",
        [pickup, shipping, order.id],
    )
    return order


def test_order_goes_from_payment_to_payout(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """Both windows follow the order live: paid, code, redeemed, released, paid out."""
    order = shop.sold(buyer.actor, seller.actor)
    sells, buys = (at_order(new_person, who, order).page for who in (seller, buyer))
    expect(state(sells)).to_have_text("Pending payment")
    examine(buys, "saleroom-order-unpaid")

    pay(buys)
    expect(state(buys)).to_have_text("Payment received")
    expect(state(sells)).to_have_text("Payment received")
    expect(buys).to_have_url(re.compile(rf"/order\?id={order.id}$"))
    examine(buys, "saleroom-order-paid-buyer")

    button(sells, "Make a pickup code").click()
    code = sells.locator("#digits")
    expect(code).to_have_text(re.compile(r"^\d{6}$"))
    examine(sells, "saleroom-order-code-seller")
    buys.get_by_label("pickup code").fill(code.inner_text())
    button(buys, "I have the item").click()
    expect(state(buys)).to_have_text("Delivered")
    expect(state(sells)).to_have_text("Delivered")
    expect(code).to_be_hidden()

    button(buys, "Release the money").click()
    expect(state(buys)).to_have_text("Funds released")
    expect(sells.get_by_text("Waits until you have set up payouts")).to_be_visible()
    examine(sells, "saleroom-order-released-seller")

    sells.get_by_role("link", name="Set up payouts").click()
    button(sells, "Set up payouts at Stripe").click()
    expect(sells.get_by_role("heading", name="Get paid by Aussie Market")).to_be_visible()
    button(sells, "Continue").click()
    expect(sells.get_by_text("Payouts are enabled.")).to_be_visible()
    sells.goto(f"/order?id={order.id}")
    expect(sells.locator("#payout-state")).to_have_text("Paid")
    expect(sells.get_by_text("The state of your payout stands below.")).to_be_visible()
    examine(sells, "saleroom-order-paid-out")


def test_buyer_whose_payment_fails_tries_again(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """A buyer who fails 3-D Secure comes back, reads so, and pays by another card."""
    page = at_order(new_person, buyer, shop.sold(buyer.actor, seller.actor)).page
    pay(page, "4000 0000 0000 3220")
    page.get_by_role("radio", name="Fail the authentication").check()
    button(page, "Continue").click()
    expect(page.get_by_role("alert").filter(has_text="has failed")).to_be_visible()
    assert "secret" not in page.url

    pay(page)

    expect(state(page)).to_have_text("Payment received")


def test_disputed_payment_shows_live(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """The bank of one test card disputes the payment, and both windows show it by themselves."""
    order = shop.sold(buyer.actor, seller.actor)
    sells, buys = (at_order(new_person, who, order).page for who in (seller, buyer))

    pay(buys, "4000 0000 0000 0259")

    for page in (sells, buys):
        expect(state(page)).to_have_text("Disputed")
        expect(page.get_by_text("This order is disputed")).to_be_visible()
    expect(buys.get_by_label("pickup code")).to_be_hidden()
    expect(buys.get_by_text("Report a problem")).to_be_hidden()
    buys.get_by_role("link", name="Another problem Open").click()
    expect(buys.get_by_text("The bank of the buyer decides")).to_be_visible()


def test_wrong_code_is_refused(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """A wrong code shows the refusal, and the order stays as it is."""
    order = shop.paid(buyer.actor, seller.actor)
    made = seller.post(f"/api/pickup/{order.id}", {"action": "init"}).json()["code6"]
    buys = at_order(new_person, buyer, order)
    buys.page.get_by_label("pickup code").fill("000000" if made != "000000" else "000001")

    with buys.expecting("answered 400"):
        button(buys.page, "I have the item").click()
        expect(buys.page.get_by_role("alert").filter(has_text="not right")).to_be_visible()

    expect(state(buys.page)).to_have_text("Payment received")


def test_parcel_is_shipped_and_corrected(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """A seller ships by the keyboard alone; the buyer reads the parcel live, and gets it."""
    order = shop.paid(buyer.actor, seller.actor)
    sells = at_order(new_person, seller, order, phone=True).page
    buys = at_order(new_person, buyer, order).page
    expect(buys.get_by_text("or wait for the parcel")).to_be_visible()

    sells.get_by_label("Carrier").focus()
    sells.keyboard.type("Australia Post")
    sells.keyboard.press("Tab")
    sells.keyboard.type("33XYZ400")
    sells.keyboard.press("Tab")
    expect(button(sells, "It is shipped")).to_be_focused()
    sells.keyboard.press("Enter")

    for page in (sells, buys):
        expect(state(page)).to_have_text("Shipped")
        expect(
            page.get_by_text("Sent by Australia Post, tracking number 33XYZ400.")
        ).to_be_visible()
    expect(buys.get_by_text("Pick it up at")).to_be_hidden()
    expect(sells.get_by_role("button", name="Make a pickup code")).to_be_hidden()
    examine(sells, "saleroom-order-shipped-phone")

    sells.get_by_label("Tracking number").fill("33XYZ401")
    button(sells, "Correct the parcel").click()
    expect(sells.get_by_text("tracking number 33XYZ401.")).to_be_visible()

    button(buys, "The parcel has arrived").click()
    expect(state(buys)).to_have_text("Delivered")
    expect(buys.get_by_text("tracking number 33XYZ401.")).to_be_visible()
    expect(sells.get_by_label("Carrier")).to_be_hidden()


def test_refused_parcel_says_why(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """A carrier of one letter shows the refusal, and the order stays as it is."""
    sells = at_order(new_person, seller, shop.paid(buyer.actor, seller.actor))
    sells.page.get_by_label("Carrier").fill("A ")
    sells.page.get_by_label("Tracking number").fill("33XYZ400")

    with sells.expecting("answered 400"):
        button(sells.page, "It is shipped").click()
        expect(sells.page.get_by_text("Carrier must have 2 to 64 characters")).to_be_visible()

    expect(state(sells.page)).to_have_text("Payment received")


@pytest.mark.parametrize(("pickup", "shipping"), [(True, False), (False, True), (True, True)])
def test_order_offers_the_handover_of_its_listing(
    shop: Shop,
    seller: Browser,
    buyer: Browser,
    new_person: NewPerson,
    *,
    pickup: bool,
    shipping: bool,
) -> None:
    """Pickup has its code, and shipping its parcel; no step shows that the service would refuse."""
    order = offering(shop, shop.paid(buyer.actor, seller.actor), pickup=pickup, shipping=shipping)
    sells, buys = (at_order(new_person, who, order).page for who in (seller, buyer))

    for name in ("Payment received", "Ready for handover"):
        expect(state(sells)).to_have_text(name)
        expect(state(buys)).to_have_text(name)
        expect(buys.get_by_label("pickup code")).to_be_visible(visible=pickup)
        expect(buys.locator("#advice")).to_contain_text("pickup code" if pickup else "shipped")
        expect(button(sells, "Make a pickup code")).to_be_visible(visible=pickup)
        expect(button(sells, "It is shipped")).to_be_visible(visible=shipping)
        if name == "Payment received":
            button(sells, "The item is ready").click()


def test_order_of_others_is_not_shown(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """Another person reads that the order is not theirs."""
    order = shop.sold(buyer.actor, seller.actor)
    person = at(new_person, Browser.of_somebody_new(shop), "/account")

    with person.expecting("answered 403"):
        person.page.goto(f"/order?id={order.id}")
        expect(person.page.get_by_role("alert").first).to_be_visible()

    expect(person.page.locator("#order")).to_be_hidden()


@pytest.mark.parametrize(
    ("answer", "text"),
    [("Verified", "Your identity is checked."), ("The document is expired", "Reason: document")],
)
def test_person_passes_or_fails_the_identity_check(
    shop: Shop, new_person: NewPerson, answer: str, text: str
) -> None:
    """The account sends a person to Stripe, and shows the result when they come back."""
    page = at(new_person, Browser.of_somebody_new(shop, kyc="none"), "/account").page
    expect(page.get_by_text("not checked yet")).to_be_visible()
    for label, value in {
        "Legal name": "Jenny Rosen",
        "Date of birth": "1990-01-01",
        "Street": "1 Example Street",
        "Suburb": "Sydney",
        "Postcode": "2000",
    }.items():
        page.get_by_label(label).fill(value)
    examine(page, "saleroom-account-unverified")
    button(page, "Check my identity").click()
    page.get_by_role("radio", name=re.compile(rf"^{answer}")).check()
    button(page, "Continue").click()

    expect(page.get_by_text(text)).to_be_visible()


def lose_answer(route: Route) -> None:
    """Let a request have its effect, and reset its connection."""
    route.fetch()
    route.abort("connectionreset")


def report(page: Page, reason: str) -> None:
    """Open the form of a report by the keyboard, fill it in, and send it."""
    expect(page.get_by_text("Report a problem")).to_be_visible()
    page.get_by_text("Report a problem").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Kind")).to_be_focused()
    page.get_by_label("Kind").select_option("Item not as described")
    page.keyboard.press("Tab")
    page.keyboard.type(reason)
    page.keyboard.press("Tab")
    page.keyboard.type("The teapot is red, and the photo shows a blue one.")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")


def write(page: Page, text: str) -> None:
    page.get_by_label("Your message").fill(text)
    button(page, "Send").click()


def add_file(page: Page, content: bytes) -> None:
    file = FilePayload(name="teapot.jpg", mimeType="image/jpeg", buffer=content)
    page.get_by_label("Photo or PDF").set_input_files(file)
    button(page, "Add").click()


def dispute_of(shop: Shop, order: Order, buyer: Browser) -> str:
    """Let the buyer open a dispute; return its id."""
    answer = buyer.actor.call(
        "open_dispute", order_id=order.id, dispute_type="wrong_item", reason="Another teapot",
        description="It is red.",
    )  # fmt: skip
    assert answer["success"], answer
    assert shop.state(order) == "disputed"
    return str(answer["dispute_id"])


def test_dispute_goes_from_report_to_decision(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """The buyer reports a problem, both parties and staff write, and staff decide: all live."""
    order = shop.paid(buyer.actor, seller.actor)
    staff = shop.person("judge", role="admin").with_second_factor()
    buys = at_order(new_person, buyer, order, phone=True).page
    sells = at_order(new_person, seller, order).page

    report(buys, "It has another colour")

    expect(buys).to_have_url(re.compile(r"/dispute\?id="))
    expect(buys.get_by_role("heading", name="It has another colour")).to_be_visible()
    expect(buys.get_by_text("Opened by you")).to_be_visible()
    expect(state(sells)).to_have_text("Disputed")
    expect(sells.get_by_text("Report a problem")).to_be_hidden()
    examine(sells, "saleroom-order-disputed")
    sells.get_by_role("link", name="Item not as described Open").click()
    expect(state(sells)).to_have_text("Open")
    expect(sells.get_by_text("The teapot is red")).to_be_visible()
    expect(sells.get_by_text("Opened by member-")).to_be_visible()

    write(sells, "It was blue when it left.")
    expect(buys.get_by_role("listitem").filter(has_text="blue when it left")).to_contain_text(
        "member-"
    )
    write(buys, "Here is a photo of it.")
    expect(sells.get_by_text("Here is a photo of it.")).to_be_visible()
    dispute_id = buys.url.partition("id=")[2]
    staff.call("add_dispute_message", dispute_id=dispute_id, content="We compare the photos.")
    for page in (buys, sells):
        said = page.get_by_role("listitem").filter(has_text="We compare the photos.")
        expect(said).to_contain_text("Staff")
        expect(page.locator("#messages li")).to_have_count(3)
        examine(page, f"saleroom-dispute-{'buyer-phone' if page is buys else 'seller'}")

    staff.call("resolve_dispute", dispute_id=dispute_id, decision="deny", note="It is blue.")
    for page in (buys, sells):
        expect(state(page)).to_have_text("Decided: the order goes on")
        expect(page.get_by_text("It is blue.", exact=True)).to_be_visible()
        expect(page.get_by_label("Your message")).to_be_hidden()
    sells.get_by_role("link", name="A teapot").click()
    expect(state(sells)).to_have_text("Payment received")
    expect(sells.get_by_text("Report a problem")).to_be_visible()
    buys.goto("/account")
    buys.get_by_role("link", name="Dispute decided").first.click()
    expect(buys).to_have_url(re.compile(dispute_id))


def test_evidence_is_shown_to_the_other_party(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """A refused file says why; a photo reaches the other window live, and opens by its link."""
    dispute_id = dispute_of(shop, shop.paid(buyer.actor, seller.actor), buyer)
    adds = at(new_person, buyer, f"/dispute?id={dispute_id}", phone=True)
    sees = at(new_person, seller, f"/dispute?id={dispute_id}").page
    expect(sees.get_by_text("There is none yet.")).to_be_visible()
    with adds.expecting("answered 400"):
        add_file(adds.page, b"no photo")
        expect(
            adds.page.get_by_role("alert").filter(has_text="The picture is malformed")
        ).to_be_visible()

    add_file(adds.page, encoded(surfboard()))

    expect(adds.page.get_by_role("link", name="teapot.jpg")).to_be_visible()
    link = sees.get_by_role("link", name="teapot.jpg")
    expect(link).to_be_visible()
    examine(adds.page, "saleroom-dispute-evidence-phone")
    with sees.expect_popup() as opened:
        link.click()
    expect(opened.value.locator("img")).to_be_visible()


def test_refused_texts_of_a_dispute_say_why(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """The report and each message show the refusal's own text, and keep what was written."""
    order = shop.paid(buyer.actor, seller.actor)
    page = at_order(new_person, buyer, order, phone=True).page
    report(page, " ")
    expect(page.get_by_text("A reason has 1 to 200 characters")).to_be_visible()
    examine(page, "saleroom-report-refused-phone")
    page.get_by_label("Reason").fill("It has another colour")
    button(page, "Open a dispute").click()
    expect(page.get_by_text("Nobody has written yet.")).to_be_visible()

    write(page, "Send it to BSB 062-000 account 12345678 instead.")

    expect(page.get_by_text("This text cannot have payment details")).to_be_visible()
    expect(page.get_by_label("Your message")).not_to_be_empty()
    expect(page.locator("#messages li")).to_have_count(0)


def test_lost_answer_sends_one_message_of_a_dispute(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """A second click after a lost answer repeats the request, and it counts only once."""
    dispute_id = dispute_of(shop, shop.paid(buyer.actor, seller.actor), buyer)
    person = at(new_person, buyer, f"/dispute?id={dispute_id}")
    page = person.page
    page.route("**/rpc/add_dispute_message", lose_answer, times=1)
    with person.expecting("net::ERR_CONNECTION_RESET"):
        write(page, "Here is a photo of it.")
        expect(page.get_by_text("it counts only once")).to_be_visible()

    button(page, "Send").click()

    expect(page.get_by_label("Your message")).to_be_empty()
    expect(page.locator("#messages li")).to_have_count(1)


def test_lost_answer_of_a_report_shows_its_dispute(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """The order is disputed at once, so the form gives way to the dispute."""
    person = at_order(new_person, buyer, shop.paid(buyer.actor, seller.actor))
    page = person.page
    page.route("**/rpc/open_dispute", lose_answer, times=1)

    with person.expecting("net::ERR_CONNECTION_RESET"):
        report(page, "It has another colour")
        expect(page.get_by_role("link", name="Item not as described Open")).to_have_count(1)

    expect(page.get_by_text("Report a problem")).to_be_hidden()
    expect(state(page)).to_have_text("Disputed")


def test_dispute_of_others_is_not_shown(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """Another person learns nothing of a dispute."""
    dispute_id = dispute_of(shop, shop.paid(buyer.actor, seller.actor), buyer)

    page = at(new_person, Browser.of_somebody_new(shop), f"/dispute?id={dispute_id}").page

    expect(page.get_by_text("There is no such dispute of yours.")).to_be_visible()
    expect(page.locator("#dispute")).to_be_hidden()


def test_seller_refunds_the_buyer(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """A refund shows at once in both windows, and ends when Stripe has made it."""
    order = shop.paid(buyer.actor, seller.actor)
    sells, buys = (at_order(new_person, who, order).page for who in (seller, buyer))

    button(sells, "Refund the buyer").click()

    for page in (buys, sells):
        expect(state(page)).to_have_text("Refunded")
        expect(page.locator("#buttons button")).to_have_count(0)
        expect(page.get_by_text("The buyer has the money back.")).to_be_visible()


def test_notifications_come_live_and_are_marked_as_read(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson
) -> None:
    """The account lists the notifications, adds new ones, and marks all as read."""
    order = shop.paid(buyer.actor, seller.actor)
    shop.wait_for(lambda: shop.state(order) == "paid")
    page = at(new_person, seller, "/account").page
    rows = page.locator("#notification-rows li")
    expect(rows.first).to_contain_text("The buyer has paid")
    shop.sold(buyer.actor, seller.actor)
    expect(rows.first).to_contain_text("was sold for")
    examine(page, "saleroom-account-notifications")

    button(page, "Mark all as read").click()

    expect(page.locator("#notification-rows .tag")).to_have_count(0)
    expect(page.locator("#bell")).to_be_hidden()


@pytest.mark.parametrize("look", ["phone", "dark"])
def test_pages_fit_a_phone_and_dark_colours(
    shop: Shop, seller: Browser, buyer: Browser, new_person: NewPerson, look: str
) -> None:
    """Order and account pass axe on a phone and in dark colours."""
    order = shop.paid(buyer.actor, seller.actor)
    page = at_order(new_person, buyer, order, **{look: True}).page
    examine(page, f"saleroom-order-{look}")
    page.goto("/account")
    expect(page.get_by_text("Your identity is checked.")).to_be_visible()
    examine(page, f"saleroom-account-{look}")

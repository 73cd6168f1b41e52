"""People trade in the saleroom, each at a window of their own, and see each other's steps live."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlencode

import psycopg
import pytest
from playwright.sync_api import Page, Route, expect

from devstack.saleroom.tools import MOVE_END
from devstack.supervisor.database import SEED
from tests.proof.browser.order_pages import button, lose_answer, pay, state
from tests.support.browser import (
    LOOKS,
    NewPerson,
    Person,
    check_accessibility,
    examine,
    screenshot,
)
from tests.support.gateway_control import commanded
from tests.support.pictures import encoded, surfboard


@pytest.fixture(scope="module")
def database(stack: Mapping[str, str]) -> Iterator[psycopg.Connection]:
    """Connect as the owner of the tables, after the seed of a new local database."""
    with psycopg.connect(stack["DATABASE_URL"], autocommit=True) as connection:
        connection.execute(SEED.read_text().encode())
        # The tests of orders may share the stack, and they shorten the soft close.
        connection.execute(
            "update private.app_settings set value = '300'"
            " where key in ('snipe_window_s', 'snipe_extend_s')"
        )
        yield connection


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "board.jpg"
    path.write_bytes(encoded(surfboard()))
    return path


@pytest.fixture(scope="module")
def url(stack: Mapping[str, str], database: psycopg.Connection) -> str:
    assert database.info.dbname == "postgres"
    return stack["SALEROOM_URL"]


def signed_in(new_person: NewPerson, url: str, name: str, **look: bool) -> Person:
    """Open a window, and sign one of the seeded people in."""
    person = new_person(url, **look)
    person.page.goto("/sign-in")
    person.page.get_by_role("button", name=name).click()
    expect(person.page.get_by_role("heading", name="Saleroom")).to_be_visible()
    return person


def at_listing(page: Page, title: str) -> str:
    """Open a listing of the saleroom; return its auction's id when it is live on the page."""
    with page.expect_request("**/rpc/get_auction_state") as request:
        page.get_by_role("link", name=title).first.click()
        expect(page.get_by_text("Live: changes show at once.")).to_be_visible()
    found: str = json.loads(request.value.post_data or "")["auction_id"]
    return found


def move_end(database: psycopg.Connection, auction_id: str, left_s: int) -> None:
    database.execute(MOVE_END, {"auction_id": auction_id, "left_s": left_s})


def bid(page: Page, amount: str, maximum: str = "") -> None:
    form = page.get_by_role("region", name="Auction")
    form.get_by_label("Your bid,").fill(amount)
    form.get_by_label("Your secret maximum").fill(maximum)
    form.get_by_role("button", name="Place bid").click()


def expect_price(page: Page, amount: str) -> None:
    expect(page.locator("#price")).to_have_text(amount)


def sell(page: Page, photo: Path, title: str) -> None:
    fill_in(page, photo, title)
    expect(page.get_by_role("heading", name=title)).to_be_visible()


def fill_in(page: Page, photo: Path, title: str) -> None:
    """Fill the form of a new listing in, and send it."""
    page.get_by_role("link", name="Sell").click()
    page.get_by_label("Title").fill(title)
    page.get_by_label("Description").fill(
        "A single fin of nine foot two; rides well in small surf."
    )
    page.get_by_label("Photos").set_input_files(photo)
    page.get_by_label("Reserve").fill("18.00")
    page.get_by_label("Ends in").select_option("10 minutes")
    page.get_by_role("button", name="List it").click()


def test_two_people_bid_and_one_wins(
    new_person: NewPerson, url: str, database: psycopg.Connection, photo: Path
) -> None:
    """Each step of one person shows in the other windows, without a reload."""
    title = "Longboard, shaped in Torquay"
    shirley, kylie = signed_in(new_person, url, "Shirley"), signed_in(new_person, url, "Kylie")
    angus = signed_in(new_person, url, "Angus", phone=True)
    watching = kylie.page.get_by_role("link", name=title)
    sell(shirley.page, photo, title)
    # A new listing shows in windows that are open.
    expect(watching).to_be_visible()
    windows = [shirley.page, kylie.page, angus.page]
    auction_id = at_listing(kylie.page, title)
    at_listing(angus.page, title)
    for page in windows:
        expect(page.get_by_role("img", name=f"Photo of {title}")).to_be_visible()
        expect_price(page, "$10.00")

    bid(kylie.page, "10", "50")

    expect(kylie.page.get_by_text("You lead.")).to_be_visible()
    # The maximum reaches the reserve, so the price rises to it; nobody else sees the maximum.
    for page in windows:
        expect_price(page, "$18.00")
        expect(page.get_by_text("The reserve is met.")).to_be_visible()
    expect(angus.page.get_by_text("50.00")).to_have_count(0)

    bid(angus.page, "20")

    expect(angus.page.get_by_text("You have been outbid.", exact=True).first).to_be_visible()
    for page in windows:
        expect_price(page, "$21.00")
        expect(page.get_by_role("region", name="Bids").get_by_role("listitem")).to_have_count(4)

    # A bid in the last five minutes moves the end in each window.
    move_end(database, auction_id, 100)
    for page in windows:
        expect(page.locator("#time")).to_have_text(re.compile(r"1:[0-3]\d"))
    bid(angus.page, "60", "80")
    for page in windows:
        expect_price(page, "$60.00")
        expect(page.get_by_text("A late bid moved the end")).to_be_visible()
        expect(page.locator("#time")).to_have_text(re.compile(r"[45]:\d\d"))
    expect(kylie.page.locator("#standing")).to_have_text("You have been outbid.")
    screenshot(kylie.page, "saleroom-outbid")

    move_end(database, auction_id, 1)
    for page in windows:
        expect(page.locator("#time")).to_have_text("Sold")
    expect(kylie.page.get_by_text("Another bidder has won.")).to_be_visible()
    for page, name in zip(windows, ("seller", "bidder", "winner-phone"), strict=True):
        check_accessibility(page)
        screenshot(page, f"saleroom-{name}")
    angus.page.get_by_role("link", name="Go to your order").click()
    angus.page.get_by_role("link", name=f"{title} $60.00 Pending payment").click()
    hand_over(shirley.page, angus.page, title)


def hand_over(sells: Page, buys: Page, title: str) -> None:
    """Pay by a test card, meet with the code, and pay the seller out, at the two windows."""
    sells.get_by_role("link", name="Orders").click()
    expect(sells.get_by_role("heading", name="Sold")).to_be_visible()
    sells.get_by_role("link", name=title).click()
    expect(state(buys)).to_have_text("Pending payment")
    pay(buys)
    expect(state(sells)).to_have_text("Payment received")
    button(sells, "Make a pickup code").click()
    code = sells.locator("#digits")
    expect(code).to_have_text(re.compile(r"^\d{6}$"))
    expect(state(buys)).to_have_text("Payment received")
    buys.get_by_label("pickup code").fill(code.inner_text())
    button(buys, "I have the item").click()
    expect(state(sells)).to_have_text("Delivered")
    button(buys, "Release the money").click()
    sells.get_by_role("link", name="Set up payouts").click()
    button(sells, "Set up payouts at Stripe").click()
    button(sells, "Continue").click()
    expect(sells.get_by_text("Payouts are enabled.")).to_be_visible()
    sells.get_by_role("link", name="Orders").click()
    sells.get_by_role("link", name=title).click()
    expect(sells.locator("#payout-state")).to_have_text("Paid")


def test_bid_whose_answer_is_lost_counts_once(new_person: NewPerson, url: str) -> None:
    """The page says that no answer came, and a second press gets the receipt of the first bid."""
    kylie = signed_in(new_person, url, "Kylie")
    at_listing(kylie.page, "Film camera")
    bids = kylie.page.get_by_role("region", name="Bids").get_by_role("listitem")
    expect(bids).to_have_count(0)

    kylie.page.route("**/rpc/place_bid", lose_answer, times=1)
    with kylie.expecting("net::ERR_CONNECTION_RESET"):
        bid(kylie.page, "85", "90")
        expect(kylie.page.get_by_text("No answer came. Try again")).to_be_visible()

    def answer_as_days_ago(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | {"server_time": "2026-01-01T00:00:00Z"})

    kylie.page.route("**/rpc/place_bid", answer_as_days_ago, times=1)
    kylie.page.get_by_role("button", name="Place bid").click()

    expect(kylie.page.get_by_text("Your bid leads at $85.00.")).to_be_visible()
    expect(bids).to_have_count(1)
    # The receipt is that of the first call, so its time is over.
    expect(kylie.page.locator("#time")).to_have_text(re.compile(r"6 d \d+ h"))


def test_listing_is_made_once_though_tries_fail(
    new_person: NewPerson, url: str, photo: Path, tmp_path: Path
) -> None:
    """Neither a lost answer nor a refused photo makes the seller list the item twice."""
    title = "Lamp of brass, rewired"
    shirley = signed_in(new_person, url, "Shirley")
    too_small = tmp_path / "small.jpg"
    too_small.write_bytes(encoded(surfboard().resize((50, 50))))

    shirley.page.route("**/rpc/create_listing", lose_answer, times=1)
    with shirley.expecting("net::ERR_CONNECTION_RESET"):
        fill_in(shirley.page, too_small, title)
        expect(shirley.page.get_by_text("No answer came. Try again")).to_be_visible()
    with shirley.expecting("answered 400"):
        shirley.page.get_by_role("button", name="List it").click()
        expect(shirley.page.get_by_role("alert").filter(has_text="100")).to_be_visible()
    shirley.page.get_by_label("Photos").set_input_files(photo)
    shirley.page.get_by_role("button", name="List it").click()

    expect(shirley.page.get_by_role("img", name=f"Photo of {title}")).to_be_visible()
    shirley.page.goto("/")
    expect(shirley.page.get_by_role("link", name=title)).to_have_count(1)


def test_scheduled_listing_has_not_ended(new_person: NewPerson, url: str) -> None:
    """A listing that starts tomorrow shows when it starts and ends."""
    shirley = signed_in(new_person, url, "Shirley")
    made = """module.call('create_listing', {
      title: 'Deck chair for tomorrow', description: 'Canvas and beech, it folds flat.',
      category_id: 2, condition: 'good', start_cents: 1000, pickup: true, shipping: false,
      location: { street: '1 Smith Street', suburb: 'Fitzroy', postcode: '3065', state: 'VIC' },
      start_at: new Date(Date.now() + 86_400_000).toISOString(),
      end_at: new Date(Date.now() + 172_800_000).toISOString(),
    }).then(({ listing }) => listing.id)"""

    shirley.page.goto(f"/listing?id={evaluated(shirley.page, 'rpc', made)}")

    expect(shirley.page.get_by_text("Starts in")).to_be_visible()
    expect(shirley.page.locator("#ends")).to_have_text(re.compile("^Ends "))


def test_contact_details_in_a_question_are_masked(new_person: NewPerson, url: str) -> None:
    """A phone number is hidden for both, the sender is warned, and the answer arrives live."""
    bruce, kylie = signed_in(new_person, url, "Bruce"), signed_in(new_person, url, "Kylie")
    at_listing(kylie.page, "Film camera")
    kylie.page.get_by_label("Your question").fill("Does it work? Call me on 0412 345 678")
    kylie.page.get_by_role("button", name="Send").click()
    masked = re.compile(r"Does it work\? Call me on ▇+$")
    expect(kylie.page.get_by_text(masked)).to_be_visible()
    expect(kylie.page.get_by_text("Sent with a part hidden")).to_be_visible()
    kylie.page.get_by_role("link", name="Open the conversation").click()
    expect(kylie.page.get_by_text(masked)).to_be_visible()

    bruce.page.get_by_role("link", name="Messages").click()
    bruce.page.get_by_role("link", name="Kylie").first.click()
    expect(bruce.page.get_by_text(masked)).to_be_visible()
    bruce.page.get_by_label("Your message").fill("It does, and the seals are new.")
    bruce.page.get_by_role("button", name="Send").click()

    expect(kylie.page.get_by_text("It does, and the seals are new.")).to_be_visible()
    for person, name in ((kylie, "messages"), (bruce, "messages-seller")):
        check_accessibility(person.page)
        screenshot(person.page, f"saleroom-{name}")


def test_new_person_must_be_verified_to_bid(new_person: NewPerson, url: str) -> None:
    """A new person signs up in the page, gets the session at once, and learns what is missing."""
    person = new_person(url)
    page = person.page
    page.goto("/")
    page.get_by_role("link", name="Film camera").click()
    page.get_by_role("link", name="Sign in to bid").click()
    form = page.get_by_role("region", name="As a new person")
    form.get_by_label("Name that others see").fill("Matty Groves")
    form.get_by_label("E-mail").fill("matty@example.test")
    form.get_by_label("Password").fill("correct horse 7")
    form.get_by_role("button", name="Sign up").click()

    expect(page.get_by_text("Matty Groves")).to_be_visible()
    expect(page.get_by_role("heading", name="Film camera")).to_be_visible()
    bid(page, "200")
    expect(page.get_by_text("KYC verification required to bid")).to_be_visible()


def test_form_waits_for_its_script(new_person: NewPerson, url: str) -> None:
    """Before the script runs, a press would put the password into the address."""
    person = new_person(url)
    page = person.page
    page.route("**/modules/sign-in.js", lambda route: route.abort("connectionreset"))
    with person.expecting("net::ERR_CONNECTION_RESET"):
        page.goto("/sign-in")

    page.get_by_role("region", name="With your own account").get_by_label("Password").press("Enter")

    expect(page.get_by_role("button", name="Sign in", exact=True)).to_be_disabled()
    expect(page).to_have_url(f"{url}/sign-in")


def test_two_windows_are_two_people(new_person: NewPerson, url: str) -> None:
    """Each window of one browser keeps a session of its own."""
    kylie = signed_in(new_person, url, "Kylie")
    second = kylie.context.new_page()
    second.goto("/")
    expect(second.get_by_role("link", name="Sign in", exact=True)).to_be_visible()
    second.goto("/sign-in")
    second.get_by_role("button", name="Bruce").click()
    expect(second.locator(".name")).to_have_text("Bruce")

    kylie.page.reload()
    expect(kylie.page.locator(".name")).to_have_text("Kylie")


def test_page_reads_the_state_again_after_a_lost_connection(
    new_person: NewPerson, url: str, stack: Mapping[str, str]
) -> None:
    """A change that passed while the connection was lost shows after the next one."""
    kylie, angus = signed_in(new_person, url, "Kylie"), signed_in(new_person, url, "Angus")
    for person in (kylie, angus):
        at_listing(person.page, "Wooden surfboard")
    bid(angus.page, "120")
    expect_price(kylie.page, "$120.00")
    bell = angus.page.locator("#bell")
    expect(angus.page.get_by_text("You lead.")).to_be_visible()
    news = bell.inner_text() if bell.is_visible() else "0 new"
    with commanded(stack["SUPABASE_URL"]) as control:
        control.set_realtime("closing")
        expect(angus.page.get_by_text("Not connected. Trying again …")).to_be_visible()
        bid(kylie.page, "130")
        expect(kylie.page.get_by_text("You lead.")).to_be_visible()
        expect_price(angus.page, "$120.00")

    expect_price(angus.page, "$130.00")
    expect(angus.page.get_by_text("Live: changes show at once.")).to_be_visible()
    expect(bell).to_have_text(f"{int(news.split()[0]) + 1} new")


def test_tool_ends_an_auction_in_a_minute(new_person: NewPerson, url: str) -> None:
    """The tool moves the end in each window, so that a person need not wait for days."""
    kylie, angus = signed_in(new_person, url, "Kylie"), signed_in(new_person, url, "Angus")
    for person in (kylie, angus):
        at_listing(person.page, "Wooden surfboard")
        expect(person.page.locator("#time")).to_have_text(re.compile(r"6 d \d+ h"))

    kylie.page.get_by_role("button", name="End in one minute").click()

    for person in (kylie, angus):
        expect(person.page.locator("#time")).to_have_text(re.compile(r"0:[2-5]\d|1:00"))


def evaluated(page: Page, module: str, expression: str) -> object:
    """Return what an expression gives with the names of a module of the pages."""
    return page.evaluate(
        f"import('/modules/{module}.js').then(async (module) => {{ return await ({expression}) }})"
    )


def test_older_version_of_an_auction_is_dropped(new_person: NewPerson, url: str) -> None:
    """Messages may overtake each other, so a row of an older version changes nothing."""
    page = new_person(url).page
    page.goto("/")

    shown = """(() => {
      const auction = new module.LiveAuction({ id: 'a', version: 5, end_at: 'x' }, () => {}, null)
      for (const [version, price] of [[6, 600], [6, 601], [4, 400]]) {
        auction.applyTimed({ version, current_price_cents: price, id: 'message', server_time: 'x' })
      }
      return auction.state
    })()"""

    state = {"id": "a", "version": 6, "end_at": "x", "current_price_cents": 601}
    assert state == evaluated(page, "auction", shown)


def test_rows_are_read_when_changes_begin(new_person: NewPerson, url: str) -> None:
    """A page reads its rows after each join, and again when Postgres begins to send changes."""
    page = new_person(url).page
    page.goto("/")

    read = """(() => {
      const steps = []
      const heard = {}
      const channel = {
        on: (kind, _filter, callback) => { heard[kind] = callback; return channel },
        subscribe: (callback) => ['CHANNEL_ERROR', 'SUBSCRIBED'].forEach(callback),
      }
      module.join(channel, () => steps.push('read'))
      steps.push('joined')
      heard.system()
      return steps
    })()"""

    assert ["read", "joined", "read"] == evaluated(page, "channel", read)


def test_error_of_a_limit_tells_the_wait(new_person: NewPerson, url: str) -> None:
    """A person who asks too often reads when the next try may succeed."""
    person = new_person(url)
    person.page.goto("/")
    refusal = {"error": "Too many requests. Please slow down.", "code": "RATE_LIMITED"}
    person.page.route(
        "**/api/kyc",
        lambda route: route.fulfill(status=429, headers={"Retry-After": "7"}, json=refusal),
    )

    with person.expecting("answered 429"):
        told = evaluated(
            person.page, "api", "module.api('GET', '/kyc').catch((e) => [e.code, e.message])"
        )

    assert ["RATE_LIMITED", f"{refusal['error']} Try again in 7 s."] == told


def test_countdown_uses_the_clock_of_the_server(new_person: NewPerson, url: str) -> None:
    """A browser whose clock is wrong by an hour shows the right time."""
    page = new_person(url).page
    page.goto("/")

    left = """(() => {
      const now = Date.now()
      Date.now = () => now
      const at = (seconds) => new Date(Date.now() + seconds * 1000).toISOString()
      module.setServerTime(at(3600))
      return [module.span(module.remaining(at(3700))), module.remaining(at(3000))]
    })()"""

    assert ["1:40", 0] == evaluated(page, "clock", left)


def test_cards_count_down_by_the_clock_of_the_server(new_person: NewPerson, url: str) -> None:
    """The cards show the right time in a browser whose clock is two days slow."""
    page = new_person(url).page
    page.add_init_script("const now = Date.now; Date.now = () => now() - 2 * 86_400_000")
    page.goto("/")

    card = page.get_by_role("listitem").filter(has_text="Film camera")
    expect(card.locator(".time")).to_have_text(re.compile(r"6 d \d+ h"))


def test_held_message_shows_the_decision_of_staff(new_person: NewPerson, url: str) -> None:
    """The sender reads whether staff have still to decide, and what they decided."""
    page = new_person(url).page
    page.goto("/")

    shown = """['held', 'delivered', 'rejected'].map((delivery) => module.message(
      { sender_id: 'a', action: 'hold', delivery, content: '', created_at: 0 }, { id: 'a' },
    ).textContent.split(' · ')[1])"""

    texts = evaluated(page, "message", shown)
    assert isinstance(texts, list)
    held, *decided = texts
    assert held.startswith("Held")
    assert ["Released by staff.", "Staff did not release it."] == decided


def test_repeated_reads_keep_within_the_limit(new_person: NewPerson, url: str) -> None:
    """A page that waits for a state asks for a minute, and far below 30 times in it."""
    page = new_person(url).page
    # This address has no script, and so no timers of its own.
    page.goto("/health")

    waits = """(async () => {
      const [later, waits] = [window.setTimeout, []]
      window.setTimeout = (callback, ms) => later(callback, waits.push(ms) * 0)
      await module.repeatUntil(async () => false)
      window.setTimeout = later
      return waits
    })()"""

    waited = evaluated(page, "repeat", waits)
    assert isinstance(waited, list)
    assert sum(waited) >= 60_000
    assert len(waited) <= 15


@pytest.mark.parametrize(
    ("text", "cents"), [("12.5", 1250), ("$1,250.05", 125_005), ("0.29", 29), (" ", None)]
)
def test_amounts_are_whole_cents(
    new_person: NewPerson, url: str, text: str, cents: int | None
) -> None:
    """An amount becomes cents without an error of rounding."""
    page = new_person(url).page
    page.goto("/")

    assert cents == evaluated(page, "money", f"module.cents({text!r})")


def test_amounts_of_other_forms_are_refused(new_person: NewPerson, url: str) -> None:
    """A form with half a cent, a word or a second point tells the right form."""
    page = new_person(url).page
    page.goto("/")
    texts = ["1.005", "ten", "1.2.3", "-1"]

    refusals = (
        f"{texts}.map((text) => {{ try {{ return module.cents(text) }} catch {{ return 0 }} }})"
    )

    assert [0, 0, 0, 0] == evaluated(page, "money", refusals)


def test_staff_reach_the_console_from_here(new_person: NewPerson, url: str) -> None:
    """The service's console stands on the saleroom's origin too, and its forms work there."""
    ruby = new_person(url)
    ruby.page.goto("/sign-in")
    with ruby.expecting("answered 401"):
        ruby.page.get_by_role("link", name="console").click()
        expect(ruby.page.get_by_label("Password")).to_be_visible()


def test_search_finds_words_of_a_listing(new_person: NewPerson, url: str) -> None:
    """The page shows the listings that have the word, and says so when there is none."""
    page = new_person(url).page
    page.goto("/")
    cards = page.get_by_role("list").first.get_by_role("listitem")
    expect(cards.filter(has_text="Film camera")).to_be_visible()
    page.get_by_label("Search the listings").fill("camera")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("1 listing is live.")).to_be_visible()
    expect(cards).to_have_count(1)

    page.get_by_label("Search the listings").fill("100%_(zeppelin),or.")
    page.get_by_label("Search the listings").press("Enter")

    expect(page.get_by_text("0 listings are live.")).to_be_visible()
    expect(cards).to_have_count(0)


def test_markup_shows_as_text(
    new_person: NewPerson, url: str, database: psycopg.Connection
) -> None:
    """Text with markup, which the market itself would refuse, is no part of the page."""
    markup = "<img src=x onerror=alert(1)>Film camera"
    rename = "update public.listings set title = %s where title = %s"
    database.execute(rename, [markup, "Film camera with 50 mm lens"])
    page = new_person(url).page
    page.goto("/")
    page.get_by_role("link", name=markup).click()

    expect(page.get_by_role("heading", name=markup)).to_be_visible()

    assert 0 == page.locator("img[src=x]").count()
    database.execute(rename, ["Film camera with 50 mm lens", markup])


def test_keyboard_reaches_the_bid(new_person: NewPerson, url: str) -> None:
    """A person without a mouse skips the header, bids by Enter, and keeps the focus."""
    page = signed_in(new_person, url, "Angus").page
    at_listing(page, "Film camera")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the listing")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("Your bid,")).to_be_focused()
    page.keyboard.press("Control+a")
    page.keyboard.type("1")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert").filter(has_text="Minimum bid is $")).to_be_visible()


@pytest.mark.parametrize("next_", ["//evil.example", "/\t/evil.example", "https://evil.example"])
def test_sign_in_leads_to_this_site_alone(new_person: NewPerson, url: str, next_: str) -> None:
    """The address of the sign-in page cannot send a person to another site."""
    person = new_person(url)
    person.page.goto("/sign-in")
    person.page.goto(f"/sign-in?{_query(next_)}")
    person.page.get_by_role("button", name="Kylie").click()

    expect(person.page.get_by_role("heading", name="Saleroom")).to_be_visible()
    assert person.page.url.startswith(url)


def _query(next_: str) -> str:
    return urlencode({"next": next_})


@pytest.mark.parametrize("look", LOOKS, ids=str)
def test_pages_are_accessible(new_person: NewPerson, url: str, look: dict[str, bool]) -> None:
    """Each page passes the check on a desk, on a phone and in the dark, and fits its window."""
    suffix = next(iter(look), "desk")
    visitor = new_person(url, **look)
    seen = {"home": "/", "sign-in": "/sign-in"}
    for name, path in seen.items():
        visitor.page.goto(path)
        expect(visitor.page.get_by_role("heading", level=1)).to_be_visible()
        expect(visitor.page.get_by_text("Loading …")).to_have_count(0)
        examine(visitor.page, f"saleroom-{name}-{suffix}")
    kylie = signed_in(new_person, url, "Kylie", **look)
    at_listing(kylie.page, "Film camera")
    examine(kylie.page, f"saleroom-listing-{suffix}")
    for name in ("sell", "messages", "orders"):
        kylie.page.goto(f"/{name}")
        expect(kylie.page.locator(".name")).to_have_text("Kylie")
        examine(kylie.page, f"saleroom-{name}-{suffix}")

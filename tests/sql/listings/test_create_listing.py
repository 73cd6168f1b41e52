"""`create_listing`: sellers, items, texts and times."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, no_one, signed_up
from tests.sql.auctioning import LISTING, listed, move_time


def now(owner: Connection, ahead: str = "0") -> datetime:
    [(at,)] = owner.execute("select private.clock() + %s::interval", [ahead]).fetchall()
    assert isinstance(at, datetime)
    return at


def test_listing_goes_live_with_its_auction(owner: Connection, seller: Actor) -> None:
    """Without a start the listing and its auction are live at once, for seven days (A14)."""
    answer = listed(seller)

    listing = answer["listing"]
    expected = {
        "seller_id": str(seller.id),
        "title": LISTING["title"],
        "description": LISTING["description"],
        "category_id": 5,
        "condition": "good",
        "location": {"suburb": "Carlton", "postcode": "3053", "state": "VIC"},
        "pickup": True,
        "shipping": True,
        "start_cents": 1000,
        "buy_now_cents": None,
        "status": "live",
        "current_bid_cents": None,
        "bid_count": 0,
    }
    assert expected == {key: listing[key] for key in expected}
    lasts = datetime.fromisoformat(listing["end_at"]) - datetime.fromisoformat(listing["start_at"])
    assert timedelta(days=7) == lasts
    [(row, auction)] = owner.execute(
        """
        select to_jsonb(l), to_jsonb(a) from public.listings as l
        join public.auctions as a on a.listing_id = l.id where a.id = %s
        """,
        [answer["auction_id"]],
    ).fetchall()
    assert (True, listing) == (answer["success"], row)
    expected = {
        "status": "live",
        "start_at": listing["start_at"],
        "end_at": listing["end_at"],
        "scheduled_end_at": listing["end_at"],
        "current_price_cents": 1000,
        "min_next_bid_cents": 1000,
        "bid_count": 0,
        "reserve_met": True,
        "version": 1,
    }
    assert expected == {key: auction[key] for key in expected}


def test_listing_with_a_start_is_scheduled(owner: Connection, seller: Actor) -> None:
    """A listing with a start is scheduled with the times as sent."""
    start_at, end_at = now(owner, "1 hour"), now(owner, "1 day")

    listing = listed(seller, start_at=start_at, end_at=end_at)["listing"]

    assert ("scheduled", start_at, end_at) == (
        listing["status"],
        datetime.fromisoformat(listing["start_at"]),
        datetime.fromisoformat(listing["end_at"]),
    )


def test_start_that_has_passed_is_now(owner: Connection, seller: Actor) -> None:
    """A start in the past becomes the current time."""
    listing = listed(seller, start_at=now(owner, "-1 hour"))["listing"]

    assert "live" == listing["status"]
    assert now(owner, "-1 minute") < datetime.fromisoformat(listing["start_at"])


def test_reserve_and_street_are_the_sellers(
    seller: Actor, alice: Actor, moderator: Actor, anonymous: Actor
) -> None:
    """Other users read neither the reserve nor the street; staff read the street (B18)."""
    answer = listed(seller, reserve_cents=5000)
    listing_id = answer["listing"]["id"]

    for actor, reserve_cents in ((seller, 5000), (moderator, None)):
        assert {"reserve_cents": reserve_cents, "street": "1 Loop Road"} == actor.call(
            "get_listing_private", listing_id=listing_id
        )
    assert "LISTING_NOT_FOUND" == alice.call("get_listing_private", listing_id=listing_id)["code"]
    public = [
        anonymous.rows("select to_jsonb(l) from public.listings as l"),
        anonymous.rows("select to_jsonb(a) from public.auctions as a"),
        answer,
    ]
    assert "Loop Road" not in str(public)
    assert "5000" not in str(public)
    assert [(False,)] == anonymous.rows("select reserve_met from public.auctions")


@pytest.mark.parametrize(
    ("status", "reserve_cents"),
    [("scheduled", None), ("live", None), ("no_sale", 5000), ("cancelled", 5000)],
)
def test_staff_read_a_reserve_only_after_the_end(
    owner: Connection, seller: Actor, moderator: Actor, status: str, reserve_cents: int | None
) -> None:
    """Staff may bid, so nobody on the staff reads a reserve while bids are possible."""
    listing_id = listed(seller, reserve_cents=5000)["listing"]["id"]
    owner.execute("update public.auctions set status = %s::public.auction_status", [status])

    answer = moderator.call("get_listing_private", listing_id=listing_id)

    assert {"reserve_cents": reserve_cents, "street": "1 Loop Road"} == answer


def test_bidder_on_the_staff_reads_no_reserve(
    owner: Connection, seller: Actor, moderator: Actor
) -> None:
    """The seller may offer the thing again, with the same reserve."""
    answer = listed(seller, reserve_cents=5000)
    bid = moderator.call("place_bid", auction_id=answer["auction_id"], amount_cents=1000)
    assert bid["success"], bid
    owner.execute("update public.auctions set status = 'no_sale'")

    refused = moderator.call("get_listing_private", listing_id=answer["listing"]["id"])

    assert "LISTING_NOT_FOUND" == refused["code"]


def test_each_read_by_staff_is_audited(owner: Connection, seller: Actor, moderator: Actor) -> None:
    """The log names reader, listing and seller; reads of the seller are in no log."""
    listing_id = listed(seller, reserve_cents=5000)["listing"]["id"]

    for actor in (seller, moderator):
        actor.call("get_listing_private", listing_id=listing_id)

    query = "select actor_id, action, entity, entity_id, metadata from public.audit_logs"
    seen = {"seller_id": str(seller.id), "has_reserve": False}
    assert [(moderator.id, "listing_private_read", "listings", listing_id, seen)] == (
        owner.execute(query).fetchall()
    )


def test_staff_cannot_undo_the_entry_of_a_read(seller: Actor, moderator: Actor) -> None:
    """An error of PostgREST's filter would show how the street begins, and undo the entry."""
    listing_id = listed(seller, reserve_cents=5000)["listing"]["id"]
    call = r"""
      with pgrst_source as (
        select public.get_listing_private(%(listing_id)s) as pgrst_scalar
      )
      select 1 from pgrst_source where pgrst_scalar ->> 'street' like '1 L\'
    """

    with pytest.raises(psycopg.Error, match="FILTER_REFUSED"):
        moderator.rows(call, listing_id=listing_id)


def test_payment_detail_in_the_street_is_refused(seller: Actor) -> None:
    """The buyer of a paid order reads the street; a phone number may stand in it."""
    place = {"suburb": "Carlton", "postcode": "3053", "state": "VIC"}
    street = "1 Loop Road, or by PayID 0412 345 678"

    refused = listed(seller, location=json.dumps(place | {"street": street}))

    assert ("CONTACT_IN_TEXT", "street") == (refused["code"], refused["field"])
    assert "0412 345 678" in street[refused["start"] : refused["end"]]
    street = "1 Loop Road, call 0412 345 678"
    assert listed(seller, location=json.dumps(place | {"street": street}))["success"]


def test_texts_are_cleaned(seller: Actor) -> None:
    """Tags, scripts and control characters are removed, and a title is one line."""
    listing = listed(
        seller,
        title=" A <b>fine</b>\n<script>alert(1)</script> teapot\t ",
        description="<p>It pours\nwell.</p><style>p{}</style> 3 < 5 and <<b>b>so on</b>\x07.",
        location=json.dumps({"suburb": " <i>Carlton</i>", "postcode": "3053", "state": "vic"}),
    )["listing"]

    assert ("A fine  teapot", "It pours\nwell. 3 < 5 and so on.", "Carlton", "VIC") == (
        listing["title"],
        listing["description"],
        listing["location"]["suburb"],
        listing["location"]["state"],
    )


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("title", {"title": "Four"}),
        ("title", {"title": "x" * 141}),
        ("title", {"title": None}),
        ("title", {"title": "<b></b><i></i>"}),
        ("title", {"title": "\u200b" * 5}),
        ("title", {"title": "\u3164\u2800\u00a0\u0301\u200d" * 3}),
        ("title", {"title": "<b>" * 1_000_000}),
        ("description", {"description": "\u2063" * 40}),
        ("description", {"description": "x" * 5_000_000}),
        ("description", {"description": "x" * 19}),
        ("description", {"description": "x" * 4097}),
        ("category_id", {"category_id": 0}),
        ("category_id", {"category_id": 8}),
        ("category_id", {"category_id": None}),
        ("condition", {"condition": "broken"}),
        ("condition", {"condition": None}),
        ("location", {"location": "{}"}),
        ("location", {"location": '"Carlton"'}),
        ("location", {"location": '{"suburb": "Carlton", "postcode": "305", "state": "VIC"}'}),
        ("location", {"location": '{"suburb": "Carlton", "postcode": "3053", "state": "CA"}'}),
        ("location", {"location": '{"suburb": "", "postcode": "3053", "state": "VIC"}'}),
        ("location", {"location": None}),
        (
            "location",
            {
                "location": json.dumps(
                    {
                        "street": "x" * 121,
                        "suburb": "Carlton",
                        "postcode": "3053",
                        "state": "VIC",
                    }
                )
            },
        ),
        ("pickup", {"pickup": False, "shipping": False}),
        ("pickup", {"pickup": None, "shipping": None}),
        ("start_cents", {"start_cents": 99}),
        ("start_cents", {"start_cents": -1000}),
        ("start_cents", {"start_cents": None}),
        ("reserve_cents", {"reserve_cents": 1000}),
        ("buy_now_cents", {"buy_now_cents": 1000}),
        ("end_at", {"end_at": "2020-01-01"}),
        ("end_at", {"end_at": "infinity"}),
        ("end_at", {"end_at": "-infinity"}),
        ("end_at", {"end_at": "294000-01-01"}),
        ("start_at", {"start_at": "infinity"}),
    ],
)
def test_what_breaks_a_rule_is_refused(
    owner: Connection, seller: Actor, field: str, changes: dict[str, Any]
) -> None:
    """The refusal names the field, and no row is written (B5)."""
    refusal = listed(seller, **changes)

    assert (False, "VALIDATION_ERROR", field) == (
        refusal["success"],
        refusal["code"],
        refusal["field"],
    )
    assert [] == owner.execute("select 1 from public.listings").fetchall()


@pytest.mark.parametrize("field", ["start_cents", "reserve_cents", "buy_now_cents"])
def test_amount_above_the_bound_is_refused(owner: Connection, seller: Actor, field: str) -> None:
    """A price above 99999999 cents is refused, because Stripe charges no more."""
    refusal = listed(seller, **{field: 10**8})

    assert ("BAD_AMOUNT", field) == (refusal["code"], refusal["field"])
    assert "99999999" in refusal["error"]
    assert [] == owner.execute("select 1 from public.listings").fetchall()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("update public.users set kyc = 'pending'", "KYC_REQUIRED"),
        ("update public.users set role = 'buyer'", "SELLER_REQUIRED"),
        ("update public.users set suspended_at = private.clock()", "USER_SUSPENDED"),
        ("update public.users set deleted_at = private.clock()", "PROFILE_NOT_FOUND"),
    ],
)
def test_seller_must_be_in_good_standing(
    owner: Connection, seller: Actor, change: LiteralString, code: str
) -> None:
    """Only verified users who are not suspended list items."""
    owner.execute(change)

    assert code == listed(seller)["code"]


def test_seller_must_have_a_profile(owner: Connection) -> None:
    """A token without a profile lists nothing."""
    assert "PROFILE_NOT_FOUND" == listed(no_one(owner, "stray"))["code"]


def test_staff_may_sell(owner: Connection) -> None:
    """A verified user with another role than buyer may list."""
    assert listed(signed_up(owner, "admin", role="admin"))["success"]


def test_sixth_listing_of_an_hour_is_refused(owner: Connection, seller: Actor) -> None:
    """A user makes five listings in an hour; a refused call does not count."""
    for _ in range(3):
        listed(seller, title="x")
    for _ in range(5):
        assert listed(seller)["success"]

    assert "RATE_LIMITED" == listed(seller)["code"]

    move_time(owner, "1 hour")
    assert listed(seller)["success"]


def test_refused_text_uses_up_no_listing(seller: Actor) -> None:
    """A serial number may look like a phone number, so the seller tries again: 20 texts an hour."""
    refused = [listed(seller, title="Radio 0412 345 678")["code"] for _ in range(15)]
    offered = [listed(seller)["success"] for _ in range(5)]

    assert ["CONTACT_IN_TEXT"] * 15 == refused
    assert all(offered)
    assert "RATE_LIMITED" == listed(seller, title="Radio 0412 345 678")["code"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ("select", "VALIDATION_ERROR"),
        ("update public.users set kyc = 'none'", "KYC_REQUIRED"),
        ("update public.users set role = 'buyer'", "SELLER_REQUIRED"),
        ("update public.users set suspended_at = private.clock()", "USER_SUSPENDED"),
    ],
)
def test_oversized_text_is_cheap_and_counted(
    owner: Connection, seller: Actor, change: LiteralString, code: str
) -> None:
    """Length and seller are checked before a text is cleaned, and each such call counts."""
    owner.execute(change)
    owner.execute("set local statement_timeout = '10s'")
    title = "<!--" * 1_250_000

    codes = [listed(seller, title=title)["code"] for _ in range(21)]

    assert [code] * 20 + ["RATE_LIMITED"] == codes


def test_default_week_has_168_hours(owner: Connection, seller: Actor) -> None:
    """The default week has 168 hours in every time zone of the session."""
    owner.execute("set local timezone = 'Australia/Sydney'")
    start_at = datetime(now(owner).year + 1, 4, 1, tzinfo=UTC)
    owner.execute(
        """
        update private.test_clock
        set ahead_by = %s::timestamptz - clock_timestamp() - interval '1 hour'
        """,
        [start_at],
    )

    listing = listed(seller, start_at=start_at)["listing"]

    assert timedelta(hours=168) == datetime.fromisoformat(listing["end_at"]) - start_at


@pytest.mark.parametrize("field", ["start_at", "end_at"])
@pytest.mark.parametrize("time", ["2026-12-02T20:00", "tomorrow", "infinity", ""])
def test_time_without_offset_is_refused(seller: Actor, field: str, time: str) -> None:
    """A time without an offset is refused, because it depends on the session."""
    refusal = listed(seller, **{field: time})

    assert ("VALIDATION_ERROR", field) == (refusal["code"], refusal["field"])


def test_only_signed_in_users_list(anonymous: Actor, service: Actor) -> None:
    """Neither visitors nor our own processes may execute the function."""
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            listed(actor)


@pytest.mark.parametrize(
    "write",
    [
        """
          insert into public.listings (seller_id, title, description, category_id, condition,
            location, pickup, shipping, start_cents, start_at, end_at, status)
          values (%(id)s, 'A teapot', 'A teapot of blue enamel', 1, 'good', '{}', true, true, 1000,
            now(), now() + interval '1 day', 'live')
        """,
        "update public.listings set title = 'Another title'",
        "delete from public.listings",
        "select 1 from private.listing_private",
        "insert into public.listing_photos default values",
        "delete from public.listing_photos",
    ],
)
def test_nobody_writes_listings_directly(seller: Actor, write: LiteralString) -> None:
    """Nobody writes the table directly, not even the seller (B5)."""
    listed(seller)

    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seller.change(write, id=seller.id)


@pytest.mark.parametrize(
    ("field", "text", "detail"),
    [
        ("title", "Teapot, call 0412 345 678", "0412 345 678"),
        ("description", "It pours well. Mail bob@example.com for more.", "bob@example.com"),
        ("description", "It pours well. PayID 0412345678", "0412345678"),
    ],
)
def test_contact_detail_is_refused(seller: Actor, field: str, text: str, detail: str) -> None:
    """The refusal names the field and the span of the detail."""
    refused = listed(seller, **{field: text})

    assert ("CONTACT_IN_TEXT", field) == (refused["code"], refused["field"])
    assert detail in text[refused["start"] : refused["end"]]


def test_number_over_title_and_description_is_refused(seller: Actor) -> None:
    """The filter reads title and description as one text."""
    refused = listed(seller, title="Teapot 0412", description="345 678 for questions")

    assert "CONTACT_IN_TEXT" == refused["code"]


@pytest.mark.parametrize(
    ("description", "suburb", "field", "detail"),
    [
        ("It pours well, and it is old.", "Fitzroy 0412 345 678", "location", "0412 345 678"),
        ("It pours well, and it is old.", "PayID bob@example.com", "location", "bob@example.com"),
        ("Call me for a look: 0412 345", "678 Fitzroy", "description", "0412 345"),
    ],
)
def test_contact_detail_in_the_suburb_is_refused(
    seller: Actor, *, description: str, suburb: str, field: str, detail: str
) -> None:
    """The filter reads the suburb with the other texts, because everybody reads it."""
    location = json.dumps({"suburb": suburb, "postcode": "3065", "state": "VIC"})

    refused = listed(seller, description=description, location=location)

    assert ("CONTACT_IN_TEXT", field) == (refused["code"], refused["field"])
    text = suburb if field == "location" else description
    assert detail in text[refused["start"] : refused["end"]]


@pytest.mark.parametrize("suburb", ["Seventeen Seventy", "Town of 1770", "O'Connor", "St. Kilda"])
def test_suburb_with_a_number_in_its_name_passes(seller: Actor, suburb: str) -> None:
    """A suburb may have a number in its name; Queensland has a town like that."""
    location = json.dumps({"suburb": suburb, "postcode": "4677", "state": "QLD"})

    assert listed(seller, location=location)["success"]


def test_words_about_pickup_and_makers_pass(seller: Actor) -> None:
    """A listing may name a model, an ABN, cash on pickup and the maker's page."""
    text = (
        "Model DHP484-XJ2, cash on pickup. ABN 51 824 753 556. Manual: https://www.makita.com.au/x"
    )

    assert listed(seller, description=text)["success"]

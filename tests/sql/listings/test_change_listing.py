"""`update_listing`, `cancel_listing`, `relist_listing`: the changes that a seller may make."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, listed, move_time, set_setting


@pytest.fixture
def scheduled(owner: Connection, seller: Actor) -> Any:
    """Create a listing that starts in an hour and ends a day from now."""
    [(start_at, end_at)] = owner.execute(
        "select private.clock() + interval '1 hour', private.clock() + interval '1 day'"
    ).fetchall()
    return listed(seller, start_at=start_at, end_at=end_at, reserve_cents=5000)


def change(actor: Actor, listing_id: str, **changes: object) -> Any:
    return actor.call(
        "update_listing", listing_id=listing_id, changes=json.dumps(changes, default=str)
    )


def listing_id_of(owner: Connection, auction_id: UUID) -> str:
    return str(auction_row(owner, auction_id)["listing_id"])


def test_announced_listing_can_change(owner: Connection, seller: Actor, scheduled: Any) -> None:
    """A change of a scheduled listing changes its auction too, and no other column."""
    before = scheduled["listing"]
    [(start_at, end_at)] = owner.execute(
        "select private.clock() + interval '2 hours', private.clock() + interval '2 days'"
    ).fetchall()

    answer = change(
        seller,
        before["id"],
        title="A teapot of <b>red</b> enamel",
        condition="fair",
        start_cents=2000,
        start_at=start_at,
        end_at=end_at,
        location={"street": "2 Loop Road", "suburb": "Fitzroy", "postcode": "3065", "state": "VIC"},
    )

    after = answer["listing"]
    changed = {key for key in before if before[key] != after[key]}
    assert {
        "title", "condition", "start_cents", "start_at", "end_at", "location", "updated_at",
    } == changed  # fmt: skip
    assert ("A teapot of red enamel", "fair", 2000) == (
        after["title"],
        after["condition"],
        after["start_cents"],
    )
    [(row,)] = owner.execute("select to_jsonb(l) from public.listings as l").fetchall()
    assert row == after
    auction = auction_row(owner, UUID(scheduled["auction_id"]))
    expected = {
        "start_at": after["start_at"],
        "end_at": after["end_at"],
        "scheduled_end_at": after["end_at"],
        "current_price_cents": 2000,
        "min_next_bid_cents": 2000,
        "reserve_met": False,
        "version": 2,
    }
    assert expected == {key: auction[key] for key in expected}
    assert {"reserve_cents": 5000, "street": "2 Loop Road"} == seller.call(
        "get_listing_private", listing_id=before["id"]
    )


def test_reserve_can_be_taken_away(owner: Connection, seller: Actor, scheduled: Any) -> None:
    """A reserve of null means no reserve, which counts as met."""
    assert change(seller, scheduled["listing"]["id"], reserve_cents=None)["success"]

    assert auction_row(owner, UUID(scheduled["auction_id"]))["reserve_met"]


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "live"},
        {"current_bid_cents": 1},
        {"bid_count": 0},
        {"seller_id": str(uuid4())},
        {"id": str(uuid4())},
        {"title": 5},
        {"title": None},
        {"start_cents": "2000"},
        {"start_cents": 2000.5},
        {"start_cents": 10**30},
        {"start_cents": 5000},
        {"reserve_cents": 1000},
        {"condition": "broken"},
        {"location": {"suburb": "Carlton"}},
        {"pickup": "yes"},
        {"pickup": False, "shipping": False},
        {"end_at": "never"},
        {"end_at": None},
        {"end_at": "2020-01-01"},
        {"start_at": "2500-01-01"},
        {"start_at": "soon"},
        {"start_at": "2030-01-01 12:00 Mars/Olympus"},
        {"start_at": "2030-01-01T12:00:00+99:00"},
    ],
)
def test_impossible_change_is_refused(
    owner: Connection, seller: Actor, scheduled: Any, changes: dict[str, Any]
) -> None:
    """A seller never sets status or snapshots, and the rules of a listing hold (B5)."""
    refusal = change(seller, scheduled["listing"]["id"], **changes)

    assert (False, "VALIDATION_ERROR") == (refusal["success"], refusal["code"])
    [(row,)] = owner.execute("select to_jsonb(l) from public.listings as l").fetchall()
    assert row == scheduled["listing"]


def test_change_to_an_amount_above_the_bound_is_refused(seller: Actor, scheduled: Any) -> None:
    """The highest amount is that of create_listing."""
    refusal = change(seller, scheduled["listing"]["id"], start_cents=10**8)

    assert ("BAD_AMOUNT", "start_cents") == (refusal["code"], refusal["field"])


def test_changes_are_limited(
    owner: Connection, seller: Actor, alice: Actor, scheduled: Any
) -> None:
    """Each call of the seller counts, refused ones too; calls of other users do not."""
    listing_id = scheduled["listing"]["id"]
    for n in range(30):
        alice_answer = change(alice, listing_id, title="Another title")
        answer = change(seller, listing_id, title=f"Title {n}" if n % 2 else "x")
        assert "RATE_LIMITED" not in (answer.get("code"), alice_answer.get("code"))

    refused = change(seller, listing_id, title="One title too many")

    assert (False, "RATE_LIMITED") == (refused["success"], refused["code"])
    move_time(owner, "10 minutes")
    assert change(seller, listing_id, title="Another window")["success"]


def test_cancellations_are_limited(
    owner: Connection, seller: Actor, alice: Actor, scheduled: Any
) -> None:
    """Each call of the seller takes the locks of an auction; calls of other users take none."""
    set_setting(owner, "rate_limits", '{"cancel_listing": {"max": 1, "window_s": 600}}')
    listing_id = scheduled["listing"]["id"]
    for _ in range(2):
        assert "LISTING_NOT_FOUND" == alice.call("cancel_listing", listing_id=listing_id)["code"]
    assert seller.call("cancel_listing", listing_id=listing_id)["success"]

    assert "RATE_LIMITED" == seller.call("cancel_listing", listing_id=listing_id)["code"]
    move_time(owner, "10 minutes")
    assert seller.call("cancel_listing", listing_id=listing_id)["success"]


def test_repeated_change_does_not_count(seller: Actor, scheduled: Any) -> None:
    """A repeated call gets the stored answer, and counts towards no limit."""
    listing_id, request_id = scheduled["listing"]["id"], uuid4()
    arguments = {
        "listing_id": listing_id,
        "changes": '{"title": "Another title"}',
        "client_request_id": request_id,
    }
    first = seller.call("update_listing", **arguments)
    for _ in range(30):
        change(seller, listing_id, title="x")

    assert first == seller.call("update_listing", **arguments)


def test_oversized_changes_are_not_read(owner: Connection, seller: Actor, scheduled: Any) -> None:
    """The length of the changes is checked before any text is cleaned."""
    owner.execute("set local statement_timeout = '10s'")

    refusal = change(seller, scheduled["listing"]["id"], title="<!--" * 1_250_000)

    assert "VALIDATION_ERROR" == refusal["code"]


@pytest.mark.parametrize("changes", ["[]", '"title"', "null"])
def test_changes_are_an_object(seller: Actor, scheduled: Any, changes: str) -> None:
    """Another JSON type than an object gets a refusal and no error."""
    refusal = seller.call("update_listing", listing_id=scheduled["listing"]["id"], changes=changes)

    assert "VALIDATION_ERROR" == refusal["code"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Another title"),
        ("start_cents", 2000),
        ("reserve_cents", 4000),
        ("reserve_cents", None),
        ("start_at", "2 hours"),
        ("end_at", "2 days"),
    ],
)
def test_started_listing_cannot_change(
    owner: Connection, seller: Actor, scheduled: Any, *, name: str, value: Any
) -> None:
    """A listing cannot change after its start, even if it is not activated yet (B5).

    Before the start, the seller may make each of the changes.
    """
    if name.endswith("_at"):
        [(value,)] = owner.execute("select private.clock() + %s::interval", [value]).fetchall()
    with owner.transaction(force_rollback=True):
        assert change(seller, scheduled["listing"]["id"], **{name: value})["success"]
    move_time(owner, "1 hour")
    live = listed(seller, reserve_cents=5000)
    query = """
      select to_jsonb(l), to_jsonb(a), p.reserve_cents from public.listings as l
        join public.auctions as a on a.listing_id = l.id
        join private.listing_private as p on p.listing_id = l.id
      order by l.id
    """
    before = owner.execute(query).fetchall()

    for one in (scheduled, live):
        refusal = change(seller, one["listing"]["id"], **{name: value})

        assert "LISTING_NOT_SCHEDULED" == refusal["code"]
    assert before == owner.execute(query).fetchall()


def test_other_users_change_nothing(
    alice: Actor, moderator: Actor, seller: Actor, scheduled: Any
) -> None:
    """Another user's change gets the answer of an unknown listing."""
    listing_id = scheduled["listing"]["id"]

    for actor in (alice, moderator):
        assert "LISTING_NOT_FOUND" == change(actor, listing_id, title="Another title")["code"]
    assert "LISTING_NOT_FOUND" == change(seller, str(uuid4()), title="Another title")["code"]
    assert "LISTING_NOT_FOUND" == alice.call("cancel_listing", listing_id=listing_id)["code"]
    assert "LISTING_NOT_FOUND" == alice.call("relist_listing", listing_id=listing_id)["code"]


@pytest.mark.parametrize("function", ["cancel_listing", "get_listing_private"])
def test_what_is_not_there_is_not_found(owner: Connection, moderator: Actor, function: str) -> None:
    """A listing without a row is not found, for staff and for a token without a user too."""
    nobody = Actor(connection=owner, role="authenticated")

    for actor in (moderator, nobody):
        assert "LISTING_NOT_FOUND" == actor.call(function, listing_id=uuid4())["code"]


@pytest.mark.parametrize("function", ["update_listing", "cancel_listing", "relist_listing"])
def test_only_signed_in_users_call(anonymous: Actor, service: Actor, function: str) -> None:
    """Neither visitors nor our own processes may execute the functions."""
    arguments: dict[str, object] = {"listing_id": uuid4()}
    if function == "update_listing":
        arguments["changes"] = "{}"
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call(function, **arguments)


def test_listing_without_bids_can_be_called_off(
    owner: Connection, seller: Actor, auction_id: UUID, scheduled: Any
) -> None:
    """A live or scheduled listing without bids is cancelled once; a repeat changes nothing."""
    for one in (auction_id, UUID(scheduled["auction_id"])):
        listing_id = listing_id_of(owner, one)

        assert {"success": True} == seller.call("cancel_listing", listing_id=listing_id)

        row = auction_row(owner, one)
        assert ("cancelled", 2) == (row["status"], row["version"])
        assert {"success": True} == seller.call("cancel_listing", listing_id=listing_id)
        assert row == auction_row(owner, one)
    query = "select distinct status::text from public.listings"
    assert [("cancelled",)] == owner.execute(query).fetchall()


def test_staff_may_call_off(owner: Connection, moderator: Actor, auction_id: UUID) -> None:
    """Staff may cancel another user's listing without bids."""
    answer = moderator.call("cancel_listing", listing_id=listing_id_of(owner, auction_id))

    assert {"success": True} == answer


def test_listing_with_bids_cannot_be_called_off(
    owner: Connection, seller: Actor, alice: Actor, auction_id: UUID
) -> None:
    """A listing with bids cannot be cancelled (B5)."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    refusal = seller.call("cancel_listing", listing_id=listing_id_of(owner, auction_id))

    assert "LISTING_HAS_BIDS" == refusal["code"]
    assert "live" == auction_row(owner, auction_id)["status"]


def test_listing_that_is_over_cannot_be_called_off(
    owner: Connection, seller: Actor, service: Actor, auction_id: UUID
) -> None:
    """A listing cannot be cancelled after its end, whether it is closed or not."""
    listing_id = listing_id_of(owner, auction_id)
    move_time(owner, "1 hour")
    assert "LISTING_OVER" == seller.call("cancel_listing", listing_id=listing_id)["code"]

    service.call("end_auction", auction_id=auction_id)

    assert "LISTING_OVER" == seller.call("cancel_listing", listing_id=listing_id)["code"]


def test_unsold_listing_is_offered_again(owner: Connection, seller: Actor, service: Actor) -> None:
    """A relisted item is a new listing with the same photos and street and a new reserve."""
    old_id = auctioned(seller, reserve_cents=5000)
    owner.execute("""
      insert into public.listing_photos
        (listing_id, url, path, order_idx, file_size, mime_type, width, height)
      select id, 'https://example.test/1.jpg', id || '/1.jpg', 1, 10, 'image/jpeg', 100, 100
      from public.listings
    """)
    service.call("end_auction", auction_id=old_id, force=True)

    answer = seller.call("relist_listing", listing_id=listing_id_of(owner, old_id))

    listing = answer["listing"]
    assert listing["id"] != listing_id_of(owner, old_id)
    assert ("live", 0, None) == (
        listing["status"],
        listing["bid_count"],
        listing["current_bid_cents"],
    )
    auction = auction_row(owner, UUID(answer["auction_id"]))
    assert ("live", True, 1000) == (
        auction["status"],
        auction["reserve_met"],
        auction["current_price_cents"],
    )
    assert {"reserve_cents": None, "street": "1 Loop Road"} == seller.call(
        "get_listing_private", listing_id=listing["id"]
    )
    query = "select url, order_idx from public.listing_photos where listing_id = %s"
    assert [("https://example.test/1.jpg", 1)] == owner.execute(query, [listing["id"]]).fetchall()


def test_relisted_item_keeps_its_street(owner: Connection, seller: Actor, service: Actor) -> None:
    """The call cannot mend a street that the filter refuses today."""
    old_id = auctioned(seller)
    street = "1 Loop Road, or by PayID 0412 345 678"
    owner.execute("update private.listing_private set street = %s", [street])
    service.call("end_auction", auction_id=old_id, force=True)

    answer = seller.call("relist_listing", listing_id=listing_id_of(owner, old_id))

    private = seller.call("get_listing_private", listing_id=answer["listing"]["id"])
    assert street == private["street"]


def test_unpaid_listing_is_offered_again(
    owner: Connection, seller: Actor, alice: Actor, service: Actor, auction_id: UUID
) -> None:
    """A sold item is relisted only after its order was cancelled."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    service.call("end_auction", auction_id=auction_id, force=True)
    listing_id = listing_id_of(owner, auction_id)
    assert "LISTING_NOT_UNSOLD" == seller.call("relist_listing", listing_id=listing_id)["code"]
    owner.execute("""
      select public.transition_order(id, 'cancelled', null, 'system', 'unpaid') from public.orders
    """)

    answer = seller.call("relist_listing", listing_id=listing_id)

    assert (True, None) == (answer["success"], answer["listing"]["current_bid_cents"])


def test_running_listing_is_not_offered_again(
    owner: Connection, seller: Actor, auction_id: UUID
) -> None:
    """A live or scheduled listing is not relisted."""
    answer = seller.call("relist_listing", listing_id=listing_id_of(owner, auction_id))

    assert "LISTING_NOT_UNSOLD" == answer["code"]


def test_relisting_follows_the_rules(
    owner: Connection, seller: Actor, service: Actor, auction_id: UUID
) -> None:
    """An invalid reserve is refused, and no photo is copied."""
    service.call("end_auction", auction_id=auction_id, force=True)

    refusal = seller.call(
        "relist_listing", listing_id=listing_id_of(owner, auction_id), reserve_cents=1000
    )

    assert ("VALIDATION_ERROR", "reserve_cents") == (refusal["code"], refusal["field"])


@pytest.mark.parametrize("given", ["2020-01-01T00:00:00Z", None])
def test_times_of_a_change_are_read_by_the_database(
    owner: Connection, seller: Actor, scheduled: Any, given: str | None
) -> None:
    """A start that is null or in the past becomes the current time, as in a new listing."""
    answer = change(seller, scheduled["listing"]["id"], start_at=given)

    [(now,)] = owner.execute("select private.clock()").fetchall()
    start_at = datetime.fromisoformat(answer["listing"]["start_at"])
    assert (True, "scheduled") == (answer["success"], answer["listing"]["status"])
    assert abs((now - start_at).total_seconds()) < 60


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("description", "Mail bob@example.com first"),
        ("location", {"suburb": "0412 345 678", "postcode": "3065", "state": "VIC"}),
    ],
)
def test_contact_detail_in_a_change_is_refused(
    seller: Actor, scheduled: Any, *, field: str, value: object
) -> None:
    """A change with a contact detail is refused."""
    changes = json.dumps({field: value})

    refused = seller.call("update_listing", listing_id=scheduled["listing"]["id"], changes=changes)

    assert ("CONTACT_IN_TEXT", field) == (refused["code"], refused["field"])


def test_relisted_text_passes_the_filter_again(
    owner: Connection, seller: Actor, service: Actor
) -> None:
    """The filter reads the text of a relisted item again, because its rules may have changed."""
    old_id = auctioned(seller)
    owner.execute("update public.listings set description = 'Call 0412 345 678 for a look at it'")
    service.call("end_auction", auction_id=old_id, force=True)

    refused = seller.call("relist_listing", listing_id=listing_id_of(owner, old_id))

    assert "CONTACT_IN_TEXT" == refused["code"]

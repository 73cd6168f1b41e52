"""`save_shipment`, `add_shipment_event`: the parcel of an order and its steps."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.fulfilment.conftest import Calls
from tests.sql.paying import (
    moved,
    notified,
    order_row,
    ordered,
    refund_requested,
    report_refund,
    service_of,
)


PARCEL: dict[str, object] = {"carrier": "AusPost", "tracking": "33ABC1234", "label_url": ""}
STEP: dict[str, object] = {
    "status": "in_transit",
    "description": None,
    "location": None,
    "event_time": None,
}


def saved(call: Calls, user: Actor, **changes: object) -> Any:
    return call("save_shipment", user, **(PARCEL | changes))


def added(call: Calls, user: Actor, **changes: object) -> Any:
    return call("add_shipment_event", user, **({"event_id": uuid4()} | STEP | changes))


def shipment_row(owner: Connection) -> dict[str, Any]:
    [(row,)] = owner.execute("select to_jsonb(s) from public.shipments as s").fetchall()
    assert isinstance(row, dict)
    return row


def test_first_save_ships_the_order(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """The first save ships the order and notifies the buyer (case 11, A18).

    An empty label is stored as null.
    """
    answer = saved(call, seller)

    assert answer["success"], answer
    assert ("AusPost", "33ABC1234", None) == tuple(
        answer["shipment"][key] for key in ("carrier", "tracking", "label_url")
    )
    assert answer["shipment"] == shipment_row(owner)
    assert "shipped" == order_row(owner, order_id)["state"]
    assert "order_shipped" in notified(owner, alice)


def test_second_save_edits(owner: Connection, call: Calls, order_id: UUID, seller: Actor) -> None:
    """A second save changes the one row, and does not move the order (case 11, A18, A12)."""
    first = saved(call, seller)["shipment"]
    version = order_row(owner, order_id)["version"]

    second = saved(call, seller, carrier="StarTrack", label_url="https://labels.test/1?x=2#3")

    assert first["id"] == second["shipment"]["id"]
    assert ("StarTrack", "https://labels.test/1?x=2#3") == (
        second["shipment"]["carrier"],
        second["shipment"]["label_url"],
    )
    assert [(1,)] == owner.execute("select count(*) from public.shipments").fetchall()
    assert version == order_row(owner, order_id)["version"]


def test_order_that_was_marked_shipped_gets_its_parcel(
    owner: Connection, call: Calls, order_id: UUID, seller: Actor
) -> None:
    """A shipment may be saved after the order was marked as shipped."""
    moved(owner, order_id, "shipped", "seller")

    assert saved(call, seller)["success"]


@pytest.mark.parametrize("state", ["delivered", "released", "disputed", "refunded"])
def test_order_that_cannot_be_shipped_is_refused(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, state: str
) -> None:
    """After the delivery and in a dispute the shipment cannot change."""
    saved(call, seller)
    if state == "refunded":
        report_refund(owner, "succeeded", 10_000)
    else:
        for step in {"delivered": ["delivered"], "released": ["delivered", "released"]}.get(
            state, [state]
        ):
            moved(owner, order_id, step, "buyer")

    assert "CONFLICT" == saved(call, seller, tracking="changed")["code"]
    assert "33ABC1234" == shipment_row(owner)["tracking"]


@pytest.mark.parametrize("state", ["paid", "ready_for_handover"])
def test_item_for_pickup_alone_is_not_shipped(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, state: str
) -> None:
    """An item for pickup alone is not shipped.

    A shipped order becomes delivered after two weeks without a word of the buyer.
    """
    if state != "paid":
        moved(owner, order_id, state, "seller")
    owner.execute("update public.listings set shipping = false")

    assert "SHIPPING_NOT_OFFERED" == saved(call, seller)["code"]
    assert [(0,)] == owner.execute("select count(*) from public.shipments").fetchall()
    assert state == order_row(owner, order_id)["state"]


def test_parcel_that_is_under_way_can_be_edited(
    owner: Connection, call: Calls, seller: Actor
) -> None:
    """A saved shipment can change even if the listing offers no shipping any more."""
    saved(call, seller)
    owner.execute("update public.listings set shipping = false")

    assert saved(call, seller, tracking="33ABC9999")["success"]
    assert "33ABC9999" == shipment_row(owner)["tracking"]


def test_unpaid_order_is_not_shipped(owner: Connection, seller: Actor, bob: Actor) -> None:
    """An unpaid order is not shipped."""
    answer = service_of(owner).call(
        "save_shipment", order_id=ordered(seller, bob), user_id=seller.id, **PARCEL
    )

    assert "CONFLICT" == answer["code"]


def test_money_on_its_way_back_stops_the_parcel(
    owner: Connection, call: Calls, order_id: UUID, seller: Actor
) -> None:
    """A pending refund blocks the shipment."""
    refund_requested(owner, order_id, 1_000)

    assert "CONFLICT" == saved(call, seller)["code"]
    assert [(0,)] == owner.execute("select count(*) from public.shipments").fetchall()


def test_only_the_seller_ships(
    call: Calls, seller: Actor, alice: Actor, bob: Actor, moderator: Actor
) -> None:
    """The buyer, another user and staff neither save a parcel nor report its steps."""
    for user in (alice, bob, moderator):
        assert "FORBIDDEN" == saved(call, user)["code"]
    saved(call, seller)
    for user in (alice, bob, moderator):
        assert "FORBIDDEN" == added(call, user)["code"]


def test_text_is_cleaned(call: Calls, seller: Actor) -> None:
    """Tags, hidden characters and line breaks leave the lines; a description keeps its lines."""
    shipment = saved(
        call, seller, carrier=" <b>Aus\r\nPost</b>\u202e ", tracking="\t33<script>x</script>ABC "
    )["shipment"]
    event = added(
        call,
        seller,
        status=" in\ttransit ",
        description="<i>Left</i>\nthe depot ",
        location="Syd\nney",
    )["event"]

    assert ("Aus  Post", "33ABC") == (shipment["carrier"], shipment["tracking"])
    assert ("in transit", "Left\nthe depot", "Syd ney") == (
        event["status"],
        event["description"],
        event["location"],
    )


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"carrier": "A"}, "carrier"),
        ({"carrier": "A" * 65}, "carrier"),
        ({"carrier": "<b>A</b>"}, "carrier"),
        ({"carrier": "A" * 100_000}, "carrier"),
        ({"carrier": None}, "carrier"),
        ({"carrier": " \u200b  "}, "carrier"),
        ({"tracking": "AB"}, "tracking"),
        ({"tracking": "A" * 65}, "tracking"),
        ({"tracking": ""}, "tracking"),
        ({"label_url": "http://labels.test/1"}, "label_url"),
        ({"label_url": "javascript:alert(1)"}, "label_url"),
        ({"label_url": "https://"}, "label_url"),
        ({"label_url": "https://user@labels.test/"}, "label_url"),
        ({"label_url": 'https://labels.test/">'}, "label_url"),
        ({"label_url": "https://labels.test/ x"}, "label_url"),
        ({"label_url": "https://labels.test/\nx"}, "label_url"),
        ({"label_url": "https://labels.test/" + "a" * 2_048}, "label_url"),
    ],
)
def test_bad_parcel_is_refused(
    owner: Connection,
    call: Calls,
    *,
    order_id: UUID,
    seller: Actor,
    change: dict[str, object],
    field: str,
) -> None:
    """The refusal names the field, and the order stays."""
    answer = saved(call, seller, **change)

    assert ("VALIDATION_ERROR", field) == (answer["code"], answer["field"])
    assert "paid" == order_row(owner, order_id)["state"]


@pytest.mark.parametrize("label_url", [None, "", "  "])
def test_empty_label_is_null(call: Calls, seller: Actor, label_url: str | None) -> None:
    """A18: a form sends an empty text for a field that was left out."""
    assert None is saved(call, seller, label_url=label_url)["shipment"]["label_url"]


def test_event_needs_a_shipment(call: Calls, seller: Actor) -> None:
    """An event without a shipment is refused."""
    assert "RESOURCE_NOT_FOUND" == added(call, seller)["code"]


def test_event_is_in_the_list(
    call: Calls, seller: Actor, alice: Actor, bob: Actor, moderator: Actor
) -> None:
    """Parties and staff read the event, and another user does not (case 11)."""
    saved(call, seller)
    event = added(call, seller, location="Sydney", event_time="2026-01-02T03:04:05+11:00")["event"]

    assert "2026-01-01T16:04:05+00:00" == event["event_time"]
    query = "select id::text, status, location from public.shipment_events"
    for user in (seller, alice, moderator):
        assert [(event["id"], "in_transit", "Sydney")] == user.rows(query)
        assert 1 == len(user.rows("select id from public.shipments"))
    assert [] == bob.rows(query) == bob.rows("select id from public.shipments")


def test_event_is_added_once_per_id(owner: Connection, call: Calls, seller: Actor) -> None:
    """A repeated call adds no second event."""
    saved(call, seller)
    event_id = uuid4()

    answers = [added(call, seller, event_id=event_id) for _ in range(2)]

    assert answers[0] == answers[1]
    assert [(1,)] == owner.execute("select count(*) from public.shipment_events").fetchall()


@pytest.mark.parametrize("status", ["accepted", "in_transit", "In_Transit"])
def test_first_scan_is_the_earliest(
    owner: Connection, call: Calls, seller: Actor, status: str
) -> None:
    """The first scan is the earliest event, in whatever sequence they are entered."""
    saved(call, seller)
    added(call, seller, status="label_printed", event_time="2025-12-31T00:00:00Z")
    assert None is shipment_row(owner)["first_scan_at"]

    for day in (3, 2, 4):
        added(call, seller, status=status, event_time=f"2026-01-0{day}T00:00:00Z")

    assert "2026-01-02T00:00:00+00:00" == shipment_row(owner)["first_scan_at"]


def test_delivered_event_moves_the_order(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """A delivered event moves a shipped order and notifies both parties (case 11, A18)."""
    saved(call, seller)

    answer = added(call, seller, status="delivered", event_time="2026-01-02T00:00:00Z")

    assert answer["success"]
    order = order_row(owner, order_id)
    assert "delivered" == order["state"]
    # The days until the release count from our clock, not from a time that the seller enters.
    assert "2026-01-02" not in order["delivered_at"]
    assert "2026-01-02T00:00:00+00:00" == shipment_row(owner)["delivered_at"]
    assert "order_delivered" in notified(owner, alice)
    assert "order_delivered" in notified(owner, seller)
    query = """
      select actor_id, actor_kind::text, reason from public.order_events order by id desc limit 1
    """
    assert [(seller.id, "system", "parcel_delivered")] == owner.execute(query).fetchall()


def test_second_delivered_event_changes_nothing(
    owner: Connection, call: Calls, order_id: UUID, seller: Actor
) -> None:
    """A second delivered event does not move the order."""
    saved(call, seller)
    added(call, seller, status="delivered", event_time="2026-01-02T00:00:00Z")
    before = order_row(owner, order_id)
    move_time(owner, "1 hour")

    assert added(call, seller, status="delivered")["success"]

    assert before == order_row(owner, order_id)
    assert "2026-01-02T00:00:00+00:00" == shipment_row(owner)["delivered_at"]


@pytest.mark.parametrize("obstacle", ["disputed", "refund"])
def test_delivered_parcel_of_a_stopped_order_is_only_recorded(
    owner: Connection, call: Calls, *, order_id: UUID, seller: Actor, obstacle: str
) -> None:
    """A dispute or a pending refund stops the order, not the parcel."""
    saved(call, seller)
    if obstacle == "disputed":
        moved(owner, order_id, "disputed", "buyer")
    else:
        refund_requested(owner, order_id, 1_000)
    before = order_row(owner, order_id)["state"]

    assert added(call, seller, status="delivered")["success"]

    assert before == order_row(owner, order_id)["state"]
    assert None is not shipment_row(owner)["delivered_at"]


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"status": "x"}, "status"),
        ({"status": "x" * 65}, "status"),
        ({"status": None}, "status"),
        ({"status": "<p></p>"}, "status"),
        ({"description": "x" * 513}, "description"),
        ({"location": "x" * 129}, "location"),
        ({"location": "x" * 100_000}, "location"),
        ({"event_time": "2026-01-02T03:04:05"}, "event_time"),
        ({"event_time": "tomorrow"}, "event_time"),
        ({"event_time": ""}, "event_time"),
        ({"event_time": "2026-02-30T03:04:05Z"}, "event_time"),
        ({"event_time": "2999-01-01T00:00:00Z"}, "event_time"),
    ],
)
def test_bad_event_is_refused(
    owner: Connection, call: Calls, seller: Actor, *, change: dict[str, object], field: str
) -> None:
    """The refusal names the field, and nothing is stored."""
    saved(call, seller)

    answer = added(call, seller, **change)

    assert ("VALIDATION_ERROR", field) == (answer["code"], answer["field"])
    assert [(0,)] == owner.execute("select count(*) from public.shipment_events").fetchall()


def test_event_may_be_as_late_as_the_carriers_clock(
    owner: Connection, call: Calls, seller: Actor
) -> None:
    """An event may be ten minutes in the future, and not half an hour."""
    saved(call, seller)
    [(soon, late)] = owner.execute(
        """
        select to_jsonb(private.clock() + interval '10 minutes') #>> '{}',
          to_jsonb(private.clock() + interval '30 minutes') #>> '{}'
        """
    ).fetchall()

    assert added(call, seller, event_time=soon)["success"]
    assert "VALIDATION_ERROR" == added(call, seller, event_time=late)["code"]


def test_no_client_writes_parcels(call: Calls, seller: Actor, alice: Actor, service: Actor) -> None:
    """Only the functions write the tables, and only the service calls them (B2)."""
    saved(call, seller)
    for actor in (seller, alice, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change("update public.shipments set tracking = 'mine'")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.change("delete from public.shipment_events")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        seller.call("save_shipment", order_id=uuid4(), user_id=seller.id, **PARCEL)


def test_unknown_order_is_not_found(call: Calls, seller: Actor) -> None:
    """An unknown order is refused."""
    assert "RESOURCE_NOT_FOUND" == saved(call, seller, order_id=uuid4())["code"]
    assert "RESOURCE_NOT_FOUND" == added(call, seller, order_id=uuid4())["code"]


@pytest.mark.parametrize(
    ("function", "field"),
    [
        (saved, "carrier"),
        (saved, "tracking"),
        (added, "status"),
        (added, "description"),
        (added, "location"),
    ],
)
def test_payment_detail_is_refused(call: Calls, seller: Actor, function: Any, field: str) -> None:
    """A text about a shipment with a payment detail is refused."""
    saved(call, seller)

    refused = function(call, seller, **{field: "my PayID is 0412 345 678"})

    assert ("PAYMENT_IN_TEXT", field) == (refused["code"], refused["field"])


@pytest.mark.parametrize(
    ("function", "field", "texts"),
    [
        (saved, "tracking", {"carrier": "My PayID", "tracking": "0412 345 678"}),
        (saved, "label_url", {"label_url": "https://paypal.me/someone"}),
        (added, "description", {"status": "By PayID", "description": "0412 345 678"}),
        (added, "location", {"status": "My account", "description": "", "location": "12345678"}),
    ],
)
def test_payment_detail_over_two_texts_is_refused(
    call: Calls, seller: Actor, *, function: Any, field: str, texts: dict[str, str]
) -> None:
    """The buyer reads the texts side by side; a label may lead to a page of payment."""
    saved(call, seller)

    refused = function(call, seller, **texts)

    assert ("PAYMENT_IN_TEXT", field) == (refused["code"], refused["field"])


def test_tracking_number_is_no_card_number(call: Calls, seller: Actor) -> None:
    """A carrier's number may have the check digit of a card number."""
    assert saved(call, seller, tracking="4111111111111111")["success"]


def test_name_of_a_carrier_is_no_cue_of_payment(call: Calls, seller: Actor) -> None:
    """A carrier is called PACK & SEND, and prints its numbers in groups."""
    assert saved(call, seller, carrier="PACK & SEND", tracking="123 456 789 012")["success"]


@pytest.mark.parametrize(
    "path",
    [
        # A signature, a token, an id, a number with the check digit of a card, and an account.
        f"label.pdf?X-Amz-Date=20261130T104344Z&X-Amz-Signature={'3f2a91bc' * 8}",
        "sign/label.pdf?token=eyJhbGciOiJIUzI1NiJ9.eyJ1cmwiOiJsYWJlbHMvMTIzIn0.3dXq7-0Zb_BSB9k1",
        "d41d8cd98f00b204e9800998ecf8427e.pdf",
        "4111111111111111.pdf",
        "account/12345678/labels/20261130",
        "payment/12345678/0412345678",
    ],
)
def test_label_has_any_digits(call: Calls, seller: Actor, path: str) -> None:
    """A carrier's link has ids, signatures and numbers of accounts with the carrier."""
    assert saved(call, seller, label_url=f"https://labels.test/{path}")["success"]


@pytest.mark.parametrize(
    "label_url",
    [
        "https://paypal.me/someone",
        "https://www.paypal.com/paypalme/someone",
        "https://beemit.com.au/pay/someone",
        "https://labels.test/payid/0412345678",
        "https://labels.test/?note=payid-bob%40example.com",
        "https://labels.test/bsb-062-000-account-12345678",
    ],
)
def test_label_leads_to_no_payment(call: Calls, seller: Actor, label_url: str) -> None:
    """A label may name neither a payment service nor a BSB."""
    refused = saved(call, seller, label_url=label_url)

    assert ("PAYMENT_IN_TEXT", "label_url") == (refused["code"], refused["field"])
    assert label_url[refused["start"] : refused["end"]]

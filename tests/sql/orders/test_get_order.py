"""`get_order`: an order as its page shows it, and the two addresses."""

from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection
from psycopg.types.json import Jsonb

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting
from tests.sql.paying import (
    AMOUNT,
    ROUTES,
    brought_to,
    moved,
    order_row,
    paid,
    report_refund,
    service_of,
)


HOME = {"street": "9 Elm Street", "suburb": "Newtown", "postcode": "2042", "state": "NSW"}
SHOP = {"street": "1 Loop Road", "suburb": "Carlton", "postcode": "3053", "state": "VIC"}


@pytest.fixture
def order_id(owner: Connection, order_id: UUID, alice: Actor) -> UUID:
    """Give the buyer an address."""
    lives_at(owner, alice, HOME)
    return order_id


def lives_at(owner: Connection, user: Actor, address: dict[str, str] | None) -> None:
    query = "update public.users set address = %s where id = %s"
    owner.execute(query, [None if address is None else Jsonb(address), user.id])


def answered(owner: Connection, order_id: UUID, user: Actor) -> Any:
    """Ask for the order as the service does for a user."""
    return service_of(owner).call("get_order", order_id=order_id, user_id=user.id, aal=user.aal)


def seen(owner: Connection, order_id: UUID, user: Actor) -> dict[str, Any]:
    answer = answered(owner, order_id, user)
    assert answer["success"], answer
    order: dict[str, Any] = answer["order"]
    return order


def test_order_is_flat_with_its_listing_under_both_names(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """A15: every column, `listings` and `listing` alike, and the two display names."""
    owner.execute(
        """
        insert into public.listing_photos
          (listing_id, url, path, order_idx, file_size, mime_type, width, height)
        select listing_id, 'https://cdn.test/' || n, n::text, 2 - n, 1, 'image/jpeg', 1, 1
        from public.orders, generate_series(0, 2) as n
        """
    )

    order = seen(owner, order_id, alice)

    row = order_row(owner, order_id)
    assert row == {key: order[key] for key in row}
    assert order["listing"] == order["listings"]
    assert {"id", "title", "description", "listing_photos"} == set(order["listing"])
    photos = order["listing"]["listing_photos"]
    assert [0, 1, 2] == [photo["order_idx"] for photo in photos]
    assert {"id", "url", "order_idx"} == set(photos[0])
    assert {"id": str(alice.id), "display_name": "alice"} == order["buyer"]
    assert {"id": str(seller.id), "display_name": "seller"} == order["seller"]


def test_listing_without_photos_has_an_empty_list(
    owner: Connection, order_id: UUID, alice: Actor
) -> None:
    """A listing without photos has an empty list, never null."""
    assert [] == seen(owner, order_id, alice)["listings"]["listing_photos"]


@pytest.mark.parametrize("state", ["pending_payment", "cancelled", "refunded", *ROUTES])
def test_addresses_are_shown_from_the_payment_on(
    owner: Connection,
    order_id: UUID,
    *,
    alice: Actor,
    seller: Actor,
    moderator: Actor,
    state: str,
) -> None:
    """From the payment on each party reads the address that the handover needs; staff read none."""
    if state == "cancelled":
        moved(owner, order_id, "cancelled", "seller")
    elif state == "refunded":
        paid(owner, order_id)
        report_refund(owner, "succeeded", 10_000)
    elif state != "pending_payment":
        brought_to(owner, order_id, state)
    is_shown = state in ROUTES

    addresses = {
        name: {key: seen(owner, order_id, user).get(key) for key in ADDRESSES}
        for name, user in (("buyer", alice), ("seller", seller), ("staff", moderator))
    }

    assert {
        "buyer": {"pickup_address": SHOP if is_shown else None, "delivery_address": None},
        "seller": {"pickup_address": None, "delivery_address": HOME if is_shown else None},
        "staff": {"pickup_address": None, "delivery_address": None},
    } == addresses


ADDRESSES = ("pickup_address", "delivery_address")


def test_no_address_without_its_way_of_handover(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """A listing without pickup shows no street, and one without shipping stores no address."""
    owner.execute("update public.listings set pickup = false")
    paid(owner, order_id)
    assert "pickup_address" not in seen(owner, order_id, alice)
    assert HOME == seen(owner, order_id, seller)["delivery_address"]

    owner.execute("delete from private.order_addresses")
    owner.execute("update public.listings set pickup = true, shipping = false")
    owner.execute(
        "select private.keep_delivery_address(o) from public.orders as o where id = %s", [order_id]
    )
    assert SHOP == seen(owner, order_id, alice)["pickup_address"]
    assert "delivery_address" not in seen(owner, order_id, seller)


def test_delivery_address_is_that_of_the_payment(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """A later change of the profile does not change the delivery address of an order."""
    brought_to(owner, order_id, "paid")
    moved(owner, order_id, "disputed", "admin")
    lives_at(owner, alice, HOME | {"street": "2 Other Street"})

    moved(owner, order_id, "paid", "admin")

    assert HOME == seen(owner, order_id, seller)["delivery_address"]


def test_buyer_without_an_address_can_pay(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """A buyer without an address can pay."""
    lives_at(owner, alice, None)
    paid(owner, order_id)

    assert "delivery_address" not in seen(owner, order_id, seller)


def test_address_goes_with_the_account(
    owner: Connection, order_id: UUID, alice: Actor, service: Actor
) -> None:
    """The deletion of an account deletes the copies of its address."""
    brought_to(owner, order_id, "released")

    assert service.call("anonymise_account", user_id=alice.id)["success"]

    assert [(0,)] == owner.execute("select count(*) from private.order_addresses").fetchall()


@pytest.mark.parametrize(("state", "kind"), [("released", "buyer"), ("refunded", "admin")])
def test_address_goes_with_the_last_order_of_a_deleted_account(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor, state: str, kind: str
) -> None:
    """The end of a deleted account's last order deletes the address copies."""
    brought_to(owner, order_id, "delivered")
    for party in (alice, seller):
        owner.execute("select private.erase_personal_data(%s, null)", [party.id])
    kept = """
      select
        (select count(*) from private.order_addresses where delivery_address is not null),
        (select count(*) from private.listing_private where street is not null)
    """
    assert [(1, 1)] == owner.execute(kept).fetchall()

    if state == "refunded":
        report_refund(owner, "succeeded", AMOUNT, stripe_refund_id="re_outside")
    else:
        moved(owner, order_id, state, kind)

    assert state == order_row(owner, order_id)["state"]
    assert [(0, 0)] == owner.execute(kept).fetchall()


def test_other_users_are_refused(
    owner: Connection, order_id: UUID, bob: Actor, moderator: Actor
) -> None:
    """Another user gets a 403, and so do staff without a second factor (case 13)."""
    weak = Actor(connection=owner, role="authenticated", user_id=moderator.id)

    for user in (bob, weak):
        answer = answered(owner, order_id, user)
        assert ("FORBIDDEN", "Unauthorized to view this order") == (
            answer["code"],
            answer["error"],
        )
    assert seen(owner, order_id, moderator)
    set_setting(owner, "require_staff_aal2", "false")
    assert seen(owner, order_id, weak)


@pytest.mark.parametrize(
    "change",
    [
        "update public.users set suspended_at = now() where id = %s",
        "update public.users set deleted_at = now() where id = %s",
        "update public.users set role = 'buyer' where id = %s",
    ],
)
def test_former_staff_are_refused(
    owner: Connection, order_id: UUID, moderator: Actor, change: LiteralString
) -> None:
    """A suspended, deleted or demoted member of staff is refused."""
    owner.execute(change, [moderator.id])

    assert "FORBIDDEN" == answered(owner, order_id, moderator)["code"]


def test_deleted_party_is_refused(owner: Connection, order_id: UUID, alice: Actor) -> None:
    """The token of a deleted party reads nothing."""
    owner.execute("update public.users set deleted_at = now() where id = %s", [alice.id])

    assert "FORBIDDEN" == answered(owner, order_id, alice)["code"]


def test_unknown_order_is_not_found(owner: Connection, alice: Actor) -> None:
    """An unknown order is refused."""
    assert "RESOURCE_NOT_FOUND" == answered(owner, uuid4(), alice)["code"]


def test_only_the_service_reads_it(order_id: UUID, alice: Actor, anonymous: Actor) -> None:
    """No client may execute the function."""
    for actor in (alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("get_order", order_id=order_id, user_id=alice.id, aal="aal2")

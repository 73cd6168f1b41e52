"""`start_thread`: a user writes to the seller of a listing, before the end and after it."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, no_one
from tests.sql.auctioning import set_setting
from tests.sql.paying import ROUTES, brought_to, moved, order_row, paid, report_refund
from tests.sql.writing import (
    filter_calls,
    message_row,
    messages_of,
    new_messages,
    new_thread,
    wrote,
)


def threads(owner: Connection) -> list[dict[str, Any]]:
    query = "select to_jsonb(t) from public.message_threads as t order by created_at"
    return [row for (row,) in owner.execute(query)]


def test_question_is_stored_with_its_thread(
    owner: Connection, listing_id: UUID, alice: Actor, seller: Actor
) -> None:
    """The sender is the caller, and the thread is that of listing and caller (A9)."""
    answer = new_thread(alice, listing_id, " Is the <b>lid</b> whole? ")

    [thread] = threads(owner)
    row = message_row(owner, answer["message_id"])
    assert {
        "success": True,
        "thread_id": thread["id"],
        "message_id": row["id"],
        "action": "allow",
        "reason_codes": [],
        "rule_version": 7,
        "content": "Is the lid whole?",
        "delivery": "delivered",
        "idempotent": False,
    } == answer
    assert (str(listing_id), str(alice.id), str(seller.id), None) == tuple(
        thread[key] for key in ("listing_id", "buyer_id", "seller_id", "order_id")
    )
    assert (thread["id"], str(alice.id), "text", None) == tuple(
        row[key] for key in ("thread_id", "sender_id", "message_type", "read_at")
    )
    assert thread["last_message_at"] == row["created_at"]
    assert ["Is the lid whole?"] == messages_of(alice) == messages_of(seller)


def test_recipient_is_notified_of_each_message(
    listing_id: UUID, alice: Actor, seller: Actor
) -> None:
    """The notification names thread and message, and quotes nothing."""
    answer = new_thread(alice, listing_id, "mask my number")

    [notification] = new_messages(seller)
    assert {
        "thread_id": answer["thread_id"],
        "message_id": answer["message_id"],
        "listing_id": str(listing_id),
    } == notification["metadata"]
    assert "alice wrote to you about A teapot of blue enamel." == notification["message"]
    assert [] == new_messages(alice)


def test_second_question_uses_the_same_thread(
    owner: Connection, listing_id: UUID, alice: Actor, *, bob: Actor, seller: Actor
) -> None:
    """A buyer has one thread per listing."""
    first, second = (
        new_thread(alice, listing_id, "One"),
        new_thread(alice, listing_id, "Two"),
    )
    other = new_thread(bob, listing_id, "Three")

    assert first["thread_id"] == second["thread_id"] != other["thread_id"]
    assert 2 == len(threads(owner))
    assert ["One", "Two"] == messages_of(alice)
    assert ["One", "Two", "Three"] == messages_of(seller)


def test_seller_asks_nobody(owner: Connection, listing_id: UUID, seller: Actor) -> None:
    """Sellers answer in the threads of their buyers."""
    assert "OWN_LISTING" == new_thread(seller, listing_id)["code"]
    assert [] == threads(owner)


def test_listing_that_nobody_sees_has_no_questions(
    owner: Connection, listing_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A cancelled listing gets no new thread, and an old thread goes on."""
    thread_id = new_thread(alice, listing_id)["thread_id"]
    owner.execute("update public.listings set status = 'cancelled' where id = %s", [listing_id])

    assert "LISTING_NOT_FOUND" == new_thread(bob, uuid4())["code"]
    assert "LISTING_NOT_FOUND" == new_thread(bob, None)["code"]
    assert "LISTING_NOT_FOUND" == new_thread(bob, listing_id)["code"]
    assert thread_id == new_thread(alice, listing_id)["thread_id"]


@pytest.mark.parametrize("listing_status", ["scheduled", "live", "ended"])
def test_visible_listing_has_questions(
    owner: Connection, listing_id: UUID, alice: Actor, listing_status: str
) -> None:
    """A listing accepts questions as long as it is visible."""
    owner.execute(
        "update public.listings set status = %s where id = %s", [listing_status, listing_id]
    )

    assert new_thread(alice, listing_id)["success"]


def test_close_links_the_thread_of_the_winner(
    owner: Connection,
    auction_id: UUID,
    listing_id: UUID,
    *,
    alice: Actor,
    bob: Actor,
    seller: Actor,
    service: Actor,
) -> None:
    """The winner's questions stay, and the thread gets the order (A2)."""
    asked_at = new_thread(alice, listing_id, "Before")["thread_id"]
    new_thread(bob, listing_id)
    alice.call("place_bid", auction_id=auction_id, amount_cents=2000)
    order_id = service.call("end_auction", auction_id=auction_id, force=True)["order_id"]

    after = new_thread(alice, listing_id, "After")

    linked = {thread["id"]: thread["order_id"] for thread in threads(owner)}
    assert order_id == linked[asked_at]
    assert [None] == [order for thread, order in linked.items() if thread != asked_at]
    assert asked_at == after["thread_id"]
    assert ["Before", "After"] == messages_of(alice)
    metadata = new_messages(seller)[-1]["metadata"]
    assert (order_id, order_id) == (metadata["order_id"], metadata["orderId"])


def test_close_shows_a_hidden_thread_as_a_new_one(
    owner: Connection,
    auction_id: UUID,
    listing_id: UUID,
    *,
    alice: Actor,
    seller: Actor,
    service: Actor,
) -> None:
    """A hidden thread that the close shows has the time of the close."""
    new_thread(alice, listing_id, "hold")
    alice.call("place_bid", auction_id=auction_id, amount_cents=2000)
    owner.execute("update public.message_threads set last_message_at = '2026-01-01Z'")

    assert service.call("end_auction", auction_id=auction_id, force=True)["order_id"]

    query = "select last_message_at > '2026-01-02Z' from public.message_threads"
    assert [(True,)] == seller.rows(query)


def test_buyer_finds_the_thread_of_the_order(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """A buyer writes in the order's thread, even after the listing was cancelled."""
    [opened] = threads(owner)
    listing_id = order_row(owner, order_id)["listing_id"]
    owner.execute("update public.listings set status = 'cancelled'")

    answer = new_thread(alice, listing_id)

    assert (opened["id"], str(order_id)) == (answer["thread_id"], opened["order_id"])
    assert wrote(seller, answer["thread_id"])["success"]


def test_buyer_opens_the_thread_of_an_order_without_one(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor
) -> None:
    """The new thread belongs to the order, so the seller sees it even if the message is held."""
    listing_id = order_row(owner, order_id)["listing_id"]
    owner.execute("delete from public.message_threads")
    owner.execute("update public.listings set status = 'cancelled'")

    answer = new_thread(alice, listing_id, "hold")

    [thread] = threads(owner)
    assert (answer["thread_id"], str(order_id)) == (thread["id"], thread["order_id"])
    assert [(1,)] == seller.rows("select count(*) from public.message_threads")


@pytest.mark.parametrize("state", ROUTES)
def test_stage_follows_a_paid_order(
    owner: Connection, order_id: UUID, alice: Actor, seller: Actor, state: str
) -> None:
    """From the payment on the filter lets contact details pass, for both parties."""
    brought_to(owner, order_id, state)

    thread_id = new_thread(alice, order_row(owner, order_id)["listing_id"])["thread_id"]
    wrote(seller, thread_id)

    assert ["order", "order"] == [stage for _, _, stage in filter_calls(owner)]


def test_stage_is_strict_without_a_paid_order(
    owner: Connection, order_id: UUID, listing_id: UUID, *, alice: Actor, bob: Actor
) -> None:
    """The filter is strict without an order, with an unpaid one, and with another buyer's."""
    sold_id = order_row(owner, order_id)["listing_id"]
    new_thread(alice, listing_id)
    new_thread(alice, sold_id)
    brought_to(owner, order_id, "paid")
    new_thread(bob, sold_id)
    new_thread(alice, listing_id)

    assert ["strict"] * 4 == [stage for _, _, stage in filter_calls(owner)]


@pytest.mark.parametrize("state", ["cancelled", "refunded"])
def test_stage_is_strict_again_without_the_deal(
    owner: Connection, order_id: UUID, alice: Actor, state: str
) -> None:
    """The filter is strict again after a cancellation or a refund."""
    if state == "refunded":
        paid(owner, order_id)
        report_refund(owner, "succeeded", 10_000)
    else:
        moved(owner, order_id, state, "admin")
    assert state == order_row(owner, order_id)["state"]

    new_thread(alice, order_row(owner, order_id)["listing_id"])

    assert ["strict"] == [stage for _, _, stage in filter_calls(owner)]


def test_questions_are_limited(owner: Connection, listing_id: UUID, alice: Actor) -> None:
    """A user has a limit of questions per hour; refused and repeated calls do not count."""
    set_setting(owner, "rate_limits", '{"start_thread": {"max": 1, "window_s": 3600}}')
    message_id = uuid4()
    new_thread(alice, listing_id, "")
    assert new_thread(alice, listing_id, client_message_id=message_id)["success"]

    assert new_thread(alice, listing_id, client_message_id=message_id)["idempotent"]
    refused = new_thread(alice, listing_id)

    assert "RATE_LIMITED" == refused["code"]
    assert refused["retry_after_ms"] > 0


def test_visitors_and_processes_write_nothing(
    owner: Connection, listing_id: UUID, anonymous: Actor, service: Actor
) -> None:
    """Only signed-in users may execute the function."""
    for actor in (anonymous, service):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            new_thread(actor, listing_id)
    assert "PROFILE_NOT_FOUND" == new_thread(no_one(owner, "nobody"), listing_id)["code"]

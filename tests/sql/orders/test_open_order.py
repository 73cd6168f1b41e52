"""`open_order`: the order of a won auction."""

from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, set_setting
from tests.sql.paying import notified, order_row, ordered


def test_order_says_who_owes_what(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """An order has the price, its split, both parties, and 48 hours for the payment."""
    query = """
      select buyer_id, seller_id, amount_cents, platform_fee_cents, seller_amount_cents,
        currency, state::text, payment_due_at - created_at between '47:59' and '48:01',
        id = md5('order:' || auction_id)::uuid
      from public.orders
    """
    assert [
        (alice.id, seller.id, 10_000, 500, 9_500, "aud", "pending_payment", True, True)
    ] == owner.execute(query).fetchall()
    assert "winning_bid_id" in order_row(owner, order_id)


@pytest.mark.parametrize(
    ("amount", "bps", "fee"),
    [
        (10_000, 500, 500),
        (10_010, 500, 501),
        (10_009, 500, 500),
        (1, 500, 0),
        (10, 500, 1),
        (-10, 500, -1),
        (99_999_999, 500, 5_000_000),
        (101, 0, 0),
        (100, 10_000, 100),
    ],
)
def test_fee_rounds_half_away_from_zero(owner: Connection, amount: int, bps: int, fee: int) -> None:
    """A fee of half a cent is rounded up."""
    assert [(fee,)] == owner.execute("select private.fee_cents(%s, %s)", [amount, bps]).fetchall()


def test_fee_rate_is_that_of_the_day(owner: Connection, order_id: UUID) -> None:
    """A new fee rate does not change earlier orders."""
    set_setting(owner, "platform_fee_bps", "700")

    assert 500 == order_row(owner, order_id)["platform_fee_bps"]


def test_second_call_makes_no_second_order(owner: Connection, order_id: UUID) -> None:
    """A second close returns the first order and notifies nobody again."""
    query = "select (private.open_order(a, private.clock())).id from public.auctions as a"
    count = "select count(*) from public.notifications"
    before = owner.execute(count).fetchall()

    assert [(order_id,)] == owner.execute(query).fetchall()
    assert [(1,)] == owner.execute("select count(*) from public.orders").fetchall()
    assert before == owner.execute(count).fetchall()


def test_winner_and_seller_are_told(
    owner: Connection, order_id: UUID, seller: Actor, alice: Actor
) -> None:
    """The winner is notified of the amount to pay, the seller of the price (A2)."""
    assert ["auction_won"] == notified(owner, alice)
    assert ["auction_ended"] == notified(owner, seller)
    query = """
      select distinct metadata ->> 'order_id', metadata ->> 'orderId' from public.notifications
    """
    assert [(str(order_id), str(order_id))] == owner.execute(query).fetchall()


def test_order_has_a_thread(owner: Connection, order_id: UUID, seller: Actor, alice: Actor) -> None:
    """A new order has a thread in which its parties can talk (A2)."""
    query = "select order_id, buyer_id, seller_id, subject from public.message_threads"
    assert [(order_id, alice.id, seller.id, "A teapot of blue enamel")] == owner.execute(
        query
    ).fetchall()


def test_earlier_thread_becomes_the_orders(owner: Connection, seller: Actor, bob: Actor) -> None:
    """A thread about the listing becomes the thread of its order."""
    auction_id = auctioned(seller)
    [(thread_id,)] = owner.execute(
        """
        insert into public.message_threads (listing_id, buyer_id, seller_id, subject)
        select listing_id, %s, %s, 'Question' from public.auctions where id = %s returning id
        """,
        [bob.id, seller.id, auction_id],
    ).fetchall()
    bob.call("place_bid", auction_id=auction_id, amount_cents=5_000)
    service = Actor(connection=owner, role="service_role")

    answer = service.call("end_auction", auction_id=auction_id, force=True)

    query = "select id, order_id from public.message_threads"
    assert [(thread_id, UUID(answer["order_id"]))] == owner.execute(query).fetchall()


def test_parties_and_staff_read_an_order(
    owner: Connection,
    order_id: UUID,
    *,
    seller: Actor,
    alice: Actor,
    bob: Actor,
    moderator: Actor,
    anonymous: Actor,
) -> None:
    """Only the two parties and staff read an order and its events."""
    for actor in (seller, alice, moderator):
        assert [(order_id,)] == actor.rows("select id from public.orders")
        assert [(order_id,)] == actor.rows("select order_id from public.order_events")
    assert [] == bob.rows("select id from public.orders")
    assert [] == bob.rows("select id from public.order_events")
    for query in ("select from public.orders", "select from public.order_events"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            anonymous.rows(query)
    assert owner.execute("select count(*) from public.orders").fetchall() == [(1,)]


def test_transitions_are_nobodys_to_read(alice: Actor, moderator: Actor) -> None:
    """No client reads the table of state transitions."""
    for actor in (alice, moderator):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.rows("select from private.order_transitions")


def test_nobody_writes_orders(order_id: UUID, alice: Actor, seller: Actor, service: Actor) -> None:
    """Neither parties nor our own processes write the table."""
    for actor in (alice, seller, service):
        for statement in (
            "update public.orders set cancel_reason = 'mine'",
            "delete from public.orders",
            "insert into public.orders default values",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                actor.change(statement)
    assert [(order_id,)] == alice.rows("select id from public.orders")


def test_two_sales_are_two_orders(owner: Connection, seller: Actor, alice: Actor) -> None:
    """Each auction has an order of its own."""
    assert ordered(seller, alice) != ordered(seller, alice)
    assert [(2,)] == owner.execute("select count(*) from public.orders").fetchall()

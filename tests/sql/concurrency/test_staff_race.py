"""Staff act while users bid and list, and while other staff act, on other connections."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auction_row, auctioned, ended, listed, move_time
from tests.sql.concurrency.crowd import (
    OnOwnConnection,
    Waits,
    at_once,
    bid_until_answered,
    under_way,
)
from tests.sql.filing import photographed
from tests.sql.moderation.staff_actions import REASON, suspend
from tests.sql.writing import listing_of


@pytest.fixture
def admins(owner: Connection) -> list[Actor]:
    """Sign up two admins."""
    return [
        signed_up(owner, name, role="admin").with_second_factor() for name in ("first", "second")
    ]


def test_suspension_waits_for_a_bid_under_way(
    owner: Connection, auction_id: UUID, *, alice: Actor, bob: Actor, moderator: Actor,
    on_own_connection: OnOwnConnection, watcher: Waits,
) -> None:  # fmt: skip
    """A suspension waits for the user's first bid, and withdraws it."""
    bob.call("place_bid", auction_id=auction_id, amount_cents=1000)
    owner.commit()
    staff = on_own_connection(moderator)
    owner.execute("set local statement_timeout = '30s'")
    assert alice.call("place_bid", auction_id=auction_id, amount_cents=4000)["success"]

    with under_way(partial(watcher, staff), partial(suspend, staff, alice)) as answer:
        owner.commit()

    assert {"success": True} == answer.result()
    row = auction_row(owner, auction_id)
    assert (str(bob.id), 1000) == (row["high_bidder_id"], row["current_price_cents"])


@pytest.mark.parametrize("does_list", [False, True])
def test_bid_and_listing_wait_for_a_suspension_under_way(
    owner: Connection, auction_id: UUID, *, alice: Actor, moderator: Actor,
    on_own_connection: OnOwnConnection, watcher: Waits, does_list: bool,
) -> None:  # fmt: skip
    """A bid and a listing read the user after their wait, and are refused."""
    owner.execute("update public.users set role = 'seller' where id = %s", [alice.id])
    owner.commit()
    user = on_own_connection(alice)
    owner.execute("set local statement_timeout = '30s'")
    assert suspend(moderator, alice)["success"]

    def act() -> Any:
        if does_list:
            return listed(user)
        return bid_until_answered(user, auction_id=auction_id, amount_cents=4000)

    with under_way(partial(watcher, user), act) as answer:
        owner.commit()

    assert "USER_SUSPENDED" == answer.result()["code"]


def test_suspension_waits_for_a_listing_under_way(
    owner: Connection, *, seller: Actor, moderator: Actor, on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:  # fmt: skip
    """A suspension waits for a new listing, and cancels its auction."""
    owner.commit()
    staff = on_own_connection(moderator)
    owner.execute("set local statement_timeout = '30s'")
    auction_id = auctioned(seller)

    with under_way(partial(watcher, staff), partial(suspend, staff, seller)):
        owner.commit()

    assert "cancelled" == auction_row(owner, auction_id)["status"]


def test_suspension_passes_an_upload_of_the_seller(
    owner: Connection, *, seller: Actor, moderator: Actor, on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:  # fmt: skip
    """A suspension and an upload both lock the user first, so they never deadlock."""
    listing_id = listed(seller)["listing"]["id"]
    owner.commit()
    uploader = on_own_connection(seller)
    owner.execute("set local statement_timeout = '30s'")
    owner.execute("select from public.users where id = %s for update", [seller.id])

    upload = partial(photographed, uploader, listing_id)
    with under_way(partial(watcher, uploader), upload) as answer:
        assert {"success": True} == suspend(moderator, seller)
        owner.commit()

    assert "USER_SUSPENDED" == answer.result()["code"]


def test_users_are_suspended_while_they_bid(
    owner: Connection, seller: Actor, admins: list[Actor], on_own_connection: OnOwnConnection
) -> None:
    """No suspended user leads or has an accepted bid afterwards, and no call was blocked."""
    people = [signed_up(owner, f"bidder{number}") for number in range(6)]
    auction_ids = [auctioned(seller) for _ in range(3)]
    owner.commit()

    def bid(bidder: Actor, number: int) -> None:
        for round_ in range(4):
            for auction_id in auction_ids:
                cents = 1000 + 1000 * round_ + 100 * number
                bid_until_answered(bidder, auction_id=auction_id, amount_cents=cents)

    def suspend_all(staff: Actor, gone: list[Actor]) -> None:
        for person in gone:
            assert {"success": True} == suspend(staff, person)

    tasks: list[Callable[[], None]] = [
        partial(suspend_all, on_own_connection(admins[0]), people[:2]),
        partial(suspend_all, on_own_connection(admins[1]), [people[2], people[1]]),
        *(partial(bid, on_own_connection(person), number) for number, person in enumerate(people)),
    ]
    at_once(tasks)

    query = """
      select count(*) from public.bids as b
      join public.users as u on u.id = b.bidder_id
      where u.suspended_at is not null and (
        b.accepted
        or exists (select from public.auctions as a where a.high_bidder_id = u.id)
        or exists (select from private.proxy_bids as p where p.bidder_id = u.id)
      )
    """
    assert [(0,)] == owner.execute(query).fetchall()
    for auction_id in auction_ids:
        leader = auction_row(owner, auction_id)["high_bidder_id"]
        assert leader in {str(person.id) for person in people[3:]}


@pytest.mark.parametrize("is_bid_first", [False, True])
def test_removal_and_bid_come_one_after_the_other(
    owner: Connection, auction_id: UUID, *, alice: Actor, moderator: Actor,
    on_own_connection: OnOwnConnection, watcher: Waits, is_bid_first: bool,
) -> None:  # fmt: skip
    """A bid before the removal is notified of it; one after it is refused."""
    listing_id = listing_of(owner, auction_id)
    owner.commit()
    staff, bidder = on_own_connection(moderator), on_own_connection(alice)
    remove = partial(
        Actor.call, function="staff_remove_listing", listing_id=listing_id, reason=REASON
    )
    bid = partial(bid_until_answered, auction_id=auction_id, amount_cents=1000)

    owner.execute("set local statement_timeout = '30s'")
    if is_bid_first:
        assert bid(alice)["success"]
        with under_way(partial(watcher, staff), partial(remove, staff)) as removed:
            owner.commit()
        assert {"success": True} == removed.result()
    else:
        assert {"success": True} == remove(moderator)
        with under_way(partial(watcher, bidder), partial(bid, bidder)) as answer:
            owner.commit()
        assert "AUCTION_NOT_LIVE" == answer.result()["code"]

    assert "cancelled" == auction_row(owner, auction_id)["status"]
    query = "select count(*) from public.notifications where user_id = %s"
    assert [(int(is_bid_first),)] == owner.execute(query, [alice.id]).fetchall()


@pytest.mark.parametrize("is_close_first", [False, True])
def test_withdrawal_by_staff_and_close_come_one_after_the_other(
    owner: Connection, auction_id: UUID, *, alice: Actor, bob: Actor, moderator: Actor,
    service: Actor, on_own_connection: OnOwnConnection, watcher: Waits, is_close_first: bool,
) -> None:  # fmt: skip
    """After a withdrawal and a close at once, the sale stands or the next bidder buys."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=4000)
    move_time(owner, "1 hour")
    owner.commit()
    withdraw = partial(
        Actor.call,
        function="staff_withdraw_bids",
        auction_id=auction_id,
        bidder_id=bob.id,
        reason=REASON,
    )
    close = partial(Actor.call, function="end_auction", auction_id=auction_id)

    owner.execute("set local statement_timeout = '30s'")
    if is_close_first:
        close(service)
        staff = on_own_connection(moderator)
        with under_way(partial(watcher, staff), partial(withdraw, staff)) as answer:
            owner.commit()
        assert "AUCTION_NOT_LIVE" == answer.result()["code"]
    else:
        withdraw(moderator)
        worker = on_own_connection(service)
        with under_way(partial(watcher, worker), partial(close, worker)):
            owner.commit()

    [(buyer_id,)] = owner.execute("select buyer_id from public.orders").fetchall()
    assert (bob.id if is_close_first else alice.id) == buyer_id


@pytest.mark.parametrize("does_suspend", [False, True])
def test_two_admins_cannot_both_remove_the_other(
    owner: Connection, admins: list[Actor], on_own_connection: OnOwnConnection, *,
    does_suspend: bool,
) -> None:  # fmt: skip
    """Two admins demote each other: the second has no rights any more, so one stays."""
    owner.commit()
    connected = [on_own_connection(admin) for admin in admins]

    def remove(actor: Actor, other: Actor) -> Any:
        try:
            if does_suspend:
                return suspend(actor, other)
            return actor.call("admin_set_role", user_id=other.id, role="buyer", reason=REASON)
        except psycopg.Error as error:
            return {"code": error.diag.message_primary}

    answers = at_once([partial(remove, *connected), partial(remove, *reversed(connected))])

    assert {None, "FORBIDDEN"} == {answer.get("code") for answer in answers}
    assert [(1,)] == _admins_left(owner)


def test_two_last_admins_cannot_both_resign(
    owner: Connection, admins: list[Actor], on_own_connection: OnOwnConnection
) -> None:
    """Two last admins resign at once: the second is refused."""
    owner.commit()

    def resign(actor: Actor) -> Any:
        return actor.call("admin_set_role", user_id=actor.id, role="seller", reason=REASON)

    answers = at_once([partial(resign, on_own_connection(admin)) for admin in admins])

    assert {None, "LAST_ADMIN"} == {answer.get("code") for answer in answers}
    assert [(1,)] == _admins_left(owner)


def _admins_left(owner: Connection) -> list[tuple[Any, ...]]:
    query = """
      select count(*) from public.users where role = 'admin' and suspended_at is null
    """
    return owner.execute(query).fetchall()


def test_two_staff_decide_a_report_once(
    owner: Connection, seller: Actor, alice: Actor, admins: list[Actor],
    on_own_connection: OnOwnConnection,
) -> None:  # fmt: skip
    """Of two opposite decisions at once, the second is refused."""
    sent = {"user_id": seller.id, "reason": "A seller of stolen bicycles"}
    report_id = alice.call("report_content", **sent)["report_id"]
    owner.commit()

    def decide(actor: Actor, *, uphold: bool) -> Any:
        return actor.call("staff_decide_report", report_id=report_id, uphold=uphold, reason=REASON)

    answers = at_once(
        [
            partial(decide, on_own_connection(admin), uphold=uphold)
            for admin, uphold in zip(admins, (True, False), strict=True)
        ]
    )

    assert {None, "CONFLICT"} == {answer.get("code") for answer in answers}
    assert [(1,)] == owner.execute("select count(*) from public.audit_logs").fetchall()


def test_removal_of_photos_waits_for_a_report_under_way(
    owner: Connection, *, seller: Actor, alice: Actor, moderator: Actor,
    on_own_connection: OnOwnConnection, watcher: Waits,
) -> None:  # fmt: skip
    """A report that commits during the call keeps the photos, and the call is refused."""
    listing_id = listed(seller)["listing"]["id"]
    photographed(seller, listing_id)
    ended(owner, listing_id)
    owner.commit()
    staff = on_own_connection(moderator)
    owner.execute("set local statement_timeout = '30s'")
    assert alice.call("report_content", listing_id=listing_id, reason="A stolen bicycle")["success"]

    def remove() -> Any:
        return staff.call("staff_remove_photos", listing_id=listing_id, reason=REASON)

    with under_way(partial(watcher, staff), remove) as answer:
        owner.commit()

    assert "CONFLICT" == answer.result()["code"]
    query = "select count(*) from public.listing_photos"
    assert [(1,)] == owner.execute(query).fetchall()
    assert [] == owner.execute("select 1 from public.audit_logs").fetchall()

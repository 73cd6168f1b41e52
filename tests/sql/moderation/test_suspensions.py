"""`staff_suspend_user`: a suspended user neither wins nor sells."""

from uuid import UUID, uuid4

import pytest
from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auction_row, auctioned, listed
from tests.sql.disputing import report_dispute
from tests.sql.moderation.staff_actions import REASON, audited, suspend
from tests.sql.paying import brought_to, ordered


def notified(owner: Connection, actor: Actor, type_: str) -> int:
    query = "select count(*) from public.notifications where user_id = %s and type = %s"
    [(count,)] = owner.execute(query, [actor.id, type_]).fetchall()
    return int(count)


def is_suspended(owner: Connection, actor: Actor) -> bool:
    query = "select suspended_at is not null from public.users where id = %s"
    return owner.execute(query, [actor.id]).fetchall() == [(True,)]


def test_suspension_withdraws_the_bids(
    owner: Connection, auction_id: UUID, *, alice: Actor, bob: Actor, seller: Actor,
    moderator: Actor,
) -> None:  # fmt: skip
    """In every live auction the next bidder leads, and seller and new leader are notified once."""
    other_id = auctioned(seller)
    for id_ in (auction_id, other_id):
        bob.call("place_bid", auction_id=id_, amount_cents=1000, max_proxy_cents=2000)
        alice.call("place_bid", auction_id=id_, amount_cents=5000, max_proxy_cents=9000)

    assert {"success": True} == suspend(moderator, alice)

    for id_ in (auction_id, other_id):
        row = auction_row(owner, id_)
        assert (1000, str(bob.id), 1) == (
            row["current_price_cents"], row["high_bidder_id"], row["bid_count"],
        )  # fmt: skip
        query = "select actor_id, reason from private.bid_withdrawals where auction_id = %s"
        assert [(moderator.id, REASON)] == owner.execute(query, [id_]).fetchall()
    assert (2, 2, 0) == tuple(
        notified(owner, actor, "bids_withdrawn") for actor in (seller, bob, alice)
    )
    bid = alice.call("place_bid", auction_id=auction_id, amount_cents=9500)
    assert "USER_SUSPENDED" == bid["code"]


def test_suspension_cancels_the_own_auctions(
    owner: Connection, auction_id: UUID, *, alice: Actor, seller: Actor, moderator: Actor
) -> None:
    """Scheduled and live auctions are cancelled with one notification each; a sale stands."""
    scheduled_id = UUID(listed(seller, start_at=_in(owner, "2 hours"))["auction_id"])
    sold_id = auctioned(seller)
    for id_ in (auction_id, sold_id):
        alice.call("place_bid", auction_id=id_, amount_cents=1000)
    owner.execute("select private.end_auction(%s, true)", [sold_id])

    assert {"success": True} == suspend(moderator, seller)

    assert ["cancelled", "cancelled", "finalized"] == [
        auction_row(owner, id_)["status"] for id_ in (auction_id, scheduled_id, sold_id)
    ]
    assert (2, 1) == tuple(notified(owner, actor, "auction_cancelled") for actor in (seller, alice))
    assert "USER_SUSPENDED" == listed(seller)["code"]


def _in(owner: Connection, delay: str) -> object:
    [(at,)] = owner.execute("select private.clock() + %s::interval", [delay]).fetchall()
    return at


def test_suspension_ends_the_sessions(
    owner: Connection, alice: Actor, moderator: Actor, service: Actor
) -> None:
    """A valid token of a suspended user opens no route about money."""
    session_id = uuid4()
    owner.execute(
        "insert into auth.sessions (id, user_id, created_at) values (%s, %s, now())",
        [session_id, alice.id],
    )

    suspend(moderator, alice)

    answer = service.call("session_is_live", user_id=alice.id, session_id=session_id)
    assert {"is_live": False, "is_suspended": True, "role": "buyer"} == answer


def test_suspension_is_audited_once(
    owner: Connection, auction_id: UUID, alice: Actor, moderator: Actor
) -> None:
    """A repeat succeeds and records nothing; lifting is another action."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    for _ in range(2):
        assert {"success": True} == suspend(moderator, alice)
    for _ in range(2):
        assert {"success": True} == suspend(moderator, alice, lift=True)

    assert not is_suspended(owner, alice)
    assert [
        ("user_suspended", "users", str(alice.id), REASON),
        ("suspension_lifted", "users", str(alice.id), REASON),
    ] == audited(moderator)
    [(metadata,)] = moderator.rows(
        "select metadata from public.audit_logs where action = 'user_suspended'"
    )
    assert {"auctions_cancelled": 0, "bids_withdrawn": 1} == metadata


def test_withdrawn_bids_stay_withdrawn_when_the_suspension_is_lifted(
    auction_id: UUID, *, seller: Actor, alice: Actor, moderator: Actor
) -> None:
    """Withdrawn bids stay withdrawn when the suspension is lifted."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    suspend(moderator, alice)
    suspend(moderator, alice, lift=True)

    bid = alice.call("place_bid", auction_id=auction_id, amount_cents=2000)

    assert "BIDDER_BLOCKED" == bid["code"]
    assert alice.call("place_bid", auction_id=auctioned(seller), amount_cents=1000)["success"]


def test_nobody_suspends_themselves(owner: Connection, admin: Actor, moderator: Actor) -> None:
    """Nobody suspends the own account, which would lock staff out."""
    for actor in (admin, moderator):
        assert "FORBIDDEN" == suspend(actor, actor)["code"]
        assert not is_suspended(owner, actor)


@pytest.mark.parametrize("lift", [False, True])
def test_only_an_admin_suspends_an_admin(
    owner: Connection, admin: Actor, moderator: Actor, *, lift: bool
) -> None:
    """A moderator neither suspends an admin nor lifts the suspension."""
    other = signed_up(owner, "other", role="admin")
    if lift:
        assert suspend(admin, other)["success"]

    assert "FORBIDDEN" == suspend(moderator, other, lift=lift)["code"]
    assert lift == is_suspended(owner, other)
    assert suspend(admin, other, lift=lift)["success"]
    assert suspend(admin, moderator)["success"]


def test_deleted_user_is_not_found(owner: Connection, alice: Actor, moderator: Actor) -> None:
    """A deleted account is not found."""
    owner.execute("update public.users set deleted_at = now() where id = %s", [alice.id])

    assert "PROFILE_NOT_FOUND" == suspend(moderator, alice)["code"]


@pytest.mark.parametrize("part", ["rival", "customer"])
def test_staff_suspend_nobody_in_an_auction_of_their_own(
    owner: Connection, auction_id: UUID, *, alice: Actor, seller: Actor, moderator: Actor, part: str
) -> None:
    """Staff cannot suspend a rival in an auction in which they take part."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=2000)
    owner.execute("update public.users set kyc = 'passed' where id = %s", [moderator.id])
    assert moderator.call("place_bid", auction_id=auction_id, amount_cents=3000)["success"]
    person = alice if part == "rival" else seller

    assert "FORBIDDEN" == suspend(moderator, person)["code"]

    assert not is_suspended(owner, person)
    owner.execute("update public.users set suspended_at = now() where id = %s", [person.id])
    assert {"success": True} == suspend(moderator, person, lift=True)


@pytest.mark.parametrize("part", ["buyer", "seller"])
def test_staff_suspend_no_party_of_an_order_of_their_own(
    owner: Connection, *, alice: Actor, seller: Actor, part: str
) -> None:
    """Staff cannot suspend the other party of an order of theirs until it is finished."""
    order_id = ordered(seller, alice)
    own, other = (alice, seller) if part == "buyer" else (seller, alice)
    owner.execute("update public.users set role = 'moderator' where id = %s", [own.id])
    staff_member = own.with_second_factor()

    assert "FORBIDDEN" == suspend(staff_member, other)["code"]

    assert not is_suspended(owner, other)
    brought_to(owner, order_id, "released")
    assert {"success": True} == suspend(staff_member, other)


def test_staff_suspend_no_party_of_a_dispute_of_their_own(
    owner: Connection, *, alice: Actor, seller: Actor
) -> None:
    """A dispute of a finished order keeps its parties from suspending each other."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "released")
    owner.execute("update public.users set role = 'moderator' where id = %s", [seller.id])
    report_dispute(owner, "warning_needs_response")

    assert "FORBIDDEN" == suspend(seller.with_second_factor(), alice)["code"]

    assert "processed" == report_dispute(owner, "warning_closed")["outcome"]
    assert {"success": True} == suspend(seller.with_second_factor(), alice)


def test_id_of_a_suspension_does_not_serve_for_its_lift(
    owner: Connection, alice: Actor, moderator: Actor
) -> None:
    """The request id of a suspension is refused for its lift."""
    request = {"client_request_id": uuid4()}
    assert {"success": True} == suspend(moderator, alice, **request)

    assert "REQUEST_ID_REUSED" == suspend(moderator, alice, lift=True, **request)["code"]
    assert {"success": True} == suspend(moderator, alice, lift=False, **request)
    assert is_suspended(owner, alice)

"""`finalize_auctions`, `closing_status`: staff close auctions through the service."""

from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, move_time


REASON = "The seller asked for it"


def finalize(service: Actor, staff: Actor, **more: object) -> Any:
    sent: dict[str, object] = {"request_id": uuid4(), "reason": REASON, **more}
    return service.call("finalize_auctions", actor_id=staff.id, **sent)


def test_forced_close_is_audited(
    auction_id: UUID, *, alice: Actor, moderator: Actor, service: Actor
) -> None:
    """The auction is sold before its end, and the log names the member of staff."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    answer = finalize(service, moderator, auction_id=auction_id, force=True)

    assert (True, "finalized", 1000) == (
        answer["success"],
        answer["result"]["status"],
        answer["result"]["winning_bid_amount"],
    )
    query = """
      select id::text, action, entity_id, description from public.audit_logs
      where actor_id = %(id)s
    """
    assert [
        (answer["audit_log"]["id"], "auction_forced", str(auction_id), REASON)
    ] == moderator.rows(query, id=moderator.id)


def test_repeated_request_gets_the_first_answer(
    owner: Connection, auction_id: UUID, moderator: Actor, service: Actor
) -> None:
    """The service repeats a call whose answer was lost; the log keeps one entry."""
    sent = {"request_id": uuid4(), "auction_id": auction_id, "force": True}

    first = finalize(service, moderator, **sent)

    assert first == finalize(service, moderator, **sent)
    assert [(1,)] == owner.execute("select count(*) from public.audit_logs").fetchall()


@pytest.mark.parametrize("other", ["auction", "way to close", "member of staff", "action"])
def test_id_of_another_request_closes_nothing(
    auction_id: UUID, *, seller: Actor, moderator: Actor, alice: Actor, service: Actor, other: str
) -> None:
    """The id answers the request that first used it, and no other."""
    other_id = auctioned(seller)
    sent: dict[str, Any] = {"request_id": uuid4(), "auction_id": auction_id, "force": True}
    if other == "action":
        removed_id = moderator.rows(
            "select listing_id from public.auctions where id = %(id)s", id=auctioned(seller)
        )[0][0]
        moderator.call("staff_remove_listing", listing_id=removed_id, reason=REASON)
        query = "select id from public.audit_logs where actor_id = %(id)s"
        [(sent["request_id"],)] = moderator.rows(query, id=moderator.id)
    else:
        assert finalize(service, moderator, **sent)["success"]
    if other == "auction":
        sent["auction_id"] = other_id
    sent["force"] = other != "way to close"

    answer = finalize(service, alice if other == "member of staff" else moderator, **sent)

    assert (False, "REQUEST_ID_REUSED") == (answer["success"], answer["code"])


def test_all_expired_auctions_are_closed(
    owner: Connection, auction_id: UUID, seller: Actor, moderator: Actor, service: Actor
) -> None:
    """Without an id the function closes all expired auctions, and no running one."""
    later_id = auctioned(seller, ends_in="2 hours")
    move_time(owner, "1 hour")

    answer = finalize(service, moderator)

    assert [str(auction_id)] == [one["auction_id"] for one in answer["result"]["results"]]
    assert "live" == auction_row(owner, later_id)["status"]
    assert "auctions_finalized" == answer["audit_log"]["action"]


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"force": True}, "VALIDATION_ERROR"),
        ({"reason": "short"}, "VALIDATION_ERROR"),
        ({"reason": None}, "VALIDATION_ERROR"),
        ({"auction_id": UUID(int=0)}, "AUCTION_NOT_FOUND"),
    ],
)
def test_refusal_is_not_audited(
    owner: Connection, moderator: Actor, service: Actor, more: dict[str, object], code: str
) -> None:
    """A bad request is refused without an entry in the audit log; force needs one auction."""
    assert code == finalize(service, moderator, **more)["code"]
    assert [] == owner.execute("select 1 from public.audit_logs").fetchall()


def test_running_auction_needs_force(auction_id: UUID, moderator: Actor, service: Actor) -> None:
    """A running auction is not closed without force."""
    answer = finalize(service, moderator, auction_id=auction_id)

    assert ("AUCTION_NOT_OVER", True) == (answer["code"], "ends_at" in answer)


@pytest.mark.parametrize("part", ["bidder", "seller"])
def test_staff_force_no_auction_in_which_they_take_part(
    owner: Connection, auction_id: UUID, *, moderator: Actor, service: Actor, part: str
) -> None:
    """Staff cannot force the end of an auction in which they bid or sell.

    Otherwise they could buy at a low price.
    """
    if part == "bidder":
        owner.execute("update public.users set kyc = 'passed' where id = %s", [moderator.id])
        assert moderator.call("place_bid", auction_id=auction_id, amount_cents=1000)["success"]
    else:
        owner.execute("update public.listings set seller_id = %s", [moderator.id])

    answer = finalize(service, moderator, auction_id=auction_id, force=True)

    assert ("FORBIDDEN", False) == (answer["code"], answer["success"])
    assert "live" == auction_row(owner, auction_id)["status"]
    assert [] == moderator.rows("select id from public.audit_logs")


def test_status_names_what_waits(
    owner: Connection, auction_id: UUID, seller: Actor, service: Actor
) -> None:
    """The answer lists expired auctions with their failed tries, and the last closed ones."""
    auctioned(seller, ends_in="2 hours")
    move_time(owner, "1 hour")
    owner.execute("select private.put_off(%s, 'A poison auction')", [auction_id])

    before = service.call("closing_status")
    owner.execute("select private.end_auction(%s, false)", [auction_id])
    after = service.call("closing_status")

    [expired] = before["expired_auctions"]
    assert (1, str(auction_id), 1, "A poison auction") == (
        before["expired_count"],
        expired["id"],
        expired["failed_attempts"],
        expired["error"],
    )
    assert [] == before["recently_closed"] == after["expired_auctions"]
    assert [(str(auction_id), "no_sale")] == [
        (one["auction_id"], one["status"]) for one in after["recently_closed"]
    ]


def test_only_our_service_calls(
    auction_id: UUID, moderator: Actor, alice: Actor, anonymous: Actor
) -> None:
    """No client may execute the functions; the service checks the session of staff (B16)."""
    for actor in (moderator, alice, anonymous):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            finalize(actor, moderator, auction_id=auction_id)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            actor.call("closing_status")

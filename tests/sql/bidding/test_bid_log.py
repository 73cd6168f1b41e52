"""`get_bid_log`: a closed auction's log, which anyone can check."""

import hashlib
import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, hold_clock, move_time, set_setting
from tests.sql.bidding.bidding_log import numbers_in, verified


def log_rows(owner: Connection, auction_id: UUID) -> list[dict[str, Any]]:
    """Return the stored rows."""
    query = "select to_jsonb(b) from private.bid_log as b where auction_id = %s order by seq"
    return [row for (row,) in owner.execute(query, [auction_id])]


def kinds(owner: Connection, auction_id: UUID) -> list[str]:
    return [row["kind"] for row in log_rows(owner, auction_id)]


def log_after_close(service: Actor, reader: Actor, auction_id: UUID) -> dict[str, Any]:
    """Close the auction by force, and return its log."""
    service.call("end_auction", auction_id=auction_id, force=True)
    answer = reader.call("get_bid_log", auction_id=auction_id)
    assert answer["success"], answer
    assert isinstance(answer, dict)
    return answer


def opened(answer: dict[str, Any]) -> dict[int, int]:
    """Return the opened amounts by their row."""
    return {
        row["seq"]: row["opened"].get("max_cents", row["opened"].get("reserve_cents"))
        for row in answer["rows"]
        if row["opened"] is not None
    }


def withdraw(owner: Connection, auction_id: UUID, bidder: Actor) -> None:
    query = "select private.withdraw_bids(%s, %s, null, 'Bids for a friend')"
    owner.execute(query, [auction_id, [bidder.id]])


def test_each_accepted_bid_adds_one_row(
    owner: Connection, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """The log starts with the auction; a refused or repeated call adds nothing."""
    bid = {"auction_id": auction_id, "amount_cents": 1000, "client_bid_id": uuid4()}
    assert ["start"] == kinds(owner, auction_id)

    alice.call("place_bid", **bid, max_proxy_cents=3000)
    alice.call("place_bid", **bid)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=4000)
    refusal = bob.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1100)

    assert not refusal["success"]
    assert ["start", "bid", "sealed", "bid"] == kinds(owner, auction_id)
    rows = log_rows(owner, auction_id)
    assert [row["hash"] for row in rows[:-1]] == [row["previous_hash"] for row in rows[1:]]
    assert {} == rows[2]["record"]


def test_receipt_proves_the_bid_by_itself(auction_id: UUID, alice: Actor, bob: Actor) -> None:
    """Hash and salt follow from the bid alone, so they say nothing about rows before it."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    bid = {"auction_id": auction_id, "amount_cents": 1100, "client_bid_id": uuid4()}

    receipt = bob.call("place_bid", **bid, max_proxy_cents=2500)
    repeat = bob.call("place_bid", **bid)

    received_at = datetime.fromisoformat(receipt["received_at"]).astimezone(UTC)
    sealed = {
        "at": f"{received_at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "auction_id": str(auction_id),
        "bidder": 2,
        "max_cents": 2500,
        "salt": receipt["salt"],
    }
    text = json.dumps(sealed, sort_keys=True, separators=(",", ":"))
    assert hashlib.sha256(text.encode()).hexdigest() == receipt["hash"]
    assert 32 == len(receipt["salt"])
    assert (receipt["hash"], receipt["salt"]) == (repeat["hash"], repeat["salt"])


def test_log_of_a_sale_is_proved(
    service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """Anyone recomputes prices and winner; the winner's own maximum stays sealed."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3717)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=9393)

    answer = log_after_close(service, anonymous, auction_id)

    _checker, steps = verified(answer)
    assert {2: 3717} == opened(answer)
    assert ["proved", "proved", "proved"] == [
        "proved" if step.is_proved else "sealed" for step in steps[:3]
    ]
    close = answer["rows"][-1]["record"]
    assert ("finalized", 2, 3817, True) == (
        close["outcome"],
        close["winner"],
        close["price_cents"],
        close["is_forced"],
    )
    assert 9393 not in set(numbers_in(answer))


def test_log_names_no_user(
    service: Actor, anonymous: Actor, seller: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """Bidders are numbers, in the order of their first bids."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)

    answer = log_after_close(service, anonymous, auction_id)

    text = json.dumps(answer)
    assert [1, 2] == [row["record"]["bidder"] for row in answer["rows"][1:3]]
    assert not [person for person in (seller, alice, bob) if str(person.id) in text]


@pytest.mark.parametrize("reader", ["anonymous", "alice", "seller"])
def test_log_is_refused_until_the_close(
    request: pytest.FixtureRequest, owner: Connection, auction_id: UUID, reader: str
) -> None:
    """The log is refused until the close, even after the end has passed."""
    person = request.getfixturevalue(reader)
    live = person.call("get_bid_log", auction_id=auction_id)
    move_time(owner, "2 hours")
    over = person.call("get_bid_log", auction_id=auction_id)

    refusal = {"success": False, "code": "AUCTION_NOT_OVER", "error": "Auction is not over yet"}
    assert (refusal, refusal) == (live, over)


def test_auction_without_a_log_has_an_empty_one(
    owner: Connection, auction_id: UUID, service: Actor, anonymous: Actor
) -> None:
    """An auction that closed before the log existed has no rows."""
    service.call("end_auction", auction_id=auction_id, force=True)
    with owner.transaction():
        owner.execute("alter table private.bid_log disable trigger user")
        owner.execute("delete from private.bid_log")

    assert [] == anonymous.call("get_bid_log", auction_id=auction_id)["rows"]


def test_log_of_a_scheduled_auction_is_refused(
    owner: Connection, seller: Actor, anonymous: Actor
) -> None:
    """The log of a scheduled auction is refused, because its reserve may still change."""
    [(start_at,)] = owner.execute("select private.clock() + interval '10 minutes'").fetchall()
    auction_id = auctioned(seller, start_at=start_at, reserve_cents=5000)

    answer = anonymous.call("get_bid_log", auction_id=auction_id)

    assert "AUCTION_NOT_OVER" == answer["code"]
    assert [] == kinds(owner, auction_id)


def test_log_of_a_cancelled_auction_is_refused(
    owner: Connection, seller: Actor, anonymous: Actor, auction_id: UUID, alice: Actor
) -> None:
    """The log of a cancelled auction stays closed, to its seller too."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=5000)
    owner.execute("select private.cancel_auction(%s, private.clock())", [auction_id])

    codes = [
        person.call("get_bid_log", auction_id=auction_id)["code"] for person in (seller, anonymous)
    ]

    assert ["AUCTION_CANCELLED", "AUCTION_NOT_FOUND"] == codes


@pytest.mark.parametrize("missing", ["00000000-0000-4000-8000-000000000000", None])
def test_log_of_a_missing_auction_is_refused(anonymous: Actor, missing: str | None) -> None:
    """An unknown id and no id get the same refusal."""
    assert "AUCTION_NOT_FOUND" == anonymous.call("get_bid_log", auction_id=missing)["code"]


def test_superseded_maximum_stays_sealed(
    service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A maximum that its bidder raised before a rival beat it stays sealed."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3131)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=4242)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=8787)

    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert {3: 4242} == opened(answer)
    assert 3131 not in set(numbers_in(answer))


def test_tie_opens_the_loser_alone(
    service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """Of two equal maxima the log opens the later one, because it is beaten."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=3000)

    answer = log_after_close(service, anonymous, auction_id)

    _checker, steps = verified(answer)
    assert {3: 3000} == opened(answer)
    # The price stands at Alice's sealed maximum, less than a step above Bob's.
    assert not steps[2].is_proved


def test_withdrawn_maximum_stays_sealed(
    owner: Connection, service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor,
    bob: Actor, carol: Actor,
) -> None:  # fmt: skip
    """Neither a withdrawn maximum is opened, nor one that only a withdrawn bid had beaten."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3131)
    carol.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=1717)
    bob.call("place_bid", auction_id=auction_id, amount_cents=4000, max_proxy_cents=7373)
    withdraw(owner, auction_id, bob)

    answer = log_after_close(service, anonymous, auction_id)

    checker, steps = verified(answer)
    assert {3: 1717} == opened(answer)
    assert (1, 1817) == (checker.auction.leader, checker.auction.price)
    withdrawal = answer["rows"][4]
    assert ("withdrawal", [3]) == (withdrawal["kind"], withdrawal["record"]["bidders"])
    assert steps[4].is_proved
    assert {3131, 7373}.isdisjoint(numbers_in(answer))
    assert "friend" not in json.dumps(answer)


def test_close_withdraws_suspended_bidders_in_the_log(
    owner: Connection, service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """The row names a number and no reason."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)
    owner.execute("update public.users set suspended_at = now() where id = %s", [bob.id])

    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert ["start", "bid", "bid", "withdrawal", "close"] == [r["kind"] for r in answer["rows"]]
    assert 1 == answer["rows"][-1]["record"]["winner"]
    assert "uspen" not in json.dumps(answer)


@pytest.mark.parametrize(
    ("amounts", "is_open"),
    [
        pytest.param([(1000, 6000)], True, id="lifted by the first bid"),
        pytest.param([(1000, 2000), (1000, 6000)], True, id="lifted by a raise"),
        pytest.param([(1000, 4000)], False, id="not met"),
        pytest.param([(5555, 6000)], False, id="met by an open bid at it"),
        pytest.param([(5700, 6000)], False, id="met by an open bid above it"),
    ],
)
def test_reserve_is_opened_if_the_price_was_lifted_to_it(
    service: Actor,
    anonymous: Actor,
    seller: Actor,
    alice: Actor,
    amounts: list[tuple[int, int]],
    is_open: bool,  # noqa: FBT001  # pytest passes it by name
) -> None:
    """The log opens the reserve only if it has set the price.

    A relisted item may have the same reserve.
    """
    auction_id = auctioned(seller, reserve_cents=5555)
    for amount, maximum in amounts:
        alice.call("place_bid", auction_id=auction_id, amount_cents=amount, max_proxy_cents=maximum)

    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert ({1: 5555} if is_open else {}) == opened(answer)


def test_reserve_that_is_unmet_again_stays_sealed(
    owner: Connection, service: Actor, anonymous: Actor, seller: Actor, alice: Actor, bob: Actor
) -> None:
    """A reserve that is unmet after a withdrawal stays sealed."""
    auction_id = auctioned(seller, reserve_cents=5555)
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=6000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=5777)
    withdraw(owner, auction_id, alice)
    withdraw(owner, auction_id, bob)

    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert {} == opened(answer)


def test_scheduled_reserve_is_committed_as_it_was_at_the_start(
    owner: Connection, seller: Actor, service: Actor, anonymous: Actor, alice: Actor
) -> None:
    """The log commits to the reserve at the start, after the seller's last change."""
    [(start_at,)] = owner.execute("select private.clock() + interval '10 minutes'").fetchall()
    auction_id = auctioned(seller, start_at=start_at, reserve_cents=5000)
    [(listing_id,)] = owner.execute("select listing_id from public.auctions").fetchall()
    changes = '{"reserve_cents": 4444}'
    assert seller.call("update_listing", listing_id=listing_id, changes=changes)["success"]
    move_time(owner, "11 minutes")
    service.call("activate_due_auctions")
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=9000)

    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert {1: 4444} == opened(answer)


def test_changed_increments_are_a_row(
    owner: Connection, service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """A setting counts from its next use, so the log states it before the next bid."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    set_setting(owner, "bid_increments", '[{"below_cents": null, "step_cents": 700}]')
    bob.call("place_bid", auction_id=auction_id, amount_cents=1100, max_proxy_cents=8000)

    answer = log_after_close(service, anonymous, auction_id)

    checker, _steps = verified(answer)
    assert ["start", "bid", "rules", "bid", "close"] == [row["kind"] for row in answer["rows"]]
    assert 3700 == checker.auction.price


def test_late_bid_moves_the_end_in_the_log(
    owner: Connection, service: Actor, anonymous: Actor, seller: Actor, alice: Actor
) -> None:
    """The bid's row states the new end, and the verifier computes the same."""
    hold_clock(owner)
    auction_id = auctioned(seller, ends_in="10 seconds")
    end_at = alice.call("place_bid", auction_id=auction_id, amount_cents=1000)["end_at"]
    move_time(owner, "10 minutes")

    service.call("end_expired_auctions")
    answer = anonymous.call("get_bid_log", auction_id=auction_id)

    checker, steps = verified(answer)
    assert datetime.fromisoformat(end_at) == checker.auction.end_at
    assert all(step.is_proved for step in steps)


def test_extension_is_a_row(
    owner: Connection, service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor
) -> None:
    """Another function that moves the end states it by append_bid_log."""
    end_at = "2040-01-01T00:00:00.000000Z"
    owner.execute(
        """
        update public.auctions set end_at = %(end_at)s, scheduled_end_at = %(end_at)s
        where id = %(id)s
        """,
        {"end_at": end_at, "id": auction_id},
    )
    owner.execute(
        """
        select private.append_bid_log(
          %s, 'extension', jsonb_build_object('end_at', %s::text), private.clock()
        )
        """,
        [auction_id, end_at],
    )
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)

    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert ["start", "extension", "bid", "close"] == [row["kind"] for row in answer["rows"]]


def test_auction_of_before_starts_its_log_late(
    owner: Connection, service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor,
    bob: Actor, carol: Actor,
) -> None:  # fmt: skip
    """The log of an auction that was live at its release states how many bids it lacks."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000, max_proxy_cents=3000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=1100)
    owner.execute("alter table private.bid_log disable trigger user")
    owner.execute("delete from private.bid_log")
    owner.execute("alter table private.bid_log enable trigger user")
    owner.execute("update private.proxy_bids set bidder_number = null")

    carol.call("place_bid", auction_id=auction_id, amount_cents=2000, max_proxy_cents=2500)
    alice.call("place_bid", auction_id=auction_id, amount_cents=2700, max_proxy_cents=5000)
    answer = log_after_close(service, anonymous, auction_id)

    _checker, steps = verified(answer)
    start = answer["rows"][0]["record"]
    assert (2, 2, 1) == (start["bids_before"], start["bidder_count"], start["leader"])
    assert ["start", "bid", "sealed", "close"] == [row["kind"] for row in answer["rows"]]
    assert [3, None] == [row["record"].get("bidder") for row in answer["rows"][1:3]]
    assert {} == opened(answer)
    assert not any(step.is_proved for step in steps[:3])


def test_bids_after_a_late_start_continue_bids_and_log(
    owner: Connection, service: Actor, anonymous: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """After a late start of the log each new bid gets the next place in bids and log."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)
    owner.execute("alter table private.bid_log disable trigger user")
    owner.execute("delete from private.bid_log")
    owner.execute("alter table private.bid_log enable trigger user")

    for actor, amount in ((alice, 3000), (bob, 4000), (alice, 5000)):
        assert actor.call("place_bid", auction_id=auction_id, amount_cents=amount)["success"]
    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert ["start", "bid", "bid", "bid", "close"] == [row["kind"] for row in answer["rows"]]
    assert [3, 4, 5] == [row["record"]["bid_seq"] for row in answer["rows"][1:4]]


def test_auction_without_bids_has_a_log(service: Actor, anonymous: Actor, auction_id: UUID) -> None:
    """The log of an auction without bids states no sale at the start price."""
    answer = log_after_close(service, anonymous, auction_id)

    verified(answer)
    assert ["start", "close"] == [row["kind"] for row in answer["rows"]]
    assert "no_sale" == answer["rows"][1]["record"]["outcome"]


@pytest.mark.parametrize(
    "statement",
    [
        "update private.bid_log set record = '{}'",
        "delete from private.bid_log",
        "truncate private.bid_log",
    ],
)
def test_log_is_never_changed(owner: Connection, auction_id: UUID, statement: str) -> None:
    """Nobody changes a row of the log, not even the table's owner."""
    assert ["start"] == kinds(owner, auction_id)

    with pytest.raises(psycopg.Error, match="append only"), owner.transaction():
        owner.execute(statement.encode())


def test_deleted_account_leaves_the_log_as_it_is(
    service: Actor, owner: Connection, anonymous: Actor, auction_id: UUID, alice: Actor, bob: Actor
) -> None:
    """The deletion of an account changes no row, because the log names no user."""
    alice.call("place_bid", auction_id=auction_id, amount_cents=1000)
    bob.call("place_bid", auction_id=auction_id, amount_cents=2000)
    before = log_after_close(service, anonymous, auction_id)

    assert service.call("anonymise_account", user_id=alice.id)["success"]

    assert before == anonymous.call("get_bid_log", auction_id=auction_id)
    assert "finalized" == auction_row(owner, auction_id)["status"]

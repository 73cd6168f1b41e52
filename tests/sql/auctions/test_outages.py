"""Auctions that lose bidding time to an outage of ours get it back, once."""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import signed_up
from tests.sql.auctioning import auction_row, set_setting
from tests.sql.bidding.bidding_log import verified
from tests.sql.bidding.bidding_world import BEGINNING, World, stop_clock
from tests.sql.bidding.oracle import Market
from tests.sql.bidding.oracle_auction import SoftClose


MICROSECOND = timedelta(microseconds=1)
SECOND = timedelta(seconds=1)
END = BEGINNING + timedelta(minutes=20)
RULES = SoftClose(
    window=timedelta(minutes=5), extend=timedelta(minutes=5), max_total=timedelta(days=1)
)


@pytest.fixture
def world(owner: Connection) -> World:
    """Stop the clock; from then on time passes only where a test says so."""
    stop_clock(owner)
    people = {name: signed_up(owner, name) for name in ("alice", "bob", "carol")}
    staff = signed_up(owner, "staff", role="moderator").with_second_factor()
    world = World(owner, people | {"seller": signed_up(owner, "seller", role="seller")}, staff)
    world.set_time(BEGINNING)
    return world


def opened(world: World, *, start_at: datetime | None = None, reserve: int | None = None) -> UUID:
    return world.open_auction(
        Market({}), RULES, start_cents=1000, reserve_cents=reserve, start_at=start_at, end_at=END
    )


@pytest.fixture
def auction_id(world: World) -> UUID:
    """Open an auction of 20 minutes, with a heartbeat at its start."""
    world.call("service", "record_heartbeat")
    return opened(world)


def break_down(world: World, start: datetime, seconds: float) -> None:
    """Record heartbeats until `start`, none for the given time, and then one."""
    world.live(start)
    world.set_time(start + seconds * SECOND)
    world.call("service", "record_heartbeat")


def close(world: World) -> list[Any]:
    """Close all due auctions; return the results by auction."""
    answer = world.call("service", "end_expired_auctions")
    assert 0 == answer["failed"]
    assert len(answer["results"]) == answer["auctions_processed"]
    return [result.get("status", result.get("code")) for result in answer["results"]]


def bid(world: World, name: str, auction_id: UUID, cents: int) -> None:
    assert world.call(name, "place_bid", auction_id=auction_id, amount_cents=cents)["success"]


def extended_by(world: World, auction_id: UUID) -> int:
    """Return the stored extension, after checks that hold for every auction with one."""
    row = auction_row(world.owner, auction_id)
    query = "select end_at from public.listings where id = %s"
    [(listing_end_at,)] = world.owner.execute(query, [row["listing_id"]])
    assert listing_end_at == datetime.fromisoformat(row["end_at"])
    assert ("live", row["end_at"]) == (row["status"], row["scheduled_end_at"])
    return int(row["outage_extension_s"])


@pytest.mark.parametrize(("outage_s", "extension_s"), [(45, 60), (90, 90), (90.5, 91)])
def test_lost_time_is_given_back(
    world: World, auction_id: UUID, outage_s: float, extension_s: int
) -> None:
    """The new end is the lost time after the close that found it, and at least a minute."""
    break_down(world, END - timedelta(minutes=3), outage_s)
    world.live(END + 2 * SECOND)
    before = auction_row(world.owner, auction_id)

    answer = world.call("service", "end_expired_auctions")

    after = auction_row(world.owner, auction_id)
    assert datetime.fromisoformat(after["end_at"]) == world.now + max(outage_s, 60) * SECOND
    assert extension_s == extended_by(world, auction_id)
    assert {
        *("end_at", "scheduled_end_at", "updated_at", "version"),
        *("outage_extension_s", "outage_extension_reason"),
    } == {key for key in before if before[key] != after[key]}
    assert before["version"] + 1 == after["version"]
    assert [
        {
            "auction_id": str(auction_id),
            "success": False,
            "code": "AUCTION_NOT_OVER",
            "error": "Auction is not over yet",
            "ends_at": after["end_at"],
        }
    ] == answer["results"]


@pytest.mark.parametrize(
    ("gap", "found"),
    [
        (timedelta(seconds=29.9), "no_sale"),
        (30 * SECOND - MICROSECOND, "no_sale"),
        (30 * SECOND, "AUCTION_NOT_OVER"),
    ],
)
@pytest.mark.usefixtures("auction_id")
def test_outage_begins_at_thirty_seconds(world: World, gap: timedelta, found: str) -> None:
    """A shorter gap, such as a restart of the workers, is no outage."""
    break_down(world, END - timedelta(minutes=3), gap.total_seconds())
    world.live(END)

    assert [found] == close(world)


@pytest.mark.parametrize(
    ("gap_s", "bids_s", "extension_s"),
    [(58, [29], 0), (59, [29], 60), (100, [10], 90), (200, [80, 90], 190), (200, [80, 109], 171)],
)
def test_bid_in_the_gap_is_a_sign_of_life(
    world: World, auction_id: UUID, gap_s: int, bids_s: list[int], extension_s: int
) -> None:
    """The gaps before and after a bid count each for itself, whatever auction the bid is in."""
    other_id = opened(world)
    bid(world, "carol", other_id, 1000)
    start = END - timedelta(minutes=8)
    world.live(start)
    for number, bid_s in enumerate(bids_s):
        world.set_time(start + bid_s * SECOND)
        bid(world, ("alice", "bob")[number], other_id, 2000 + 1000 * number)
    break_down(world, start, gap_s)
    world.live(END)

    expected = ["no_sale", "finalized"] if extension_s == 0 else ["AUCTION_NOT_OVER"] * 2
    assert sorted(expected) == sorted(close(world))
    assert extension_s == auction_row(world.owner, auction_id)["outage_extension_s"]


@pytest.mark.usefixtures("auction_id")
def test_bid_in_a_closed_auction_was_a_sign_of_life(world: World) -> None:
    """The auction of the bid may end before the next heartbeat."""
    other_id = opened(world)
    start = END - timedelta(minutes=8)
    world.live(start)
    world.set_time(start + 20 * SECOND)
    bid(world, "alice", other_id, 1000)
    world.call("service", "end_auction", auction_id=other_id, force=True)
    break_down(world, start, 40)
    world.live(END)

    assert ["no_sale"] == close(world)


def test_withdrawn_bid_was_a_sign_of_life(world: World, auction_id: UUID) -> None:
    """A bid that was withdrawn later still ends a gap."""
    world.live(END - timedelta(minutes=8))
    world.set_time(world.now + 20 * SECOND)
    bid(world, "alice", auction_id, 1000)
    world.set_time(world.now + 15 * SECOND)
    assert world.withdraw(auction_id, [world.actors["alice"].id])
    break_down(world, world.now, 0)
    world.live(END)

    assert ["no_sale"] == close(world)


@pytest.mark.parametrize("what", ["raise", "raise to the reserve", "withdrawal"])
def test_other_changes_are_no_sign_of_life(world: World, auction_id: UUID, what: str) -> None:
    """A raise and a withdrawal by staff do not end a gap."""
    other_id = opened(world, reserve=5500)
    world.live(END - timedelta(minutes=8))
    for one in (other_id, auction_id):
        bid(world, "alice", one, 1000)
        bid(world, "bob", one, 5000)
    world.live(world.now + 25 * SECOND)
    start = world.now
    world.set_time(start + 20 * SECOND)
    if what == "withdrawal":
        assert world.withdraw(auction_id, [world.actors["bob"].id])
    else:
        bid(world, "bob", other_id if what == "raise to the reserve" else auction_id, 6000)
    break_down(world, start, 40)
    world.live(END)

    assert ["AUCTION_NOT_OVER"] * 2 == close(world)


@pytest.mark.parametrize(
    ("starts_before_end_s", "outage_s", "extension_s"),
    [(700, 100, 0), (700, 101, 60), (700, 200, 100), (700, 600, 500), (630, 29.9, 0)],
)
def test_only_the_last_ten_minutes_count(
    world: World, auction_id: UUID, starts_before_end_s: int, outage_s: float, extension_s: int
) -> None:
    """Only the part of an outage within the last ten minutes counts, however short it is."""
    break_down(world, END - starts_before_end_s * SECOND, outage_s)
    world.live(END)

    if extension_s == 0:
        assert ["no_sale"] == close(world)
    else:
        assert ["AUCTION_NOT_OVER"] == close(world)
        assert extension_s == extended_by(world, auction_id)


def test_outages_add_up(world: World, auction_id: UUID) -> None:
    """The lost times of several outages are added."""
    break_down(world, END - timedelta(minutes=8), 50)
    break_down(world, END - timedelta(minutes=4), 70)
    world.live(END)

    close(world)

    assert 120 == extended_by(world, auction_id)


def test_second_extension_never_comes(world: World, auction_id: UUID) -> None:
    """An outage during the extension gives no second extension."""
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)
    assert ["AUCTION_NOT_OVER"] == close(world)
    break_down(world, END + 10 * SECOND, 40)
    world.live(END + 90 * SECOND)

    assert ["no_sale"] == close(world)
    assert 90 == auction_row(world.owner, auction_id)["outage_extension_s"]


def test_outage_that_goes_on_counts(world: World, auction_id: UUID) -> None:
    """An outage without an end yet counts, because pg_cron closes without a worker."""
    world.live(END - 100 * SECOND)
    world.set_time(END + 8 * SECOND)

    assert ["AUCTION_NOT_OVER"] == close(world)
    assert 100 == extended_by(world, auction_id)

    world.set_time(END + 108 * SECOND)
    assert ["no_sale"] == close(world)


@pytest.mark.parametrize("is_back", [False, True])
def test_close_after_a_long_outage(world: World, auction_id: UUID, *, is_back: bool) -> None:
    """A close long after the end gives the last ten minutes again, counted from now."""
    world.live(END - timedelta(minutes=12))
    world.set_time(END + timedelta(minutes=50))
    if is_back:
        world.call("service", "record_heartbeat")

    assert ["AUCTION_NOT_OVER"] == close(world)

    assert 600 == extended_by(world, auction_id)
    end_at = datetime.fromisoformat(auction_row(world.owner, auction_id)["end_at"])
    assert world.now + timedelta(minutes=10) == end_at


@pytest.mark.usefixtures("auction_id")
def test_outage_after_the_end_took_no_time(world: World) -> None:
    """An outage that began after the end extends nothing."""
    world.live(END)
    world.set_time(END + timedelta(minutes=5))

    assert ["no_sale"] == close(world)


@pytest.mark.parametrize(("starts_in_s", "extension_s"), [(100, 0), (40, 60)])
def test_outage_before_the_start_took_no_time(
    world: World, starts_in_s: int, extension_s: int
) -> None:
    """Only the part of an outage after the start counts: 60 of its 100 s, or nothing."""
    world.live(END - timedelta(minutes=9))
    start_at = world.now + starts_in_s * SECOND
    auction_id = opened(world, start_at=start_at)
    break_down(world, world.now, 100)
    assert 1 == world.call("service", "activate_due_auctions")
    world.live(END)

    if extension_s:
        assert ["AUCTION_NOT_OVER"] == close(world)
        assert extension_s == extended_by(world, auction_id)
    else:
        assert ["no_sale"] == close(world)


def test_late_start_is_not_given_back_twice(world: World) -> None:
    """An outage that moved the start and the end gives no second extension."""
    world.live(END - timedelta(minutes=9))
    opened(world, start_at=world.now + 30 * SECOND)
    break_down(world, world.now, 100)
    assert 1 == world.call("service", "activate_due_auctions")
    world.live(END + 70 * SECOND)

    assert ["no_sale"] == close(world)


def test_late_activation_and_outage_add_up(world: World) -> None:
    """The last ten minutes count from the end that a late start has moved."""
    start_at = world.now + timedelta(minutes=1)
    auction_id = opened(world, start_at=start_at)
    break_down(world, start_at, 120)
    world.call("service", "activate_due_auctions")
    end_at = END + timedelta(minutes=2)
    break_down(world, end_at - timedelta(minutes=3), 80)
    world.live(end_at)

    assert ["AUCTION_NOT_OVER"] == close(world)
    assert 80 == extended_by(world, auction_id)


def test_without_any_heartbeat_there_is_no_outage(world: World) -> None:
    """A database without any heartbeat has no outage."""
    opened(world)
    world.set_time(END)

    assert ["no_sale"] == close(world)


def test_forced_close_is_exempt(world: World, auction_id: UUID) -> None:
    """A close by force is not delayed by an outage."""
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)

    answer = world.call("service", "end_auction", auction_id=auction_id, force=True)

    assert "no_sale" == answer["status"]
    assert 0 == auction_row(world.owner, auction_id)["outage_extension_s"]


def test_close_of_one_auction_extends_it_too(world: World, auction_id: UUID) -> None:
    """Without force the answer is the refusal of an early close, with the new end."""
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)

    answer = world.call("service", "end_auction", auction_id=auction_id)

    assert ("AUCTION_NOT_OVER", 90) == (answer["code"], extended_by(world, auction_id))
    assert auction_row(world.owner, auction_id)["end_at"] == answer["ends_at"]
    assert answer == world.call("service", "end_auction", auction_id=auction_id)


@pytest.mark.parametrize(("reserve", "cents"), [(None, 1000), (5000, 1000), (5000, 5000)])
def test_extended_auction_ends_as_any_other(world: World, reserve: int | None, cents: int) -> None:
    """An auction is extended with and without its reserve met, and then closed at the new end."""
    world.call("service", "record_heartbeat")
    auction_id = opened(world, reserve=reserve)
    bid(world, "alice", auction_id, cents)
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)
    assert ["AUCTION_NOT_OVER"] == close(world)
    assert [] == close(world)
    world.live(END + 90 * SECOND)

    assert ["finalized" if cents >= (reserve or 0) else "no_sale"] == close(world)
    [(count,)] = world.owner.execute("select count(*) from public.orders")
    assert int(cents >= (reserve or 0)) == count


def test_suspended_sellers_auction_is_not_extended(world: World, auction_id: UUID) -> None:
    """A suspended seller's auction is cancelled at once, because nobody may bid on it."""
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)
    world.suspend("seller", is_suspended=True)

    assert ["cancelled"] == close(world)
    assert 0 == auction_row(world.owner, auction_id)["outage_extension_s"]


def test_seller_and_bidders_are_notified_once(world: World, auction_id: UUID) -> None:
    """Seller and bidders are notified once; a user whose bids were withdrawn is not."""
    for number, name in enumerate(("alice", "bob", "carol")):
        bid(world, name, auction_id, 1000 + 1000 * number)
    world.withdraw(auction_id, [world.actors["bob"].id])
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)

    close(world)

    query = """
      select user_id, metadata ->> 'auction_id', (metadata ->> 'end_at')::timestamptz, message
      from public.notifications where type = 'auction_extended'
    """
    message = (
        "A teapot of blue enamel goes on for 90 seconds, because our service was down near its end."
    )
    assert {
        (world.actors[name].id, str(auction_id), END + 90 * SECOND, message)
        for name in ("alice", "carol", "seller")
    } == set(rows := world.owner.execute(query).fetchall())
    assert 3 == len(rows)


def test_soft_close_works_at_the_new_end(world: World, auction_id: UUID) -> None:
    """A late bid extends it, and the cap counts from the new end."""
    world.close_softly(RULES)
    set_setting(world.owner, "snipe_max_total_s", "100")
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)
    close(world)

    world.set_time(END + 80 * SECOND)
    receipt = world.call("alice", "place_bid", auction_id=auction_id, amount_cents=1000)

    assert 100 == receipt["extension_seconds"]
    row = auction_row(world.owner, auction_id)
    assert (1, END + 190 * SECOND) == (
        row["extension_count"],
        datetime.fromisoformat(row["end_at"]),
    )


def test_workers_and_watchers_learn_the_new_end(world: World, auction_id: UUID) -> None:
    """The closer's next deadline is the new end, and the countdown is broadcast again."""
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)
    world.call("service", "broadcast_time_remaining")
    assert 0 == world.call("service", "broadcast_time_remaining")
    close(world)

    deadline = world.call("service", "next_auction_deadline")

    assert END + 90 * SECOND == datetime.fromisoformat(deadline["next_at"])
    assert END + 30 * SECOND == datetime.fromisoformat(deadline["next_mark_at"])
    assert 1 == world.call("service", "broadcast_time_remaining")
    remaining = world.call("alice", "get_time_remaining", auction_id=auction_id)
    assert 90 == remaining["time_remaining"]


def test_failed_extension_is_tried_again(world: World, auction_id: UUID) -> None:
    """A failed extension is postponed as a failed close is, and a later success clears it."""
    world.owner.execute("""
      create function pg_temp.poison() returns trigger language plpgsql as $$
      begin
        raise exception 'poisoned';
      end $$;
      create trigger poison before update of end_at on public.listings
      for each row execute function pg_temp.poison();
    """)
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)
    answer = world.call("service", "end_expired_auctions")
    assert (0, 1) == (answer["auctions_processed"], answer["failed"])

    world.owner.execute("drop trigger poison on public.listings")
    world.live(END + 10 * SECOND)

    assert ["AUCTION_NOT_OVER"] == close(world)
    assert END + 100 * SECOND == datetime.fromisoformat(
        auction_row(world.owner, auction_id)["end_at"]
    )
    [(count,)] = world.owner.execute("select count(*) from private.finalize_failures")
    assert 0 == count


@pytest.mark.parametrize(
    ("key", "value", "outcome"),
    [
        ("outage_window_s", "0", "no_sale"),
        ("outage_gap_s", "46", "no_sale"),
        ("outage_extension_min_s", "300", "AUCTION_NOT_OVER"),
    ],
)
def test_numbers_of_the_rule_are_settings(
    world: World, auction_id: UUID, key: str, value: str, outcome: str
) -> None:
    """Staff may change the rule, and switch it off with a window of 0."""
    set_setting(world.owner, key, value)
    break_down(world, END - timedelta(minutes=3), 45)
    world.live(END)

    assert [outcome] == close(world)
    extension_s = auction_row(world.owner, auction_id)["outage_extension_s"]
    assert (300 if outcome == "AUCTION_NOT_OVER" else 0) == extension_s


def test_extension_is_a_row_of_the_log(world: World, auction_id: UUID) -> None:
    """The row states the new end and no reason; an outsider's check accepts it."""
    bid(world, "alice", auction_id, 1000)
    break_down(world, END - timedelta(minutes=3), 90)
    world.live(END)
    close(world)
    bid(world, "bob", auction_id, 2000)
    end_at = datetime.fromisoformat(auction_row(world.owner, auction_id)["end_at"])
    world.live(end_at)
    close(world)

    answer = world.call("alice", "get_bid_log", auction_id=auction_id)

    checker, _steps = verified(answer)
    kinds = ["start", "bid", "extension", "bid", "close"]
    assert (kinds, end_at) == ([row["kind"] for row in answer["rows"]], checker.auction.end_at)
    assert {"at", "end_at"} == answer["rows"][2]["record"].keys()

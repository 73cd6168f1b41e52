"""`activate_due_auctions`: a scheduled auction opens at its start."""

from datetime import datetime, timedelta
from uuid import UUID

import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, move_time


@pytest.fixture
def scheduled_id(owner: Connection, seller: Actor) -> UUID:
    """Schedule an auction that starts in an hour and lasts for one."""
    [(start_at,)] = owner.execute("select private.clock() + interval '1 hour'").fetchall()
    return auctioned(seller, start_at=start_at, ends_in="2 hours")


def test_due_auction_goes_live(
    owner: Connection, scheduled_id: UUID, alice: Actor, service: Actor
) -> None:
    """At its start auction and listing become live, with the planned times (A14)."""
    before = auction_row(owner, scheduled_id)
    assert 0 == service.call("activate_due_auctions")
    move_time(owner, "1 hour 10 seconds")

    assert 1 == service.call("activate_due_auctions")

    after = auction_row(owner, scheduled_id)
    assert ("live", before["end_at"], before["end_at"], before["version"] + 1) == (
        after["status"],
        after["end_at"],
        after["scheduled_end_at"],
        after["version"],
    )
    assert [("live",)] == owner.execute("select status::text from public.listings").fetchall()
    assert alice.call("place_bid", auction_id=scheduled_id, amount_cents=1000)["success"]
    assert 0 == service.call("activate_due_auctions")


def test_late_activation_moves_the_end(
    owner: Connection, scheduled_id: UUID, service: Actor
) -> None:
    """A late activation moves the end by the delay, even beyond the planned end."""
    before = auction_row(owner, scheduled_id)
    move_time(owner, "4 hours")

    assert 1 == service.call("activate_due_auctions")

    after = auction_row(owner, scheduled_id)
    delay = datetime.fromisoformat(after["updated_at"]) - datetime.fromisoformat(before["start_at"])
    assert delay > timedelta(hours=2, minutes=59)
    for name in ("end_at", "scheduled_end_at"):
        expected = datetime.fromisoformat(before[name]) + delay
        assert expected == datetime.fromisoformat(after[name])
    query = "select to_jsonb(end_at) #>> '{}' from public.listings"
    assert [(after["end_at"],)] == owner.execute(query).fetchall()


def test_poison_auction_opens_no_later_than_its_turn(
    owner: Connection, seller: Actor, service: Actor
) -> None:
    """An auction that cannot be activated is postponed, and the others open."""
    owner.execute("""
      create function pg_temp.poison() returns trigger language plpgsql as $$
      begin
        raise exception 'poisoned';
      end $$;
      create trigger poison before update on public.listings
      for each row when (new.title = 'A poisoned teapot') execute function pg_temp.poison();
    """)
    [(start_at,)] = owner.execute("select private.clock() + interval '1 hour'").fetchall()
    times = {"start_at": start_at, "ends_in": "2 hours"}
    poisoned_id = auctioned(seller, title="A poisoned teapot", **times)
    healthy_id = auctioned(seller, **times)
    move_time(owner, "1 hour")

    assert 1 == service.call("activate_due_auctions")

    assert ("scheduled", "live") == tuple(
        auction_row(owner, one)["status"] for one in (poisoned_id, healthy_id)
    )
    query = "select auction_id, attempts from private.finalize_failures"
    assert [(poisoned_id, 1)] == owner.execute(query).fetchall()

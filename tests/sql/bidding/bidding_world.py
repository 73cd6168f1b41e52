"""A market in the database with its copy in the oracle, under a stopped clock."""

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import Connection

from tests.sql.actors import Actor, no_one, signed_up
from tests.sql.auctioning import listed, set_setting
from tests.sql.bidding.oracle import Market
from tests.sql.bidding.oracle_auction import Auction, SoftClose
from tests.sql.bidding.oracle_refusals import Person
from tests.sql.paying import ordered, service_of


#: A clock that stands still, because a running one never meets an exact end.
STOPPED_CLOCK = """
  create table private.stopped_clock (now_at timestamptz not null);
  insert into private.stopped_clock values (clock_timestamp());
  create or replace function private.clock() returns timestamptz
  language sql set search_path = ''
  as $$ select now_at from private.stopped_clock $$;
"""
#: Moves the clock forward with a heartbeat every 25 s, and one at the end.
LIVE = """
  create function private.live(p_until timestamptz) returns void
  language plpgsql set search_path = ''
  as $$
  begin
    while (select now_at < p_until from private.stopped_clock) loop
      update private.stopped_clock set now_at = least(now_at + interval '25 seconds', p_until);
      perform private.record_heartbeat();
    end loop;
  end;
  $$;
"""
HEARTBEAT_GAP = timedelta(seconds=25)
BEGINNING = datetime(2030, 1, 1, tzinfo=UTC)
BLOCKED_FOR = timedelta(minutes=20)
SERIOUS_NAMES = ("alice", "bob", "carol", "dave", "erin", "frank")
NAMES = (*SERIOUS_NAMES, "suspended", "unverified", "blocked", "unknown", "seller")


@dataclasses.dataclass(slots=True)
class World:
    """The people of the market, and the time in it."""

    owner: Connection
    actors: dict[str, Actor]
    staff: Actor
    now: datetime = BEGINNING

    @classmethod
    def in_transaction_of(cls, owner: Connection) -> "World":
        """Create the people in a transaction that is never committed."""
        stop_clock(owner)
        many = {"max": 1_000_000, "window_s": 60}
        limits = dict.fromkeys(
            ("place_bid", "raise_maximum", "check_listing", "create_listing"), many
        )
        set_setting(owner, "rate_limits", json.dumps(limits))
        world = cls(
            owner,
            {name: signed_up(owner, name) for name in NAMES[:-2]},
            signed_up(owner, "staff", role="moderator").with_second_factor(),
        )
        world.actors |= {"unknown": no_one(owner, "unknown")}
        world.actors |= {"seller": signed_up(owner, "seller", role="seller")}
        world.set_time(BEGINNING)
        world._leave_unpaid("blocked")
        owner.execute(
            "update public.users set kyc = 'pending' where id = %s", [world.actors["unverified"].id]
        )
        world.suspend("suspended", is_suspended=True)
        return world

    def people(self) -> dict[str, Person]:
        """Return all people as the oracle knows them."""
        people = {name: Person(id=actor.id) for name, actor in self.actors.items()}
        people["suspended"].is_suspended = True
        people["unverified"].is_verified = False
        people["unknown"].is_known = False
        people["blocked"].blocked_until = BEGINNING + BLOCKED_FOR
        return people

    def set_time(self, now: datetime) -> None:
        """Stop the clock at `now`."""
        self.now = now
        self.owner.execute("update private.stopped_clock set now_at = %s", [now])

    def live(self, until: datetime) -> list[datetime]:
        """Move the clock to `until` with heartbeats on the way; return their times."""
        self.owner.execute("select private.live(%s)", [until])
        times = []
        while self.now < until:
            self.now = min(self.now + HEARTBEAT_GAP, until)
            times.append(self.now)
        return times

    def suspend(self, name: str, *, is_suspended: bool) -> None:
        """Suspend a user, or lift the suspension."""
        self.owner.execute(
            "update public.users set suspended_at = %s where id = %s",
            [self.now if is_suspended else None, self.actors[name].id],
        )

    def delete(self, name: str, *, is_deleted: bool) -> None:
        """Delete a user's account as Auth's soft delete does, or restore it."""
        self.owner.execute(
            "update public.users set deleted_at = %s where id = %s",
            [self.now if is_deleted else None, self.actors[name].id],
        )

    def withdraw(self, auction_id: UUID, people: Sequence[UUID]) -> bool:
        """Withdraw the bids of some people, as staff do; return false if there were none."""
        if len(people) == 1:
            return self._withdraw_as_staff(auction_id, people[0])
        query = "select private.withdraw_bids(%s, %s, null, 'A test of the oracle')"
        [(answer,)] = self.owner.execute(query, [auction_id, list(people)]).fetchall()
        return bool(answer)

    def _withdraw_as_staff(self, auction_id: UUID, person: UUID) -> bool:
        """Call the RPC of staff, which records exactly what it has done."""
        query = "select count(*) from public.audit_logs"
        [(before,)] = self.owner.execute(query).fetchall()
        answer = self.staff.call(
            "staff_withdraw_bids",
            auction_id=auction_id,
            bidder_id=person,
            reason="A test of the oracle",
        )
        [(after,)] = self.owner.execute(query).fetchall()
        assert answer["success"] or after == before
        return bool(after > before)

    def close_softly(self, rules: SoftClose) -> None:
        """Set the rules by which late bids move the end."""
        for key, value in (
            ("snipe_window_s", rules.window),
            ("snipe_extend_s", rules.extend),
            ("snipe_max_total_s", rules.max_total),
        ):
            set_setting(self.owner, key, str(int(value.total_seconds())))

    def call(self, name: str, function: str, **arguments: object) -> Any:
        """Call an RPC as a user, or as one of our own processes."""
        actor = service_of(self.owner) if name == "service" else self.actors[name]
        return actor.call(function, **arguments)

    def open_auction(self, market: Market, rules: SoftClose, **listing: Any) -> UUID:
        """Open an auction in the database and in the oracle; return its id."""
        answer = listed(self.actors["seller"], **listing)
        auction_id = UUID(answer["auction_id"])
        start_at = listing["start_at"] or self.now
        market.auctions[auction_id] = Auction(
            id=auction_id,
            seller=self.actors["seller"].id,
            start_cents=listing["start_cents"],
            reserve_cents=listing["reserve_cents"],
            start_at=start_at,
            end_at=listing["end_at"],
            soft_close=rules,
            status="scheduled" if start_at > self.now else "live",
            updated_at=self.now,
        )
        return auction_id

    def _leave_unpaid(self, name: str) -> None:
        order_id = ordered(self.actors["seller"], self.actors[name])
        query = """
          insert into public.user_strikes (user_id, order_id, reason, points, expires_at)
          values (%s, %s, 'unpaid', 3, %s)
        """
        self.owner.execute(query, [self.actors[name].id, order_id, self.now + BLOCKED_FOR])


def stop_clock(owner: Connection) -> None:
    """Stop the database's clock; `World.set_time` then sets it."""
    owner.execute(STOPPED_CLOCK)
    owner.execute(LIVE)

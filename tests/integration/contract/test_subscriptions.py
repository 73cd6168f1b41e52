"""Every channel of the web app: it delivers a row only to those who may read it.

The first backend refused filters with OR, and sent everybody's notifications to everybody.
"""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from tests.integration.contract.market import Role
from tests.integration.contract.sites import CALLERS, SITES, CallMarket
from tests.sql.writing import wrote
from tests.support.listening import PRIVATE, Heard, join, joined
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.anyio

CHANNELS: Mapping[str, Any] = SITES["channel"]
#: The topic on which the service sends; it has no rows.
BROADCAST = "auction:{live}"


@contextlib.asynccontextmanager
async def connected(call_market: CallMarket) -> AsyncIterator[Mapping[str, AsyncRealtimeClient]]:
    """Connect each caller by the official client."""
    environment = call_market.shop.environment
    clients = {
        caller: AsyncRealtimeClient(
            f"{environment['SUPABASE_URL'].replace('http', 'ws', 1)}/realtime/v1",
            environment["SUPABASE_PUBLISHABLE_KEY"],
            timeout=ANSWER_S,
        )
        for caller in CALLERS
    }
    try:
        for caller, client in clients.items():
            role = CALLERS[caller]
            if role is not Role.ANON:
                await client.set_auth(call_market.market.people[role].session["access_token"])
            await client.connect()
        yield clients
    finally:
        await asyncio.gather(*(client.close() for client in clients.values()))


def last_auction(call_market: CallMarket) -> tuple[dict[str, str], str]:
    """Open an auction whose bid is the last change; return the binding that hears it, and its id.

    Everybody reads auctions, so it shows that all changes before it were sent.
    """
    auction_id = call_market.made("auction")["auction"]
    return {"event": "UPDATE", "table": "auctions", "filter": f"id=eq.{auction_id}"}, auction_id


def bid(call_market: CallMarket, role: Role, auction_id: str) -> None:
    """Place the lowest bid."""
    bidder = call_market.actor(role)
    state = bidder.call("get_auction_state", auction_id=auction_id)
    amount_cents = state["min_next_bid_cents"]
    receipt = bidder.call("place_bid", auction_id=auction_id, amount_cents=amount_cents)
    assert receipt["success"], receipt


def change_everything(call_market: CallMarket, dispute_id: str) -> None:
    """Outbid the buyer, talk, add to the dispute, have staff decide it, and sell once more."""
    seller, buyer = call_market.actor(Role.SELLER), call_market.actor(Role.BUYER)
    staff = call_market.actor(Role.STAFF).with_second_factor()
    bid(call_market, Role.LOSER, call_market.ids["live"])
    assert wrote(seller, call_market.ids["thread"], "It is on its way.")["success"]
    assert buyer.call("mark_thread_read", thread_id=call_market.ids["thread"])
    for author, is_internal in ((buyer, False), (staff, True)):
        assert author.call(
            "add_dispute_message", dispute_id=dispute_id, content="Hm", is_internal=is_internal
        )["success"]
    call_market.upload("buyer", {"type": "evidence_file", "disputeId": dispute_id})
    assert staff.call(
        "resolve_dispute", dispute_id=dispute_id, decision="deny", note="It came in time"
    )["success"]
    call_market.shop.sold(buyer, seller)


async def changes_until(heard: Heard, last_id: str) -> list[dict[str, Any]]:
    """Collect the changes before the last one."""
    changes = []
    while (change := await heard.change())["record"].get("id") != last_id:
        changes.append(change)
    return changes


async def joined_all(
    call_market: CallMarket,
    clients: Mapping[str, AsyncRealtimeClient],
    things: Mapping[str, str],
    last: Mapping[str, str],
) -> Mapping[tuple[str, str], Heard]:
    """Join each channel as each caller; return those that Realtime does not refuse."""
    joins = [(name, caller) for name in CHANNELS for caller in CALLERS if name != BROADCAST]

    async def entered(name: str, caller: str) -> Heard | None:
        topic = call_market.filled(name, caller, things)
        bindings = [call_market.filled(one, caller, things) for one in CHANNELS[name]["bindings"]]
        if caller not in CHANNELS[name].get("refuses", "").split():
            return await joined(clients[caller], topic, *bindings, last, config=PRIVATE)
        heard = await join(clients[caller], topic, *bindings, config=PRIVATE)
        assert RealtimeSubscribeStates.SUBSCRIBED == (await heard.state())[0]
        state, text = await heard.state()
        assert RealtimeSubscribeStates.CHANNEL_ERROR == state
        assert "invalid column for filter" in text
        return None

    found = await asyncio.gather(*(entered(name, caller) for name, caller in joins))
    return {key: heard for key, heard in zip(joins, found, strict=True) if heard is not None}


async def test_each_channel_delivers_to_its_readers_alone(call_market: CallMarket) -> None:
    """Callers who may not read a row hear nothing of it (D4, case 12).

    One test has all channels, because everybody joins each of them.
    """
    things = call_market.made("opened")
    last, last_id = last_auction(call_market)
    async with connected(call_market) as clients:
        heard = await joined_all(call_market, clients, things, last)
        await asyncio.to_thread(change_everything, call_market, things["opened"])
        bid(call_market, Role.LOSER, last_id)
        changes = {key: await changes_until(one, last_id) for key, one in heard.items()}

    expected = {
        (name, caller): set(CHANNELS[name]["sends"])
        if caller in CHANNELS[name]["hears"].split()
        else set()
        for name, caller in changes
    }
    assert expected == {
        key: {f"{one['type'].value} {one['table']}" for one in found}
        for key, found in changes.items()
    }
    for (name, caller), found in changes.items():
        for one in found:
            fields = set(CHANNELS[name]["fields"][one["table"]].split())
            assert fields <= one["record"].keys(), f"{name} as {caller}"
            # A note of staff is for staff alone.
            assert caller == "staff" or not one["record"].get("is_internal")


async def test_notifications_without_a_filter_are_the_callers_own(call_market: CallMarket) -> None:
    """A subscription without a filter receives only the caller's notifications (D4)."""
    callers = ("buyer", "seller", "user", "staff")
    last, last_id = last_auction(call_market)
    unfiltered = {"event": "INSERT", "table": "notifications"}
    auction_id = call_market.made("auction")["auction"]
    async with connected(call_market) as clients:
        heard = {
            caller: await joined(clients[caller], "notifications", unfiltered, last, config=PRIVATE)
            for caller in callers
        }
        bid(call_market, Role.BUYER, auction_id)
        bid(call_market, Role.LOSER, auction_id)
        bid(call_market, Role.LOSER, last_id)
        changes = {caller: await changes_until(one, last_id) for caller, one in heard.items()}

    found = {
        caller: [(one["record"]["user_id"], one["record"]["type"]) for one in heard_by]
        for caller, heard_by in changes.items()
    }
    assert [(call_market.ids["buyer"], "outbid")] == found.pop("buyer")
    assert [[], [], []] == [*found.values()]


async def test_time_is_broadcast_by_the_service_alone(call_market: CallMarket) -> None:
    """Everybody hears the countdown of an auction, and no client can send one (D4)."""
    auction_id = call_market.made("auction")["auction"]
    topic = BROADCAST.format(live=auction_id)
    forged = {"auction_id": auction_id, "time_remaining": 0, "forged": str(uuid.uuid4())}
    async with connected(call_market) as clients:
        heard = {
            caller: await joined(client, topic, config=PRIVATE)
            for caller, client in clients.items()
        }
        for one in heard.values():
            await one.channel.send_broadcast("time_remaining", forged)
        bid(call_market, Role.LOSER, auction_id)
        frames = {caller: await one.broadcast() for caller, one in heard.items()}

    site = CHANNELS[BROADCAST]
    assert set(site["hears"].split()) == frames.keys()
    for frame in frames.values():
        assert "time_remaining" == frame["event"]
        assert set(site["fields"]["time_remaining"].split()) <= frame["payload"].keys()
        assert "forged" not in frame["payload"]


async def test_clients_agree_and_come_back_to_the_right_state(call_market: CallMarket) -> None:
    """Case 5: two clients get one end and one time; after a reconnect the state is right."""
    auction_id = call_market.made("auction")["auction"]
    binding = {"event": "UPDATE", "table": "auctions", "filter": f"id=eq.{auction_id}"}
    async with connected(call_market) as clients:
        pages = [
            await joined(clients[caller], f"auction-{auction_id}", binding, config=PRIVATE)
            for caller in ("user", "seller")
        ]
        bid(call_market, Role.LOSER, auction_id)
        rows = [(await page.change())["record"] for page in pages]
        times = [read(call_market, caller, "get_time_remaining", auction_id) for caller in CALLERS]

    assert rows[0] == rows[1]
    end_at = dt.datetime.fromisoformat(rows[0]["end_at"])
    for time in times:
        left = end_at - dt.datetime.fromisoformat(time["server_time"])
        assert left.total_seconds() == pytest.approx(time["time_remaining"])
        assert rows[0]["version"] == time["version"]

    bid(call_market, Role.BUYER, auction_id)
    async with connected(call_market) as clients:
        page = await joined(clients["user"], f"auction-{auction_id}", binding, config=PRIVATE)
        state = read(call_market, "user", "get_auction_state", auction_id)
        assert (call_market.ids["buyer"], 2) == (state["high_bidder_id"], state["bid_count"])
        bid(call_market, Role.LOSER, auction_id)
        change = await page.change()

    assert state["version"] + 1 == change["record"]["version"]


def read(call_market: CallMarket, caller: str, function: str, auction_id: str) -> dict[str, Any]:
    """Return the answer of a function about an auction."""
    request = call_market.visitors[caller].client.rpc(function, {"auction_id": auction_id})
    answer: Any = request.execute().data
    return dict(answer)


def test_each_published_table_has_a_channel(call_market: CallMarket) -> None:
    """A channel of the list binds each table that Realtime publishes to people (D3)."""
    published = call_market.shop.db.execute(
        """
        select t.tablename::text from pg_publication_tables as t
        where t.pubname = 'supabase_realtime'
        and has_any_column_privilege(
          'authenticated', t.schemaname || '.' || t.tablename, 'select'
        )
        """
    )
    bound = {binding["table"] for site in CHANNELS.values() for binding in site["bindings"]}

    assert {table for (table,) in published} == bound

"""Each channel of the web app delivers its rows to those who may read them, and to nobody else."""

import asyncio
import uuid
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from realtime import AsyncRealtimeClient, RealtimeSubscribeStates

from tests.support.gateways import Gateway
from tests.support.listening import PRIVATE, Connect, Heard, join, joined


pytestmark = pytest.mark.anyio

EVERYBODY = {"buyer", "seller", "other_user", "anonymous", "service"}
PARTIES = {"buyer", "seller", "service"}

SALE = """
with people as (
    insert into users (id, display_name) values (%(buyer)s, 'Bea'), (%(seller)s, 'Sam')
  ),
  listing as (
    insert into listings (id, seller_id, title, start_cents)
    values (%(listing)s, %(seller)s, 'Garden chair', 100)
  ),
  auction as (
    insert into auctions (id, listing_id, current_price_cents)
    values (%(auction)s, %(listing)s, 100)
  ),
  sale as (
    insert into orders (id, listing_id, buyer_id, seller_id, amount_cents)
    values (%(order)s, %(listing)s, %(buyer)s, %(seller)s, 100)
  ),
  thread as (
    insert into message_threads (id, listing_id, buyer_id, seller_id)
    values (%(thread)s, %(listing)s, %(buyer)s, %(seller)s)
  )
insert into disputes (id, order_id, initiator_id, respondent_id)
values (%(dispute)s, %(order)s, %(buyer)s, %(seller)s)
"""


@pytest.fixture
def ids(owner: psycopg.Connection) -> Mapping[str, str]:
    """Insert an auction, an order, a thread and a dispute of two users; return all ids by name."""
    names = ("buyer", "seller", "other_user", "listing", "auction", "thread", "dispute", "new")
    ids = {name: str(uuid.uuid4()) for name in names}
    ids["order"] = str(uuid.uuid4().int % 10**15)
    owner.execute(SALE, ids)
    return ids


async def callers(
    gateway: Gateway, connect: Connect, ids: Mapping[str, str]
) -> dict[str, AsyncRealtimeClient]:
    """Connect two parties, another user, an anonymous visitor and a worker."""
    people = {name: gateway.token(ids[name]) for name in ("buyer", "seller", "other_user")}
    access = {**people, "anonymous": None, "service": gateway.keys.service_role_jwt}
    clients = await asyncio.gather(*(connect(gateway, token) for token in access.values()))
    return dict(zip(access, clients, strict=True))


CHANNELS = {
    "bids of an auction": (
        "auction-{auction}",
        [{"event": "*", "table": "bids", "filter": "auction_id=eq.{auction}"}],
        "insert into bids (auction_id, bidder_id, amount_cents) values (%(auction)s, %(buyer)s, 2)",
        EVERYBODY,
    ),
    "state of an auction": (
        "auction-{auction}",
        [
            {"event": "*", "table": "bids", "filter": "auction_id=eq.{auction}"},
            {"event": "*", "table": "auctions", "filter": "id=eq.{auction}"},
        ],
        "update auctions set current_price_cents = 200, version = 2 where id = %(auction)s",
        EVERYBODY,
    ),
    "an order": (
        "order-{order}",
        [{"event": "UPDATE", "table": "orders", "filter": "id=eq.{order}"}],
        "update orders set state = 'paid' where id = %(order)s",
        PARTIES,
    ),
    "notifications": (
        "notifications",
        [{"event": "INSERT", "table": "notifications", "filter": "user_id=eq.{buyer}"}],
        "insert into notifications (user_id, type) values (%(buyer)s, 'won')",
        {"buyer", "service"},
    ),
    "a message in a thread": (
        "thread-{thread}",
        [
            {"event": "INSERT", "table": "messages", "filter": "thread_id=eq.{thread}"},
            {"event": "UPDATE", "table": "messages", "filter": "thread_id=eq.{thread}"},
        ],
        "insert into messages values (%(new)s, %(thread)s, %(buyer)s, 'Hi')",
        PARTIES,
    ),
    "a message that is held": (
        "thread-{thread}",
        [{"event": "INSERT", "table": "messages", "filter": "thread_id=eq.{thread}"}],
        "insert into messages values (%(new)s, %(thread)s, %(buyer)s, 'Call me', 'held')",
        {"buyer", "service"},
    ),
    "a user's threads": (
        "user-threads-{seller}",
        [
            {"event": "*", "table": "message_threads", "filter": "buyer_id=eq.{seller}"},
            {"event": "*", "table": "message_threads", "filter": "seller_id=eq.{seller}"},
        ],
        "update message_threads set subject = 'Hello' where id = %(thread)s",
        PARTIES,
    ),
    "a user's orders": (
        "user-orders-{buyer}",
        [
            {"event": "*", "table": "orders", "filter": "buyer_id=eq.{buyer}"},
            {"event": "*", "table": "orders", "filter": "seller_id=eq.{buyer}"},
        ],
        "update orders set state = 'cancelled' where id = %(order)s",
        PARTIES,
    ),
    "a dispute": (
        "dispute-{dispute}",
        [{"event": "UPDATE", "table": "disputes", "filter": "id=eq.{dispute}"}],
        "update disputes set state = 'under_review' where id = %(dispute)s",
        PARTIES,
    ),
    "a message in a dispute": (
        "dispute-messages-{dispute}",
        [{"event": "INSERT", "table": "dispute_messages", "filter": "dispute_id=eq.{dispute}"}],
        "insert into dispute_messages values (%(new)s, %(dispute)s, %(buyer)s, 'Broken', false)",
        PARTIES,
    ),
    "a note of the staff in a dispute": (
        "dispute-messages-{dispute}",
        [{"event": "INSERT", "table": "dispute_messages", "filter": "dispute_id=eq.{dispute}"}],
        "insert into dispute_messages values (%(new)s, %(dispute)s, %(buyer)s, 'Doubtful', true)",
        {"service"},
    ),
    "evidence in a dispute": (
        "dispute-evidence-{dispute}",
        [{"event": "INSERT", "table": "dispute_evidence", "filter": "dispute_id=eq.{dispute}"}],
        "insert into dispute_evidence values (%(new)s, %(dispute)s, %(buyer)s, 'Photo')",
        PARTIES,
    ),
    "a wake-up of a worker": (
        "wake-up",
        [{"event": "INSERT", "table": "webhook_events"}],
        "insert into webhook_events values (%(new)s, 'received', '{}')",
        {"service"},
    ),
}


@pytest.mark.parametrize("name", CHANNELS)
async def test_a_channel_delivers_to_its_readers_only(
    owner: psycopg.Connection,
    gateway: Gateway,
    connect: Connect,
    ids: Mapping[str, str],
    numbers: Iterator[int],
    name: str,
) -> None:
    """Row security decides for each subscriber of the same rows.

    https://supabase.com/docs/guides/realtime/postgres-changes
    """
    topic, bindings, statement, readers = CHANNELS[name]
    wanted = [{key: text.format(**ids) for key, text in one.items()} for one in bindings]
    # Everybody may read notes, so the note's arrival proves that all earlier changes were sent.
    wanted.append({"event": "INSERT", "table": "notes"})
    clients = await callers(gateway, connect, ids)
    heard = dict(
        zip(
            clients,
            await asyncio.gather(
                *(joined(client, topic.format(**ids), *wanted) for client in clients.values())
            ),
            strict=True,
        )
    )

    owner.execute(statement, ids)
    owner.execute("insert into notes values (%s)", [next(numbers)])

    received = {caller: (await one.change())["table"] for caller, one in heard.items()}
    table = wanted[-2]["table"]
    assert {caller: table if caller in readers else "notes" for caller in heard} == received


async def test_a_worker_gets_the_granted_columns_alone(
    owner: psycopg.Connection, service: AsyncRealtimeClient, ids: Mapping[str, str]
) -> None:
    """A wake-up has the granted columns, and not the payload."""
    heard = await joined(service, "wake-up", {"event": "*", "table": "webhook_events"})

    owner.execute("insert into webhook_events values (%s, 'received', '{\"a\": 1}')", [ids["new"]])

    assert {"event_id": ids["new"], "status": "received"} == (await heard.change())["record"]


@pytest.mark.parametrize(
    ("topic", "members"),
    [
        ("auction:{auction}", EVERYBODY),
        ("user:{buyer}", {"buyer", "service"}),
        ("thread:{thread}", PARTIES),
    ],
)
async def test_a_private_topic_lets_its_members_in(
    owner: psycopg.Connection,
    gateway: Gateway,
    connect: Connect,
    ids: Mapping[str, str],
    topic: str,
    members: set[str],
) -> None:
    """The policies of realtime.messages admit clients, and broadcasts reach all members.

    https://supabase.com/docs/guides/realtime/authorization
    """
    name = topic.format(**ids)
    clients = await callers(gateway, connect, ids)
    entered: dict[str, Heard] = {
        caller: await join(client, name, config=PRIVATE) for caller, client in clients.items()
    }

    states = {caller: (await heard.state())[0] for caller, heard in entered.items()}
    owner.execute("select realtime.send('{\"left_ms\": 1}', 'time_remaining', %s)", [name])

    let_in = {c for c, state in states.items() if state is RealtimeSubscribeStates.SUBSCRIBED}
    assert members == let_in
    for caller in members:
        frame = await entered[caller].broadcast()
        assert ("time_remaining", 1) == (frame["event"], frame["payload"]["left_ms"])


async def test_the_parties_of_a_thread_see_each_other_type(
    gateway: Gateway, connect: Connect, ids: Mapping[str, str]
) -> None:
    """The insert policy lets both parties send, so each sees the other type."""
    clients = await callers(gateway, connect, ids)
    name = f"thread:{ids['thread']}"
    buyer = await joined(clients["buyer"], name, config=PRIVATE)
    seller = await joined(clients["seller"], name, config=PRIVATE)

    await buyer.channel.send_broadcast("typing", {"by": "buyer"})

    assert {"by": "buyer"} == (await seller.broadcast())["payload"]

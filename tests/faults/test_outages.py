"""Realtime sends nothing, or the gateway is away or loses answers; the workers recover."""

import uuid
from collections.abc import Callable, Iterator, Mapping

import psycopg
import pytest

from tests.faults.fleet import Fleet
from tests.integration.adapters.proxy import Proxy
from tests.integration.service.shop import Order, Shop
from tests.support.gateway_control import commanded


pytestmark = pytest.mark.xdist_group("deliveries")

#: Closer and countdown share a subscription, inbox and outbox have one each.
SUBSCRIPTIONS = 3
TRIES = 5


@pytest.fixture
def proxy(environment: Mapping[str, str]) -> Iterator[Proxy]:
    """Run a proxy between a fleet and the gateway."""
    with Proxy(environment["SUPABASE_URL"]) as proxy:
        yield proxy


@pytest.fixture
def distant(proxy: Proxy, new_fleet: Callable[..., Fleet], shop: Shop) -> Fleet:
    """Run a fleet behind the proxy, and wait until all of its jobs are subscribed."""
    fleet = new_fleet(SUPABASE_URL=proxy.url)
    fleet.start()
    shop.wait_for(lambda: fleet.count("realtime_joins") >= SUBSCRIPTIONS)
    return fleet


def waiting_order(shop: Shop) -> Order:
    """Store an event that pays an order, and do not apply it."""
    order = shop.awaiting(f"pi_{uuid.uuid4().hex}")
    shop.keep(shop.event(order.paid_intent()))
    return order


def test_lost_sessions_are_made_anew(
    shop: Shop, superuser: psycopg.Connection, new_fleet: Callable[..., Fleet]
) -> None:
    """All sessions of the gateway end at once, Realtime's too, and the workers go on."""
    fleet = new_fleet()
    fleet.start()
    shop.wait_for(lambda: fleet.count("realtime_joins") >= SUBSCRIPTIONS)

    superuser.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where application_name like 'devstack%' or backend_type = 'walsender'"
    )
    order = waiting_order(shop)

    shop.wait_for(lambda: shop.state(order) == "paid")
    assert fleet.process.poll() is None
    shop.check_books()


def test_silent_realtime_costs_no_work(shop: Shop, proxy: Proxy, distant: Fleet) -> None:
    """Without wake-ups each job finds its work at the poll interval."""
    refunded = [shop.paid() for _ in range(2)]
    proxy.mute()
    auction_id = shop.auction()
    shop.db.execute(
        "update public.auctions set end_at = clock_timestamp(), scheduled_end_at = start_at"
        " + interval '1 microsecond' where id = %s",
        [auction_id],
    )
    # An earlier wake-up may still start the first round, but not the second.
    for order in refunded:
        wake_ups_missed = {
            job: distant.count("wake_ups_missed", job) for job in ("inbox", "outbox")
        }
        waiting = waiting_order(shop)
        shop.request_refund(order)
        shop.wait_for(lambda waiting=waiting: shop.state(waiting) == "paid")
        shop.wait_for(lambda order=order: shop.state(order) == "refunded")

    # Counted at the end of the round, which is after its effects can be seen.
    shop.wait_for(
        lambda: all(
            distant.count("wake_ups_missed", job) > count for job, count in wake_ups_missed.items()
        )
    )
    closed = "select status = 'finalized' from public.auctions where id = %s"
    shop.wait_for(lambda: bool(shop.value(closed, auction_id)))
    shop.check_books()


def test_gateway_that_was_away_is_found_again(shop: Shop, proxy: Proxy, distant: Fleet) -> None:
    """The workers do the waiting work after an outage, and each job subscribes again."""
    proxy.cut()
    order = waiting_order(shop)
    # Longer than one call goes on trying.
    shop.wait_for(lambda: "job_interrupted" in distant.log())
    assert "pending_payment" == shop.state(order)

    proxy.mend()

    shop.wait_for(lambda: shop.state(order) == "paid")
    shop.wait_for(lambda: distant.count("realtime_joins") >= 2 * SUBSCRIPTIONS)
    assert distant.process.poll() is None
    shop.check_books()


@pytest.fixture
def outage_rule(shop: Shop) -> Iterator[None]:
    """Switch on the rule that the other tests switch off.

    The test moves the start back, and the log of bids then shows a late start.
    """
    with shop.setting("outage_window_s", 600), shop.setting("activation_grace_s", 86_400):
        yield


@pytest.mark.usefixtures("outage_rule")
def test_auction_gets_the_time_of_an_outage_back(shop: Shop, proxy: Proxy, distant: Fleet) -> None:
    """After an outage of an hour the workers extend the auction once, and close it."""
    shop.wait_for(lambda: bool(shop.value("select count(*) from private.heartbeats")))
    auction_id = shop.auction()
    proxy.cut()
    # After this line no heartbeat is under way.
    shop.wait_for(lambda: "job_interrupted" in distant.log())
    shop.db.execute("update private.heartbeats set beat_at = beat_at - interval '1 hour'")
    shop.db.execute(
        "update public.auctions set end_at = past, scheduled_end_at = past,"
        " start_at = start_at - interval '2 hours'"
        " from (select clock_timestamp() - interval '30 minutes') as time (past) where id = %s",
        [auction_id],
    )

    proxy.mend()

    row = """
      select to_jsonb(a) from (
        select status, outage_extension_s, end_at > clock_timestamp() as is_open,
          (select count(*) from public.notifications
            where type = 'auction_extended' and metadata ->> 'auction_id' = a.id::text) as notified
        from public.auctions as a where id = %s
      ) as a
    """
    extended = {"status": "live", "outage_extension_s": 600, "is_open": True, "notified": 2}
    shop.wait_for(lambda: shop.value(row, auction_id) == extended)
    shop.wait_for(lambda: "bidding_interrupted" in distant.log())
    shop.db.execute(
        "update public.auctions set end_at = clock_timestamp(), scheduled_end_at = start_at"
        " + interval '1 microsecond' where id = %s",
        [auction_id],
    )
    closed = {"status": "finalized", "outage_extension_s": 600, "is_open": False, "notified": 2}
    shop.wait_for(lambda: shop.value(row, auction_id) == closed)
    assert 1 == distant.log().count("bidding_interrupted")
    shop.check_books()


@pytest.mark.parametrize("status", [429, 500, 502, 504])
def test_gateway_error_ends_no_worker(
    shop: Shop, environment: Mapping[str, str], new_fleet: Callable[..., Fleet], status: int
) -> None:
    """Each job calls again after an error without a code, even if all tries of a call got one."""
    fleet = new_fleet()
    with commanded(environment["SUPABASE_URL"]) as control:
        for function in ("claim_webhook_retries", "claim_outbox", "next_auction_deadline"):
            path = f"/rest/v1/rpc/{function}"
            control.add_fault(status=status, times=TRIES + 1, method="POST", path=path)
        fleet.start()

        shop.wait_for(lambda: not control.pending()["faults"])

    order = waiting_order(shop)
    shop.wait_for(lambda: shop.state(order) == "paid")
    assert "job_interrupted" in fleet.log()
    assert fleet.process.poll() is None


def test_answers_lost_after_the_commit_double_nothing(
    shop: Shop, proxy: Proxy, distant: Fleet
) -> None:
    """A call whose answer was lost is repeated, and the repetition changes nothing."""
    orders = [shop.awaiting(f"pi_{uuid.uuid4().hex}") for _ in range(12)]
    events = [shop.event(order.paid_intent()) for order in orders]
    proxy.lose_answers(10)
    for event in events:
        shop.keep(event)
    shop.wait_for(lambda: proxy.answers_still_to_lose() == 0)
    shop.expire_leases()

    shop.wait_for(lambda: shop.count_paid(orders) == 12)
    assert distant.process.poll() is None
    shop.check_books()

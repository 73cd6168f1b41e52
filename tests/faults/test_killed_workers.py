"""Workers that are killed in the middle of their work, and several fleets at once."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import psycopg
import pytest

from tests.faults.fleet import Fleet
from tests.faults.refunding import check_one_refund, refund_row
from tests.faults.transferring import payable_order, transfer_row, transfers_of
from tests.integration.service.shop import AMOUNT, Order, Shop
from tests.support.waits import ANSWER_S, awaited


pytestmark = pytest.mark.xdist_group("kills")

#: The tenth order of a transaction waits while somebody holds the advisory lock 10.
GATED_ORDERS = """
  create function public.wait_at_the_gate() returns trigger language plpgsql set search_path = ''
  as $$
  declare
    v_count constant integer :=
      coalesce(nullif(current_setting('test.orders', true), ''), '0')::integer + 1;
  begin
    perform set_config('test.orders', v_count::text, true);
    if v_count = 10 then
      perform pg_advisory_xact_lock_shared(10);
    end if;
    return new;
  end $$;
  create trigger wait_at_the_gate before insert on public.orders
  for each row execute function public.wait_at_the_gate();
"""
FREE_ORDERS = "drop function if exists public.wait_at_the_gate() cascade"
CLOSES_NOW = """
  select pid from pg_stat_activity
  where wait_event_type = 'Lock' and query ilike '%%end_expired_auctions%%' and xact_start > %s
"""


@pytest.fixture
def gate(shop: Shop) -> Iterator[psycopg.Connection]:
    """Keep each close of a batch under way, until this connection ends its transaction."""
    shop.db.execute(GATED_ORDERS)
    with psycopg.connect(shop.environment["DATABASE_URL"]) as gate:
        gate.execute("select pg_advisory_xact_lock(10)")
        yield gate
    shop.db.execute(FREE_ORDERS)


def auctions_that_end(shop: Shop, count: int) -> list[uuid.UUID]:
    """Open auctions that have ended a second later; one in ten has no bid."""
    ids = [shop.auction() for _ in range(count)]
    shop.db.execute(
        "update public.auctions set end_at = clock_timestamp(), scheduled_end_at = start_at"
        " + interval '1 microsecond' where id = any(%s)",
        [ids],
    )
    return ids


def open_count(shop: Shop, ids: Sequence[uuid.UUID]) -> int:
    return int(
        shop.value(
            "select count(*) from public.auctions where status = 'live' and id = any(%s)", ids
        )
    )


def wait_for_a_close(superuser: psycopg.Connection, began: datetime) -> int:
    """Wait until a worker closes a batch; return the process id of its session in Postgres.

    The close began after `began`, so it is none of a worker that was killed before.
    """

    def find() -> int | None:
        row = superuser.execute(CLOSES_NOW, [began]).fetchone()
        return row[0] if row else None

    return awaited(find, ANSWER_S, "a close")


def test_killed_closers_close_every_auction_once(
    shop: Shop,
    superuser: psycopg.Connection,
    new_fleet: Callable[..., Fleet],
    gate: psycopg.Connection,
) -> None:
    """The last of several killed fleets makes one order per auction (case 6)."""
    ids = auctions_that_end(shop, 230)
    fleet = new_fleet()

    began = shop.value("select clock_timestamp()")
    fleet.start()
    wait_for_a_close(superuser, began)
    fleet.kill()
    killed = shop.value("select clock_timestamp()")
    fleet.start()
    second = wait_for_a_close(superuser, killed)
    superuser.execute("select pg_terminate_backend(%s)", [second])
    fleet.kill()
    assert 230 == open_count(shop, ids)
    gate.rollback()
    fleet.start()
    shop.wait_for(lambda: open_count(shop, ids) == 0)

    assert 0 == fleet.stop()
    orders = "select count(*) from public.orders where amount_cents = %s and auction_id = any(%s)"
    assert 230 == shop.value(orders, AMOUNT, ids)
    shop.check_books()


def test_two_fleets_do_everything_once(shop: Shop, new_fleet: Callable[..., Fleet]) -> None:
    """Two fleets process auctions, events and refunds at once, and each is processed once."""
    refunded = [shop.paid() for _ in range(6)]
    waiting = [shop.awaiting(f"pi_{uuid.uuid4().hex}") for _ in range(40)]
    ids = auctions_that_end(shop, 60)
    for order in waiting:
        shop.keep(shop.event(order.paid_intent()))
    for order in refunded:
        shop.request_refund(order)
    fleets = [new_fleet(), new_fleet()]

    for fleet in fleets:
        fleet.launch()
    shop.wait_for(lambda: open_count(shop, ids) == 0)
    shop.wait_for(lambda: shop.count_paid(waiting) == 40)
    shop.wait_for(lambda: {shop.state(order) for order in refunded} == {"refunded"})

    # One fleet may do everything before the other has started; its signal would then kill it.
    shop.wait_for(lambda: all(fleet.is_up() for fleet in fleets))
    assert [0, 0] == [fleet.stop() for fleet in fleets]
    assert [1] * 6 == [len(shop.refunds_of(order)) for order in refunded]
    shop.check_books()


def test_worker_that_is_told_to_stop_ends_in_order(
    shop: Shop, new_fleet: Callable[..., Fleet]
) -> None:
    """A worker that gets SIGTERM finishes its current event, and leaves the others in the inbox."""
    orders = [shop.awaiting(f"pi_{uuid.uuid4().hex}") for _ in range(100)]
    for order in orders:
        shop.keep(shop.event(order.paid_intent()))
    fleet = new_fleet()
    fleet.start()
    shop.wait_for(lambda: shop.count_paid(orders) > 0)

    assert 0 == fleet.stop()

    shop.expire_leases()
    fleet.start()
    shop.wait_for(lambda: shop.count_paid(orders) == 100)
    shop.check_books()


@pytest.mark.usefixtures("silent_stripe")
def test_killed_after_stripes_deed_sends_once(
    shop: Shop, order: Order, new_fleet: Callable[..., Fleet]
) -> None:
    """The next worker finds at Stripe the object that the killed one has made."""
    shop.command("POST", "/faults", delay_s=60, when="after", method="POST", path="/v1/refunds")
    fleet = new_fleet()
    fleet.start()
    shop.request_refund(order)
    shop.wait_for(lambda: len(shop.refunds_of(order)) == 1)

    fleet.kill()
    shop.command("DELETE", "/faults")

    assert ("pending", "leased") == refund_row(shop, order)
    shop.expire_leases()
    fleet.start()
    shop.wait_for(lambda: refund_row(shop, order)[1] == "done")
    check_one_refund(shop, order)


@pytest.mark.usefixtures("silent_stripe")
@pytest.mark.parametrize("when", ["before", "after"])
def test_worker_killed_in_a_transfer_pays_once(
    shop: Shop, new_fleet: Callable[..., Fleet], when: str
) -> None:
    """The worker dies while Stripe makes the transfer, or before Stripe has it."""
    order = payable_order(shop)
    shop.command("POST", "/faults", delay_s=60, when=when, method="POST", path="/v1/transfers")
    fleet = new_fleet()
    fleet.start()
    shop.moved(order, "released")
    made = 1 if when == "after" else 0
    shop.wait_for(
        lambda: (
            transfer_row(shop, order) == ("queued", "leased")
            and len(transfers_of(shop, order)) == made
            and shop.command("GET", "/faults")["faults"] == []
        )
    )

    fleet.kill()
    shop.command("DELETE", "/faults")
    shop.expire_leases()
    fleet.start()
    shop.wait_for(lambda: transfer_row(shop, order) == ("paid", "done"))

    [transfer] = transfers_of(shop, order)
    shop.command("POST", "/deliveries/release")
    assert transfer["amount"] == shop.value(
        "select -sum(amount_cents) from public.ledger_entries where order_id = %s"
        " and entry_type = 'PAYOUT' and account = 'stripe_clearing'",
        order.id,
    )
    shop.check_books()

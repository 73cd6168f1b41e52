"""The service is killed while webhooks arrive: single gunicorn workers, or all processes."""

import contextlib
import os
import signal
import uuid
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from market.files.reconciliation import OrphanSearch
from tests.faults.delivering import DELIVERY_LOOK_S, is_done_delivering
from tests.faults.fleet import Fleet
from tests.faults.locks import APPLYING, end_waiting, locked, waiting_count
from tests.faults.reconciling import Reconciler
from tests.integration.service.browser import Browser
from tests.integration.service.shop import Order, Shop
from tests.sql.auctioning import listed
from tests.support.pictures import encoded, plain


pytestmark = [pytest.mark.xdist_group("kills"), pytest.mark.usefixtures("fleet")]


#: A call that waits for the listing, to write the row of a photo.
RECORDING = "record_file"


def kill_while_applying(
    shop: Shop, superuser: psycopg.Connection, orders: Sequence[Order]
) -> list[dict[str, Any]]:
    """Post an event for each order, and kill the service when all are stored and none applied."""
    events = [shop.event(order.paid_intent()) for order in orders]
    # The service soon gives up its wait and answers, so it is looked for before.
    running = shop.gunicorn()
    with ThreadPoolExecutor(len(orders)) as pool:
        with locked(shop, orders):
            posts = [pool.submit(shop.post, event) for event in events]
            # The call that stores and applies stops waiting for the order. It stores the event, and
            # the service then tries the effect alone.
            shop.wait_for(lambda: waiting_count(superuser, APPLYING) >= len(orders))
            running.kill()
            # Without this the database would go on for a killed client.
            end_waiting(superuser)
            shop.wait_for(lambda: waiting_count(superuser) == 0)
        assert all(has_no_answer(post) for post in posts)
    assert not any(shop.is_settled(event["id"]) for event in events)
    return events


def has_no_answer(post: "Future[httpx.Response]") -> bool:
    return isinstance(post.exception(), httpx.TransportError)


def test_service_killed_between_storing_and_applying_loses_nothing(
    shop: Shop, superuser: psycopg.Connection
) -> None:
    """A worker applies each stored event once, although the service answered none (case 15, C4)."""
    orders = [shop.awaiting(f"pi_{uuid.uuid4().hex}") for _ in range(6)]
    before = shop.gunicorn()

    kill_while_applying(shop, superuser, orders)
    shop.expire_leases()

    shop.wait_for(lambda: shop.count_paid(orders) == 6)
    assert shop.gunicorn().master != before.master
    shop.check_books()


def test_redelivery_after_a_kill_applies_what_was_stored(
    shop: Shop, superuser: psycopg.Connection
) -> None:
    """A second delivery takes effect before the killed request's lease ends (case 15, C4)."""
    order = shop.awaiting(f"pi_{uuid.uuid4().hex}")
    [event] = kill_while_applying(shop, superuser, [order])
    shop.gunicorn()

    again, third = shop.post(event).json(), shop.post(event).json()

    assert again["processed"]
    assert (True, "already_processed") == (third["idempotent"], third["status"])
    assert "paid" == shop.state(order)
    shop.check_books()


def test_service_killed_in_a_burst_applies_every_event_once(shop: Shop, fleet: Fleet) -> None:
    """After two kills Stripe delivers each event until the service accepts it."""
    orders = [shop.awaiting() for _ in range(30)]
    running = shop.gunicorn()

    with ThreadPoolExecutor(6) as pool:
        paying = [pool.submit(shop.pay, order) for order in orders]
        shop.wait_for(lambda: shop.count_paid(orders) >= 3)
        os.kill(running.workers[0], signal.SIGKILL)
        shop.wait_for(lambda: shop.count_paid(orders) >= 8)
        running.kill()
        for future in paying:
            future.result()
    shop.gunicorn()

    shop.wait_for(
        lambda: is_done_delivering(shop.control) and shop.count_paid(orders) == 30,
        look_s=DELIVERY_LOOK_S,
    )
    assert fleet.process.poll() is None
    for order in orders:
        [delivery] = shop.deliveries(object_id=order.intent_id, state="delivered")
        assert shop.is_settled(delivery["event_id"])
    shop.check_books()


def test_service_killed_between_object_and_row_leaves_an_orphan(
    shop: Shop, superuser: psycopg.Connection
) -> None:
    """The reconcile job removes the orphan once it is old enough, and removes no other object."""
    seller = Browser.of_somebody_new(shop, role="seller")
    listing_id = listed(seller.actor)["listing"]["id"]
    kept = upload(shop, seller, listing_id, "red").json()["path"]
    running = shop.gunicorn()
    with psycopg.connect(shop.environment["DATABASE_URL"]) as holder, ThreadPoolExecutor(1) as pool:
        holder.execute("select from public.listings where id = %s for update", [listing_id])
        post = pool.submit(upload, shop, seller, listing_id, "blue")
        shop.wait_for(lambda: waiting_count(superuser, RECORDING) >= 1)
        running.kill()
        end_waiting(superuser, RECORDING)
        assert has_no_answer(post)
    assert 2 == len(objects(shop, listing_id))
    superuser.execute("update storage.objects set created_at = now() - interval '2 hours'")

    with contextlib.closing(Reconciler.of(shop.environment)) as reconciler:
        adapters = reconciler.adapters
        OrphanSearch(adapters.database, adapters.storage).go_on()

    assert {kept} == objects(shop, listing_id)


def upload(shop: Shop, seller: Browser, listing_id: str, colour: str) -> httpx.Response:
    return httpx.post(
        f"{shop.environment['SERVICE_URL']}/api/storage/upload",
        data={"type": "listing_photo", "listingId": listing_id},
        files={"file": ("a.png", encoded(plain(colour=colour), "PNG"))},
        headers=seller.bearer,
        timeout=30,
    )


def objects(shop: Shop, listing_id: str) -> set[str]:
    query = "select name from storage.objects where split_part(name, '/', 1) = %s"
    return {name for (name,) in shop.db.execute(query, [listing_id])}

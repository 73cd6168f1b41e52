"""Disputes meet releases, deadlines and refunds on other connections."""

from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import move_time
from tests.sql.concurrency.crowd import OnOwnConnection, Waits, at_once, under_way
from tests.sql.disputing import report_dispute
from tests.sql.paying import (
    AMOUNT,
    balances,
    brought_to,
    drift,
    order_row,
    ordered,
    outbox_rows,
    refund_requested,
    service_of,
)


DISPUTED = {"stripe_clearing": 0, "dispute_hold": AMOUNT, "buyer": -AMOUNT}


@pytest.fixture
def delivered(owner: Connection, seller: Actor, alice: Actor) -> UUID:
    """Sell an item to Alice, who has received it."""
    order_id = ordered(seller, alice)
    brought_to(owner, order_id, "delivered")
    owner.commit()
    return order_id


def release(browser: Actor, order_id: UUID, buyer: Actor) -> Any:
    """Let the buyer release the money; return the answer."""
    return browser.call("act_on_order", order_id=order_id, user_id=buyer.id, action="release_funds")


def held(owner: Connection, order_id: UUID) -> dict[str, int]:
    """Return all accounts, those with a balance of zero included."""
    return dict.fromkeys(DISPUTED, 0) | balances(owner, order_id)


def test_release_that_waited_for_a_dispute_is_refused(
    owner: Connection,
    delivered: UUID,
    alice: Actor,
    service: Actor,
    *,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """The buyer's call reads the order after its wait, and finds it disputed."""
    browser = on_own_connection(service)

    with psycopg.connect(owner.info.dsn) as bank:
        report_dispute(bank, "needs_response", AMOUNT)
        with under_way(
            partial(watcher, browser), partial(release, browser, delivered, alice)
        ) as answer:
            bank.commit()

    assert (False, "CONFLICT") == (answer.result()["success"], answer.result()["code"])
    assert "disputed" == order_row(owner, delivered)["state"]
    assert DISPUTED == held(owner, delivered)
    assert ([], []) == (outbox_rows(owner, "transfer"), drift(owner))


def test_dispute_that_waited_for_a_release_stops_its_transfer(
    owner: Connection,
    delivered: UUID,
    alice: Actor,
    service: Actor,
    *,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A dispute after a release keeps the transfer from being sent."""
    bank = on_own_connection(service)

    with psycopg.connect(owner.info.dsn) as browser:
        browser.execute("begin")
        assert release(service_of(browser), delivered, alice)["success"]
        with under_way(
            partial(watcher, bank),
            partial(report_dispute, bank.connection, "needs_response", AMOUNT),
        ) as applied:
            browser.commit()

    assert "processed" == applied.result()["outcome"]
    order = order_row(owner, delivered)
    assert ("disputed", "released") == (order["state"], order["state_before_dispute"])
    [job] = service.call("claim_outbox", max_rows=10, lease_s=60)
    permission = service.call(
        "claim_send_permission", outbox_id=job["id"], lease_token=job["lease_token"]
    )
    assert (False, "ORDER_IS_DISPUTED") == (permission["may_send"], permission["reason"])
    assert [] == drift(owner)


def test_loss_that_waited_for_a_release_is_shared(
    owner: Connection,
    delivered: UUID,
    alice: Actor,
    service: Actor,
    *,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """A loss after a release is posted to the seller and the platform."""
    bank = on_own_connection(service)

    with psycopg.connect(owner.info.dsn) as browser:
        browser.execute("begin")
        assert release(service_of(browser), delivered, alice)["success"]
        with under_way(
            partial(watcher, bank), partial(report_dispute, bank.connection, "lost", 4000)
        ) as applied:
            browser.commit()

    assert "processed" == applied.result()["outcome"]
    assert {"stripe_clearing": 6000, "seller_payable": -5700, "platform_fee": -300} == balances(
        owner, delivered
    )
    assert [] == drift(owner)


def test_release_by_time_against_a_dispute_keeps_the_books(
    owner: Connection, delivered: UUID, service: Actor, on_own_connection: OnOwnConnection
) -> None:
    """In either sequence the order is disputed, and no transfer is sent."""
    move_time(owner, "4 days")
    owner.commit()
    bank, clock = on_own_connection(service), on_own_connection(service)

    at_once(
        [
            partial(report_dispute, bank.connection, "needs_response", AMOUNT),
            partial(clock.call, "settle_due_orders"),
        ]
    )

    order = order_row(owner, delivered)
    assert "disputed" == order["state"]
    before = "released" if order["released_at"] else "delivered"
    assert before == order["state_before_dispute"]
    for job in service.call("claim_outbox", max_rows=10, lease_s=60):
        lease = {"outbox_id": job["id"], "lease_token": job["lease_token"]}
        assert not service.call("claim_send_permission", **lease)["may_send"]
    assert [] == drift(owner)


def test_one_of_two_complaints_opens_a_dispute(
    owner: Connection,
    delivered: UUID,
    alice: Actor,
    seller: Actor,
    on_own_connection: OnOwnConnection,
) -> None:
    """Both parties complain at once, twice; the order has one dispute."""
    people = [on_own_connection(person) for person in (alice, seller) * 2]

    answers = at_once(
        [
            partial(
                person.call,
                "open_dispute",
                order_id=delivered,
                dispute_type="other",
                reason="We disagree",
                description=None,
            )
            for person in people
        ]
    )

    assert 1 == sum(answer["success"] for answer in answers)
    assert [(1,)] == owner.execute("select count(*) from public.disputes").fetchall()
    assert "disputed" == order_row(owner, delivered)["state"]
    assert [] == drift(owner)


def test_refund_that_waited_for_a_dispute_is_refused(
    owner: Connection,
    delivered: UUID,
    service: Actor,
    on_own_connection: OnOwnConnection,
    watcher: Waits,
) -> None:
    """No refund is reserved of money that the bank has just taken."""
    browser = on_own_connection(service)

    with psycopg.connect(owner.info.dsn) as bank:
        report_dispute(bank, "needs_response", AMOUNT)
        with under_way(
            partial(watcher, browser),
            partial(refund_requested, browser.connection, delivered, 3000),
        ) as answer:
            bank.commit()

    assert "CONFLICT" == answer.result()["code"]
    assert ([], []) == (outbox_rows(owner, "refund"), drift(owner))

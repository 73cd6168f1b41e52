"""`purge_old_rows`: data that has expired is deleted, and nothing else."""

from typing import Any
from uuid import UUID, uuid4

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auctioned, listed, move_time
from tests.sql.paying import stored
from tests.sql.writing import new_thread


def payloads(owner: Connection) -> dict[str, bool]:
    query = "select event_id, payload is not null from public.webhook_events"
    return dict(owner.execute(query).fetchall())


def settled(owner: Connection, service: Actor) -> str:
    event_id = stored(owner, "invoice.paid")
    service.call("ignore_webhook_event", event_id=event_id, reason="unhandled_type")
    return event_id


def dead(owner: Connection, service: Actor) -> str:
    token = uuid4()
    event_id = stored(owner, "refund.updated", lease_token=token)
    owner.execute("update private.app_settings set value = '1' where key = 'queue_max_attempts'")
    service.call(
        "fail_webhook_event", event_id=event_id, error_code="X", error_message="", lease_token=token
    )
    return event_id


def test_payload_goes_after_ninety_days(owner: Connection, service: Actor) -> None:
    """A payload is deleted after 90 days; id, hash and outcome stay, so a replay has no effect."""
    old = settled(owner, service)
    move_time(owner, "89 days")
    assert 0 == service.call("purge_old_rows")
    new = settled(owner, service)
    move_time(owner, "25 hours")

    assert 1 == service.call("purge_old_rows")

    assert {old: False, new: True} == payloads(owner)
    query = "select outcome, payload_sha256 from public.webhook_events where event_id = %s"
    assert [("ignored", "aa")] == owner.execute(query, [old]).fetchall()


def test_event_without_a_result_keeps_its_payload(owner: Connection, service: Actor) -> None:
    """An open or dead event keeps its payload, because it may be processed again."""
    events = [stored(owner, "refund.updated"), dead(owner, service)]
    move_time(owner, "100 days")

    service.call("purge_old_rows")

    assert dict.fromkeys(events, True) == payloads(owner)


def test_batches_go_on_where_they_stopped(owner: Connection, service: Actor) -> None:
    """The next call goes on at once after a full batch, else an hour later."""
    events = [settled(owner, service) for _ in range(3)]
    move_time(owner, "100 days")

    assert 2 == service.call("purge_old_rows", max_rows=2)
    assert 2 == service.call("purge_old_rows", max_rows=2)
    assert 1 == service.call("purge_old_rows", max_rows=2)
    assert dict.fromkeys(events, False) == payloads(owner)

    settled(owner, service)
    assert 0 == service.call("purge_old_rows", max_rows=2)


def test_rate_limit_windows_go_after_a_day(owner: Connection, service: Actor) -> None:
    """A window of a rate limit is deleted after a day."""
    service.call("rate_limit_hit", action="place_bid", key="old")
    move_time(owner, "23 hours")
    service.call("rate_limit_hit", action="place_bid", key="new")
    move_time(owner, "2 hours")

    service.call("purge_old_rows")

    query = "select key from private.rate_limits"
    [(key,)] = owner.execute(query).fetchall()
    assert "new" in key


def test_job_runs_go_after_thirty_days(owner: Connection, service: Actor) -> None:
    """Rows of job runs are deleted after 30 days."""
    [(started_at,)] = owner.execute("select private.clock()").fetchall()
    service.call("record_job_run", job="x", started_at=started_at, processed=0, failed=0)
    move_time(owner, "29 days")
    service.call("purge_old_rows")
    assert [(1,)] == owner.execute("select count(*) from private.job_runs").fetchall()
    move_time(owner, "25 hours")

    service.call("purge_old_rows")

    assert [(0,)] == owner.execute("select count(*) from private.job_runs").fetchall()


def receipts(owner: Connection) -> int:
    [(count,)] = owner.execute("select count(*) from private.request_receipts").fetchall()
    return int(count)


def test_receipts_go_after_thirty_days(owner: Connection, service: Actor, seller: Actor) -> None:
    """Receipts are deleted after 30 days; until then a repeat gets the first answer."""
    request = {"client_request_id": uuid4()}
    first = listed(seller, **request)
    for _ in range(2):
        listed(seller, client_request_id=uuid4())
    move_time(owner, "719 hours")
    service.call("purge_old_rows")
    assert (3, first) == (receipts(owner), listed(seller, **request))
    move_time(owner, "2 hours")

    assert 2 == service.call("purge_old_rows", max_rows=2)
    assert 1 == receipts(owner)
    assert 1 == service.call("purge_old_rows", max_rows=2)
    assert 0 == receipts(owner)


def bid_receipts(owner: Connection) -> set[UUID]:
    query = "select auction_id from private.bid_receipts"
    return {auction_id for (auction_id,) in owner.execute(query)}


def test_bid_receipts_go_thirty_days_after_the_close(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """Bid receipts are deleted 30 days after the close; those of an open auction stay.

    A late repeat is refused, and places no bid.
    """
    open_id, closed_id = auctioned(seller, ends_in="60 days"), auctioned(seller)
    bid = {"amount_cents": 1000, "client_bid_id": uuid4()}
    assert alice.call("place_bid", auction_id=closed_id, **bid)["success"]
    other = {"amount_cents": 1000, "client_bid_id": uuid4()}
    first = alice.call("place_bid", auction_id=open_id, **other)
    service.call("end_auction", auction_id=closed_id, force=True)
    move_time(owner, "719 hours")
    service.call("purge_old_rows")
    assert {open_id, closed_id} == bid_receipts(owner)
    move_time(owner, "2 hours")

    service.call("purge_old_rows")

    assert {open_id} == bid_receipts(owner)
    assert first | {"idempotent": True} == alice.call("place_bid", auction_id=open_id, **other)
    assert "AUCTION_NOT_LIVE" == alice.call("place_bid", auction_id=closed_id, **bid)["code"]


def test_bid_receipts_go_in_batches(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """A run deletes at most its number of rows, and the next one goes on."""
    for _ in range(3):
        auction_id = auctioned(seller)
        alice.call("place_bid", auction_id=auction_id, amount_cents=1000, client_bid_id=uuid4())
        service.call("end_auction", auction_id=auction_id, force=True)
    move_time(owner, "721 hours")

    assert 2 == service.call("purge_old_rows", max_rows=2)
    assert 1 == len(bid_receipts(owner))
    service.call("purge_old_rows", max_rows=2)
    assert set() == bid_receipts(owner)


def test_message_is_sent_once_though_its_receipt_is_gone(
    owner: Connection, service: Actor, seller: Actor, alice: Actor
) -> None:
    """The message has the call's id, so a repeat after the purge sends no second one."""
    listing_id = listed(seller)["listing"]["id"]
    request: dict[str, Any] = {"client_message_id": uuid4()}
    first = new_thread(alice, listing_id, **request)
    move_time(owner, "721 hours")
    service.call("purge_old_rows")
    assert 0 == receipts(owner)

    for _ in range(2):
        assert first | {"idempotent": True} == new_thread(alice, listing_id, **request)
    other_id = listed(seller)["listing"]["id"]
    assert "REQUEST_ID_REUSED" == new_thread(alice, other_id, **request)["code"]

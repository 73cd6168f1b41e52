"""`scheduled_jobs`: the jobs that pg_cron runs without a worker."""

from uuid import UUID

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import auction_row, auctioned, move_time
from tests.sql.paying import brought_to, order_row, ordered


def run_commands(owner: Connection) -> None:
    for (command,) in owner.execute("select command from private.scheduled_jobs()").fetchall():
        owner.execute(command)


def test_jobs_have_their_schedules(owner: Connection) -> None:
    """With all workers down, auctions close within ten seconds and deadlines pass in a minute."""
    query = "select job, schedule from private.scheduled_jobs()"

    expected = {
        ("activate_due_auctions", "10 seconds"),
        ("end_expired_auctions", "10 seconds"),
        ("expire_unpaid_orders", "* * * * *"),
        ("settle_due_orders", "* * * * *"),
    }
    assert expected == set(owner.execute(query))


def test_commands_open_and_close(owner: Connection, auction_id: UUID, seller: Actor) -> None:
    """The command text of pg_cron opens and closes auctions, with the owner's rights."""
    [(start_at,)] = owner.execute("select private.clock() + interval '1 hour'").fetchall()
    scheduled_id = auctioned(seller, start_at=start_at, ends_in="3 hours")
    move_time(owner, "1 hour")

    run_commands(owner)

    assert ("no_sale", "live") == tuple(
        auction_row(owner, one)["status"] for one in (auction_id, scheduled_id)
    )


def test_commands_keep_the_deadlines_of_orders(
    owner: Connection, seller: Actor, alice: Actor
) -> None:
    """An unpaid order is cancelled and a silent buyer's order is delivered."""
    unpaid, shipped = ordered(seller, alice), ordered(seller, alice)
    brought_to(owner, shipped, "shipped")
    move_time(owner, "15 days")

    run_commands(owner)

    assert "cancelled" == order_row(owner, unpaid)["state"]
    assert "delivered" == order_row(owner, shipped)["state"]


def test_without_pg_cron_nothing_is_scheduled(owner: Connection) -> None:
    """The schema builds without the extension too."""
    query = "select count(*) from pg_extension where extname = 'pg_cron'"

    assert [(0,)] == owner.execute(query).fetchall()
    assert [(0,)] == owner.execute("select private.schedule_jobs()").fetchall()

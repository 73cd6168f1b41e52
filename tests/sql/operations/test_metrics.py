"""`metrics`: the figures of the database over time, for the admin page."""

from psycopg import Connection

from tests.sql.actors import Actor, signed_up
from tests.sql.auctioning import auctioned, hold_clock, move_time, set_setting


def times(owner: Connection) -> int:
    [(count,)] = owner.execute("select count(distinct recorded_at) from public.metrics").fetchall()
    return int(count)


def test_each_figure_is_a_row(owner: Connection, seller: Actor, service: Actor) -> None:
    """The rows have the figures of /metrics, with their values at one time."""
    auctioned(seller, ends_in="1 hour")
    move_time(owner, "1 hour 20 seconds")

    count = service.call("record_gauges")

    figures = service.call("read_gauges")
    rows = owner.execute(
        "select metric_type, metric_name, metadata from public.metrics order by metric_name"
    ).fetchall()
    assert [("gauge", name, {}) for name in sorted(figures)] == rows
    assert (len(figures), 1) == (count, times(owner))
    query = "select value from public.metrics where metric_name = 'overdue_auctions'"
    assert [(1,)] == owner.execute(query).fetchall()


def test_figures_are_recorded_once_in_five_minutes(owner: Connection, service: Actor) -> None:
    """A call that is repeated after a lost answer, or comes from another fleet, adds nothing."""
    hold_clock(owner)
    assert service.call("record_gauges") > 0
    move_time(owner, "299 seconds")
    assert 0 == service.call("record_gauges")
    move_time(owner, "2 seconds")

    assert service.call("record_gauges") > 0

    assert 2 == times(owner)


def test_metrics_go_after_thirty_days(owner: Connection, service: Actor) -> None:
    """Rows are deleted after 30 days, the oldest first, up to the limit of a run."""
    count = service.call("record_gauges")
    move_time(owner, "719 hours")
    service.call("record_gauges")
    service.call("purge_old_rows")
    assert 2 == times(owner)
    move_time(owner, "2 hours")

    assert 2 == service.call("purge_old_rows", max_rows=2)
    assert count - 2 == service.call("purge_old_rows")

    assert 1 == times(owner)


def test_only_admins_read_the_metrics(
    owner: Connection, alice: Actor, moderator: Actor, service: Actor
) -> None:
    """Only an admin with a second factor reads the rows."""
    service.call("record_gauges")
    query = "select metric_name from public.metrics order by recorded_at desc limit 100"
    admin = signed_up(owner, "admin", role="admin")

    assert [] == alice.rows(query)
    assert [] == moderator.rows(query)
    assert [] == admin.rows(query)
    assert len(service.call("read_gauges")) == len(admin.with_second_factor().rows(query))
    set_setting(owner, "require_staff_aal2", "false")
    assert [] == moderator.rows(query)
    assert [] != admin.rows(query)

"""Two connections change settings at the same time."""

from functools import partial

from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting
from tests.sql.concurrency.crowd import OnOwnConnection, Waits, under_way


def test_rules_of_bids_hold_both_of_two_changes(
    owner: Connection, on_own_connection: OnOwnConnection, watcher: Waits
) -> None:
    """The second change waits for the first, and bids follow both."""
    other = on_own_connection(Actor(connection=owner, role="postgres"))
    set_setting(owner, "snipe_window_s", "7")

    with under_way(
        partial(watcher, other), partial(set_setting, other.connection, "snipe_extend_s", "8")
    ):
        owner.commit()

    query = "select rules -> 'snipe_window_s', rules -> 'snipe_extend_s' from private.bidding_rules"
    assert [(7, 8)] == owner.execute(query).fetchall()

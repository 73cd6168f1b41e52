"""Many connections at once, in a database in which every test may commit."""

import contextlib
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from psycopg import Connection

from tests.sql.actors import Actor
from tests.sql.auctioning import set_setting
from tests.sql.concurrency.crowd import OnOwnConnection, Prepare, Waits
from tests.support.database_copies import copy_database


# A failed assertion in it shows the compared values, as in a test file.
pytest.register_assert_rewrite("tests.sql.concurrency.replay")


@pytest.fixture
def declared_url(declared_url: str) -> str:
    """Give each test a database of its own."""
    return copy_database(declared_url, "market_crowds")


@pytest.fixture
def owner(owner: Connection) -> Connection:
    """Raise the limits of bids and disputes; the change is committed for all connections."""
    many = {"max": 1_000_000, "window_s": 60}
    actions = (
        "place_bid", "raise_maximum", "check_listing", "create_listing", "check_dispute",
        "open_dispute", "start_thread", "send_message", "report_content",
    )  # fmt: skip
    set_setting(owner, "rate_limits", json.dumps(dict.fromkeys(actions, many)))
    owner.commit()
    return owner


@pytest.fixture
def on_own_connection(declared_url: str) -> Iterator[OnOwnConnection]:
    """Give a function that gives an actor a connection of its own, on which each call commits."""
    with contextlib.ExitStack() as connections:

        def connected(actor: Actor) -> Actor:
            connection = psycopg.connect(
                declared_url,
                autocommit=True,
                # A call that waits for ever fails the test instead of blocking it.
                options="-c search_path= -c statement_timeout=30s",
            )
            return replace(actor, connection=connections.enter_context(connection))

        yield connected


@pytest.fixture
def rpc(service: Actor, on_own_connection: OnOwnConnection) -> Prepare:
    """Give a function that prepares a call of the service role."""

    def prepared(function: str, **arguments: Any) -> Callable[[], Any]:
        worker = on_own_connection(service)
        return lambda: worker.call(function, **arguments)

    return prepared


@pytest.fixture
def watcher(on_own_connection: OnOwnConnection, owner: Connection) -> Waits:
    """Give a function that returns true while an actor's connection waits for a lock."""
    observer = on_own_connection(Actor(connection=owner, role="postgres")).connection
    query = "select wait_event_type = 'Lock' from pg_catalog.pg_stat_activity where pid = %s"

    def waits(actor: Actor) -> bool:
        return observer.execute(query, [actor.connection.info.backend_pid]).fetchone() == (True,)

    return waits

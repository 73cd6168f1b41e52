"""Locks of a test's connections."""

import re
from concurrent.futures import Future
from typing import Any

from psycopg import Connection


def wait_until_blocked(other: Connection, waiting: Connection, call: Future[Any]) -> None:
    """Wait until `call`, which runs on the connection `waiting`, waits for a lock."""
    query = "select exists (select from pg_locks where pid = %s and not granted)"
    while other.execute(query, [waiting.info.backend_pid]).fetchone() != (True,):
        assert not call.done(), f"it did not wait: {call.result()}"


def let_bids_wait(owner: Connection) -> None:
    """Give bids a minute for each lock.

    Their own limits are shorter than some pauses of a busy machine between a test's statements.
    """
    [(bid,)] = owner.execute("select pg_get_functiondef('private.place_bid'::regproc)").fetchall()
    patient, count = re.subn(r"'\d+ms'", "'1min'", str(bid))
    assert count == 3
    owner.execute(patient.encode())

"""Concurrent requests have a connection each, and Postgres's locks decide between them."""

import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg

from devstack.supervisor.processes import wait_until
from tests.support.gateways import Gateway
from tests.support.waits import ANSWER_S


PARALLEL = 8
#: Shorter than the functions' time-out, longer than the test needs to see that a session waits.
LOCK_WAIT_MS = 30_000
#: A session that waits for a row also waits for a transaction, whose lock belongs to no database.
WAITERS = """
select count(distinct pid) from pg_locks join pg_stat_activity using (pid)
where not granted and datname = current_database()
"""


def wait_for_waiters(owner: psycopg.Connection, count: int) -> None:
    assert wait_until(lambda: owner.execute(WAITERS).fetchone() == (count,), ANSWER_S)


def test_requests_run_in_parallel(
    gateway: Gateway, http: httpx.Client, owner: psycopg.Connection
) -> None:
    """The gateway runs requests in parallel: all of them wait for the same lock at once."""
    headers = {"apikey": gateway.keys.secret_key}
    call = {"key": "fee", "wait_ms": LOCK_WAIT_MS}
    with psycopg.connect(gateway.owner_url) as holder, ThreadPoolExecutor(PARALLEL) as threads:
        holder.execute("select from public.settings where key = 'fee' for update")
        waiting = [
            threads.submit(http.post, "/rpc/lock_setting", json=call, headers=headers)
            for _ in range(PARALLEL)
        ]
        wait_for_waiters(owner, PARALLEL)
        holder.rollback()

    assert [one.result().json() for one in waiting] == ["had"] * PARALLEL


def test_lock_wait_ends_as_55p03(http: httpx.Client, gateway: Gateway) -> None:
    """A call that waits too long for a lock gets the code 55P03."""
    with psycopg.connect(gateway.owner_url) as holder:
        holder.execute("select from public.settings where key = 'fee' for update")
        answer = http.post("/rpc/lock_setting", json={"key": "fee", "wait_ms": 100})

    assert (answer.status_code, answer.json()["code"]) == (500, "55P03")


def test_lock_wait_ends_with_the_lock(
    gateway: Gateway, http: httpx.Client, owner: psycopg.Connection
) -> None:
    """The gateway serves other calls while one waits, and that one goes on with the lock."""
    headers = {"apikey": gateway.keys.secret_key}
    call = {"key": "fee", "wait_ms": LOCK_WAIT_MS}
    with psycopg.connect(gateway.owner_url) as holder, ThreadPoolExecutor(1) as thread:
        holder.execute("select from public.settings where key = 'fee' for update")
        waiting = thread.submit(http.post, "/rpc/lock_setting", json=call, headers=headers)
        wait_for_waiters(owner, 1)
        assert http.get("/listings?select=id").status_code == 200
        assert not waiting.done()

        holder.rollback()

        assert waiting.result().json() == "had"


def test_serialization_failure_passes_through(
    http: httpx.Client, gateway: Gateway, owner: psycopg.Connection
) -> None:
    """The gateway passes 40001 on with status 500, and does not retry.

    The function sets the isolation of its transaction; without that, the update would succeed.
    """
    with psycopg.connect(gateway.owner_url) as rival, ThreadPoolExecutor(1) as thread:
        rival.execute("update public.settings set note = 'first' where key = 'ladder'")
        late = thread.submit(http.post, "/rpc/bump", json={"key": "ladder"})
        wait_for_waiters(owner, 1)
        rival.commit()
        answer = late.result()
    owner.execute("update public.settings set note = 'none' where key = 'ladder'")

    assert (answer.status_code, answer.json()["code"]) == (500, "40001")
    assert answer.json()["message"] == "could not serialize access due to concurrent update"


def test_lost_client_leaves_its_connection_sound(gateway: Gateway, http: httpx.Client) -> None:
    """A client that hangs up during a request leaves a sound connection to the pool."""
    url = f"{gateway.url}/rest/v1/rpc/nap"
    headers = {"apikey": gateway.keys.publishable_key}

    def hang_up() -> None:
        try:
            httpx.post(url, json={"seconds": 0.3}, headers=headers, timeout=0.05)
        except httpx.TimeoutException:
            return

    threads = [threading.Thread(target=hang_up) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [http.get("/rpc/whoami").status_code for _ in range(30)] == [200] * 30


def test_dead_connections_are_replaced(http: httpx.Client, owner: psycopg.Connection) -> None:
    """The gateway answers 503 after its connections were killed, and serves again at once."""
    cut = """
    select pg_terminate_backend(pid) from pg_stat_activity
    where usename = 'authenticator' and datname = current_database()
    """
    assert owner.execute(cut).fetchall()

    statuses = [http.get("/listings?select=id").status_code for _ in range(20)]

    assert set(statuses) <= {200, 503}
    assert statuses[-10:] == [200] * 10

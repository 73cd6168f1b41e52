"""`market.database` against the gateway: rights, refusals and retries."""

import dataclasses
import threading
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg
import pytest

from market import deadline, log
from market.database import Database, Timeouts
from market.errors import MarketError, RejectedError, TransientError
from market.settings import Settings
from tests.integration.adapters.proxy import Proxy
from tests.integration.service.browser import Browser
from tests.integration.service.shop import Shop
from tests.support.waits import ANSWER_S


pytestmark = pytest.mark.xdist_group("stack")

TRIES = 5
FUNCTIONS = Path(__file__).with_name("functions.sql")
NO_FUNCTIONS = """
  do $$ declare v_one regprocedure; begin
    for v_one in select oid from pg_catalog.pg_proc where proname like 'adapters\\_%' loop
      execute 'drop function ' || v_one;
    end loop;
  end $$;
  drop table if exists public.adapters_notes;
  drop sequence if exists public.adapters_calls;
"""


@pytest.fixture(scope="module", autouse=True)
def _functions(shop: Shop, adapter: Database) -> Iterator[None]:
    shop.db.execute(FUNCTIONS.read_bytes())
    shop.db.execute("notify pgrst, 'reload schema'")
    shop.wait_for(lambda: is_served(adapter))
    yield
    shop.db.execute(NO_FUNCTIONS.encode())
    shop.db.execute("notify pgrst, 'reload schema'")


def is_served(adapter: Database) -> bool:
    try:
        adapter.call("adapters_nothing")
    except MarketError:
        return False
    return True


@pytest.fixture(autouse=True)
def _no_calls(_functions: None, shop: Shop) -> None:
    shop.db.execute("alter sequence public.adapters_calls restart")


@pytest.fixture(scope="module")
def adapter(settings: Settings, connect_database: Callable[..., Database]) -> Database:
    return connect_database(settings)


@pytest.fixture(scope="module")
def alice(shop: Shop) -> Browser:
    return Browser.of_somebody_new(shop)


@pytest.fixture
def distant(
    settings: Settings, proxy: Proxy, connect_database: Callable[..., Database]
) -> Database:
    """Return an adapter that reaches the gateway through the proxy."""
    return connect_database(dataclasses.replace(settings, supabase_url=proxy.url))


def call_count(shop: Shop) -> int:
    """Return the number of calls of a function, those rolled back included."""
    query = "select case when is_called then last_value else 0 end from public.adapters_calls"
    return int(shop.value(query))


@pytest.mark.parametrize(
    "value",
    [1, 10**15, 9.5, "text", "ä\u2028'\"\\", True, [], [1, [2]], {"a": None, "b": {"c": [{}]}}],
)
def test_result_is_plain_json(adapter: Database, value: Any) -> None:
    """The adapter returns the JSON answer of a function unchanged."""
    assert value == adapter.call("adapters_echo", value=value)


def test_user_acts_with_own_rights_alone(adapter: Database, alice: Browser) -> None:
    """A call as a user has the user's rights; the adapter keeps those of the service role."""
    user = adapter.as_user(alice.session["access_token"])

    mine, ours = user.call("adapters_caller"), adapter.call("adapters_caller")

    assert ("authenticated", str(alice.actor.id)) == (mine["role"], mine["user"])
    assert ("service_role", None) == (ours["role"], ours["user"])


def test_users_at_once_are_not_mixed_up(adapter: Database, shop: Shop, alice: Browser) -> None:
    """Threads share one client, and each call acts as the user of its own token."""
    people = [alice, Browser.of_somebody_new(shop)]

    def who_am_i(number: int) -> tuple[str, str]:
        person = people[number % 2]
        answer = adapter.as_user(person.session["access_token"]).call("adapters_caller")
        return str(person.actor.id), answer["user"]

    with ThreadPoolExecutor(16) as pool:
        pairs = list(pool.map(who_am_i, range(80)))

    assert all(expected == actual for expected, actual in pairs)


def test_user_is_refused_what_only_we_may(adapter: Database, alice: Browser) -> None:
    """A call without the right to execute is refused."""
    with pytest.raises(RejectedError) as caught:
        adapter.as_user(alice.session["access_token"]).call("claim_outbox", max_rows=1, lease_s=1)

    assert "FORBIDDEN" == caught.value.code


@pytest.mark.parametrize("damage", ["signature", "nonsense"])
def test_token_that_is_none_is_refused(adapter: Database, alice: Browser, damage: str) -> None:
    """A call with an invalid token is refused."""
    head, body, signature = alice.session["access_token"].split(".")
    token = {"signature": f"{head}.{body}.{signature[::-1]}", "nonsense": "a.b.c"}[damage]

    with pytest.raises(RejectedError) as caught:
        adapter.as_user(token).call("adapters_caller")

    assert "UNAUTHORIZED" == caught.value.code


def test_unknown_function_is_a_bug_of_ours(adapter: Database) -> None:
    """A call of an unknown function is neither retried nor reported as a refusal."""
    with pytest.raises(MarketError) as caught:
        adapter.call("adapters_of_nobody")

    assert ("DATABASE_ERROR", MarketError) == (caught.value.code, type(caught.value))


def test_refusal_carries_the_code_that_sql_gave(adapter: Database) -> None:
    """The message of a PT4xx error is the code, and the call is not retried."""
    with pytest.raises(RejectedError) as caught:
        adapter.call("rate_limit_hit", action="of_nobody", key="x")

    assert "UNKNOWN_RATE_LIMIT" == caught.value.code


@pytest.mark.parametrize(
    ("sqlstate", "code"),
    [
        ("PT409", "FAILED"),
        ("23514", "CONFLICT"),
        ("23505", "DUPLICATE_RESOURCE"),
        ("23503", "INVALID_REFERENCE"),
    ],
)
def test_refusal_is_asked_once(adapter: Database, shop: Shop, sqlstate: str, code: str) -> None:
    """A violated constraint is a refusal, and the call is not retried."""
    with pytest.raises(RejectedError) as caught:
        adapter.call("adapters_fail", sqlstate=sqlstate)

    assert (code, 1) == (caught.value.code, call_count(shop))


@pytest.mark.parametrize(
    "sqlstate",
    ["40001", "40P01", "55P03", "57014", "57P01", "57P02", "57P03", "53300", "08006", "08000"],
)
def test_what_passes_is_tried_again(adapter: Database, shop: Shop, sqlstate: str) -> None:
    """The adapter retries a temporary error, whatever status and body the gateway gives it."""
    assert 3 == adapter.call("adapters_fail", sqlstate=sqlstate, times=2)
    assert 3 == call_count(shop)


def test_what_does_not_pass_is_given_up(adapter: Database, shop: Shop) -> None:
    """After the fifth try the adapter raises an error with a code that the caller can act on."""
    with pytest.raises(TransientError) as caught:
        adapter.call("adapters_fail", sqlstate="40001")

    assert ("DATABASE_BUSY", TRIES) == (caught.value.code, call_count(shop))


def test_released_lock_is_taken(adapter: Database, shop: Shop) -> None:
    """The adapter retries after a lock timeout of Postgres, and the next try succeeds."""
    key = str(uuid.uuid4())
    adapter.call("adapters_note", key=key)
    shop.db.execute("alter sequence public.adapters_calls restart")
    with (
        psycopg.connect(shop.environment["DATABASE_URL"]) as holder,
        ThreadPoolExecutor(1) as pool,
    ):
        holder.execute("select from public.adapters_notes where key = %s for update", [key])
        call = pool.submit(adapter.call, "adapters_lock", key=key)
        shop.wait_for(lambda: call_count(shop) >= 2)
        holder.rollback()

        assert call.result() >= 2


def test_statement_that_times_out_is_tried_again(adapter: Database, shop: Shop) -> None:
    """The gateway applies the function's own statement_timeout, and the adapter retries."""
    answer = adapter.call("adapters_slow_at_first")

    # On a busy machine a later call may time out too.
    assert 2 <= answer == call_count(shop)


def test_lost_reply_is_asked_for_again(distant: Database, shop: Shop, proxy: Proxy) -> None:
    """A repeated call has the same key, so its effect happens once although the answer was lost."""
    key = str(uuid.uuid4())
    proxy.lose_answers(2)

    assert 3 == distant.call("adapters_note", key=key)

    noted = "select call from public.adapters_notes where key = %s"
    assert 1 == shop.value(noted, key)


def test_reset_connection_is_made_anew(distant: Database, proxy: Proxy) -> None:
    """The adapter replaces a pooled connection that was reset; its caller notices nothing."""
    distant.call("adapters_nothing")
    proxy.cut()
    proxy.mend()

    assert 7 == distant.call("adapters_echo", value=7)


def test_gateway_that_is_away_is_told(distant: Database, proxy: Proxy) -> None:
    """The error after the last try has its own code; the adapter works once the gateway is back."""
    proxy.cut()
    with pytest.raises(TransientError) as caught:
        distant.call("adapters_nothing")
    assert "DATABASE_UNREACHABLE" == caught.value.code

    proxy.mend()

    assert 7 == distant.call("adapters_echo", value=7)


def test_answer_that_takes_too_long_is_given_up(
    settings: Settings,
    shop: Shop,
    connect_database: Callable[..., Database],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The caller's timeout holds for each try, and the deadline for all tries together."""
    hasty = connect_database(settings, Timeouts(answer_s=0.2, connect_s=1, pool_s=1))
    # The time left before the first try, after it, and after the second one.
    left_s = iter((10.0, 10.0, 0.0))
    monkeypatch.setattr(deadline, "remaining_s", lambda: next(left_s))

    with pytest.raises(TransientError) as caught:
        hasty.call("adapters_sleep", seconds=1)

    assert "DATABASE_UNREACHABLE" == caught.value.code
    assert call_count(shop) <= 2


def test_nothing_is_asked_after_the_deadline(adapter: Database, shop: Shop) -> None:
    """No call is sent after the deadline, because its caller no longer waits."""
    with deadline.within(0), pytest.raises(TransientError) as caught:
        adapter.call("adapters_sleep", seconds=0)

    assert ("TIMEOUT", 0) == (caught.value.code, call_count(shop))


def test_request_id_travels_along(adapter: Database) -> None:
    """Each call carries the request id, so that the database's log can be joined with ours."""
    with log.bound(request_id="request-7"):
        assert "request-7" == adapter.call("adapters_caller")["request"]
    assert adapter.call("adapters_caller")["request"] is None


def test_threads_share_one_adapter(adapter: Database) -> None:
    """Threads share one adapter, and each gets the answer to its own call."""
    ready = threading.Barrier(16)

    def echoes(number: int) -> list[int]:
        ready.wait(ANSWER_S)
        return [adapter.call("adapters_echo", value=number) for _ in range(10)]

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(echoes, range(16)))

    assert [[number] * 10 for number in range(16)] == answers

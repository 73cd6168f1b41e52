"""Calls of several actors at the same time, each on its own connection."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from tests.sql.actors import Actor


T = TypeVar("T")
OnOwnConnection = Callable[[Actor], Actor]
#: Prepares a call of a function of SQL, which runs on a connection of its own.
Prepare = Callable[..., Callable[[], Any]]
Waits = Callable[[Actor], bool]

#: A bid that got no lock may be sent again. After this many tries it is stuck.
MOST_TRIES = 200


def at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Start all tasks once the last thread is ready; return their results."""
    everybody = threading.Barrier(len(tasks), timeout=30)

    def run(task: Callable[[], T]) -> T:
        everybody.wait()
        return task()

    with ThreadPoolExecutor(max_workers=len(tasks)) as threads:
        futures = [threads.submit(run, task) for task in tasks]
    return [future.result() for future in futures]


@contextlib.contextmanager
def under_way(waits: Callable[[], bool], act: Callable[[], T]) -> Iterator[Future[T]]:
    """Start `act` in a thread, and go on when it waits for a lock."""
    with ThreadPoolExecutor(max_workers=1) as threads:
        future = threads.submit(act)
        while not waits():
            assert not future.done(), future.result()
        yield future


def bid_until_answered(bidder: Actor, **bid: object) -> dict[str, Any]:
    """Bid, and repeat the call with the same key while the auction is busy."""
    for _ in range(MOST_TRIES):
        answer: dict[str, Any] = bidder.call("place_bid", **bid)
        if answer.get("code") != "AUCTION_BUSY":
            return answer
    message = "the auction is busy for ever"
    raise AssertionError(message)

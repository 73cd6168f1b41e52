"""How many do something at one moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from tests.sql.actors import Actor


T = TypeVar("T")
OnOwnConnection = Callable[[Actor], Actor]

#: A bid that got no lock may be sent again; so often it is not refused but stuck.
MOST_TRIES = 200


def at_once(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Start all tasks when the last is ready to; return what each of them came to."""
    everybody = threading.Barrier(len(tasks), timeout=30)

    def run(task: Callable[[], T]) -> T:
        everybody.wait()
        return task()

    with ThreadPoolExecutor(max_workers=len(tasks)) as threads:
        futures = [threads.submit(run, task) for task in tasks]
    return [future.result() for future in futures]


def bid_until_answered(bidder: Actor, **bid: object) -> dict[str, Any]:
    """Bid, and again with the same key while the queue is too long, as a client does."""
    for _ in range(MOST_TRIES):
        answer: dict[str, Any] = bidder.call("place_bid", **bid)
        if answer.get("code") != "AUCTION_BUSY":
            return answer
    message = "the auction is busy for ever"
    raise AssertionError(message)

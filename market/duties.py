"""Run the duties of a periodic job one after the other, and record the run."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog

from market import metrics
from market.alerts import alert
from market.database import Database
from market.errors import MarketError, TransientError


log = structlog.get_logger(__name__)

#: A duty with more work goes on in the next run, so that no duty keeps the others waiting.
_MOST_BATCHES = 10
#: Without the database no duty can do anything.
_DATABASE_CODES = frozenset({"DATABASE_BUSY", "DATABASE_UNREACHABLE"})


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Work that any number of workers may do at once, and again after a crash.

    `work` takes the most items to do, and returns the number done. It is called again while it
    does as many as it may.
    """

    name: str
    work: Callable[[int], int]


def rpc(database: Database, function: str) -> Duty:
    """Return the duty to call a SQL function that does a batch and returns its size."""
    return Duty(name=function, work=lambda limit: int(database.call(function, max_rows=limit)))


def run(database: Database, job: str, duties: Sequence[Duty], *, limit: int) -> int:
    """Run each duty once; a duty that fails stops no other one. Return the number of items done.

    Raises:
        TransientError: the database does not answer; the run ends early.

    """
    started_at = database.call("database_is_ready")["server_time"]
    done_count = 0
    failures = []
    for duty in duties:
        try:
            done_count += _measure(duty, limit)
        except MarketError as error:
            failures.append(f"{duty.name}: {error.code}")
            _notice(duty, error)
            if error.code in _DATABASE_CODES:
                raise
        except Exception as error:
            # A bug in one duty must not stop the others.
            failures.append(f"{duty.name}: {type(error).__name__}")
            log.exception("duty_crashed", duty=duty.name)
            alert("duty_failed", duty=duty.name, code="INTERNAL_ERROR")
    database.call(
        "record_job_run",
        job=job,
        started_at=started_at,
        processed=done_count,
        failed=len(failures),
        error="; ".join(failures) or None,
    )
    return done_count


def read_status(database: Database) -> Mapping[str, Any]:
    """Return the jobs that the database runs itself, and the last runs that `run` recorded."""
    status: Mapping[str, Any] = database.call("cron_status")
    return status


def read_gauges(database: Database) -> Mapping[str, float]:
    """Return the figures of queues, auctions, messages and books, as the metrics have them."""
    gauges: Mapping[str, float] = database.call("read_gauges")
    return gauges


def _measure(duty: Duty, limit: int) -> int:
    for result in ("done", "interrupted", "failed"):
        # Prometheus sees no increase in a series that begins with its first count.
        metrics.DUTIES.labels(duty=duty.name, result=result)
    result, started_s = "failed", time.perf_counter()
    try:
        count = _do(duty, limit)
        result = "done"
    except TransientError:
        result = "interrupted"
        raise
    finally:
        duration_s = time.perf_counter() - started_s
        metrics.DUTIES.labels(duty=duty.name, result=result).observe(duration_s)
    return count


def _do(duty: Duty, limit: int) -> int:
    done_count = 0
    for _ in range(_MOST_BATCHES):
        count = duty.work(limit)
        done_count += count
        if count < limit:
            break
    if done_count:
        log.info("duty_done", duty=duty.name, count=done_count)
    return done_count


def _notice(duty: Duty, error: MarketError) -> None:
    if isinstance(error, TransientError):
        # The next run tries again.
        log.warning("duty_interrupted", duty=duty.name, code=error.code, detail=error.detail)
    else:
        alert("duty_failed", duty=duty.name, code=error.code, detail=error.detail)

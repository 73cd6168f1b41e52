"""Measure the start of the local stack, and its use of CPU and memory while idle."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

from bench import stack
from bench.figures import Figure


PARTS = "postgres,gateway,stripe"
_BYTES_PER_MB = 1_000_000
_BYTES_PER_KB = 1024


def figures(*, seconds: float) -> Iterator[Figure]:
    """Start a stack twice, and measure the second one while it gets no request."""
    with stack.running(only=PARTS):
        pass  # This start unpacks binaries and fills caches for the second one.
    with stack.running(only=PARTS) as warm:
        yield Figure(
            name="devstack, boot with migrations, warm",
            value=warm.boot_s,
            unit="s",
            target=4.0,
            is_ceiling=True,
        )
        if not Path("/proc").exists():
            return
        pids = _family(warm.pid)
        yield Figure(
            name="devstack, idle, CPU of all its processes",
            value=_busy_percent(pids, seconds),
            unit="%",
            target=2.0,
            is_ceiling=True,
        )
        yield Figure(
            name="devstack, memory without Postgres",
            value=sum(_memory_mb(pid) for pid in pids if not _is_postgres(pid)),
            unit="MB",
            target=150.0,
            is_ceiling=True,
            note="proportional set size",
        )


def _family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(member for child in children for member in _family(int(child)))]


def _busy_percent(pids: list[int], seconds: float) -> float:
    """Return the share of one core that the processes use, in percent."""
    before, began = _cpu_s(pids), time.perf_counter()
    time.sleep(seconds)
    return 100 * (_cpu_s(pids) - before) / (time.perf_counter() - began)


def _cpu_s(pids: list[int]) -> float:
    # After the name, which may hold spaces, utime and stime are the 12th and 13th field.
    fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in pids]
    return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * _BYTES_PER_KB / _BYTES_PER_MB


def _is_postgres(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().startswith("postgres")

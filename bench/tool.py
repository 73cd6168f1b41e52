"""Measure the start of the local stack, and its use of CPU and memory while idle."""

import time
from collections.abc import Iterator
from pathlib import Path

from bench import machine, stack
from bench.figures import Figure, Steps


PARTS = "postgres,gateway,stripe"
_BYTES_PER_MB = 1_000_000
_BYTES_PER_KB = 1024


def figures(*, seconds: float, show: Steps) -> Iterator[Figure]:
    """Start a stack twice, and measure the second one while it gets no request."""
    show("starting devstack to fill its caches")
    with stack.running(only=PARTS):
        pass  # This start unpacks binaries and fills caches for the second one.
    show("starting devstack again")
    with stack.running(only=PARTS) as warm:
        yield Figure(
            key="tool_boot",
            name="devstack, boot with migrations, warm",
            value=warm.boot_s,
            unit="s",
            target=4.0,
            is_ceiling=True,
        )
        if not Path("/proc").exists():
            return
        show("measuring devstack while it is idle")
        pids = machine.family(warm.pid)
        yield Figure(
            key="tool_idle",
            name="devstack, idle, CPU of all its processes",
            value=_busy_percent(pids, seconds),
            unit="%",
            target=2.0,
            is_ceiling=True,
        )
        yield Figure(
            key="tool_memory",
            name="devstack, memory without Postgres",
            value=sum(_memory_mb(pid) for pid in pids if not _is_postgres(pid)),
            unit="MB",
            target=150.0,
            is_ceiling=True,
            note="proportional set size",
        )


def _busy_percent(pids: list[int], seconds: float) -> float:
    """Return the share of one core that the processes use, in percent."""
    before, began = machine.cpu_s(pids), time.perf_counter()
    time.sleep(seconds)
    return 100 * (machine.cpu_s(pids) - before) / (time.perf_counter() - began)


def _memory_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    kilobytes = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return kilobytes * _BYTES_PER_KB / _BYTES_PER_MB


def _is_postgres(pid: int) -> bool:
    return Path(f"/proc/{pid}/comm").read_text().startswith("postgres")

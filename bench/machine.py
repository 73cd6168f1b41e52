"""CPU times from Linux's /proc: of the bench with its stack, and of all other programs."""

import dataclasses
import os
import time
from pathlib import Path


_TICKS = os.sysconf("SC_CLK_TCK")
#: A shorter time has too few clock ticks for a percentage.
_SHORTEST_S = 0.5


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """The shares of all cores that programs used: the bench's own process makes the load."""

    load_percent: float
    stack_percent: float
    others_percent: float

    @property
    def all_percent(self) -> float:
        """Return the share that all programs used together."""
        return self.load_percent + self.stack_percent + self.others_percent


class Meter:
    """Measures the use of the CPU since the last look."""

    def __init__(self) -> None:
        """Start with the first measurement."""
        self._before = _read()
        self._usage = Usage(load_percent=0.0, stack_percent=0.0, others_percent=0.0)

    def usage(self) -> Usage:
        """Return the use since the last call; zero where there is no /proc."""
        before, after = self._before, _read()
        if before is None or after is None or after.at_s - before.at_s < _SHORTEST_S:
            return self._usage
        percent_of_s = 100 / ((after.at_s - before.at_s) * (os.cpu_count() or 1))
        load_s = after.load_s - before.load_s
        # A part of the stack that has ended takes its time with it.
        stack_s = max(0.0, after.stack_s - before.stack_s)
        others_s = max(0.0, after.all_s - before.all_s - load_s - stack_s)
        self._before = after
        self._usage = Usage(
            load_percent=percent_of_s * load_s,
            stack_percent=percent_of_s * stack_s,
            others_percent=percent_of_s * others_s,
        )
        return self._usage


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """The time, and the CPU seconds used so far by the bench, its stack and the whole machine."""

    at_s: float
    load_s: float
    stack_s: float
    all_s: float


def _read() -> _Reading | None:
    if not Path("/proc/stat").exists():
        return None
    # User, nice, system, idle, iowait, irq, softirq, steal; the rest is part of the first two.
    times = [int(field) for field in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    own_s = time.process_time()
    return _Reading(
        at_s=time.monotonic(),
        load_s=own_s,
        stack_s=max(0.0, cpu_s(family(os.getpid())) - own_s),
        all_s=(sum(times) - times[3] - times[4]) / _TICKS,
    )


def family(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        children = [child for thread in threads for child in _children(thread)]
    except OSError:
        return []  # It has ended.
    return [pid, *(member for child in children for member in family(child))]


def cpu_s(pids: list[int]) -> float:
    """Return the CPU seconds of processes, with those of the children that they waited for."""
    return sum(_cpu_s(pid) for pid in pids)


def resident_mb(pid: int) -> float:
    """Return the physical memory of a process, in megabytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:")) / 1000 * 1.024


def _children(thread: Path) -> list[int]:
    return [int(pid) for pid in (thread / "children").read_text().split()]


def _cpu_s(pid: int) -> float:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0.0  # It has ended; its parent has the time now.
    # The 12th to 15th field after the process's name are CPU times. The name may hold spaces.
    return sum(int(field) for field in stat.rpartition(")")[2].split()[11:15]) / _TICKS

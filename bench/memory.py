"""The memory of a worker: resident after each thousand closes, up to ten thousand."""

import statistics
from collections.abc import Iterator

import psycopg

from bench import machine, stack
from bench.figures import Figure, Steps
from bench.fixtures import create_ending_auctions
from devstack.supervisor.processes import wait_until


WAVES, WAVE = 10, 1000
LIMIT_S = 60
PARTS = "postgres,gateway,stripe"
LIVE = "select not exists (select from public.auctions where status = 'live')"


def figures(*, show: Steps) -> Iterator[Figure]:
    """Let one process with all jobs close ten thousand auctions."""
    show("starting a stack with workers")
    with stack.running(only=PARTS) as running, stack.fleet(running.environment) as worker:
        url = running.environment["DATABASE_URL"]
        points = [(0.0, machine.resident_mb(worker.pid))]
        with psycopg.connect(url, autocommit=True) as owner:
            for wave in range(1, WAVES + 1):
                show(f"memory of the workers: closing {wave * WAVE:,} of {WAVES * WAVE:,}")
                create_ending_auctions(url, WAVE, first_end_s=0.5)
                if not wait_until(lambda: owner.execute(LIVE).fetchone() == (True,), LIMIT_S, 0.1):
                    raise RuntimeError(f"some auctions were not closed within {LIMIT_S} s")
                points.append((float(wave * WAVE), machine.resident_mb(worker.pid)))
    yield Figure(
        key="worker_memory",
        name=f"memory of one process with all workers after {WAVES * WAVE:,} closes",
        value=points[-1][1],
        unit="MB",
        target=90.0,
        is_ceiling=True,
        note=f"resident; {points[0][1]:.1f} MB before, {points[1][1]:.1f} MB after {WAVE:,}",
        points=points,
    )
    yield Figure(
        key="worker_memory_growth",
        name="its growth from the first half of the closes to the second",
        value=growth([size for _, size in points[1:]]),
        unit="x",
        target=1.05,
        is_ceiling=True,
        note="flat is 1",
    )


def growth(sizes: list[float]) -> float:
    """Return the median of the second half over the median of the first."""
    middle = len(sizes) // 2
    return statistics.median(sizes[middle:]) / statistics.median(sizes[:middle])

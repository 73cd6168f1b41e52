"""Bidding, closing and outages follow the oracle in any order of events."""

import math
import os
import random
from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg import Connection

from tests.sql.bidding.bidding_machine import BiddingMachine
from tests.sql.bidding.bidding_world import World


STEPS = int(os.environ.get("BIDDING_STEPS", "400"))
SHRINKS = os.environ.get("BIDDING_SHRINK", "1") != "0"
STEPS_OF_A_RUN = 40
#: A run may end early, so one round may have too few steps. More rounds than this are a fault.
MOST_ROUNDS = 20


def test_bidding_does_what_the_oracle_says(owner: Connection) -> None:
    """Each answer and all rows are the oracle's after each of BIDDING_STEPS steps.

    BIDDING_SEED repeats a test whose seed was printed. With BIDDING_SHRINK=0 the first failure
    is reported as it was met, at once.
    """
    world = World.in_transaction_of(owner)
    executed: Counter[str] = Counter()
    first_seed = int(os.environ.get("BIDDING_SEED") or random.SystemRandom().randrange(2**32))
    print(f"BIDDING_SEED={first_seed} BIDDING_STEPS={STEPS}")  # noqa: T201  # a rerun needs the seed

    for seed_ in range(first_seed, first_seed + MOST_ROUNDS):
        if executed["steps"] < STEPS:
            explore(world, executed, seed_, STEPS - executed["steps"])

    print(dict(executed.most_common()))  # noqa: T201  # the steps that the seed made
    assert executed["steps"] >= STEPS
    # Steps in which nobody could bid would prove little.
    assert executed["stood"] >= STEPS // 20


def explore(world: World, executed: Counter[str], seed_: int, steps: int) -> None:
    """Let Hypothesis choose about `steps` steps, in runs that each start with a new market."""

    @seed(seed_)
    def machine() -> BiddingMachine:
        return BiddingMachine(world, executed)

    run_state_machine_as_test(
        machine,  # type: ignore[arg-type]  # Hypothesis accepts any factory
        settings=settings(
            max_examples=math.ceil(steps / STEPS_OF_A_RUN),
            stateful_step_count=STEPS_OF_A_RUN,
            deadline=None,
            derandomize=False,
            phases=[Phase.generate, Phase.shrink][: 1 + SHRINKS],
            report_multiple_bugs=False,
            database=None,
            print_blob=True,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )

"""The money of orders equals the oracle's to the cent after each of many random steps."""

import math
import os
import random
from collections import Counter

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test
from psycopg import Connection

from tests.sql.money.money_machine import MoneyMachine


STEPS = int(os.environ.get("MONEY_STEPS", "300"))
SHRINKS = os.environ.get("MONEY_SHRINK", "1") != "0"
STEPS_OF_A_RUN = 50
#: A run may end early, so one round may not be enough. More than this many is a fault.
MOST_ROUNDS = 20


def test_money_does_what_the_oracle_says(owner: Connection) -> None:
    """Each answer and every account, row and state is the oracle's, at each of MONEY_STEPS steps.

    MONEY_SEED repeats a test whose seed was printed. With MONEY_SHRINK=0 the first failure is
    reported as it was met, at once.
    """
    executed: Counter[str] = Counter()
    first_seed = int(os.environ.get("MONEY_SEED") or random.SystemRandom().randrange(2**32))
    print(f"MONEY_SEED={first_seed} MONEY_STEPS={STEPS}")  # noqa: T201  # a rerun needs the seed

    for seed_ in range(first_seed, first_seed + MOST_ROUNDS):
        if executed["steps"] < STEPS:
            explore(owner, executed, seed_, STEPS - executed["steps"])

    print(dict(executed.most_common()))  # noqa: T201  # the steps that the seed made
    assert executed["steps"] >= STEPS
    # Steps in which no money came in would prove little.
    assert executed["paid: processed"] >= STEPS // 50


def explore(owner: Connection, executed: Counter[str], seed_: int, steps: int) -> None:
    """Let Hypothesis choose about `steps` steps, in runs that each start with a new market."""

    @seed(seed_)
    def machine() -> MoneyMachine:
        return MoneyMachine(owner, executed)

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

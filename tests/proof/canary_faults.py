"""Plant each fault in a running deployment; the canary must turn red in the right steps.

`make canary-faults` runs this file. pytest collects only `test_*.py`, so `make test`
skips it: each fault takes a whole run of the canary.
"""

from collections.abc import Iterator

import pytest

from tests.acceptance.canary_runs import prepare_accounts, run_canary
from tests.canary import steps
from tests.proof.deployment import HEALTHY, Deployment, running_deployment
from tests.proof.planted_faults import FAULTS, Fault, owner


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """Run one deployment for all faults; its accounts are prepared once."""
    with running_deployment(tmp_path_factory.mktemp("deployment")) as deployment:
        prepare_accounts(deployment.environment)
        yield deployment


def findings(deployment: Deployment, *options: str, **changes: str) -> dict[str, str]:
    """Run the canary, and return the finding of each step that failed."""
    code, found = run_canary(deployment.environment, *options, **changes)
    assert [str(step) for step in steps.ON_STAGING] == list(found)
    failed = {name: step["detail"] for name, step in found.items() if step["result"] == "failed"}
    skipped = {name for name, step in found.items() if step["result"] == "skipped"}
    assert (code == 0) == (not failed), found
    assert failed or not skipped, found
    assert not {str(steps.CLEAN_UP)} & (set(failed) | skipped), found
    return failed


def test_canary_is_green_before_any_fault(deployment: Deployment) -> None:
    """The canary is green without a fault; otherwise a red step would prove nothing."""
    assert {} == findings(deployment)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_fault_turns_the_right_steps_red(deployment: Deployment, fault: Fault) -> None:
    """The fault turns its own steps red; all others pass, or are skipped because of it."""
    with fault.plant(deployment) as changes:
        failed = findings(deployment, *fault.options, **changes)

    assert {str(step) for step in fault.red} == set(failed), failed


def test_later_run_ends_what_faults_left_open(deployment: Deployment) -> None:
    """All faults are gone, so the canary is green, and no order of an earlier run stays open."""
    deployment.run(HEALTHY)
    with owner(deployment) as database:
        left = (
            "select id from public.orders where state not in ('released', 'refunded', 'cancelled')"
        )
        assert database.execute(left).fetchall(), "the runs without workers left open orders"
        database.execute("update public.orders set created_at = created_at - interval '1 hour'")

        assert {} == findings(deployment)

        assert [] == database.execute(f"{left} and not refund_pending").fetchall()

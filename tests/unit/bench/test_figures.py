"""Judge a measured figure by its target and by the use of the CPU meanwhile."""

import pytest

from bench.figures import Figure
from bench.machine import Usage


QUIET = Usage(own_percent=60, others_percent=5)
DISTURBED = Usage(own_percent=30, others_percent=40)
FULL = Usage(own_percent=95, others_percent=3)


def latency(value: float) -> Figure:
    return Figure(name="a call, p95", value=value, unit="ms", target=20, is_ceiling=True)


def ratio(value: float) -> Figure:
    return Figure(name="a call against its baseline", value=value, unit="x", target=0.5)


@pytest.mark.parametrize(
    ("figure", "is_met"),
    [
        (latency(20), True),
        (latency(20.1), False),
        (ratio(0.5), True),
        (ratio(0.49), False),
        (Figure(name="a rate", value=100, unit="bids/s"), None),
    ],
)
def test_target_decides_on_a_quiet_machine(figure: Figure, *, is_met: bool | None) -> None:
    """A ceiling and a lower bound include their target; without one there is no verdict."""
    assert is_met is figure.judged(QUIET).is_met


@pytest.mark.parametrize(
    ("usage", "reason"), [(DISTURBED, "other programs used 40 %"), (FULL, "competed for all cores")]
)
def test_long_time_on_a_busy_machine_is_not_judged(usage: Usage, reason: str) -> None:
    """The row says why this machine could not measure it."""
    figure = latency(50).judged(usage)

    assert figure.is_met is None
    assert reason in figure.problem


@pytest.mark.parametrize("usage", [DISTURBED, FULL])
@pytest.mark.parametrize("figure", [latency(10), ratio(0.4), ratio(0.6)])
def test_busy_machine_changes_no_other_verdict(figure: Figure, usage: Usage) -> None:
    """A time that meets its target would do so on a quiet machine; both sides of a ratio slow."""
    assert figure == figure.judged(usage)

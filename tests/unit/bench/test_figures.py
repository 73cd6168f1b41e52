"""Judge a measured figure by its target and by the use of the CPU meanwhile."""

import pytest

from bench.figures import Figure, Verdict, percentile
from bench.machine import Usage
from bench.memory import growth
from bench.message_filter import recall_and_precision


QUIET = Usage(load_percent=10, stack_percent=50, others_percent=5)
DISTURBED = Usage(load_percent=10, stack_percent=20, others_percent=40)
LOADED = Usage(load_percent=30, stack_percent=65, others_percent=3)
BUSY_STACK = Usage(load_percent=5, stack_percent=90, others_percent=3)


def latency(value: float | None, problem: str = "") -> Figure:
    return Figure(
        key="call",
        name="a call, p95",
        value=value,
        unit="ms",
        target=20,
        is_ceiling=True,
        problem=problem,
    )


def ratio(value: float) -> Figure:
    return Figure(
        key="ratio", name="a call against its baseline", value=value, unit="x", target=0.5
    )


def count(value: float) -> Figure:
    return Figure(key="late", name="late bids", value=value, unit="", target=0, is_ceiling=True)


@pytest.mark.parametrize(
    ("figure", "verdict"),
    [
        (latency(20), Verdict.MET),
        (latency(20.1), Verdict.MISSED),
        (ratio(0.5), Verdict.MET),
        (ratio(0.49), Verdict.MISSED),
        (count(0), Verdict.MET),
        (count(1), Verdict.MISSED),
        (Figure(key="rate", name="a rate", value=100, unit="bids/s"), Verdict.NONE),
        (latency(None), Verdict.UNMEASURED),
        (latency(None, "no pg_cron"), Verdict.UNMEASURED),
    ],
)
def test_target_decides_on_a_quiet_machine(figure: Figure, verdict: Verdict) -> None:
    """A bound includes its target; a figure without a target has no verdict."""
    assert verdict is figure.with_problem(QUIET).verdict


@pytest.mark.parametrize(
    ("usage", "reason"),
    [(DISTURBED, "other programs used 40 %"), (LOADED, "competed for all cores")],
)
def test_long_time_on_a_busy_machine_is_not_judged(usage: Usage, reason: str) -> None:
    """A long time on a busy machine gets no verdict, and its row states the reason."""
    figure = latency(50).with_problem(usage)

    assert figure.verdict is Verdict.UNMEASURED
    assert reason in figure.problem


def test_stack_that_needs_all_cores_is_no_excuse() -> None:
    """A target holds on two cores, so a stack that fills them without much load misses it."""
    assert latency(50).with_problem(BUSY_STACK).verdict is Verdict.MISSED


@pytest.mark.parametrize("usage", [DISTURBED, LOADED])
@pytest.mark.parametrize("figure", [latency(10), ratio(0.4), ratio(0.6), count(1)])
def test_busy_machine_changes_no_other_verdict(figure: Figure, usage: Usage) -> None:
    """A time that meets its target would do so on a quiet machine; both sides of a ratio slow."""
    assert figure == figure.with_problem(usage)


@pytest.mark.parametrize(
    ("figure", "is_fault"), [(count(0), False), (count(1), True), (latency(50), False)]
)
def test_only_a_wrong_result_is_a_fault(figure: Figure, *, is_fault: bool) -> None:
    """A slow figure leaves the run green, and a wrong result makes it red."""
    assert is_fault is figure.is_fault


@pytest.mark.parametrize(
    ("figure", "text", "target"),
    [
        (latency(1234.5), "1,234.50 ms", "≤ 20 ms"),
        (ratio(0.649), "0.65 x", "≥ 0.5 x"),
        (count(0), "0", "≤ 0"),
        (latency(None), "", "≤ 20 ms"),
    ],
)
def test_row_shows_value_and_target(figure: Figure, text: str, target: str) -> None:
    """Counts have no decimals; a figure that was not measured shows no value."""
    assert (text, target) == (figure.text, figure.target_text)


def test_percentile_is_not_exceeded_by_its_share() -> None:
    """The 99th percentile of 101 values is the hundredth in order."""
    assert percentile(list(range(101)), 99) == 99


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [([80, 80, 80, 80], 1), ([80, 90, 100, 110], 105 / 85), ([80, 80, 80], 1)],
)
def test_growth_compares_the_halves(sizes: list[float], expected: float) -> None:
    """A single high value in either half changes nothing."""
    assert pytest.approx(expected) == growth(sizes)


def test_recall_counts_misses_and_precision_counts_false_alarms() -> None:
    """Recall counts misses, and precision counts messages that were caught wrongly."""
    counts = {"caught": 90, "missed": 10, "false alarm": 30, "passed": 1000}

    assert {"recall": 0.9, "precision": 0.75} == recall_and_precision(counts)

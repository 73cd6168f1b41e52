"""The command line of `python -m bench`."""

from collections.abc import Iterator

import pytest

from bench.command import SUBJECTS, guarded, main
from bench.figures import Figure


def test_help_names_every_subject(capsys: pytest.CaptureFixture[str]) -> None:
    """Help needs no stack."""
    with pytest.raises(SystemExit) as end:
        main(["--help"])

    assert end.value.code == 0
    text = capsys.readouterr().out
    assert [] == [subject for subject in SUBJECTS if f"  {subject} " not in text]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["speed"],
            (
                "unknown subject: speed; choose from bids, http, hot, service, closing, realtime, "
                "memory, filter, contract, reconcile, tool"
            ),
        ),
        (["bids", "--seconds", "0.5"], "--seconds must be at least 1"),
        (["--seconds", "nan"], "--seconds must be at least 1"),
    ],
)
def test_wrong_argument_is_named(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    """One line says what is wrong, before anything starts."""
    with pytest.raises(SystemExit) as end:
        main(arguments)

    assert end.value.code == 2
    assert message in capsys.readouterr().err


def test_failed_measurement_loses_no_other_figure(capsys: pytest.CaptureFixture[str]) -> None:
    """The report has the figures before the error, and a row that makes the run red."""
    measured = Figure(key="boot", name="boot", value=3, unit="s")

    def figures() -> Iterator[Figure]:
        yield measured
        raise RuntimeError("the stack did not answer")

    before, failure = guarded("tool", figures())

    assert (measured.key, "tool") == (before.key, before.subject)
    assert failure.is_fault
    assert "RuntimeError: the stack did not answer" == failure.note
    assert "Traceback" in capsys.readouterr().err

"""The command line of `python -m bench`."""

import pytest

from bench.command import SUBJECTS, main


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
                "unknown subject: speed; choose from tool, closing, memory, service, contract, "
                "reconcile, http, realtime, bids, hot, filter"
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

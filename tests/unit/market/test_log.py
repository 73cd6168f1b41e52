"""`market.log`: the fields of a line, and the data that no line has."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from market import log


@pytest.fixture(autouse=True)
def _unchanged_afterwards() -> Iterator[None]:
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def test_line_is_json_with_what_is_bound(capsys: pytest.CaptureFixture[str]) -> None:
    """Each line inside a request has its id, and no line after it."""
    log.set_up(level="info", is_json=True)

    with log.bound(request_id="r-1"):
        structlog.get_logger("t").info("order_paid", order_id="o-1")
    structlog.get_logger("t").info("later")

    first, second = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert ("order_paid", "o-1", "r-1", "info") == tuple(
        first[key] for key in ("event", "order_id", "request_id", "level")
    )
    assert "request_id" not in second


def test_level_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """A line below the level is not written."""
    log.set_up(level="warning", is_json=True)

    structlog.get_logger("t").info("quiet")

    assert "" == capsys.readouterr().out


@pytest.mark.parametrize("is_json", [True, False])
def test_traceback_holds_no_variable(capsys: pytest.CaptureFixture[str], *, is_json: bool) -> None:
    """A traceback shows no variables, because they may be personal data."""
    log.set_up(level="info", is_json=is_json)

    def fail() -> None:
        secret = "alice@" + "example.test"
        raise KeyError(len(secret))

    try:
        fail()
    except KeyError:
        structlog.get_logger("t").exception("crashed")

    written = capsys.readouterr().out
    assert "KeyError" in written
    assert "alice@example.test" not in written


def test_libraries_are_quiet() -> None:
    """The loggers of the libraries are off or at warning, because they log addresses and keys."""
    log.set_up(level="debug", is_json=True)

    assert not logging.getLogger("realtime._async.client").isEnabledFor(logging.ERROR)
    assert not logging.getLogger("httpx").isEnabledFor(logging.INFO)


@pytest.mark.parametrize("proposed", ["r-1", "a" * 128, "0b5f.7_x"])
def test_sane_request_id_is_taken(proposed: str) -> None:
    """A valid request id of a caller is kept."""
    assert proposed == log.sane_request_id(proposed)


@pytest.mark.parametrize("proposed", [None, "", "a b", "a\nb", "a" * 129, "-a", "ä", '"', "$(x)"])
def test_strange_request_id_is_replaced(proposed: str | None) -> None:
    """A request id that could forge a log line is replaced."""
    made = log.sane_request_id(proposed)

    assert proposed != made
    assert 36 == len(made)


def test_request_id_is_known_inside() -> None:
    """Adapters send the bound request id, and none outside a request."""
    with log.bound(request_id="r-1"):
        assert "r-1" == log.request_id()
    assert log.request_id() is None

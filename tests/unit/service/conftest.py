"""Hold the clock of the address limits, and note the codes that the service answers."""

from collections.abc import Callable, Iterator

import flask
import pytest
from werkzeug.routing import Rule

from service.limits import AddressLimits
from tests.support.seen_answers import note_response


@pytest.fixture(scope="session", autouse=True)
def _answers_are_noted() -> Iterator[None]:
    with flask.request_finished.connected_to(note_response):
        yield


@pytest.fixture(scope="session", autouse=True)
def _routes_are_compiled_once() -> Iterator[None]:
    """Let all services share the code that builds the URLs of a route: it is compiled for 15 ms."""
    compile_builder = Rule._compile_builder  # noqa: SLF001 - Werkzeug has no switch for it
    compiled: dict[object, Callable[..., tuple[str, str]]] = {}

    def compiled_once(rule: Rule, *options: bool) -> Callable[..., tuple[str, str]]:
        key = (rule.rule, *rule._trace, *options)  # noqa: SLF001 - all that the code depends on
        if rule.defaults or key not in compiled:
            compiled[key] = compile_builder(rule, *options)
        return compiled[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Rule, "_compile_builder", compiled_once)
        yield


@pytest.fixture(autouse=True)
def _minute_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test within one minute while it counts to the limit; its end would start again."""
    monkeypatch.setattr(AddressLimits.__init__, "__defaults__", (lambda: 0.0,))

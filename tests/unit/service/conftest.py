"""Hold the clock of the address limits, and note the codes that the service answers."""

from collections.abc import Callable, Iterator

import flask
import jinja2
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


class CompiledTemplates(jinja2.BytecodeCache):
    """The code of templates, for all services of this process."""

    def __init__(self) -> None:
        self._code: dict[str, bytes] = {}

    def load_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Take the code of a template that a service has compiled."""
        if bucket.key in self._code:
            bucket.bytecode_from_string(self._code[bucket.key])

    def dump_bytecode(self, bucket: jinja2.bccache.Bucket) -> None:
        """Keep the code of a template."""
        self._code[bucket.key] = bucket.bytecode_to_string()


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once() -> Iterator[None]:
    """Let all services share the code of their templates."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(flask.Flask.jinja_options, "bytecode_cache", CompiledTemplates())
        yield


@pytest.fixture(autouse=True)
def _minute_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test within one minute while it counts to the limit; its end would start again."""
    monkeypatch.setattr(AddressLimits.__init__, "__defaults__", (lambda: 0.0,))

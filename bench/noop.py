"""The webhooks' baseline: the service with one more route, which makes one trivial call.

No product process has this route.
"""

import contextlib
import sys
from collections.abc import Iterator, Mapping

from flask import Flask, Response, jsonify

from bench import stack
from devstack.supervisor.ports import free_port
from market import database, log, stripe_api
from market.adapters import connect
from market.settings import Settings
from service.app import create_app


PATH = "/bench/noop"


@contextlib.contextmanager
def serving(env: Mapping[str, str]) -> Iterator[int]:
    """Run gunicorn with the product's configuration and the added route; give its port."""
    port = free_port()
    bind = f"127.0.0.1:{port}"
    command = (sys.executable, "-m", "gunicorn", "--bind", bind, "bench.noop:noop_app()")
    with stack.program(command, env, f"http://{bind}{PATH}"):
        yield port


def noop_app() -> Flask:
    """Build the service, and let the added route call the database through its adapter."""
    settings = Settings.from_environment()
    log.set_up(level=settings.log_level, is_json=settings.is_log_json)
    adapters = connect(
        settings, database.SERVICE_TIMEOUTS, stripe_timeout_s=stripe_api.SERVICE_TIMEOUT_S
    )
    service = create_app(settings, adapters)

    def answer() -> Response:
        return jsonify(adapters.database.call("database_is_ready"))

    service.add_url_rule(PATH, view_func=answer)
    return service

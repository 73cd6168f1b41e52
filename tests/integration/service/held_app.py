"""A small app for gunicorn: each request but the health check waits until the test lets it go."""

import os
import socket

from flask import Flask, request

from service import requests
from service.errors import install_error_handlers
from service.limits import AddressLimits


#: The variable that names the port at which the test counts the requests that run.
PORT_VARIABLE = "TEST_BARRIER_PORT"


def build() -> Flask:
    """Build an app with the product's places and their queue."""
    port = int(os.environ[PORT_VARIABLE])
    app = Flask("held")

    @app.get("/api/health/live")
    def live() -> str:
        return ""

    @app.post("/<path:_path>")
    def wait(_path: str) -> str:
        with socket.create_connection(("127.0.0.1", port)) as barrier:
            barrier.sendall(request.path.encode() + b"\n")
            barrier.recv(1)  # The test ends the wait by closing the connection.
        return ""

    requests.QUEUE_LIMIT_S = 60.0  # A slow machine must not end the wait for a place.
    install_error_handlers(app)
    requests.install(app, AddressLimits(), lambda: "user")
    return app

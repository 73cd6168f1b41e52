"""How gunicorn runs the service; it reads this file by itself when started beside it."""

import os
import shutil
import sys
import tempfile
from typing import Any

from market.errors import SettingsError
from market.settings import Settings


try:
    Settings.from_environment()
except SettingsError as error:
    # Here once, in one sentence, and not as a traceback from each worker.
    sys.exit(f"service: {error.detail}")

# A request waits for the database and for Stripe, and threads are how it waits cheaply. The
# adapters are built in each process after the fork.
workers = 2
worker_class = "gthread"
threads = 16
preload_app = False

# No request takes longer than its calls: none starts after 3 s, and each ends within 1.5 s.
timeout = 30
graceful_timeout = 5
keepalive = 15

# A session cookie comes in several chunks of 3 KB in one header line.
limit_request_field_size = 32_768
limit_request_fields = 100

# The application logs what happened; a line per request would say it twice.
accesslog = None
errorlog = "-"
loglevel = "warning"
# Its default address is one per machine, and several of us may run there.
control_socket_disable = True


# The workers share their counts through files in this folder, so that each can show all of them.
_METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"


def on_starting(_server: Any) -> None:
    """Make the folder before the first fork; prometheus-client reads its name from there."""
    os.environ[_METRICS_FOLDER] = tempfile.mkdtemp(prefix="market-metrics-")  # noqa: TID251 - see above


def on_exit(_server: Any) -> None:
    """Remove the folder."""
    shutil.rmtree(os.environ[_METRICS_FOLDER], ignore_errors=True)  # noqa: TID251 - see above

"""`python -m devstack.gateway --config FILE` serves the gateway until a signal stops it."""

import argparse
import gc
import logging
import sys
from pathlib import Path

import uvicorn

from devstack.gateway.app import create_app
from devstack.gateway.context import GatewayConfig


HOST = "127.0.0.1"
#: Longer than any client keeps a connection, so that the client closes it and not the gateway.
KEEP_ALIVE_S = 75
SHUTDOWN_S = 2
#: Supabase Realtime's limit of one frame.
FRAME_BYTES = 5_000_000


def main() -> int:
    """Read the configuration, warn that this is not Supabase itself, and serve."""
    parser = argparse.ArgumentParser(prog="python -m devstack.gateway", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="JSON of GatewayConfig")
    path: Path = parser.parse_args().config
    try:
        config = GatewayConfig.from_json(path.read_text())
    except (OSError, ValueError, TypeError, KeyError) as error:
        sys.stderr.write(f"{path} is no gateway configuration: {error}\n")
        return 2

    # psycopg raises the error of a pipeline as well, so its warning would only repeat it.
    logging.getLogger("psycopg").setLevel(logging.ERROR)
    sys.stderr.write(f"A stand-in for Supabase on {config.url}, for development and tests only.\n")
    app = create_app(config)
    # No garbage collection need search what was built so far: it lives as long as the process.
    gc.freeze()
    uvicorn.run(
        app,
        host=HOST,
        port=config.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        server_header=False,
        ws_max_size=FRAME_BYTES,
        # On one machine, compressing each change for each subscriber costs more than it saves.
        ws_per_message_deflate=False,
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""`python -m devstack.stripe --config FILE` runs the fake Stripe until a signal stops it."""

import argparse
import gc
import sys
from pathlib import Path

import uvicorn

from devstack.stripe.app import create_app
from devstack.stripe.config import ConfigError, StripeConfig


#: The longest wait for open requests after a signal.
_GRACE_S = 2


def main() -> None:
    """Read the configuration and serve on loopback."""
    parser = argparse.ArgumentParser(prog="python -m devstack.stripe", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the JSON of a StripeConfig")
    path: Path = parser.parse_args().config
    try:
        config = StripeConfig.from_json(path.read_text())
    except (OSError, ConfigError) as error:
        sys.exit(str(error))
    app = create_app(config)
    # No garbage collection need search what was built so far: it lives as long as the process.
    gc.freeze()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=config.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_S,
    )


if __name__ == "__main__":
    main()

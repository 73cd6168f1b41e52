"""`python -m devstack.saleroom --config FILE` serves the saleroom until a signal stops it."""

import argparse
from pathlib import Path

import uvicorn

from devstack.saleroom.app import create_app
from devstack.saleroom.config import SaleroomConfig


#: The longest wait for open requests after a signal.
_GRACE_S = 2


def main() -> None:
    """Read the configuration and serve on loopback."""
    parser = argparse.ArgumentParser(prog="python -m devstack.saleroom", description=__doc__)
    parser.add_argument("--config", type=Path, required=True, help="the JSON of a SaleroomConfig")
    path: Path = parser.parse_args().config
    config = SaleroomConfig.from_json(path.read_text())
    uvicorn.run(
        create_app(config),
        host="127.0.0.1",
        port=config.port,
        access_log=False,
        log_level="warning",
        timeout_graceful_shutdown=_GRACE_S,
        # The service sees the header of the browser's own connection, not one of uvicorn's.
        proxy_headers=False,
    )


if __name__ == "__main__":
    main()

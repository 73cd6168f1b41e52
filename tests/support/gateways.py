"""A gateway in its own process, on a database that a test has built."""

import contextlib
import dataclasses
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg import conninfo
from supabase import Client, ClientOptions, create_client

from devstack.emulation.tokens import Keys, ProjectKeys
from devstack.gateway.context import GatewayConfig
from devstack.supervisor.ports import free_port
from devstack.supervisor.processes import wait_until
from tests.support.waits import ANSWER_S, START_S


#: Makes the official client of a user, or of an anonymous visitor for None.
ClientFor = Callable[[str | None], Client]


class Gateway:
    """A gateway's process, which a test may stop and start again on its port."""

    def __init__(self, config: GatewayConfig, folder: Path) -> None:
        self.config = config
        #: Signs and verifies tokens as the gateway does before a rotation.
        self.tokens = Keys(config.keys)
        self._path = folder / "config.json"
        self._path.write_text(config.to_json())
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def keys(self) -> ProjectKeys:
        """Return its API keys."""
        return self.config.keys

    @property
    def url(self) -> str:
        """Return the project's URL for clients."""
        return self.config.url

    @property
    def socket_url(self) -> str:
        """Return the URL for clients of Realtime."""
        return self.url.replace("http", "ws") + "/realtime/v1"

    @property
    def owner_url(self) -> str:
        """Return the URL of its database for the role `postgres`, which owns the tables."""
        return conninfo.make_conninfo(self.config.admin_url, user="postgres")

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "devstack.gateway", "--config", str(self._path)]
        self._process = subprocess.Popen(command)  # noqa: S603 -- our own module
        assert wait_until(self._is_up, START_S), "the gateway did not start in time"

    def stop(self) -> None:
        """Stop it by SIGTERM and wait for its end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(ANSWER_S)

    def is_healthy(self) -> bool:
        """Return true if it answers."""
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health").is_success
        return False

    def token(self, user_id: str, *, life_s: float = 600, **claims: object) -> str:
        """Sign a token of a user; `claims` win over the usual ones."""
        usual = {"role": "authenticated", "sub": user_id, "exp": int(time.time() + life_s)}
        return self.tokens.sign(usual | claims)

    def client(self, http: httpx.Client, *, user_id: str | None = None, key: str = "") -> Client:
        """Return an official client that sends by `http`, without a user unless one is given."""
        options = ClientOptions(httpx_client=http, auto_refresh_token=False)
        if user_id is not None:
            options.headers["Authorization"] = f"Bearer {self.token(user_id)}"
        return create_client(self.url, key or self.keys.publishable_key, options)

    def cut_connections(self) -> None:
        """End its database connections, and wait until they have ended."""
        query = """
        select pg_terminate_backend(pid, 30000) from pg_stat_activity
        where application_name = 'devstack gateway' and datname = current_database()
        """
        with psycopg.connect(self.config.admin_url) as admin:
            assert admin.execute(query).fetchall(), "the gateway had no connection"

    def wait_for_rest(self, table: str) -> None:
        """Wait until REST reads a table again, after `cut_connections` ended its connections."""
        url = f"{self.url}/rest/v1/{table}?limit=1"
        headers = {"apikey": self.keys.secret_key}

        def is_read() -> bool:
            return httpx.get(url, headers=headers, timeout=ANSWER_S).is_success

        assert wait_until(is_read, START_S), "REST did not recover"

    def mails(self, to: str) -> list[dict[str, Any]]:
        """Return the mails to an address, the newest first."""
        answer = httpx.get(f"{self.url}/_control/mails", params={"to": to}, timeout=ANSWER_S)
        mails: list[dict[str, Any]] = answer.json()["mails"]
        return mails

    def _is_up(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the gateway ended at its start"
        return self.is_healthy()


@contextlib.contextmanager
def running_gateway(
    database_url: str,
    folder: Path,
    *,
    schemas: tuple[str, ...] = ("public",),
    max_rows: int = 1000,
    auth: str | None = None,
    has_production_auth: bool = False,
) -> Iterator[Gateway]:
    """Run a gateway on this database until the block ends; `folder` has its files.

    `auth` is the text of a config.toml, instead of the project's own.
    """
    port = free_port()
    config = GatewayConfig(
        port=port,
        database_url=conninfo.make_conninfo(database_url, user="authenticator"),
        admin_url=conninfo.make_conninfo(database_url, user="supabase_admin"),
        schemas=schemas,
        max_rows=max_rows,
        keys=ProjectKeys.generate(issuer=f"http://127.0.0.1:{port}/auth/v1"),
        files=str(folder / "files"),
        has_production_auth=has_production_auth,
    )
    if auth is not None:
        project_file = folder / "config.toml"
        project_file.write_text(auth)
        config = dataclasses.replace(config, project_file=str(project_file))
    gateway = Gateway(config, folder)
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.stop()

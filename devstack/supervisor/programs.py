"""The programs of a stack besides Postgres: their commands, configuration and health checks."""

import dataclasses
import http.client
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from devstack.emulation.tokens import ProjectKeys
from devstack.errors import DevstackError
from devstack.gateway.context import GatewayConfig
from devstack.paths import ROOT
from devstack.saleroom.config import SaleroomConfig
from devstack.stripe.config import StripeConfig, WebhookEndpoint
from devstack.supervisor.data_folder import DataFolder, display_path, write_secret
from devstack.supervisor.environment import HOST, environment_of_child
from devstack.supervisor.options import Options
from devstack.supervisor.processes import end, start, tail


LOOK_TIMEOUT_S = 2
STOP_S = 8
EARLY_STOP_S = 1
IDENTITY_EVENTS = tuple(
    f"identity.verification_session.{change}"
    for change in ("created", "processing", "requires_input", "verified", "canceled", "redacted")
)
MONEY_EVENTS = (
    "account.updated",
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.refund.updated",
    "charge.refunded",
    "payment_intent.amount_capturable_updated",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.succeeded",
    "refund.created",
    "refund.failed",
    "refund.updated",
    "transfer.created",
    "transfer.reversed",
)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program: its command, and the address that answers 200 once it works."""

    name: str
    command: tuple[str, ...]
    port: int
    health: str
    #: Service and workers crash on a bug by design; their supervisor restarts them.
    is_restarted: bool = False


PYTHON = (sys.executable, "-m")


def all_programs(options: Options, folder: DataFolder) -> dict[str, Program]:
    """Return the programs besides Postgres."""
    at = options.ports.of
    return {
        "stripe": Program(
            name="stripe",
            command=(*PYTHON, "devstack.stripe", "--config", str(folder.stripe)),
            port=at("stripe"),
            health="/_control/health",
        ),
        "gateway": Program(
            name="gateway",
            command=(*PYTHON, "devstack.gateway", "--config", str(folder.gateway)),
            port=at("gateway"),
            health="/health",
        ),
        "service": Program(
            name="service",
            command=(*PYTHON, "gunicorn", "--bind", f"{HOST}:{at('service')}", "service.wsgi:app"),
            port=at("service"),
            health="/api/health/live",
            is_restarted=True,
        ),
        "workers": Program(
            name="workers",
            command=(*PYTHON, "workers", "all"),
            port=at("workers"),
            health="/health",
            is_restarted=True,
        ),
        "saleroom": Program(
            name="saleroom",
            command=(*PYTHON, "devstack.saleroom", "--config", str(folder.saleroom)),
            port=at("saleroom"),
            health="/health",
            is_restarted=True,
        ),
    }


def write_configuration(
    options: Options, folder: DataFolder, keys: ProjectKeys, environment: Mapping[str, str]
) -> None:
    """Write the configuration files of gateway, fake Stripe and saleroom."""
    gateway = _gateway_config(options, folder, keys, environment["ADMIN_DATABASE_URL"])
    write_secret(folder.gateway, gateway.to_json())
    write_secret(folder.stripe, _stripe_config(options, folder, environment).to_json())
    write_secret(folder.saleroom, _saleroom_config(options, environment).to_json())


def _gateway_config(
    options: Options, folder: DataFolder, keys: ProjectKeys, admin_url: str
) -> GatewayConfig:
    return GatewayConfig(
        port=options.ports.of("gateway"),
        database_url=admin_url.replace("supabase_admin@", "authenticator@"),
        admin_url=admin_url,
        schemas=options.schemas,
        max_rows=options.max_rows,
        keys=keys,
        files=str(folder.files),
        has_production_auth=options.has_production_auth,
    )


def _stripe_config(
    options: Options, folder: DataFolder, environment: Mapping[str, str]
) -> StripeConfig:
    money, identity = "/api/webhooks/stripe", "/api/webhooks/stripe/identity"
    endpoints = (
        (money, "STRIPE_WEBHOOK_SECRETS", False, MONEY_EVENTS),
        (money, "STRIPE_CONNECT_WEBHOOK_SECRETS", True, MONEY_EVENTS),
        (identity, "STRIPE_IDENTITY_WEBHOOK_SECRETS", False, IDENTITY_EVENTS),
    )
    return StripeConfig(
        port=options.ports.of("stripe"),
        state=folder.stripe_state,
        secret_key=environment["STRIPE_SECRET_KEY"],
        publishable_key=environment["STRIPE_PUBLISHABLE_KEY"],
        webhook_endpoints=tuple(
            WebhookEndpoint(
                url=environment["SERVICE_URL"] + path,
                secret=environment[secret],
                connect=is_connect,
                enabled_events=events,
            )
            for path, secret, is_connect, events in endpoints
        ),
    )


def _saleroom_config(options: Options, environment: Mapping[str, str]) -> SaleroomConfig:
    return SaleroomConfig(
        port=options.ports.of("saleroom"),
        service_url=environment["SERVICE_URL"],
        supabase_url=environment["SUPABASE_URL"],
        publishable_key=environment["SUPABASE_PUBLISHABLE_KEY"],
        stripe_url=environment["STRIPE_API_BASE"],
        stripe_publishable_key=environment["STRIPE_PUBLISHABLE_KEY"],
        database_url=environment["DATABASE_URL"],
    )


class RunningProgram:
    """A program that was started."""

    def __init__(self, program: Program, log: Path, environment: Mapping[str, str]) -> None:
        self.program = program
        self.log = log
        self._was_healthy = False
        self._environment = environment
        options = {"cwd": ROOT, "env": environment_of_child(environment)}
        self.process: subprocess.Popen[bytes] = start(program.command, log, options=options)

    def is_healthy(self) -> bool:
        """Return true if the program answers.

        Raises:
            DevstackError: the program has ended.

        """
        if self.process.poll() is not None:
            raise DevstackError(
                f"{self.program.name} did not start ({self.exit_description()}); "
                f"its log {display_path(self.log)} ends with:\n{tail(self.log)}"
            )
        self._was_healthy = _is_healthy(self.program)
        return self._was_healthy

    def exit_description(self) -> str:
        """Return the exit status or the signal that ended the process."""
        status = self.process.returncode
        return f"killed by signal {-status}" if status < 0 else f"exit status {status}"

    def restart(self) -> "RunningProgram":
        """End the remaining processes of the program, and start it again."""
        self.stop()
        return RunningProgram(self.program, self.log, self._environment)

    def stop(self) -> None:
        """End the program, and kill the child processes that it leaves behind."""
        # A program that still starts has nothing to finish, and may not handle signals yet.
        end(self.process, timeout_s=STOP_S if self._was_healthy else EARLY_STOP_S)


def _is_healthy(program: Program) -> bool:
    """Return true if a program's health address answers 200."""
    connection = http.client.HTTPConnection(HOST, program.port, timeout=LOOK_TIMEOUT_S)
    try:
        connection.request("GET", program.health)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()

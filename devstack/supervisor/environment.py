"""The environment of a stack: keys and secrets, made once per data folder, and addresses."""

import json
import os
import re
import secrets
from collections.abc import Mapping

import jwt

from devstack.emulation.tokens import ProjectKeys
from devstack.errors import DevstackError
from devstack.supervisor.data_folder import DataFolder, write_secret
from devstack.supervisor.options import Ports


HOST = "127.0.0.1"
#: The addresses of hosted projects and their databases.
_HOSTED = re.compile(r"(?:^|[/@.])[a-z0-9-]+\.(?:pooler\.)?supabase\.(?:co|com|in)(?:[:/]|$)")
_SECRET_NAME = re.compile(r"_(?:KEY|SECRETS?|TOKEN|PEPPER)$")
#: The variable that is set in a shell which has sourced an env file.
EXPORTED = "DEVSTACK_ENV"
#: The origins of the web app's development server.
WEB_APP = ("http://localhost:5173", "http://127.0.0.1:5173")
DATABASE_ADDRESSES = ("DATABASE_URL", "ADMIN_DATABASE_URL")


def refuse_production(environment: Mapping[str, str]) -> None:
    """Refuse to run if the environment names real money or a hosted project.

    Otherwise a program that is meant for devstack could reach the hosted project.
    """
    if environment.get("ENVIRONMENT") == "production":
        raise DevstackError("ENVIRONMENT=production is set: devstack is for development only.")
    for name, value in environment.items():
        if value.startswith(("sk_live_", "rk_live_")):
            raise DevstackError(
                f"{name} holds a live Stripe key: devstack is for development only."
            )
        if _project_of(value):
            raise DevstackError(
                f"{name} holds a key of a hosted Supabase project: devstack is for development "
                f"only. Try again without it: env -u {name} …"
            )
        if _HOSTED.search(value):
            raise DevstackError(
                f"{name} names a hosted Supabase project: devstack is for development only. "
                f"Try again without it: env -u {name} …"
            )


def _project_of(value: str) -> str | None:
    """Return the project that a legacy API key names; the keys of a local stack name none."""
    try:
        claims = jwt.decode(value, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError):
        return None
    project = claims.get("ref")
    return project if isinstance(project, str) else None


def load_keys(folder: DataFolder, ports: Ports, jwt_secret: str | None) -> ProjectKeys:
    """Return the API keys of this folder; a new legacy secret makes new ones."""
    if folder.keys.exists():
        keys = ProjectKeys.from_json(folder.keys.read_text())
        if jwt_secret in (None, keys.jwt_secret):
            return keys
    keys = ProjectKeys.generate(jwt_secret, issuer=f"http://{HOST}:{ports.of('gateway')}/auth/v1")
    write_secret(folder.keys, keys.to_json())
    return keys


def load_secrets(folder: DataFolder) -> dict[str, str]:
    """Return the keys and secrets that our processes and the fake Stripe share.

    A reset deletes them.
    """
    known: dict[str, str] = {}
    if folder.secrets.exists():
        known = json.loads(folder.secrets.read_text())
    made = {
        "STRIPE_SECRET_KEY": f"sk_test_{secrets.token_hex(24)}",
        "STRIPE_PUBLISHABLE_KEY": f"pk_test_{secrets.token_hex(24)}",
        "STRIPE_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(24)}",
        "STRIPE_CONNECT_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(24)}",
        "STRIPE_IDENTITY_WEBHOOK_SECRETS": f"whsec_{secrets.token_hex(24)}",
        "CANARY_TOKEN": secrets.token_urlsafe(24),
        "CRON_SECRET": secrets.token_urlsafe(24),
        "METRICS_TOKEN": secrets.token_urlsafe(24),
        "PICKUP_PEPPER": secrets.token_urlsafe(24),
    }
    merged = made | known
    if merged != known:
        write_secret(folder.secrets, json.dumps(merged, indent=2))
    return merged


def environment_of(
    ports: Ports, keys: ProjectKeys, shared: Mapping[str, str], *, has_saleroom: bool
) -> dict[str, str]:
    """Return the variables of the env file."""
    saleroom = f"http://{HOST}:{ports.of('saleroom')}"
    stripe = f"http://{HOST}:{ports.of('stripe')}"
    database = f"{HOST}:{ports.of('postgres')}/postgres"
    return {
        "SUPABASE_URL": f"http://{HOST}:{ports.of('gateway')}",
        "SUPABASE_PUBLISHABLE_KEY": keys.publishable_key,
        "SUPABASE_SECRET_KEY": keys.secret_key,
        "SUPABASE_JWT_SECRET": keys.jwt_secret,
        "SUPABASE_ANON_KEY": keys.anon_jwt,
        "SUPABASE_SERVICE_ROLE_KEY": keys.service_role_jwt,
        "DATABASE_URL": f"postgresql://postgres@{database}",
        "ADMIN_DATABASE_URL": f"postgresql://supabase_admin@{database}",
        "SERVICE_URL": f"http://{HOST}:{ports.of('service')}",
        "STRIPE_API_BASE": stripe,
        "STRIPE_CONTROL_URL": f"{stripe}/_control",
        **shared,
        "STRIPE_LIVEMODE": "false",
        "WEBHOOK_TOLERANCE_S": "300",
        "WEBHOOK_FUTURE_S": "300",
        "WEBHOOK_MAX_EVENT_AGE_S": "604800",
        # Stripe sends people back to the first origin. Staff open their console at the service.
        "SITE_ORIGINS": ",".join(
            [
                *([saleroom] if has_saleroom else []),
                *WEB_APP,
                f"http://{HOST}:{ports.of('service')}",
            ]
        ),
        "TRUSTED_PROXIES": "0",
        "LOG_LEVEL": "info",
        "LOG_FORMAT": "json",
        "METRICS_PORT": str(ports.of("workers")),
        "ENVIRONMENT": "development",
        **({"SALEROOM_URL": saleroom} if has_saleroom else {}),
    }


def env_file_text(environment: Mapping[str, str]) -> str:
    """Return the text of an env file, one NAME=value a line. No value of ours needs quotes.

    The last line exports all names to the programs that a shell starts after `. FILE`. It is an
    assignment too, so that a program which reads the file line by line can read every line.
    """
    lines = [f"{name}={value}" for name, value in environment.items()]
    lines.append(f"{EXPORTED}=1; export {' '.join([*environment, EXPORTED])}")
    return "".join(f"{line}\n" for line in lines)


def hide_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without its secrets, because others may see the terminal."""
    return {
        name: "(hidden)" if _SECRET_NAME.search(name) else value
        for name, value in environment.items()
    }


def environment_of_child(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a child process, without the addresses of the database."""
    merged = os.environ | dict(environment)
    return {name: value for name, value in merged.items() if name not in DATABASE_ADDRESSES}

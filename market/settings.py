"""Read the settings of a process from the environment once, and check them before it starts."""

import dataclasses
import enum
import os
import re
import urllib.parse
from collections.abc import Collection, Mapping
from typing import Any

from market.errors import SettingsError


#: Stripe sends an event again for three days, so a live endpoint must accept one of that age.
_STRIPE_RETRIES_FOR_S = 259_200
_TEST_KEYS = ("sk_test_", "rk_test_")
_LIVE_KEYS = ("sk_live_", "rk_live_")
_LOG_LEVELS = ("debug", "info", "warning", "error")
_HIGHEST_PORT = 65_535
_MOST_PROXIES = 10
_YEAR_S = 31_536_000
_HOST = re.compile(r"[A-Za-z0-9.:-]+")


class Environment(enum.StrEnum):
    """The kind of place where this process runs."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


def _secret() -> Any:
    return dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All values that differ between environments; `.env.example` explains each variable."""

    environment: Environment
    supabase_url: str
    supabase_publishable_key: str
    supabase_secret_key: str = _secret()
    supabase_jwt_secret: str = _secret()
    supabase_jwt_issuer: str
    stripe_secret_key: str = _secret()
    stripe_api_base: str
    stripe_webhook_secrets: tuple[str, ...] = _secret()
    stripe_connect_webhook_secrets: tuple[str, ...] = _secret()
    stripe_identity_webhook_secrets: tuple[str, ...] = _secret()
    stripe_livemode: bool
    webhook_tolerance_s: int
    webhook_future_s: int
    webhook_max_event_age_s: int
    site_origins: tuple[str, ...]
    canary_token: str = _secret()
    cron_secret: str = _secret()
    metrics_token: str = _secret()
    pickup_pepper: str = _secret()
    trusted_proxies: int
    log_level: str
    is_log_json: bool
    metrics_host: str
    metrics_port: int

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] | None = None) -> "Settings":
        """Read and check every variable of the process, or of `variables` if given.

        Raises:
            SettingsError: variables are missing, malformed or contradictory; `detail` names all.

        """
        # This is the only place that reads the environment.
        reader = _Reader(os.environ if variables is None else variables)  # noqa: TID251 - see above
        environment = Environment(reader.choice("ENVIRONMENT", tuple(Environment)))
        supabase_url = reader.address("SUPABASE_URL")
        settings = cls(
            environment=environment,
            supabase_url=supabase_url,
            supabase_publishable_key=reader.text("SUPABASE_PUBLISHABLE_KEY"),
            supabase_secret_key=reader.text("SUPABASE_SECRET_KEY"),
            supabase_jwt_secret=reader.text("SUPABASE_JWT_SECRET", default=""),
            supabase_jwt_issuer=reader.text(
                "SUPABASE_JWT_ISSUER", default=f"{supabase_url}/auth/v1"
            ),
            stripe_secret_key=reader.text("STRIPE_SECRET_KEY"),
            stripe_api_base=reader.address("STRIPE_API_BASE", default=""),
            stripe_webhook_secrets=reader.texts("STRIPE_WEBHOOK_SECRETS"),
            stripe_connect_webhook_secrets=reader.texts(
                "STRIPE_CONNECT_WEBHOOK_SECRETS", default=()
            ),
            stripe_identity_webhook_secrets=reader.texts("STRIPE_IDENTITY_WEBHOOK_SECRETS"),
            stripe_livemode=reader.choice("STRIPE_LIVEMODE", ("true", "false")) == "true",
            webhook_tolerance_s=reader.number("WEBHOOK_TOLERANCE_S", default=300, least=1),
            webhook_future_s=reader.number("WEBHOOK_FUTURE_S", default=300, least=1),
            webhook_max_event_age_s=reader.number(
                "WEBHOOK_MAX_EVENT_AGE_S", default=604_800, least=1
            ),
            site_origins=reader.origins("SITE_ORIGINS"),
            canary_token=reader.text("CANARY_TOKEN"),
            cron_secret=reader.text("CRON_SECRET"),
            metrics_token=reader.text("METRICS_TOKEN"),
            pickup_pepper=reader.text("PICKUP_PEPPER"),
            trusted_proxies=reader.number("TRUSTED_PROXIES", default=0, most=_MOST_PROXIES),
            log_level=reader.choice("LOG_LEVEL", _LOG_LEVELS, default="info"),
            is_log_json=reader.choice("LOG_FORMAT", ("json", "console"), default="json") == "json",
            metrics_host=reader.host("METRICS_HOST", default="127.0.0.1"),
            metrics_port=reader.number("METRICS_PORT", default=0, most=_HIGHEST_PORT),
        )
        problems = [*reader.problems.values(), *_contradictions(settings, reader.problems)]
        if problems:
            raise SettingsError(" ".join(problems))
        return settings


class _Reader:
    """Turns variables into values, and collects a sentence for each variable that is wrong.

    A wrong variable gets a value of the right type, so that the rest can be read too.
    """

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        self.problems: dict[str, str] = {}

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self._variables.get(name, "").strip()
        if value:
            return value
        if default is None:
            self._refuse(name, f"{name} is missing; .env.example explains it.")
        return default or ""

    def texts(self, name: str, *, default: tuple[str, ...] | None = None) -> tuple[str, ...]:
        value = self.text(name, default=None if default is None else "")
        if not value:
            return default or ()
        values = tuple(part.strip() for part in value.split(","))
        if not all(values):
            self._refuse(name, f"{name} has an empty entry; separate its values by one comma.")
        return values

    def choice(self, name: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.text(name, default=default).lower()
        if value in choices:
            return value
        self._refuse(name, f"{name} must be one of {', '.join(choices)}.")
        return choices[0]

    def number(self, name: str, *, default: int, least: int = 0, most: int = _YEAR_S) -> int:
        value = self.text(name, default=str(default))
        if value.isascii() and value.isdigit() and least <= int(value) <= most:
            return int(value)
        self._refuse(name, f"{name} must be a whole number from {least} to {most}.")
        return default

    def address(self, name: str, *, default: str | None = None) -> str:
        value = self.text(name, default=default).rstrip("/")
        if value and not _is_address(value):
            self._refuse(name, f"{name} must be an address that begins with http:// or https://.")
        return value

    def host(self, name: str, *, default: str) -> str:
        value = self.text(name, default=default)
        if not _HOST.fullmatch(value):
            self._refuse(name, f"{name} must be an IP address or a host name.")
        return value

    def origins(self, name: str) -> tuple[str, ...]:
        origins = self.texts(name)
        if not all(_is_address(origin) and origin.count("/") == len("//") for origin in origins):
            self._refuse(name, f"{name} must be origins such as https://example.com, without path.")
        return tuple(origin.lower() for origin in origins)

    def _refuse(self, name: str, sentence: str) -> None:
        # The first problem of a variable is the cause of its others.
        self.problems.setdefault(name, sentence)


def _is_address(value: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port and is_plain


def _contradictions(settings: Settings, wrong: Collection[str]) -> list[str]:
    """Return a sentence for each contradiction between variables that are valid alone."""
    return [
        sentence
        for is_contradiction, sentence in _key_checks(settings) + _mode_checks(settings)
        if is_contradiction and not any(name in sentence for name in wrong)
    ]


def _key_checks(settings: Settings) -> list[tuple[bool, str]]:
    secrets = set(settings.stripe_webhook_secrets)
    connect_secrets = set(settings.stripe_connect_webhook_secrets)
    identity_secrets = set(settings.stripe_identity_webhook_secrets)
    return [
        (
            settings.supabase_secret_key.startswith("sb_publishable_"),
            "SUPABASE_SECRET_KEY is a publishable key; it must be a secret one.",
        ),
        (
            settings.supabase_publishable_key.startswith("sb_secret_"),
            "SUPABASE_PUBLISHABLE_KEY is a secret key; it must be a publishable one.",
        ),
        (
            not settings.stripe_secret_key.startswith(_TEST_KEYS + _LIVE_KEYS),
            "STRIPE_SECRET_KEY must begin with sk_test_, rk_test_, sk_live_ or rk_live_.",
        ),
        # The secret that verifies an event decides what the event may change, so endpoints must not
        # share one.
        (
            bool(secrets & identity_secrets),
            "STRIPE_IDENTITY_WEBHOOK_SECRETS repeats one of STRIPE_WEBHOOK_SECRETS.",
        ),
        (
            bool(secrets & connect_secrets),
            "STRIPE_CONNECT_WEBHOOK_SECRETS repeats one of STRIPE_WEBHOOK_SECRETS.",
        ),
        (
            bool(connect_secrets & identity_secrets),
            "STRIPE_CONNECT_WEBHOOK_SECRETS repeats one of STRIPE_IDENTITY_WEBHOOK_SECRETS.",
        ),
    ]


def _mode_checks(settings: Settings) -> list[tuple[bool, str]]:
    is_live = settings.stripe_secret_key.startswith(_LIVE_KEYS)
    is_test = settings.stripe_secret_key.startswith(_TEST_KEYS)
    is_production = settings.environment is Environment.PRODUCTION
    is_development = settings.environment is Environment.DEVELOPMENT
    return [
        (
            not is_development and not settings.stripe_connect_webhook_secrets,
            "STRIPE_CONNECT_WEBHOOK_SECRETS is missing; only development may leave it out.",
        ),
        (
            is_live and is_development,
            "STRIPE_SECRET_KEY is a live key, and ENVIRONMENT is development.",
        ),
        (
            is_test and is_production,
            "STRIPE_SECRET_KEY is a test key, and ENVIRONMENT is production.",
        ),
        (
            (is_live or is_test) and is_live != settings.stripe_livemode,
            "STRIPE_LIVEMODE contradicts STRIPE_SECRET_KEY, whose prefix names the mode.",
        ),
        (
            is_production and bool(settings.stripe_api_base),
            "STRIPE_API_BASE must be empty where ENVIRONMENT is production.",
        ),
        (
            is_live and settings.webhook_max_event_age_s <= _STRIPE_RETRIES_FOR_S,
            f"WEBHOOK_MAX_EVENT_AGE_S must be above {_STRIPE_RETRIES_FOR_S} with live keys.",
        ),
    ]

"""What the environment says, read once by an entry point and checked before anything starts."""

import dataclasses
import enum
import os
import urllib.parse
from collections.abc import Mapping
from typing import Any

from market.errors import SettingsError


#: Stripe sends an event again for three days, so a live endpoint has to take what is that old.
_STRIPE_RETRIES_FOR_S = 259_200
_TEST_KEYS = ("sk_test_", "rk_test_")
_LIVE_KEYS = ("sk_live_", "rk_live_")
_LOG_LEVELS = ("debug", "info", "warning", "error")
_HIGHEST_PORT = 65_535
_MOST_PROXIES = 10
_YEAR_S = 31_536_000


class Environment(enum.StrEnum):
    """How much is at stake where this process runs."""

    DEVELOPMENT = "development"
    STAGING = "staging"
    PRODUCTION = "production"


def _secret() -> Any:
    return dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything that differs between one place of running and another; see `.env.example`."""

    environment: Environment
    supabase_url: str
    supabase_publishable_key: str
    supabase_secret_key: str = _secret()
    supabase_jwt_secret: str = _secret()
    stripe_secret_key: str = _secret()
    stripe_api_base: str
    stripe_webhook_secrets: tuple[str, ...] = _secret()
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
    metrics_port: int

    @classmethod
    def from_environment(cls, variables: Mapping[str, str] | None = None) -> "Settings":
        """Read and check every variable; those of the process unless others are given.

        Raises:
            SettingsError: one is missing, malformed or contradicts another; its `detail` names it.

        """
        # The one place that reads the environment.
        reader = _Reader(os.environ if variables is None else variables)  # noqa: TID251 - see above
        settings = cls(
            environment=Environment(reader.choice("ENVIRONMENT", tuple(Environment))),
            supabase_url=reader.address("SUPABASE_URL"),
            supabase_publishable_key=reader.text("SUPABASE_PUBLISHABLE_KEY"),
            supabase_secret_key=reader.text("SUPABASE_SECRET_KEY"),
            supabase_jwt_secret=reader.text("SUPABASE_JWT_SECRET", default=""),
            stripe_secret_key=reader.text("STRIPE_SECRET_KEY"),
            stripe_api_base=reader.address("STRIPE_API_BASE", default=""),
            stripe_webhook_secrets=reader.texts("STRIPE_WEBHOOK_SECRETS"),
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
            metrics_port=reader.number("METRICS_PORT", default=0, most=_HIGHEST_PORT),
        )
        _refuse_contradictions(settings)
        return settings


class _Reader:
    """Turns variables into values, or into a sentence that names the one that is wrong."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def text(self, name: str, *, default: str | None = None) -> str:
        value = self._variables.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise SettingsError(f"{name} is missing; .env.example says what it is for.")
        return default

    def texts(self, name: str) -> tuple[str, ...]:
        values = tuple(part.strip() for part in self.text(name).split(","))
        if not all(values):
            raise SettingsError(f"{name} has an empty entry; separate its values by one comma.")
        return values

    def choice(self, name: str, choices: tuple[str, ...], *, default: str | None = None) -> str:
        value = self.text(name, default=default).lower()
        if value not in choices:
            raise SettingsError(f"{name} must be one of {', '.join(choices)}.")
        return value

    def number(self, name: str, *, default: int, least: int = 0, most: int = _YEAR_S) -> int:
        value = self.text(name, default=str(default))
        if not value.isascii() or not value.isdigit() or not least <= int(value) <= most:
            raise SettingsError(f"{name} must be a whole number from {least} to {most}.")
        return int(value)

    def address(self, name: str, *, default: str | None = None) -> str:
        value = self.text(name, default=default).rstrip("/")
        if value and not _is_address(value):
            raise SettingsError(f"{name} must be an address that begins with http:// or https://.")
        return value

    def origins(self, name: str) -> tuple[str, ...]:
        origins = self.texts(name)
        if not all(_is_address(origin) and origin.count("/") == len("//") for origin in origins):
            raise SettingsError(
                f"{name} must be origins such as https://example.com, without path."
            )
        return tuple(origin.lower() for origin in origins)


def _is_address(value: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(value)
        has_port = parts.port is None or parts.port > 0
    except ValueError:
        return False
    is_plain = not (parts.query or parts.fragment or parts.username)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and has_port and is_plain


def _refuse_contradictions(settings: Settings) -> None:
    sentence = _contradiction_of_keys(settings) or _contradiction_of_mode(settings)
    if sentence is not None:
        raise SettingsError(sentence)


def _contradiction_of_keys(settings: Settings) -> str | None:
    if settings.supabase_secret_key.startswith("sb_publishable_"):
        return "SUPABASE_SECRET_KEY is a publishable key; it must be a secret one."
    if settings.supabase_publishable_key.startswith("sb_secret_"):
        return "SUPABASE_PUBLISHABLE_KEY is a secret key; it must be a publishable one."
    if not settings.stripe_secret_key.startswith(_TEST_KEYS + _LIVE_KEYS):
        return "STRIPE_SECRET_KEY must begin with sk_test_, rk_test_, sk_live_ or rk_live_."
    shared = set(settings.stripe_webhook_secrets) & set(settings.stripe_identity_webhook_secrets)
    if shared:
        return "STRIPE_IDENTITY_WEBHOOK_SECRETS repeats one of STRIPE_WEBHOOK_SECRETS."
    return None


def _contradiction_of_mode(settings: Settings) -> str | None:
    is_live = settings.stripe_secret_key.startswith(_LIVE_KEYS)
    is_production = settings.environment is Environment.PRODUCTION
    if is_live and settings.environment is Environment.DEVELOPMENT:
        return "STRIPE_SECRET_KEY is a live key, and ENVIRONMENT is development."
    if is_production and not is_live:
        return "STRIPE_SECRET_KEY is a test key, and ENVIRONMENT is production."
    if is_live != settings.stripe_livemode:
        return "STRIPE_LIVEMODE contradicts STRIPE_SECRET_KEY, whose prefix names the mode."
    if is_production and settings.stripe_api_base:
        return "STRIPE_API_BASE must be empty in production, or money would go elsewhere."
    if is_live and settings.webhook_max_event_age_s <= _STRIPE_RETRIES_FOR_S:
        return (
            f"WEBHOOK_MAX_EVENT_AGE_S must be above {_STRIPE_RETRIES_FOR_S} with live keys, "
            "because Stripe sends an event again for three days."
        )
    return None

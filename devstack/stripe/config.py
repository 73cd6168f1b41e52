"""The configuration of the fake Stripe."""

import dataclasses
import fnmatch
import hashlib
import json
from pathlib import Path
from typing import Any


#: The version of the `stripe` library in this project's lock.
API_VERSION = "2026-10-28.endive"


class ConfigError(ValueError):
    """The configuration is unusable; the message is a sentence with the reason."""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEndpoint:
    """The address of a webhook endpoint, and the secret that signs its events.

    A `connect` endpoint gets the events of connected accounts, the others those of our own.
    """

    url: str
    secret: str = dataclasses.field(repr=False)
    connect: bool = False
    enabled_events: tuple[str, ...] = ("*",)


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class StripeConfig:
    """The configuration, which is the JSON file of `--config`.

    Stripe retries a webhook for days. The fake waits `retry_base_s`, doubles the wait up to
    `retry_cap_s` and ends after `max_attempts`. It performs a scheduled action, such as the end of
    a refund, after `async_after_s`; with null only the control API performs it.
    """

    port: int
    state: Path
    secret_key: str = dataclasses.field(repr=False)
    publishable_key: str
    webhook_endpoints: tuple[WebhookEndpoint, ...] = ()
    api_version: str = API_VERSION
    retry_base_s: float = 1.0
    retry_cap_s: float = 60.0
    max_attempts: int = 16
    async_after_s: float | None = 1.0

    @property
    def url(self) -> str:
        """Return the base address for clients of the API."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def account_id(self) -> str:
        """Return the id of the account of the secret key."""
        return f"acct_{hashlib.sha256(self.secret_key.encode()).hexdigest()[:16]}"

    def endpoints_for(self, event_type: str, *, connect: bool = False) -> list[WebhookEndpoint]:
        """Return the endpoints for an event of our own account, or of a connected one."""
        return [
            endpoint
            for endpoint in self.webhook_endpoints
            if endpoint.connect == connect and matches(event_type, endpoint.enabled_events)
        ]

    @classmethod
    def from_json(cls, text: str) -> "StripeConfig":
        """Read the configuration.

        Raises:
            ConfigError: the text is no JSON object, or a key is missing, unknown or unusable.

        """
        try:
            values: dict[str, Any] = json.loads(text)
            endpoints = tuple(_read_endpoint(item) for item in values.pop("webhook_endpoints", ()))
            values["state"] = Path(values["state"])
            config = cls(webhook_endpoints=endpoints, **values)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ConfigError(
                f"The configuration of the fake Stripe is unusable: {error}"
            ) from error
        if config.secret_key.startswith(("sk_live_", "rk_live_")):
            raise ConfigError("The fake Stripe refuses a live key: it is for development only.")
        return config

    def to_json(self) -> str:
        """Return the text that `from_json` reads."""
        return json.dumps(dataclasses.asdict(self), default=str, indent=2)


def matches(event_type: str, patterns: tuple[str, ...]) -> bool:
    """Return true if one of `patterns` (`*`, `charge.*`, a whole type) matches the type."""
    return any(fnmatch.fnmatchcase(event_type, pattern) for pattern in patterns)


def _read_endpoint(values: dict[str, Any]) -> WebhookEndpoint:
    enabled = tuple(values.get("enabled_events", ("*",)))
    return WebhookEndpoint(**{**values, "enabled_events": enabled})

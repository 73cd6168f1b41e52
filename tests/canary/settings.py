"""What the canary is told: addresses, keys and two accounts, from the environment alone."""

import argparse
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self


#: What a run that moves no money needs.
_NEEDED_ALWAYS = ("SITE_URL", "CANARY_TOKEN", "STRIPE_WEBHOOK_SECRET")
_NEEDED_ON_STAGING = (
    "STRIPE_SECRET_KEY",
    "SUPABASE_URL",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_SECRET_KEY",
    "CANARY_BUYER",
    "CANARY_SELLER",
)


class SettingsError(Exception):
    """The canary cannot run as it was told; the message names what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account of the canary's own."""

    email: str
    password: str = field(repr=False)

    @classmethod
    def read(cls, name: str, text: str) -> Self:
        """Read `e-mail:password`; a password may have colons."""
        email, _, password = text.partition(":")
        if "@" not in email or not password:
            raise SettingsError(f"{name} must be e-mail:password.")
        return cls(email=email, password=password)


@dataclass(frozen=True, slots=True, kw_only=True)
class CanarySettings:
    """One run: where, with which keys, and how patient."""

    environment: str
    site_url: str
    supabase_url: str
    #: Empty for Stripe itself.
    stripe_api_base: str
    auction_s: float
    close_patience_s: float
    poll_count: int
    poll_s: float
    canary_token: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    stripe_secret_key: str = field(repr=False)
    publishable_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    buyer: Account | None = field(repr=False)
    seller: Account | None = field(repr=False)

    @property
    def is_production(self) -> bool:
        """Say whether real money is near, so that nothing may be bought."""
        return self.environment == "production"


def read_settings(arguments: Sequence[str]) -> tuple[CanarySettings, bool]:
    """Read the command line and the environment; return the settings and whether JSON is wanted.

    Raises: SettingsError.
    """
    given = _parser().parse_args(arguments)
    is_production = given.environment == "production"
    needed = _NEEDED_ALWAYS + (() if is_production else _NEEDED_ON_STAGING)
    values = _values(os.environ, needed)
    return CanarySettings(
        environment=given.environment,
        site_url=values["SITE_URL"].rstrip("/"),
        supabase_url=values.get("SUPABASE_URL", "").rstrip("/"),
        stripe_api_base=os.environ.get("STRIPE_API_BASE", "").rstrip("/"),
        auction_s=given.auction_s,
        close_patience_s=given.close_patience_s,
        poll_count=given.poll_count,
        poll_s=given.poll_s,
        canary_token=values["CANARY_TOKEN"],
        webhook_secret=values["STRIPE_WEBHOOK_SECRET"],
        stripe_secret_key=values.get("STRIPE_SECRET_KEY", ""),
        publishable_key=values.get("SUPABASE_PUBLISHABLE_KEY", ""),
        secret_key=values.get("SUPABASE_SECRET_KEY", ""),
        buyer=None if is_production else Account.read("CANARY_BUYER", values["CANARY_BUYER"]),
        seller=None if is_production else Account.read("CANARY_SELLER", values["CANARY_SELLER"]),
    ), bool(given.json)


def _values(environment: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    values = {name: environment.get(name, "").strip() for name in names}
    missing = [name for name, value in values.items() if not value]
    if missing:
        raise SettingsError(f"The environment lacks {', '.join(missing)}.")
    for name in ("SITE_URL", "SUPABASE_URL"):
        if name in values and not values[name].startswith(("http://", "https://")):
            raise SettingsError(f"{name} must be an http:// or https:// address.")
    if values.get("STRIPE_SECRET_KEY", "").startswith(("sk_live_", "rk_live_")):
        raise SettingsError("STRIPE_SECRET_KEY is a live key; only production has those, unused.")
    return values


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.canary",
        description="Hold a short auction on a deployed system and see that it is paid and booked.",
        epilog=(
            "The environment names the system: "
            f"{', '.join(_NEEDED_ALWAYS)}; on staging also {', '.join(_NEEDED_ON_STAGING)} and, "
            "where Stripe is not Stripe itself, STRIPE_API_BASE. Exit code 0: every step passed; "
            "1: a step failed; 2: the canary could not run."
        ),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--environment",
        choices=("staging", "production"),
        default="staging",
        help="production: nothing is bought, only an event that nobody handles is sent",
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument(
        "--auction-s", type=_seconds, default=20.0, help="how long the auction runs (%(default)s)"
    )
    parser.add_argument(
        "--close-patience-s",
        type=_seconds,
        default=30.0,
        help="how long after its end the auction may stay open (%(default)s)",
    )
    parser.add_argument(
        "--poll-count", type=int, default=20, help="looks for the stored event (%(default)s)"
    )
    parser.add_argument(
        "--poll-s", type=_seconds, default=1.5, help="seconds between two looks (%(default)s)"
    )
    return parser


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 300:
        raise argparse.ArgumentTypeError("must be above 0 and at most 300")
    return seconds

"""Addresses, keys and accounts of a run, read from the environment and the command line."""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self, TypeVar

from tests.canary.report import StepFailedError


#: A run that moves no money needs these.
NEEDED_ALWAYS = ("SITE_URL", "CANARY_TOKEN", "STRIPE_WEBHOOK_SECRET")
NEEDED_ON_STAGING = (
    "STRIPE_SECRET_KEY",
    "SUPABASE_URL",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_SECRET_KEY",
    "CANARY_BUYER",
    "CANARY_SELLER",
)
EVENTS = ("auto", "stripe", "signed")

_T = TypeVar("_T")


class SettingsError(Exception):
    """The canary cannot run with these settings; the message names what to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An account that only the canary uses."""

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
    """The settings of one run."""

    environment: str
    is_json: bool
    is_preparation: bool
    site_url: str
    supabase_url: str
    #: Empty for Stripe itself.
    stripe_api_base: str
    #: One of `EVENTS`.
    events: str
    auction_s: float
    close_timeout_s: float
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
        """Return true if real money is at stake, so that nothing may be bought."""
        return self.environment == "production"

    def wait(self, look: Callable[[], _T | None], *, expected: str) -> _T:
        """Look `poll_count` times, `poll_s` apart, until there is something; return it.

        Raises: StepFailedError.
        """
        for number in range(self.poll_count):
            if number:
                time.sleep(self.poll_s)
            found = look()
            if found is not None:
                return found
        timeout_s = (self.poll_count - 1) * self.poll_s
        raise StepFailedError(expected, f"not so after {self.poll_count} looks in {timeout_s:g} s")


def read_settings(arguments: Sequence[str]) -> CanarySettings:
    """Read the command line and the environment.

    Raises: SettingsError.
    """
    given = _parser().parse_args(arguments)
    is_production = given.environment == "production"
    if is_production and given.prepare:
        raise SettingsError("--prepare makes accounts that trade; production has none.")
    values = _values(os.environ, needed(given.environment))
    return CanarySettings(
        environment=given.environment,
        is_json=given.json,
        is_preparation=given.prepare,
        site_url=values["SITE_URL"].rstrip("/"),
        supabase_url=values.get("SUPABASE_URL", "").rstrip("/"),
        stripe_api_base=os.environ.get("STRIPE_API_BASE", "").rstrip("/"),
        events=given.events,
        auction_s=given.auction_s,
        close_timeout_s=given.close_timeout_s,
        poll_count=given.poll_count,
        poll_s=given.poll_s,
        canary_token=values["CANARY_TOKEN"],
        webhook_secret=values["STRIPE_WEBHOOK_SECRET"],
        stripe_secret_key=values.get("STRIPE_SECRET_KEY", ""),
        publishable_key=values.get("SUPABASE_PUBLISHABLE_KEY", ""),
        secret_key=values.get("SUPABASE_SECRET_KEY", ""),
        buyer=None if is_production else Account.read("CANARY_BUYER", values["CANARY_BUYER"]),
        seller=None if is_production else Account.read("CANARY_SELLER", values["CANARY_SELLER"]),
    )


def needed(environment: str) -> tuple[str, ...]:
    """Return the variables that a run needs there."""
    return NEEDED_ALWAYS + (() if environment == "production" else NEEDED_ON_STAGING)


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
        description="Hold two short auctions on a deployed system and follow their money.",
        epilog=(
            "The environment names the system: "
            f"{', '.join(NEEDED_ALWAYS)}; on staging also {', '.join(NEEDED_ON_STAGING)} and, "
            "with a fake Stripe, STRIPE_API_BASE. Exit code 0: every step passed; 1: a step did "
            "not; 2: the canary could not run. Where GITHUB_STEP_SUMMARY names a file, the report "
            "is added to it."
        ),
        allow_abbrev=False,
    )
    parser.add_argument(
        "--environment",
        choices=("staging", "production"),
        default="staging",
        help="production: nothing is bought, only an event that nothing handles is sent",
    )
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="make the two accounts, and print the pages that a person must still visit",
    )
    parser.add_argument(
        "--events",
        choices=EVENTS,
        default="auto",
        help=(
            "stripe: Stripe's own delivery must arrive; signed: the canary signs and sends the "
            "event; auto: stripe if the account has a webhook endpoint with this address"
        ),
    )
    _add_time_limits(parser)
    return parser


def _add_time_limits(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--auction-s", type=_seconds, default=20.0, help="how long the auction runs (%(default)s)"
    )
    parser.add_argument(
        "--close-timeout-s",
        type=_seconds,
        default=30.0,
        help="how long after its end the auction may stay open (%(default)s)",
    )
    parser.add_argument(
        "--poll-count", type=int, default=20, help="looks for an expected change (%(default)s)"
    )
    parser.add_argument(
        "--poll-s", type=_seconds, default=1.5, help="seconds between two looks (%(default)s)"
    )


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 300:
        raise argparse.ArgumentTypeError("must be above 0 and at most 300")
    return seconds

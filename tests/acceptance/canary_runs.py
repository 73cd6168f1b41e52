"""Run the canary against a stack, with accounts that it made there itself."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import httpx
import psycopg
import stripe
from psycopg.types.json import Jsonb

from devstack.paths import ROOT
from devstack.supervisor.processes import wait_until


BUYER, SELLER = "canary-buyer@example.com", "canary-seller@example.com"
PASSWORD = "a canary's: password"
#: Options for a stack on this machine, which answers within milliseconds.
QUICK = ("--auction-s", "3", "--close-timeout-s", "8", "--poll-count", "40", "--poll-s", "0.15")
#: Options for runs that must be green: the machine may be busy.
PATIENT = (*QUICK, "--auction-s", "5", "--close-timeout-s", "60", "--poll-count", "400")
_NAMES = (
    "CANARY_TOKEN",
    "STRIPE_SECRET_KEY",
    "STRIPE_API_BASE",
    "SUPABASE_URL",
    "SUPABASE_PUBLISHABLE_KEY",
    "SUPABASE_SECRET_KEY",
)
#: Staging has these too: short auctions, and as many runs as a day of deployments needs.
_SETTINGS = {"snipe_window_s": 1, "snipe_extend_s": 1}
_TIMEOUT_S = 30


def canary_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that the contract gives to the canary, and no others."""
    return {name: environment[name] for name in _NAMES} | {
        "SITE_URL": environment["SERVICE_URL"],
        "STRIPE_WEBHOOK_SECRET": environment["STRIPE_WEBHOOK_SECRETS"].split(",")[0],
        "CANARY_BUYER": f"{BUYER}:{PASSWORD}",
        "CANARY_SELLER": f"{SELLER}:{PASSWORD}",
        "PATH": os.environ["PATH"],
    }


def start_canary(
    environment: Mapping[str, str], *options: str, **changes: str
) -> subprocess.CompletedProcess[str]:
    """Run the program; return its exit code and its output."""
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.canary", *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=canary_environment(environment) | changes,
        timeout=180,
    )


def run_canary(
    environment: Mapping[str, str], *options: str, **changes: str
) -> tuple[int, dict[str, Any]]:
    """Run the canary against a stack; return its exit code and its steps by number and title."""
    done = start_canary(environment, "--json", *QUICK, *options, **changes)
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is (done.returncode == 0)
    return done.returncode, {step["step"]: step for step in report["steps"]}


def prepare_accounts(environment: Mapping[str, str]) -> None:
    """Let the canary make its accounts, and visit the pages that it names."""
    shorten_auctions(environment)
    for visit in (_pass_identity_checks, _open_payout_accounts):
        left = start_canary(environment, "--prepare")
        assert left.returncode == 1, left.stderr
        visit(environment)
    # A repeated preparation finds nothing left to do.
    ready = start_canary(environment, "--prepare")
    assert (0, "Both accounts can trade.\n") == (ready.returncode, ready.stdout), ready.stderr


def sign_up(environment: Mapping[str, str], email: str) -> None:
    """Make an account that may not trade yet."""
    with httpx.Client(timeout=_TIMEOUT_S) as http:
        http.post(
            f"{environment['SUPABASE_URL']}/auth/v1/signup",
            json={"email": email, "password": PASSWORD},
            headers={"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]},
        ).raise_for_status()


def webhook_endpoints(environment: Mapping[str, str]) -> Sequence[Mapping[str, Any]]:
    """Return the webhook endpoints that Stripe has of the account."""
    page = _stripe(environment).v1.webhook_endpoints.list({"limit": 100})
    assert not page.has_more
    return [endpoint.to_dict() for endpoint in page.data]


def shorten_auctions(environment: Mapping[str, str]) -> None:
    """Set the settings of staging, as docs/canary.md says, and raise every limit."""
    with psycopg.connect(environment["DATABASE_URL"]) as database:
        for key, value in _SETTINGS.items():
            database.execute(
                "update private.app_settings set value = %s where key = %s", [Jsonb(value), key]
            )
        database.execute(
            "update private.app_settings set value = ("
            " select jsonb_object_agg(action, jsonb_set(one, '{max}', '100000'))"
            " from jsonb_each(value) as each (action, one)) where key = 'rate_limits'"
        )


def _pass_identity_checks(environment: Mapping[str, str]) -> None:
    """Do what both people do on the pages of Stripe Identity."""
    sessions = _stripe(environment).v1.identity.verification_sessions.list({"limit": 100}).data
    for session in sessions:
        if session.status == "requires_input":
            _control(environment, f"/identity/{session.id}/check", status="verified")
    _wait_for_rows(environment, "select from public.users where kyc = 'passed'", 2)


def _open_payout_accounts(environment: Mapping[str, str]) -> None:
    """Do what the seller does on the page of Stripe Connect."""
    for account in _stripe(environment).v1.accounts.list({"limit": 100}).data:
        if not account.payouts_enabled:
            _control(environment, f"/accounts/{account.id}/onboarding")
    _wait_for_rows(environment, "select from public.users where payouts_enabled", 1)


def _wait_for_rows(environment: Mapping[str, str], query: str, count: int) -> None:
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as database:
        assert wait_until(lambda: database.execute(query).rowcount >= count, _TIMEOUT_S), query


def _control(environment: Mapping[str, str], path: str, **body: str) -> None:
    with httpx.Client(timeout=_TIMEOUT_S) as http:
        http.post(environment["STRIPE_CONTROL_URL"] + path, json=body).raise_for_status()


def _stripe(environment: Mapping[str, str]) -> stripe.StripeClient:
    return stripe.StripeClient(
        environment["STRIPE_SECRET_KEY"], base_addresses={"api": environment["STRIPE_API_BASE"]}
    )

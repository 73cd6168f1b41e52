"""What the acceptance tests rely on: whole stacks, two accounts on them, and the canary to run."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import psycopg
import pytest
from psycopg.types.json import Jsonb
from supabase import ClientOptions, create_client

from devstack.processes import wait_until
from devstack.schema import ROOT
from tests.integration.conftest import running_stack


BUYER, SELLER = "canary-buyer@example.com", "canary-seller@example.com"
PASSWORD = "a canary's: password"
PROFILE = {
    "legal_name": "A Canary",
    "dob": "1990-01-01",
    "address": {"street": "1 Bird St", "suburb": "Perth", "postcode": "6000", "state": "WA"},
}
#: A canary that knows how fast a stack of our own is.
QUICK = ("--auction-s", "3.5", "--close-patience-s", "6", "--poll-count", "5", "--poll-s", "0.5")


def sign_up(environment: Mapping[str, str], *emails: str) -> None:
    """Make accounts that may not trade yet."""
    url, key = environment["SUPABASE_URL"], environment["SUPABASE_PUBLISHABLE_KEY"]
    with httpx.Client(timeout=15) as http:
        options = ClientOptions(httpx_client=http, auto_refresh_token=False)
        for email in emails:
            client = create_client(url, key, options)
            client.auth.sign_up({"email": email, "password": PASSWORD})
            client.auth.sign_out()


def prepare_accounts(environment: Mapping[str, str]) -> None:
    """Sign the canary's two accounts up and let them trade, as an operator does once on staging."""
    sign_up(environment, BUYER, SELLER)
    for email in (BUYER, SELLER):
        verify(environment, email)
    with psycopg.connect(environment["DATABASE_URL"]) as database:
        for key in ("snipe_window_s", "snipe_extend_s"):
            database.execute(
                "update private.app_settings set value = %s where key = %s", [Jsonb(3), key]
            )


def verify(environment: Mapping[str, str], email: str) -> None:
    """Let an account pass the check of Stripe Identity."""
    service, control = environment["SERVICE_URL"], environment["STRIPE_CONTROL_URL"]
    with httpx.Client(timeout=15) as http:
        signed_in = http.post(
            f"{environment['SUPABASE_URL']}/auth/v1/token?grant_type=password",
            json={"email": email, "password": PASSWORD},
            headers={"apikey": environment["SUPABASE_PUBLISHABLE_KEY"]},
        ).raise_for_status()
        http.headers["Authorization"] = f"Bearer {signed_in.json()['access_token']}"
        started = http.post(f"{service}/api/kyc/start", json=PROFILE).raise_for_status()
        path = f"/identity/{started.json()['verificationId']}/check"
        http.post(control + path, json={"status": "verified"}).raise_for_status()
        assert wait_until(
            lambda: http.get(f"{service}/api/kyc").json()["status"] == "passed", 30
        ), f"{email} was not verified"


def canary_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what the canary is told of a stack: the names of the contract, and nothing else."""
    names = (
        "CANARY_TOKEN",
        "STRIPE_SECRET_KEY",
        "STRIPE_API_BASE",
        "SUPABASE_URL",
        "SUPABASE_PUBLISHABLE_KEY",
        "SUPABASE_SECRET_KEY",
    )
    return {name: environment[name] for name in names} | {
        "SITE_URL": environment["SERVICE_URL"],
        "STRIPE_WEBHOOK_SECRET": environment["STRIPE_WEBHOOK_SECRETS"].split(",")[0],
        "CANARY_BUYER": f"{BUYER}:{PASSWORD}",
        "CANARY_SELLER": f"{SELLER}:{PASSWORD}",
        "PATH": os.environ["PATH"],
    }


def run_canary(
    environment: Mapping[str, str], *options: str, **changes: str
) -> tuple[int, dict[str, Any]]:
    """Run the canary against a stack; return its exit code and its steps by their titles."""
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "tests.canary", "--json", *QUICK, *options],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=canary_environment(environment) | changes,
        timeout=120,
    )
    assert done.stdout, done.stderr
    report = json.loads(done.stdout)
    assert report["ok"] is (done.returncode == 0)
    return done.returncode, {step["step"]: step for step in report["steps"]}


@pytest.fixture(scope="module")
def prepared_stack() -> Iterator[Mapping[str, str]]:
    """Start the whole system, with the canary's accounts on it."""
    with running_stack() as environment:
        prepare_accounts(environment)
        yield environment

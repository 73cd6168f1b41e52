"""The canary against the whole system: green if all is well, and red with a clear finding.

`tests/proof/canary_faults.py` plants the faults of a whole deployment, one after the other.
"""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import psycopg
import pytest

from devstack.paths import ROOT
from tests.acceptance.canary_runs import (
    PASSWORD,
    PATIENT,
    canary_environment,
    run_canary,
    sign_up,
    start_canary,
    webhook_endpoints,
)
from tests.canary import steps
from tests.integration.service.own_service import running_service
from tests.proof.http_proxy import OtherKey, Recorder


pytestmark = pytest.mark.xdist_group("canary")

NOWHERE = "http://127.0.0.1:9"


def failed(found: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [name for name, step in found.items() if step["result"] == "failed"]


def test_canary_is_green_on_a_healthy_system(
    prepared_stack: Mapping[str, str], tmp_path: Path
) -> None:
    """Every step passes, each says so when it ends, and the job summary has them all.

    D12: the run only reads Stripe's webhook endpoints, and they stay as they were.
    """
    page = tmp_path / "summary.md"
    endpoints = webhook_endpoints(prepared_stack)

    with Recorder(prepared_stack["STRIPE_API_BASE"]) as stripe:
        done = start_canary(
            prepared_stack, *PATIENT, GITHUB_STEP_SUMMARY=str(page), STRIPE_API_BASE=stripe.url
        )

    assert (0, "") == (done.returncode, done.stderr), done.stdout
    progress, _, table = done.stdout.partition("\n\n")
    for step in steps.ON_STAGING:
        assert f"ok  {step}  " in progress
        assert f"ok  {step} " in table
        assert f"| ✅ | {step} |" in page.read_text()
    assert "Stripe delivered evt_" in progress
    assert f"{len(steps.ON_STAGING)} of {len(steps.ON_STAGING)} steps passed." in table
    assert "## Canary on staging: green" in page.read_text()
    listed = [one for one in stripe.requests if one[1].startswith("/v1/webhook_endpoints")]
    assert {("GET", "/v1/webhook_endpoints")} == set(listed)
    assert endpoints
    assert endpoints == webhook_endpoints(prepared_stack)


def test_failed_step_says_what_to_look_at(prepared_stack: Mapping[str, str]) -> None:
    """The finding names a buyer who may not trade.

    Dependent steps are skipped, and no order stays open.
    """
    newcomer = "not-checked@example.com"
    sign_up(prepared_stack, newcomer)

    code, found = run_canary(prepared_stack, *PATIENT, CANARY_BUYER=f"{newcomer}:{PASSWORD}")

    assert 1 == code
    assert [str(steps.BIDS)] == failed(found)
    finding = found[str(steps.BIDS)]
    assert "success of place_bid" == finding["expected"]
    assert "KYC_REQUIRED" in finding["seen"]
    assert "docs/canary.md#step-3" == finding["runbook"]
    assert "skipped" == found[str(steps.PAID)]["result"]
    detail = found[str(steps.CLEAN_UP)]["detail"]
    assert re.fullmatch(r"listing \S+ cancelled, signed out", detail), detail


def test_canary_is_red_where_no_site_answers(prepared_stack: Mapping[str, str]) -> None:
    """Every step of the site fails by itself, and the canary still reports."""
    code, found = run_canary(prepared_stack, "--environment", "production", SITE_URL=NOWHERE)

    assert 1 == code
    assert [str(step) for step in steps.ON_PRODUCTION] == list(found) == failed(found)


def test_canary_needs_only_three_variables_on_production(
    prepared_stack: Mapping[str, str],
) -> None:
    """The canary needs no account there. This site is in test mode, so it refuses a live event."""
    missing = dict.fromkeys(
        ("CANARY_BUYER", "CANARY_SELLER", "STRIPE_SECRET_KEY", "SUPABASE_SECRET_KEY"), ""
    )

    code, found = run_canary(prepared_stack, "--environment", "production", **missing)

    assert 1 == code
    assert [str(step) for step in steps.ON_PRODUCTION] == list(found)
    assert [str(steps.UNHANDLED)] == failed(found)
    assert "Livemode mismatch" in found[str(steps.UNHANDLED)]["seen"]


@contextlib.contextmanager
def refusing_refunds(environment: Mapping[str, str]) -> Iterator[None]:
    """Let Stripe refuse each refund until the block ends."""
    faults = f"{environment['STRIPE_CONTROL_URL']}/faults"
    refusal = {"method": "POST", "path": "/v1/refunds", "status": 429, "times": 100_000}
    httpx.post(faults, json=refusal).raise_for_status()
    try:
        yield
    finally:
        httpx.delete(faults).raise_for_status()


def test_interrupted_canary_ends_its_orders(prepared_stack: Mapping[str, str]) -> None:
    """A canary that gets SIGTERM still refunds what it has paid, and its run is red.

    Stripe makes no refund until then, so the canary waits for its first one.
    """
    with (
        refusing_refunds(prepared_stack),
        subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-u", "-m", "tests.canary", *PATIENT],
            cwd=ROOT,
            env=canary_environment(prepared_stack),
            stdout=subprocess.PIPE,
            text=True,
        ) as process,
    ):
        assert process.stdout is not None
        assert any(f"ok  {steps.PAID} " in line for line in process.stdout)
        process.terminate()
        report = process.stdout.read()

    assert 1 == process.returncode
    assert f" of {len(steps.ON_STAGING)} steps passed." in report
    assert f"ok  {steps.CLEAN_UP} " in report
    with psycopg.connect(prepared_stack["DATABASE_URL"]) as database:
        left = (
            "select state from public.orders where not refund_pending"
            " and state not in ('refunded', 'released', 'cancelled')"
        )
        assert [] == database.execute(left).fetchall()


def test_canary_is_green_on_a_site_in_live_mode(
    prepared_stack: Mapping[str, str], tmp_path: Path
) -> None:
    """The live event is stored and ignored; the proxy holds the test key of the fake Stripe."""
    with (
        OtherKey(prepared_stack["STRIPE_API_BASE"], prepared_stack["STRIPE_SECRET_KEY"]) as proxy,
        running_service(
            prepared_stack,
            tmp_path / "service.log",
            ENVIRONMENT="staging",
            STRIPE_API_BASE=proxy.url,
            STRIPE_LIVEMODE="true",
            STRIPE_SECRET_KEY="sk_live_of_nobody",
        ) as service,
    ):
        code, found = run_canary(
            prepared_stack, "--environment", "production", SITE_URL=service.url
        )

    assert ([], 0) == (failed(found), code), found
    assert "acknowledged in" in found[str(steps.UNHANDLED)]["detail"]

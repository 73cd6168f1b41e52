"""The canary, against the whole system: green when all is well, red for each fault from outside."""

from collections.abc import Mapping

import psycopg
import pytest

from tests.acceptance.conftest import PASSWORD, prepare_accounts, run_canary, sign_up
from tests.canary import canary as titles
from tests.integration.conftest import running_stack


pytestmark = pytest.mark.xdist_group("canary")


def failed_steps(steps: Mapping[str, Mapping[str, str]]) -> list[str]:
    return [title for title, step in steps.items() if step["result"] == "failed"]


def test_canary_is_green_on_a_healthy_system(prepared_stack: Mapping[str, str]) -> None:
    """Every step passes, and the second delivery is told from the first."""
    code, steps = run_canary(prepared_stack)

    assert {} == {t: s["detail"] for t, s in steps.items() if s["result"] != "passed"}
    assert 0 == code
    assert "status processed" in steps[titles.PAY]["detail"]
    assert "already_processed" in steps[titles.AGAIN]["detail"]


def test_canary_is_red_with_a_wrong_webhook_secret(prepared_stack: Mapping[str, str]) -> None:
    """A secret that the site does not know is found at the first signed event."""
    code, steps = run_canary(prepared_stack, STRIPE_WEBHOOK_SECRET="whsec_of_another_site")

    assert 1 == code
    assert [titles.PAY] == failed_steps(steps)
    assert "Invalid signature" in steps[titles.PAY]["detail"]
    assert "skipped" == steps[titles.PAID]["result"]
    assert "passed" == steps[titles.TOKEN]["result"]


def test_canary_is_red_with_a_wrong_canary_token(prepared_stack: Mapping[str, str]) -> None:
    """The event is taken, and the canary may not see what became of it."""
    code, steps = run_canary(prepared_stack, CANARY_TOKEN="another-token")

    assert 1 == code
    assert [titles.STORED] == failed_steps(steps)


def test_canary_takes_back_what_nobody_could_bid_for(prepared_stack: Mapping[str, str]) -> None:
    """A run that fails before the first bid leaves no listing open."""
    stranger = "not-checked@example.com"
    sign_up(prepared_stack, stranger)

    code, steps = run_canary(prepared_stack, CANARY_BUYER=f"{stranger}:{PASSWORD}")

    assert 1 == code
    assert [titles.BID] == failed_steps(steps)
    assert "KYC_REQUIRED" in steps[titles.BID]["detail"]
    assert "listing cancelled, signed out" == steps[titles.CLEAN_UP]["detail"]


def test_canary_is_red_where_nobody_listens(prepared_stack: Mapping[str, str]) -> None:
    """A site that does not answer fails step by step, and the canary still reports."""
    code, steps = run_canary(
        prepared_stack, "--environment", "production", SITE_URL="http://127.0.0.1:9"
    )

    assert 1 == code
    assert list(steps) == failed_steps(steps)
    assert 4 == len(steps)


def test_canary_is_red_without_the_closer() -> None:
    """An auction that stays open after its end is found, and said to be open."""
    with running_stack("--only", "postgres,gateway,stripe,service") as environment:
        prepare_accounts(environment)
        code, steps = run_canary(environment)

    assert 1 == code
    assert [titles.CLOSE] == failed_steps(steps)
    assert "still live" in steps[titles.CLOSE]["detail"]


def test_canary_is_red_when_payments_cannot_be_applied() -> None:
    """A right that a deployment lost is found by the event that stays unprocessed."""
    with running_stack() as environment:
        prepare_accounts(environment)
        with psycopg.connect(environment["DATABASE_URL"]) as database:
            database.execute(
                "do $$ declare v_function regprocedure; begin"
                " for v_function in select oid from pg_proc"
                " where proname = 'apply_payment_succeeded'"
                " and pronamespace = 'public'::regnamespace loop"
                " execute format('revoke execute on function %s from service_role', v_function);"
                " end loop; end $$"
            )
        code, steps = run_canary(environment)

    assert 1 == code
    assert [titles.STORED] == failed_steps(steps)
    assert "was not processed" in steps[titles.STORED]["detail"]


def test_canary_buys_nothing_on_production(prepared_stack: Mapping[str, str]) -> None:
    """There it needs no account; a live event is refused by this site, which is in test mode."""
    code, steps = run_canary(
        prepared_stack, "--environment", "production", CANARY_BUYER="", CANARY_SELLER=""
    )

    assert 1 == code
    assert {titles.HEALTH, titles.FORGED, titles.UNHANDLED, titles.TOKEN} == set(steps)
    assert [titles.UNHANDLED] == failed_steps(steps)
    assert "Livemode mismatch" in steps[titles.UNHANDLED]["detail"]

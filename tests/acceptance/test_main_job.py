"""The main job, from sign-up to the books of two orders, as `make demo` runs it."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from devstack.paths import ROOT
from devstack.supervisor.options import PARTS
from devstack.supervisor.ports import free_base
from devstack.supervisor.processes import wait_until


DEMO = (sys.executable, "-m", "devstack.demo")


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    """Run the demo with JSON output, and return its report."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*DEMO, "--json", "--port-base", str(free_base(len(PARTS)))],
        check=False,
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=180,
    )
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_demo_holds_every_expectation(report: dict[str, Any]) -> None:
    """The demo checks each step itself; all of them were taken."""
    assert report["ok"] is True
    assert report["error"] is None
    assert all(step["took_ms"] is not None for step in report["steps"])


def test_people_are_verified_over_http(report: dict[str, Any]) -> None:
    """Everybody passes KYC by a session of Stripe Identity; SQL only changes the soft close."""
    titles = [step["title"] for step in report["steps"]]
    queries = [
        query
        for path in sorted((ROOT / "devstack/demo").glob("*.py"))
        for query in re.findall(r"execute\(\s*\"([^\"]+)\"", path.read_text())
    ]

    assert "Ada shows her licence to Stripe Identity, and may sell" in titles
    assert "Ben, Cleo and Dan prove who they are, so they may bid" in titles
    assert ["update private.app_settings set value = %s where key = any(%s)"] == queries


def test_auction_is_sold_at_the_second_price_and_extended(report: dict[str, Any]) -> None:
    """The price is one step above the runner-up's maximum, and a late bid moved the end."""
    auction = report["auction"]

    assert ("finalized", 24_500, True) == (
        auction["status"],
        auction["current_price_cents"],
        auction["reserve_met"],
    )
    assert 1 == auction["extension_count"]
    assert auction["scheduled_end_at"] < auction["end_at"] <= auction["finalized_at"]
    assert auction["broadcasts"] >= 2


def test_history_shows_bids_and_no_maximum(report: dict[str, Any]) -> None:
    """The history shows four bids by hand, and the proxy bids that answered them."""
    amounts = [bid["amount_cents"] for bid in report["bids"]]

    assert [10_000, 11_000, 11_500, 12_000, 15_000, 20_000, 21_000, 24_000, 24_500] == amounts
    assert 4 == sum(not bid["is_automatic"] for bid in report["bids"])


def test_first_order_is_handed_over_and_paid_out(report: dict[str, Any]) -> None:
    """The market keeps five per cent, and the seller gets the rest."""
    order = report["order"]

    assert "released" == order["state"]
    assert (24_500, 1_225, 23_275) == tuple(
        order[key] for key in ("amount_cents", "fee_cents", "seller_cents")
    )
    assert {"stripe_clearing": 1_225, "platform_fee": -1_225} == balances(order["ledger"])


def test_second_order_ends_at_zero(report: dict[str, Any]) -> None:
    """A partial refund, a payout, a lost dispute and a reversal end at zero (cases 18, 23)."""
    order = report["second_order"]

    assert "refunded" == order["state"]
    assert {"CAPTURE", "REFUND", "RELEASE", "FEE", "PAYOUT", "HOLD", "ADJUST"} == {
        entry["entry_type"] for entry in order["ledger"]
    }
    assert {} == balances(order["ledger"])


def balances(entries: list[dict[str, Any]]) -> dict[str, int]:
    """Return the balance of each account that is not at zero."""
    found: dict[str, int] = {}
    for entry in entries:
        found[entry["account"]] = found.get(entry["account"], 0) + entry["amount_cents"]
    return {account: cents for account, cents in found.items() if cents}


def test_number_is_masked_until_the_payment(report: dict[str, Any]) -> None:
    """The seller reads a mask until the payment; then both read phone numbers (case 22)."""
    before, after, _ = report["messages"]

    assert ("mask", "delivered") == (before["action"], before["delivery"])
    assert "345" not in before["content"]
    assert "▇" in before["content"]
    assert ("allow", "delivered") == (after["action"], after["delivery"])
    assert "0412 345 678" in after["content"]


def test_way_around_the_market_is_masked_always(report: dict[str, Any]) -> None:
    """No stage lets a PayID pass (case 22)."""
    *_, offer = report["messages"]

    assert ("mask", "delivered") == (offer["action"], offer["delivery"])
    assert "PAYID" in offer["reason_codes"]
    assert "345" not in offer["content"]


def test_repeated_event_was_recognised(report: dict[str, Any]) -> None:
    """The service answers the second delivery as a repetition."""
    [repeat] = report["repeats"]

    assert (True, "already_processed") == (repeat["idempotent"], repeat["status"])


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--port-base", "80"], "--port-base must be auto or 1024 to"),
        (["--no-such-option"], "unrecognized arguments"),
    ],
)
def test_bad_option_is_one_sentence(options: list[str], sentence: str) -> None:
    """A command with a wrong option starts nothing and prints one sentence."""
    done = subprocess.run(  # noqa: S603 - our own program
        [*DEMO, *options], check=False, capture_output=True, text=True, cwd=ROOT, timeout=60
    )

    assert 0 != done.returncode
    assert sentence in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("output", "number"),
    [
        (None, signal.SIGINT),
        ("The whole system starts", signal.SIGINT),
        ("Ben signs in again", signal.SIGTERM),
    ],
)
def test_interrupted_demo_leaves_no_process(
    tmp_path: Path, output: str | None, number: signal.Signals
) -> None:
    """A demo that is stopped at its start, or in the middle, ends each of its processes."""
    mark = f"{os.getpid()}-{tmp_path.name}"
    with subprocess.Popen(  # noqa: S603 - our own program
        [*DEMO, "--port-base", str(free_base(len(PARTS)))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=ROOT,
        env=os.environ | {"DEMO_TEST": mark},
    ) as process:
        assert process.stdout is not None
        if output is None:
            assert wait_until(lambda: len(processes_with(mark)) > 1, 60)
        elif not any(output in line for line in process.stdout):
            pytest.fail(f"the demo ended before “{output}”")

        process.send_signal(number)

        printed = process.stdout.read()
        assert 130 == process.wait(60), printed
    assert [] == processes_with(mark)


def processes_with(mark: str) -> list[str]:
    """Return the commands of the processes that inherited the mark."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"DEMO_TEST={mark}".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found

"""The end-to-end check of a deployment: a black box that knows addresses, keys and no code.

On staging it sells two things to itself and follows the money. On production it moves no money: it
checks the public routes, and sends an event that the site must store and ignore.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.canary import steps
from tests.canary.marketplace import Marketplace
from tests.canary.orders import Orders
from tests.canary.payment import Payment, StripeAccount
from tests.canary.prepare import prepare
from tests.canary.report import Run
from tests.canary.routes import Site, check_unhandled
from tests.canary.settings import CanarySettings, SettingsError, read_settings


def main(arguments: Sequence[str]) -> int:
    """Run the canary; return 0 if every step passed, 1 if one did not, 2 if it could not run."""
    try:
        settings = read_settings(arguments)
    except SettingsError as error:
        print(f"canary: {error}", file=sys.stderr)
        return 2
    if settings.is_preparation:
        return prepare(settings)
    # A job that is ended from outside still cleans up: SIGTERM interrupts as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    progress = sys.stderr if settings.is_json else sys.stdout
    plan = steps.ON_PRODUCTION if settings.is_production else steps.ON_STAGING
    run = Run(plan, lambda line: print(line, file=progress, flush=True))
    # An interrupted run lacks steps, so it is red.
    with contextlib.suppress(KeyboardInterrupt):
        _run(run, settings)
    _report(run, settings)
    return 0 if run.is_green else 1


def _run(run: Run, settings: CanarySettings) -> None:
    with contextlib.closing(Site(settings)) as site:
        run.step(steps.HEALTH, site.check_health)
        run.step(steps.FORGED, site.check_bad_signature)
        run.step(steps.TOKEN, site.check_canary_needs_token)
        run.step(
            steps.UNHANDLED,
            lambda: check_unhandled(site, settings.webhook_secret, livemode=settings.is_production),
        )
        if not settings.is_production:
            with contextlib.closing(Marketplace(settings)) as marketplace:
                _trade(run, settings, site, marketplace)


def _trade(run: Run, settings: CanarySettings, site: Site, marketplace: Marketplace) -> None:
    """Sell two things, and clean up in any case."""
    account = StripeAccount(settings)
    orders = Orders(settings, site, account, marketplace)
    first, second = (Payment(settings, site, account, marketplace, sale) for sale in (0, 1))
    try:
        run.step(steps.SIGN_IN, marketplace.sign_in)
        run.step(steps.BIDS, marketplace.open_sales)
        run.step(steps.MASKED, marketplace.ask_with_number)
        run.step(steps.CLOSE, marketplace.wait_for_close)
        run.step(steps.INTENT, first.create_intent)
        run.step(steps.CONFIRM, first.confirm)
        run.step(steps.EVENT, first.bring_event)
        run.step(steps.PROCESSED, first.wait_until_processed)
        run.step(steps.PAID, first.check_paid)
        run.step(steps.REPEATED, first.repeat_event)
        run.step(steps.REFUNDED, lambda: orders.refund(first))
        run.step(steps.SECOND_PAID, lambda: second.pay_after(first))
        run.step(steps.HANDED_OVER, lambda: orders.hand_over(second))
        run.step(steps.RELEASED, lambda: orders.release(second))
        run.step(steps.SELLER_PAID, lambda: orders.check_seller_paid(second))
    finally:
        run.step(steps.CLEAN_UP, orders.clean_up)


def _report(run: Run, settings: CanarySettings) -> None:
    print(run.as_json(settings.environment) if settings.is_json else run.as_table())
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as page:
            page.write(run.as_markdown(settings.environment))

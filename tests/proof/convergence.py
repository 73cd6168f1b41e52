"""The database agrees with Stripe after reordered and repeated events and killed processes."""

import logging
import os
import random
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import structlog

from devstack.supervisor.processes import wait_until
from tests.faults.fleet import Fleet
from tests.faults.reconciling import Reconciler, look_at_once
from tests.integration.service.shop import Shop
from tests.proof import stripe_comparison
from tests.proof.scenarios import SCENARIOS, WAVES, ScenarioRun
from tests.proof.webhook_delivery import ProcessKiller, WebhookSenders
from tests.sql.actors import Actor
from tests.support.stack import running_stack


DELIVERIES = int(os.environ.get("SOAK_DELIVERIES", "100000"))
#: An order has about this many events.
EVENTS_PER_ORDER = 8
#: More orders would take longer to begin than their events to arrive.
MOST_ORDERS = 400
ORDERS = max(len(SCENARIOS), min(MOST_ORDERS, DELIVERIES // 125))
#: The senders get the events of this many orders together.
ORDERS_AT_ONCE = 10
#: Each event is delivered this many times.
COPIES = max(2, DELIVERIES // (ORDERS * EVENTS_PER_ORDER))
KILLS = max(2, min(40, DELIVERIES // 800))
#: The longest time without a kill until a wave is settled.
TIMEOUT_S = 300
LOOK_S = 0.2
REPORT_S = 20


@pytest.fixture(scope="module")
def environment() -> Iterator[Mapping[str, str]]:
    with running_stack("--only", "postgres,gateway,stripe,service") as environment:
        yield environment


@pytest.fixture
def soak(
    environment: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator["Soak"]:
    look_at_once(monkeypatch)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    seed = int(os.environ.get("SOAK_SEED") or random.SystemRandom().randrange(2**32))
    print(f"SOAK_SEED={seed} SOAK_DELIVERIES={DELIVERIES}")  # noqa: T201  # a rerun needs the seed
    fleet = Fleet(environment, tmp_path / "workers.log")
    with Shop(environment) as shop:
        shop.command("PUT", "/delivery", mode="hold")
        fleet.start()
        soak = Soak(shop, fleet, random.Random(seed))  # noqa: S311 - no secrets
        yield soak
        soak.close()
    fleet.close()
    structlog.reset_defaults()


def test_all_deliveries_end_in_the_truth_of_stripe(soak: "Soak") -> None:
    """Orders, payments, refunds, disputes, payouts and ledger are as Stripe's objects imply.

    There are at least SOAK_DELIVERIES deliveries. SOAK_SEED repeats the plan of a run, but not
    its timing.
    """
    soak.open(ORDERS)
    for wave in range(WAVES):
        soak.run(wave)
    soak.deliver_rest(DELIVERIES)

    soak.check()


class Soak:
    """Performs all steps, delivers their events, and compares the result with Stripe."""

    def __init__(self, shop: Shop, fleet: Fleet, rng: random.Random) -> None:
        self.shop = shop
        self.rng = rng
        self.began_at = time.monotonic()
        self.senders = WebhookSenders(shop, rng)
        self.killer = ProcessKiller(shop, fleet, rng)
        self.reconciler = Reconciler.of(shop.environment)
        self.staff = shop.person("staff", role="moderator")
        self.sellers = [self._seller(is_ready=True), self._seller(is_ready=False)]
        self.runs: list[ScenarioRun] = []
        self.events: dict[str, dict[str, Any]] = {}
        self._newest: dict[str, str] = {}
        self._next_kill = DELIVERIES // KILLS // 2
        self._report_at = self.began_at + REPORT_S

    def open(self, count: int) -> None:
        """Sell `count` things, each scenario about equally often."""
        for number in range(count):
            scenario = SCENARIOS[number % len(SCENARIOS)]
            seller = self.sellers[scenario.is_seller_late]
            self.runs.append(
                ScenarioRun(
                    shop=self.shop,
                    order=self.shop.awaiting(seller=seller),
                    seller=seller,
                    buyer=self.shop.buyer,
                    staff=self.staff,
                    scenario=scenario,
                )
            )
        self.report("opened")

    def run(self, wave: int) -> None:
        """Take the steps of a wave at Stripe, while its events are delivered."""
        for number, run in enumerate(self.rng.sample(self.runs, len(self.runs))):
            if number % ORDERS_AT_ONCE == 0:
                self._take_events()
            for step in run.scenario.waves[wave] if wave < len(run.scenario.waves) else ():
                step(run)
        if wave == WAVES - 1:
            self._onboard(self.sellers[1])
        self.settle()
        self.report(f"wave {wave + 1} of {WAVES} settled")

    def deliver_rest(self, count: int) -> None:
        """Deliver past events again until there were `count` deliveries."""
        everything = list(self.events.values())
        while self.senders.delivered + self.senders.left < count:
            self.senders.add(self.rng.choice(everything), 20)
        self.settle()

    def settle(self) -> None:
        """Deliver and kill until no work is left."""
        while True:
            in_time = wait_until(
                lambda: self._is_kill_due() or self._is_settled(), TIMEOUT_S, look_s=LOOK_S
            )
            assert in_time, self._open_work()
            if not self._is_kill_due():
                return
            self.killer.kill_next()
            self._next_kill += DELIVERIES // KILLS

    def check(self) -> None:
        """Compare our rows with Stripe's final objects."""
        objects = stripe_comparison.StripeObjects.read(self.shop.stripe)
        found = stripe_comparison.found(self.shop.db, [run.order.id for run in self.runs])
        for run in self.runs:
            expected = stripe_comparison.expected(run, objects)
            name, ours = run.scenario.name, found[run.order.id]
            assert (name, {}, {}) == (name, dict(expected - ours), dict(ours - expected))
            stripe_comparison.check_payout(run, objects)
        self.shop.check_books()
        assert self._open_work() == []
        assert self.senders.delivered >= DELIVERIES
        assert self.killer.counts.total() >= 1
        self.report("agrees with Stripe")

    def report(self, what: str) -> None:
        """Print the progress."""
        took_s = time.monotonic() - self.began_at
        delivered = self.senders.delivered
        print(  # noqa: T201  # a long run must show its progress
            f"{took_s:6.0f} s  {what}: {len(self.runs)} orders, {len(self.events)} events, "
            f"{delivered} deliveries ({delivered / took_s:.0f}/s), "
            f"{self.killer.counts.total()} kills {dict(self.killer.counts)}, "
            f"answers {dict(self.senders.counts)}",
            flush=True,
        )

    def close(self) -> None:
        """End the senders."""
        self.senders.close()
        self.reconciler.close()

    def _seller(self, *, is_ready: bool) -> Actor:
        seller = self.shop.person("seller", role="seller")
        capabilities: Any = {
            "card_payments": {"requested": True},
            "transfers": {"requested": True},
        }
        account: Any = {"type": "express", "country": "AU", "capabilities": capabilities}
        made = self.shop.stripe.v1.accounts.create(account)
        answer = self.shop.service.call(
            "set_connect_account", user_id=seller.id, account_id=made.id
        )
        assert answer["success"], answer
        if is_ready:
            self._onboard(seller)
        return seller

    def _onboard(self, seller: Actor) -> None:
        query = "select stripe_connect_account_id from public.users where id = %s"
        self.shop.command("POST", f"/accounts/{self.shop.value(query, seller.id)}/onboarding")

    def _is_kill_due(self) -> bool:
        return self.senders.delivered >= self._next_kill

    def _is_settled(self) -> bool:
        """Hand on new events, and reconcile once all are delivered; return true if none is left."""
        if time.monotonic() >= self._report_at:
            self.report("delivering")
            self._report_at = time.monotonic() + REPORT_S
        self._take_events()
        if self.senders.left > 0:
            return False
        self.reconciler.run()
        return not self._take_events() and self._open_work() == []

    def _take_events(self) -> bool:
        """Hand new events of Stripe to the senders; return true if there were any."""
        events = [event for account in self._accounts() for event in self._new_events_of(account)]
        for event in self.rng.sample(events, len(events)):
            self.events[event["id"]] = event
            self.senders.add(event, COPIES)
        return bool(events)

    def _accounts(self) -> list[str]:
        query = "select stripe_connect_account_id from public.users where id = any(%s)"
        ids = [seller.id for seller in self.sellers]
        return ["", *(account for (account,) in self.shop.db.execute(query, [ids]))]

    def _new_events_of(self, account: str) -> list[dict[str, Any]]:
        """Return the events of an account since the last look, oldest first."""
        options: Any = {"stripe_account": account} if account else {}
        newest = self._newest.get(account)
        params: Any = {"limit": 100} | ({"ending_before": newest} if newest else {})
        pages = self.shop.stripe.v1.events.list(params, options)
        # With ending_before the library reads on from the oldest, without it from the newest.
        events = [event.to_dict() for event in pages.auto_paging_iter()]
        if newest is None:
            events.reverse()
        if events:
            self._newest[account] = events[-1]["id"]
        return events

    def _open_work(self) -> list[Any]:
        """Return unsettled events, open or dead outbox rows, and events that the inbox lacks."""
        events = """
          select event_id, type, status::text, error_code from public.webhook_events
          where processed_at is null
        """
        rows = """
          select id::text, kind, status::text, last_error from public.outbox
          where status in ('queued', 'leased', 'dead')
            and last_error is distinct from 'PAYOUTS_DISABLED'
        """
        known = {
            event_id
            for (event_id,) in self.shop.db.execute("select event_id from public.webhook_events")
        }
        handled = [e["id"] for e in self.events.values() if e["id"] not in self.senders.dropped]
        return [
            *self.shop.db.execute(events),
            *self.shop.db.execute(rows),
            *(event_id for event_id in handled if event_id not in known),
        ]

"""Bring a market to its end during the planned faults, and wait until nothing is open."""

import asyncio
import dataclasses
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from tests.proof.chaos.bidding import Bidding
from tests.proof.chaos.buying import Buying
from tests.proof.chaos.fault_injection import FaultInjector
from tests.proof.chaos.market import Lot, Market
from tests.proof.chaos.plan import LONG_RUN, Plan
from tests.proof.chaos.system import System
from tests.proof.chaos.web import Web


#: The time limit from the end of all faults until nothing is open. A killed worker's lease lasts a
#: minute, and reconcile looks once a minute.
DRAIN_S = 300.0
_LOOK_S = 1.0
_REPORT_S = 10.0
#: Each query counts one kind of open work.
OPEN_WORK = """
  select
    (select count(*) from public.auctions where status in ('scheduled', 'live')) as auctions,
    (select count(*) from public.webhook_events where processed_at is null) as events,
    (select count(*) from public.outbox where status in ('queued', 'leased')) as outbox_rows,
    (select count(*) from public.payouts where status = 'queued') as payouts,
    (select count(*) from public.auctions where status in ('finalized', 'no_sale')) as closed,
    (select count(*) from public.orders where state <> 'pending_payment') as paid
"""
_COUNTED = ("auctions", "events", "outbox_rows", "payouts")


@dataclasses.dataclass(slots=True, kw_only=True)
class FinishedRun:
    """A run that has ended: what its people and its fault injector know."""

    plan: Plan
    market: Market
    bidding: Bidding
    buying: Buying
    injector: FaultInjector
    web: Web
    #: By the clock of this machine, which the database shares.
    began_at: float
    took_s: float
    faults_s: float
    left: dict[str, int]


class Run:
    """Runs bidders, buyers, faults and jobs of one plan."""

    def __init__(self, plan: Plan, system: System, say: Callable[[str], None]) -> None:
        self._plan = plan
        self._system = system
        self._say = say
        self._web = Web(system.environment)
        self._market = Market(plan, system, self._web)
        self._tasks: list[asyncio.Task[Any]] = []

    async def run(self) -> FinishedRun:
        """Run the plan to its end."""
        second_fleet = asyncio.create_task(self._system.keep_second_fleet())
        try:
            return await self._run()
        finally:
            second_fleet.cancel()
            for task in self._tasks:
                task.cancel()

    async def _run(self) -> FinishedRun:
        self._say(f"signing up {self._plan.users} bidders and {self._plan.sellers} sellers")
        await self._market.open()
        wall, began_at = time.time(), time.monotonic()
        rng = random.Random(self._plan.seed)  # noqa: S311 - no secrets
        bidding = Bidding(self._market, self._web, rng)
        buying = Buying(self._market, self._web)
        injector = FaultInjector(self._plan, self._system, began_at)
        watching = self._start(buying.watch())
        progress = self._start(self._report(bidding, buying, injector, began_at))
        await self._check(asyncio.gather(injector.run(), self._waves(bidding, began_at)), watching)
        await injector.end_all_faults()
        faults_s = time.monotonic() - began_at
        self._say(f"{faults_s:5.0f} s  faults are over; waiting until nothing is open")
        if len(self._plan.auctions) < LONG_RUN:
            await self._market.expire_leases()
        left = await self._drain(buying, injector, watching)
        progress.cancel()
        await injector.close()
        return FinishedRun(
            plan=self._plan,
            market=self._market,
            bidding=bidding,
            buying=buying,
            injector=injector,
            web=self._web,
            began_at=wall,
            took_s=time.monotonic() - began_at,
            faults_s=faults_s,
            left=left,
        )

    async def _waves(self, bidding: Bidding, began_at: float) -> None:
        """Open each wave in time; return when all bidders are done."""
        bids: list[asyncio.Task[None]] = []
        for wave in range(self._plan.wave_count):
            opens_at = began_at + wave * self._plan.wave_gap_s
            await asyncio.sleep(opens_at - time.monotonic())
            lots: Sequence[Lot] = await self._market.open_wave(wave)
            bids += [self._start(bidding.bid_on(lot)) for lot in lots]
        await asyncio.gather(*bids)

    async def _drain(
        self, buying: Buying, injector: FaultInjector, watching: asyncio.Task[None]
    ) -> dict[str, int]:
        """Wait until nothing is open; return what still is when the time is over."""
        ends_at = time.monotonic() + DRAIN_S
        while True:
            [row] = await self._market.read(OPEN_WORK)
            left = {name: row[name] for name in _COUNTED if row[name]}
            if not row["auctions"]:
                buying.is_closed = True
            left |= {"orders": buying.open_count} if buying.open_count else {}
            left |= {"webhooks": count} if (count := await injector.retry_webhooks()) else {}
            if (not left and watching.done()) or time.monotonic() > ends_at:
                return left
            if watching.done():
                watching.result()
            await asyncio.sleep(_LOOK_S)

    async def _check(self, work: "asyncio.Future[Any]", watching: asyncio.Task[None]) -> None:
        """Wait for `work`; a failure of the watching task ends the run at once."""
        await asyncio.wait([work, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done():
            work.cancel()
            watching.result()
            raise RuntimeError("the winners were left alone before the last wave")
        await work

    def _start(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.append(task)
        return task

    async def _report(
        self, bidding: Bidding, buying: Buying, injector: FaultInjector, began_at: float
    ) -> None:
        while True:
            await asyncio.sleep(_REPORT_S)
            [row] = await self._market.read(OPEN_WORK)
            self._say(
                f"{time.monotonic() - began_at:5.0f} s  {row['closed']} of "
                f"{len(self._plan.auctions)} auctions closed, {len(bidding.answered)} bids, "
                f"{row['paid']} orders paid, {buying.open_count} under way, "
                f"{len(injector.injected)} faults; open: {row['auctions']} auctions, "
                f"{row['events']} events, {row['outbox_rows']} outbox rows"
            )

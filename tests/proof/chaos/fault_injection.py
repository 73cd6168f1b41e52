"""Kill processes, and make the gateway, Realtime and Stripe fail, as planned."""

import asyncio
import dataclasses
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import httpx

from tests.proof.chaos.plan import Plan, PlannedFault
from tests.proof.chaos.system import System


_ENDLESS = 1_000_000
#: The control APIs are no part of the system, and answer during its faults.
_CONTROL_TIMEOUT_S = 20.0
_ALL_RPCS = "/rest/v1/*"


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """A fault that took place, in seconds after the start of the run."""

    lane: str
    name: str
    began_s: float
    ended_s: float


class FaultInjector:
    """Injects the planned faults; the lanes run independently."""

    def __init__(self, plan: Plan, system: System, began_at: float) -> None:
        self.injected: list[InjectedFault] = []
        #: Planned faults whose target was not running.
        self.missed: list[str] = []
        self._plan = plan
        self._system = system
        self._began_at = began_at
        self._gateway = _Control(f"{system.environment['SUPABASE_URL']}/_control")
        self._stripe = _Control(system.environment["STRIPE_CONTROL_URL"])
        self._kills: Mapping[str, Callable[[int], bool]] = {
            "kill fleet 1": lambda _: system.kill_workers(),
            "kill fleet 2": lambda _: system.kill_second_fleet(),
            "kill both fleets": lambda _: system.kill_workers() & system.kill_second_fleet(),
            "kill gunicorn": lambda _: system.kill_service(),
            "kill a gunicorn worker": system.kill_service_worker,
            "restart Postgres": lambda _: system.restart_postgres(),
        }
        post = "POST"
        everything, some = ({"path": _ALL_RPCS, "times": times} for times in (_ENDLESS, None))
        self._gateway_faults: Mapping[str, Mapping[str, Any]] = {
            "gateway answers 503": {"status": 503, **everything},
            "gateway is cut": {"reset": True, **everything},
            "gateway is away for long": {"status": 503, **everything},
            "gateway loses replies": {"reset": True, "when": "after", "method": post, **some},
            "gateway hangs": {"hang": True, **some},
            "gateway is slow": {"delay_s": 0.3, **everything},
        }
        self._realtime_modes = {
            "Realtime is silent": "silent",
            "Realtime is deaf": "deaf",
            "Realtime closes": "closing",
        }
        self._stripe_faults: Mapping[str, Mapping[str, Any]] = {
            "Stripe answers 500 before the deed": {"status": 500, "method": post},
            "Stripe answers 500 after the deed": {"status": 500, "when": "after", "method": post},
            "Stripe answers 429": {"status": 429},
            "Stripe is cut": {"reset": True},
            "Stripe loses replies": {"reset": True, "when": "after"},
            "Stripe is slow": {"delay_s": 1.0, "when": "after"},
        }
        self._deliveries: Mapping[str, Mapping[str, Any]] = {
            "webhooks are duplicated": {"mode": "duplicate"},
            "webhooks are delayed": {"mode": "delay", "delay_s": 3.0},
            "webhooks are reordered": {"mode": "reorder"},
            "webhooks are dropped": {"mode": "drop"},
        }

    async def run(self) -> None:
        """Inject the planned faults; return when the last one is over."""
        await asyncio.gather(*(self._lane(lane) for lane in self._plan.faults))

    async def end_all_faults(self) -> None:
        """End every fault that may still last."""
        await self._end_gateway_fault()
        await self._end_stripe_fault()

    async def retry_webhooks(self) -> int:
        """Let Stripe send now what waits for its next try; return the number of such webhooks."""
        await self._stripe.ask("POST", "/deliveries/retry")
        waiting = await self._stripe.ask("GET", "/deliveries?state=waiting")
        return len(waiting["deliveries"])

    async def close(self) -> None:
        """Close the control APIs."""
        await self._gateway.close()
        await self._stripe.close()

    async def _lane(self, lane: str) -> None:
        faults = {
            "processes": self._kill,
            "gateway": self._disturb_gateway,
            "Stripe": self._disturb_stripe,
        }
        for planned in self._plan.faults[lane]:
            await asyncio.sleep(planned.after_s)
            began_s = self._now_s()
            if await faults[lane](planned):
                self.injected.append(
                    InjectedFault(
                        lane=lane, name=planned.name, began_s=began_s, ended_s=self._now_s()
                    )
                )
            else:
                self.missed.append(planned.name)

    async def _kill(self, planned: PlannedFault) -> bool:
        return self._kills[planned.name](planned.times)

    async def _disturb_gateway(self, planned: PlannedFault) -> bool:
        if planned.name in self._realtime_modes:
            await self._gateway.ask("PUT", "/realtime", mode=self._realtime_modes[planned.name])
        else:
            fault = dict(self._gateway_faults[planned.name])
            await self._gateway.ask("POST", "/faults", **_counted(fault, planned))
        await self._hold(planned, self._end_gateway_fault)
        return True

    async def _disturb_stripe(self, planned: PlannedFault) -> bool:
        if planned.name in self._deliveries:
            await self._stripe.ask("PUT", "/delivery", **self._deliveries[planned.name])
        else:
            fault = {"path": "/v1/*", "times": None, **self._stripe_faults[planned.name]}
            await self._stripe.ask("POST", "/faults", **_counted(fault, planned))
        await self._hold(planned, self._end_stripe_fault)
        return True

    async def _hold(self, planned: PlannedFault, end: Callable[[], Awaitable[None]]) -> None:
        try:
            await asyncio.sleep(planned.hold_s)
        finally:
            await end()

    async def _end_gateway_fault(self) -> None:
        await self._gateway.ask("DELETE", "/faults")

    async def _end_stripe_fault(self) -> None:
        await self._stripe.ask("DELETE", "/faults")
        await self._stripe.ask("PUT", "/delivery", mode="normal")

    def _now_s(self) -> float:
        return round(time.monotonic() - self._began_at, 2)


class _Control:
    """The control API of a server of devstack."""

    def __init__(self, url: str) -> None:
        # A server may close an idle connection just when the next call uses it.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._http = httpx.AsyncClient(
            base_url=url, timeout=_CONTROL_TIMEOUT_S, limits=limits, trust_env=False
        )

    async def ask(self, method: str, path: str, /, **body: Any) -> Any:
        answer = await self._http.request(method, path, json=body if method != "GET" else None)
        return answer.raise_for_status().json()

    async def close(self) -> None:
        await self._http.aclose()


def _counted(fault: Mapping[str, Any], planned: PlannedFault) -> dict[str, Any]:
    """Return the fault with the number of requests that it meets."""
    return dict(fault) | ({"times": planned.times} if fault["times"] is None else {})

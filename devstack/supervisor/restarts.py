"""Starts again what crashed, later each time it crashes soon."""

import time

from devstack.supervisor.console import say
from devstack.supervisor.data_folder import described
from devstack.supervisor.programs import Running


FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
#: Who lived so long has earned a quick restart.
GOOD_LIFE_S = 30.0
#: How long the watch may sleep when nothing is due; a child that ends wakes it up.
IDLE_S = 60.0


class Restarts:
    """Which parts wait for their next start, and how long each waited the last time."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}
        self._waited_s: dict[str, float] = {}
        self._started_at: dict[str, float] = {}

    def is_waiting(self, name: str) -> bool:
        """Say whether a part's end is already known."""
        return name in self._due_at

    def plan(self, ended: Running) -> None:
        """Plan the next start of a part that has ended, and tell the person."""
        name, now = ended.part.name, time.monotonic()
        waited_s = self._waited_s.get(name, 0.0)
        if now - self._started_at.get(name, now) > GOOD_LIFE_S:
            waited_s = 0.0
        wait_s = min(waited_s * 2 or FIRST_WAIT_S, LONGEST_WAIT_S)
        self._waited_s[name] = wait_s
        self._due_at[name] = now + wait_s
        say(
            f"{name} ended ({ended.how_it_ended()}); it starts again in {wait_s:g} s. "
            f"Its log: {described(ended.log)}",
            "bad",
        )

    def start_due(self, running: dict[str, Running]) -> float:
        """Start what is due; return how long until the next one is."""
        now = time.monotonic()
        for name in [name for name, due_at in self._due_at.items() if due_at <= now]:
            del self._due_at[name]
            self._started_at[name] = now
            running[name] = running[name].again()
        return max(min(self._due_at.values(), default=now + IDLE_S) - now, 0)

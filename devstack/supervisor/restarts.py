"""Restart crashed programs, with a back-off for those that crash soon again."""

import time

from devstack.supervisor.console import say
from devstack.supervisor.data_folder import described
from devstack.supervisor.programs import RunningProgram


FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
#: A program that ran this long is restarted without back-off.
STABLE_S = 30.0
#: The longest sleep when no restart is due; a child that ends wakes the watch up.
IDLE_S = 60.0


class Restarts:
    """The programs that wait for their next start, and the last wait of each."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}
        self._waited_s: dict[str, float] = {}
        self._started_at: dict[str, float] = {}

    def is_waiting(self, name: str) -> bool:
        """Return whether the end of a program is already known."""
        return name in self._due_at

    def plan(self, ended: RunningProgram) -> None:
        """Plan the next start of a program that has ended, and report it."""
        name, now = ended.program.name, time.monotonic()
        waited_s = self._waited_s.get(name, 0.0)
        if now - self._started_at.get(name, now) > STABLE_S:
            waited_s = 0.0
        wait_s = min(waited_s * 2 or FIRST_WAIT_S, LONGEST_WAIT_S)
        self._waited_s[name] = wait_s
        self._due_at[name] = now + wait_s
        say(
            f"{name} ended ({ended.how_it_ended()}); it starts again in {wait_s:g} s. "
            f"Its log: {described(ended.log)}",
            "bad",
        )

    def start_due(self, running: dict[str, RunningProgram]) -> float:
        """Start the programs that are due; return the seconds until the next one is."""
        now = time.monotonic()
        for name in [name for name, due_at in self._due_at.items() if due_at <= now]:
            del self._due_at[name]
            self._started_at[name] = now
            running[name] = running[name].again()
        return max(min(self._due_at.values(), default=now + IDLE_S) - now, 0)

"""The stack starts its parts in order, restarts those that crash, and stops them in the end."""

import contextlib
import dataclasses
import json
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping

from devstack import npm
from devstack.errors import DevstackError
from devstack.paths import ROOT
from devstack.postgres.cluster import Cluster, stop_stale
from devstack.supervisor.console import answer, say
from devstack.supervisor.data_folder import DataFolder, display_path, write_secret
from devstack.supervisor.database import start_database, update_database
from devstack.supervisor.environment import (
    env_file_text,
    environment_of,
    hide_secrets,
    load_keys,
    load_secrets,
)
from devstack.supervisor.options import Options
from devstack.supervisor.ports import reserved
from devstack.supervisor.programs import Program, RunningProgram, all_programs, write_configuration
from devstack.supervisor.signals import Signals, StopRequested


SALEROOM = ROOT / "devstack/saleroom"
#: The time that a part has to answer. The slowest imports for two seconds of a processor's time, of
#: which a busy machine gives it little.
HEALTHY_S = 120
LOOK_S = 0.02
#: The time for the remaining processes of a killed stack to end.
LEFTOVERS_S = 12
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 10.0
#: After a run of this length a program waits only FIRST_WAIT_S again.
STABLE_S = 30.0
#: The longest wait for a signal when no restart is due; a child that ends sends one.
IDLE_S = 60.0


class Stack:
    """One stack on one data folder, which the caller holds."""

    def __init__(self, options: Options, folder: DataFolder, signals: Signals) -> None:
        self._options = options
        self._folder = folder
        self._signals = signals
        self._cluster: Cluster | None = None
        self._running: dict[str, RunningProgram] = {}
        self._restarts = Restarts()
        self._ports = contextlib.ExitStack()

    def run(self) -> None:
        """Start everything, report it, and watch it until a signal asks us to stop.

        Raises:
            DevstackError: a part cannot start, or ended by itself.

        """
        try:
            with contextlib.suppress(StopRequested):
                self._start()
                self._watch()
        finally:
            self._stop()

    def _start(self) -> None:
        began = time.monotonic()
        was_killed = self._folder.running.exists()
        # `stop` needs this number from now on, and not that of a killed stack.
        write_secret(self._folder.running, json.dumps({"pid": os.getpid()}))
        self._take_ports(was_killed=was_killed)
        self._install_saleroom()
        options, folder = self._options, self._folder
        keys = load_keys(folder, options.ports, options.jwt_secret)
        environment = environment_of(
            options.ports, keys, load_secrets(folder), has_saleroom="saleroom" in options.parts
        )
        write_secret(folder.running, json.dumps({"pid": os.getpid(), "env": environment}))
        folder.prepare_logs()
        folder.prepare_temporary()
        write_configuration(options, folder, keys, environment)
        self._start_parts(environment)
        self._announce(environment, time.monotonic() - began)

    def _take_ports(self, *, was_killed: bool) -> None:
        """Reserve all ports; raise DevstackError unless they are free, before anything starts.

        Parts of a killed stack may still run, so wait for them.
        """
        stop_stale(self._folder.postgres)
        wanted = {part: self._options.ports.of(part) for part in self._options.parts}

        taken: list[str] = []

        def take() -> bool:
            taken.clear()
            for part, port in wanted.items():
                try:
                    # A part that starts again finds its port free.
                    self._ports.enter_context(reserved(port))
                except OSError:
                    taken.append(f"{port} ({part})")
            if taken:
                self._ports.close()
            return not taken

        if not self._wait_until(take, LEFTOVERS_S if was_killed else 0):
            raise DevstackError(
                f"Another program uses port {', '.join(taken)}. "
                "Choose other ports by --port-base, or --port-base auto."
            )

    def _install_saleroom(self) -> None:
        """Install the packages of the saleroom; leave it out, and say so, if npm fails."""
        if "saleroom" not in self._options.parts:
            return
        try:
            npm.install(SALEROOM)
        except DevstackError as error:
            reason = str(error).splitlines()[0]
            say(f"The saleroom does not run, because {reason}", "bad")
            parts = tuple(part for part in self._options.parts if part != "saleroom")
            self._options = dataclasses.replace(self._options, parts=parts)
        self._signals.check()

    def _start_parts(self, environment: Mapping[str, str]) -> None:
        programs = all_programs(self._options, self._folder)
        wanted = [programs[name] for name in self._options.parts if name in programs]
        # These two need no database to start, and their imports take the longest.
        early = [program for program in wanted if program.name in ("stripe", "service")]
        late = [program for program in wanted if program not in early]
        self._launch(early, environment)
        if "postgres" in self._options.parts:
            self._start_postgres()
        self._signals.check()
        self._launch(late, environment)
        for program in wanted:
            self._wait_for(program)

    def _launch(self, programs: Iterable[Program], environment: Mapping[str, str]) -> None:
        program_environment = {**environment, "TMPDIR": str(self._folder.temporary)}
        for program in programs:
            self._running[program.name] = RunningProgram(
                program, self._folder.log(program.name), program_environment
            )

    def _start_postgres(self) -> None:
        self._cluster = start_database(self._options, self._folder)
        binaries = self._cluster.binaries
        say(f"PostgreSQL {binaries.version} from {binaries.source}", "quiet")
        self._signals.check()
        update_database(self._cluster, self._options, self._folder)

    def _wait_for(self, program: Program) -> None:
        running = self._running[program.name]
        if not self._wait_until(running.is_healthy, HEALTHY_S):
            raise DevstackError(
                f"{program.name} does not answer on port {program.port}: "
                f"see {display_path(running.log)}."
            )
        say(f"{program.name} answers on port {program.port}", "quiet")

    def _wait_until(self, is_true: Callable[[], bool], timeout_s: float) -> bool:
        """Poll a condition; a signal ends the wait."""
        deadline = time.monotonic() + timeout_s
        while not is_true():
            if time.monotonic() > deadline:
                return False
            self._signals.wait(LOOK_S)
        return True

    def _announce(self, environment: Mapping[str, str], took_s: float) -> None:
        env_file = self._options.env_file or (
            self._folder.path / "env" if self._options.is_ephemeral else ROOT / ".devstack/env"
        )
        write_secret(env_file, env_file_text(environment))
        say(f"Ready after {took_s:.1f} s. Addresses and keys: {display_path(env_file)}", "good")
        if "SALEROOM_URL" in environment:
            say(f"The saleroom, for people in a browser: {environment['SALEROOM_URL']}", "good")
        say(
            f"Logs: {display_path(self._folder.logs)} and {display_path(self._folder.postgres)}",
            "quiet",
        )
        shown = hide_secrets(environment) if sys.stdout.isatty() else environment
        answer(json.dumps({"ready": True, **shown}))

    def _watch(self) -> None:
        while True:
            # A part may have ended during the start, which took its signal.
            self._plan_restarts()
            self._signals.wait(self._restarts.start_due(self._running))

    def _plan_restarts(self) -> None:
        """Start Postgres again if it has ended, and plan the next start of programs that have."""
        if self._cluster and self._cluster.process.poll() is not None:
            status = self._cluster.process.returncode
            say(f"postgres ended (exit status {status}); it starts again", "bad")
            self._cluster = start_database(self._options, self._folder)
        for name, running in self._running.items():
            if running.process.poll() is None or self._restarts.is_waiting(name):
                continue
            if not running.program.is_restarted:
                self._give_up(name, running.exit_description())
            self._restarts.plan(running)

    def _give_up(self, name: str, how: str) -> None:
        raise DevstackError(
            f"{name} ended unexpectedly ({how}), so the stack ends: "
            f"see {display_path(self._folder.log(name))}."
        )

    def _stop(self) -> None:
        say("Stopping …", "quiet")
        for names in (("saleroom", "workers", "service"), ("gateway", "stripe")):
            programs = [self._running.pop(name) for name in names if name in self._running]
            # Both get the signal at once, so that they end at the same time.
            for program in programs:
                program.process.terminate()
            for program in programs:
                program.stop()
        if self._cluster:
            self._cluster.stop()
        self._ports.close()
        self._folder.running.unlink(missing_ok=True)


class Restarts:
    """The programs that wait for their next start, and the last wait of each."""

    def __init__(self) -> None:
        self._due_at: dict[str, float] = {}
        self._waited_s: dict[str, float] = {}
        self._started_at: dict[str, float] = {}

    def is_waiting(self, name: str) -> bool:
        """Return true if the restart of a program is already planned."""
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
            f"{name} ended ({ended.exit_description()}); it starts again in {wait_s:g} s. "
            f"Its log: {display_path(ended.log)}",
            "bad",
        )

    def start_due(self, running: dict[str, RunningProgram]) -> float:
        """Start the programs that are due; return the seconds until the next one is."""
        now = time.monotonic()
        for name in [name for name, due_at in self._due_at.items() if due_at <= now]:
            del self._due_at[name]
            self._started_at[name] = now
            running[name] = running[name].restart()
        return max(min(self._due_at.values(), default=now + IDLE_S) - now, 0)

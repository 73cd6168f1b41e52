"""Ctrl-C ends a program without a traceback, during its imports and during its work."""

import os
import signal
import subprocess
import sys

import pytest

from devstack.paths import ROOT


#: Runs a module as `python -m` does, and waits for ever in its first slow import.
STOPS_IN_IMPORT = """
import runpy, signal, sys

# As in a terminal: a shell without job control lets its background jobs ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)

class Stuck:
    def find_spec(self, name, path=None, target=None):
        if name == {slow!r}:
            print("importing", flush=True)
            sys.stdin.read()

sys.meta_path.insert(0, Stuck())
sys.argv[1:] = []
runpy.run_module({module!r}, run_name="__main__", alter_sys=True)
"""


@pytest.mark.parametrize(
    ("module", "slow"),
    [
        ("devstack", "psycopg"),
        ("devstack.demo", "rich"),
        ("bench", "rich"),
        ("workers", "supabase"),
        ("workers", "workers.jobs"),
    ],
)
def test_interrupt_during_imports_leaves_no_traceback(module: str, slow: str) -> None:
    """The entry point handles SIGINT before any slow import."""
    with subprocess.Popen(  # noqa: S603 -- our own programs
        [sys.executable, "-c", STOPS_IN_IMPORT.format(module=module, slow=slow)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert b"importing\n" == process.stdout.readline(), process.stderr.read()
        process.send_signal(signal.SIGINT)
        # The pipes end with the process.
        assert b"" == process.stderr.read()

    assert -signal.SIGINT == process.returncode


#: Runs a module with the handler of SIGINT that programs of a terminal start with.
AS_IN_A_TERMINAL = """
import runpy, signal, sys

signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("bench", run_name="__main__", alter_sys=True)
"""


def test_interrupted_bench_ends_its_stack_and_writes_no_report() -> None:
    """Ctrl-C reaches the whole process group; the bench says in one line that it stopped."""
    with subprocess.Popen(  # noqa: S603 -- our own program
        [sys.executable, "-c", AS_IN_A_TERMINAL, "bids", "--seconds", "600"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as process:
        assert process.stderr is not None
        steps = iter(process.stderr.readline, "")
        assert any("round 1 of 5" in step for step in steps)

        os.killpg(process.pid, signal.SIGINT)
        # The pipes end with the last process that holds them.
        left, errors = process.communicate()

    # Another step may begin before the interrupt arrives.
    *rest, last = errors.splitlines()
    assert ("", "Interrupted. No report was written.") == (left, last)
    assert all("round" in step for step in rest), errors
    assert 128 + signal.SIGINT == process.returncode
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)

"""`make demo`: the main job, from sign-up to payout, refund and dispute, on the whole system."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Sequence

from rich.console import Console

from devstack.demo import report
from devstack.demo.main_job import do_main_job
from devstack.demo.stack import DemoStack, running_stack
from devstack.demo.steps import DemoError, DemoRun
from devstack.errors import DevstackError
from devstack.supervisor.signals import ENDING, Signals, StopRequested


_INTERRUPTED = 130
#: The width of tables if the output has no terminal.
_WIDTH = 110


def main(arguments: Sequence[str]) -> int:
    """Run the demo; return 0 only if every expectation was met."""
    options = _parser().parse_args(arguments)
    console = _console(to_stderr=options.json)
    has_terminal = console.is_terminal
    run = DemoRun(report.TerminalDisplay(console) if has_terminal else report.LogDisplay(console))
    _treat_signals_as_interrupts()
    # The clients log an error when the stack's end closes their connections.
    logging.getLogger("realtime").setLevel(logging.CRITICAL)
    try:
        error = _run(run, options, console)
    except (KeyboardInterrupt, StopRequested):
        console.print("Stopped; no process is left behind.", style="yellow")
        return _INTERRUPTED
    if options.json:
        sys.stdout.write(report.as_json(run, error) + "\n")
    if error:
        console.print(f"The demo failed. {error}", style="red", markup=False, soft_wrap=True)
    return 1 if error else 0


def _run(run: DemoRun, options: argparse.Namespace, console: Console) -> str | None:
    """Do the main job on a stack of our own; return a sentence about the failure, or None."""
    try:
        with contextlib.ExitStack() as cleanup:
            stack = _start(run, cleanup, options.port_base)
            try:
                asyncio.run(do_main_job(run, stack.environment))
            except DemoError as error:
                console.print(stack.log_ends(), style="dim", markup=False, soft_wrap=True)
                return str(error)
            if not options.json:
                console.print(report.closing_report(run))
            if options.keep:
                _keep(stack, console)
    except (DemoError, DevstackError) as error:
        return str(error)
    return None


def _start(run: DemoRun, cleanup: contextlib.ExitStack, port_base: str) -> DemoStack:
    with run.step("The whole system starts: Postgres, Supabase, Stripe, service, workers") as step:
        began = time.perf_counter()
        # Python may lose an exception that a signal handler raises while a process starts.
        with Signals() as signals:
            stack = cleanup.enter_context(running_stack(port_base, signals))
        signals.check()
        run.results.startup_s = round(time.perf_counter() - began, 2)
        step.note(f"at {stack.environment['SUPABASE_URL']}")
    return stack


def _keep(stack: DemoStack, console: Console) -> None:
    console.print(f"The system stays up; addresses and keys: {stack.env_file}. Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        stack.process.wait()


def _treat_signals_as_interrupts() -> None:
    """Let SIGTERM and SIGHUP do the same as a Ctrl-C.

    asyncio cancels its task on a Ctrl-C. An exception from another handler could be raised while a
    thread takes a lock, and the lock would stay taken.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ENDING:
        # nohup ignores SIGHUP, so that a closed terminal ends nothing.
        if number != signal.SIGINT and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))


def _console(*, to_stderr: bool) -> Console:
    console = Console(stderr=to_stderr)
    return console if console.is_terminal else Console(stderr=to_stderr, width=_WIDTH)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m devstack.demo",
        description="Start the whole system and run the main job on it, with official clients.",
        allow_abbrev=False,
    )
    parser.add_argument("--json", action="store_true", help="the report as JSON on standard output")
    parser.add_argument(
        "--port-base",
        default="auto",
        metavar="N",
        help="the first of six ports in a row (default: free ones)",
    )
    parser.add_argument("--keep", action="store_true", help="leave the system up until Ctrl-C")
    return parser

"""`make demo`: the main job, from sign-up to payout, refund and dispute, on the whole system."""

import argparse
import asyncio
import contextlib
import logging
import signal
import sys
import time
from collections.abc import Iterator, Sequence

from rich.console import Console

from devstack.demo import report
from devstack.demo.facts import Facts
from devstack.demo.stack import DemoStack, running
from devstack.demo.steps import DemoError, Teller
from devstack.demo.story import play
from devstack.errors import DevstackError
from devstack.supervisor.signals import ENDING, Signals, StopRequested


_INTERRUPTED = 130
#: The width of tables where the terminal's is unknown.
_WIDTH = 110


def main(arguments: Sequence[str]) -> int:
    """Run the demo; 0 only when everything was as it should be."""
    options = _parser().parse_args(arguments)
    console = _console(to_stderr=options.json)
    stage = report.LiveStage(console) if console.is_terminal else report.PlainStage(console)
    teller, facts = Teller(stage), Facts()
    with _ending_signals():
        try:
            error = _run(teller, facts, options, console)
        except (KeyboardInterrupt, StopRequested):
            console.print("Stopped; no process is left behind.", style="yellow")
            return _INTERRUPTED
    if options.json:
        sys.stdout.write(report.as_json(teller.steps, facts, error) + "\n")
    if error:
        console.print(f"The demo failed. {error}", style="red", markup=False, soft_wrap=True)
    return 1 if error else 0


def _run(teller: Teller, facts: Facts, options: argparse.Namespace, console: Console) -> str | None:
    """Play on a stack of our own; return what went wrong, in a sentence, or None."""
    try:
        with contextlib.ExitStack() as life:
            stack = _start(teller, facts, life, options.port_base)
            try:
                asyncio.run(play(teller, stack.environment, facts))
            except DemoError as error:
                console.print(stack.troubles(), style="dim", markup=False, soft_wrap=True)
                return str(error)
            if not options.json:
                console.print(report.closing_report(teller.steps, facts, teller.elapsed_s))
            if options.keep:
                _keep(stack, console)
    except (DemoError, DevstackError) as error:
        return str(error)
    return None


def _start(teller: Teller, facts: Facts, life: contextlib.ExitStack, port_base: str) -> DemoStack:
    with teller.step(
        "The whole system starts: Postgres, Supabase, Stripe, service, workers"
    ) as step:
        began = time.perf_counter()
        # An interrupt that comes out of nowhere may be lost while Python starts a process.
        with Signals() as signals:
            stack = life.enter_context(running(port_base, signals))
        signals.check()
        facts.startup_s = round(time.perf_counter() - began, 2)
        step.note(f"at {stack.environment['SUPABASE_URL']}")
    return stack


def _keep(stack: DemoStack, console: Console) -> None:
    console.print(f"The system stays up; addresses and keys: {stack.env_file}. Ctrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        stack.process.wait()


@contextlib.contextmanager
def _ending_signals() -> Iterator[None]:
    """Take a polite kill and a closed terminal as a Ctrl-C, so that all of them end all of us.

    They become one, because asyncio cancels its task on a Ctrl-C. An exception out of nowhere might
    come while a lock is being taken, and a thread would wait for that lock for ever.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in ENDING:
        # Under nohup a closed terminal is to end nothing.
        if number != signal.SIGINT and signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, lambda *_: signal.raise_signal(signal.SIGINT))
    # The clients log connections that end with the stack, which is expected.
    logging.getLogger("realtime").setLevel(logging.CRITICAL)
    yield


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
        help="the first of five ports in a row (default: the first free ones)",
    )
    parser.add_argument("--keep", action="store_true", help="leave the system up until Ctrl-C")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

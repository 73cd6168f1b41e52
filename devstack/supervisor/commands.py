"""The commands of `python -m devstack`: each does its work and returns an exit code."""

import contextlib
import os
import signal
from collections.abc import Sequence

from devstack.errors import DevstackError
from devstack.postgres.binaries import find_binaries
from devstack.postgres.cluster import stop_stale
from devstack.supervisor.console import answer, say
from devstack.supervisor.data_folder import (
    DataFolder,
    default_data,
    display_command,
    display_path,
    ephemeral_data,
    in_use_error,
)
from devstack.supervisor.environment import refuse_production
from devstack.supervisor.options import Options, read_options
from devstack.supervisor.signals import Signals
from devstack.supervisor.stack import Stack


NOT_RUNNING = 3


def main(arguments: Sequence[str]) -> int:
    """Run one command; an error is one sentence and an exit code above zero."""
    options = read_options(arguments)
    try:
        if options.command == "up":
            return up(options)
        folder = DataFolder(options.data or default_data())
        if options.command == "psql":
            return psql(folder, options.psql_arguments)
        return {"stop": stop, "status": status, "reset": reset}[options.command](folder)
    except (DevstackError, OSError) as error:
        say(f"devstack: {error}", "bad")
        return 1


def up(options: Options) -> int:
    """Run a stack until a signal ends it."""
    refuse_production(os.environ)
    say(
        "A stand-in for Supabase and Stripe, for development and tests on this machine only: "
        "no real money, no real mail, no passwords on the database."
    )
    with Signals() as signals, contextlib.ExitStack() as stack:
        path = (
            stack.enter_context(ephemeral_data())
            if options.is_ephemeral
            else options.data or default_data()
        )
        folder = DataFolder(path)
        if not stack.enter_context(folder.held()):
            raise in_use_error(folder)
        Stack(options, folder, signals).run()
    return 0


def stop(folder: DataFolder) -> int:
    """End the stack that runs on a folder, and wait until it is gone."""
    if not folder.path.exists():
        answer("No stack runs here.")
        return 0
    with folder.held() as is_ours:
        if is_ours:
            answer(f"No stack runs on {display_path(folder.path)}.")
            return 0
    pid = folder.runner().get("pid")
    if pid is None:
        raise DevstackError(f"A stack is just starting or ending on {display_path(folder.path)}.")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
    folder.wait_for_release()
    answer(f"Stopped the stack on {display_path(folder.path)}.")
    return 0


def status(folder: DataFolder) -> int:
    """Print whether a stack runs on a folder, and its addresses."""
    if folder.path.exists():
        with folder.held() as is_ours:
            if not is_ours:
                runner = folder.runner()
                pid = runner.get("pid", "?")
                answer(f"A stack runs on {display_path(folder.path)}, process {pid}:")
                for name in ("SUPABASE_URL", "DATABASE_URL", "STRIPE_API_BASE", "SERVICE_URL"):
                    answer(f"  {name}={runner.get('env', {}).get(name, '(not yet)')}")
                if "SALEROOM_URL" in runner.get("env", {}):
                    answer(f"  SALEROOM_URL={runner['env']['SALEROOM_URL']}")
                return 0
    answer(f"No stack runs on {display_path(folder.path)}.")
    return NOT_RUNNING


def reset(folder: DataFolder) -> int:
    """Delete database and Stripe state of a stack that does not run; the API keys stay."""
    with folder.held() as is_ours:
        if not is_ours:
            raise DevstackError(
                f"A stack runs on {display_path(folder.path)}: end it first, by "
                f"{display_command('stop', folder)}."
            )
        stop_stale(folder.postgres)
        folder.clear()
    answer(f"{display_path(folder.path)} is empty; the API keys are the same.")
    return 0


def psql(folder: DataFolder, arguments: Sequence[str]) -> int:
    """Replace this process by psql on the database of the stack that runs on a folder."""
    is_running = False
    if folder.path.exists():
        with folder.held() as is_ours:
            is_running = not is_ours
    url = folder.runner().get("env", {}).get("DATABASE_URL") if is_running else None
    if url is None:
        say(f"No stack runs on {display_path(folder.path)}: `make up` starts one.", "bad")
        return NOT_RUNNING
    program = str(find_binaries().tool("psql"))
    return os.execv(program, [program, f"--dbname={url}", *arguments])  # noqa: S606 -- no shell is needed

"""Ends a program without a traceback when Ctrl-C comes before the program handles signals."""

import signal


def end_quietly() -> None:
    """Let SIGINT end this process at once; a SIGINT that the parent process ignores stays ignored.

    An entry point calls this before its slow imports. Python's own handler would raise
    KeyboardInterrupt in the middle of an import and print a traceback.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)

"""Messages for the person at the terminal; the result of a command goes to standard output."""

import sys


_COLOURS = {"plain": "", "good": "\033[32m", "bad": "\033[31m", "quiet": "\033[2m"}


def say(text: str, kind: str = "plain") -> None:
    """Write a line to standard error, coloured if it is a terminal."""
    colour = _COLOURS[kind] if sys.stderr.isatty() else ""
    sys.stderr.write(f"{colour}{text}\033[0m\n" if colour else f"{text}\n")
    sys.stderr.flush()


def answer(text: str) -> None:
    """Write the result of the command to standard output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()

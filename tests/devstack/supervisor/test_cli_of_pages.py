"""The official Supabase CLI knows each command and option that the documentation names."""

import functools
import itertools
import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.support import node, pages


COMMANDS = sorted({words[1:] for words in pages.commands() if words[0] == "supabase"})
_WORD = re.compile(r"[a-z][a-z-]+")
_OPTION = re.compile(r"--[\w-]+")


def test_commands_are_found() -> None:
    """Deploying names commands in blocks and in sentences."""
    assert ("db", "push", "--remote=$ref") in COMMANDS
    assert ("projects", "list") in COMMANDS


@functools.cache
def help_of(home: Path, *command: str) -> str:
    """Return the help of a command."""
    own = {"HOME": str(home), "DO_NOT_TRACK": "1", "SUPABASE_TELEMETRY_DISABLED": "1"}
    done = subprocess.run(  # noqa: S603 -- a pinned tool
        [*node.install_cli(), *command, "--help"],
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=home,
        env=os.environ | own,
        timeout=node.FILE_S,
    )
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a home folder for the CLI."""
    return tmp_path_factory.mktemp("home")


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_cli_knows_command_and_options(words: tuple[str, ...], home: Path) -> None:
    """The help of the command names each option; an unknown command has no help."""
    command = list(itertools.takewhile(_WORD.fullmatch, words))[:2]

    usage = help_of(home, *command)

    assert re.search(rf"^\s+supabase {' '.join(command)}\b", usage, re.MULTILINE), usage
    assert [] == [
        option
        for word in words
        for option in _OPTION.findall(word)
        if not re.search(rf"{option}[ \[=,]", usage)
    ]

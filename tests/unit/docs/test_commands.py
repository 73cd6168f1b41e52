"""Each command, path and name in the documentation works or exists."""

import ast
import functools
import importlib.util
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from devstack.paths import ROOT
from tests.support import node, pages


#: Programs of the reader's own system, which the tests of deploying do not run.
PROGRAMS = {
    ".", "alias", "cd", "chmod", "compose", "cp", "curl", "date", "docker", "gh", "git", "grep",
    "install", "npm", "openssl", "pkill", "scp", "sed", "set", "ssh", "ssh-keygen", "ssh-keyscan",
    "supabase", "useradd", "usermod",
}  # fmt: skip
TEXT = pages.pages()
COMMANDS = sorted(set(pages.commands()))
#: Variables of a shell itself.
OF_THE_SHELL = {"PWD", "HOME"}
_NAME = re.compile(r"[a-z][a-z_-]+")
_PATH = re.compile(
    r"(?:\.ci|\.github|bench|clients|deploy|devstack|docs|market|service|sql|supabase|tests|tools|workers)"
    r"/[\w./*{},-]*"
)
#: Written while the system runs, or by the reader.
MADE = re.compile(r"bench/out/|tests/proof/browser/out/|tests/node_modules/|deploy-key|\.devstack/")
_CAPITALS = re.compile(r"[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
SOURCES = (".py", ".sql", ".ts", ".yml", ".yaml", ".toml", "Makefile", ".env.example")
FOREIGN = {".venv", ".tools", "node_modules", ".git", ".devstack", "migrations", "out"}


def run(*command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program of ours to its end."""
    environment = os.environ | {"COLUMNS": "200"}
    return subprocess.run(  # noqa: S603 - a program of ours, with words of our own pages
        command, cwd=ROOT, env=environment, input=text, capture_output=True, text=True, check=False
    )


@functools.cache
def help_of(*program: str) -> str:
    """Return the help of a Python program, by its words before `--help`."""
    done = run(sys.executable, *program, "--help")
    assert done.returncode == 0, done.stderr
    return done.stdout


def recipe(words: tuple[str, ...]) -> str:
    """Return what make would run, without running it."""
    done = run("make", "--dry-run", *words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def unknown_words(words: tuple[str, ...]) -> list[str]:
    """Return the words of a Python command that its program does not accept."""
    if words[0] == "-c":
        assert "" == run(sys.executable, *words).stderr
        return []
    if words[:2] == ("-m", "pytest"):
        return [
            word for word in words if "/" in word and not (ROOT / word.partition("::")[0]).exists()
        ]
    program, arguments = (words[:2], words[2:]) if words[0] == "-m" else (words[:1], words[1:])
    if program[0] == "-m":
        assert importlib.util.find_spec(program[1]), program[1]
    else:
        assert (ROOT / program[0]).is_file(), program[0]
    if program == ("-m", "devstack"):
        assert arguments[0] in re.findall(r"\w+", help_of(*program)), arguments[0]
        program, arguments = (*program, arguments[0]), arguments[1:]
    # The word behind an option is its value.
    before = ("", *arguments)
    named = [
        word.partition("=")[0]
        for word, last in zip(arguments, before, strict=False)
        if word.startswith("-")
        or (_NAME.fullmatch(word) and "value" not in word and not last.startswith("-"))
    ]
    # A program without options may take `--help` for nothing, and do its work.
    known = help_of(*program) if named else ""
    return [w for w in named if not re.search(rf"(?<![\w-]){re.escape(w)}(?![\w-])", known)]


def python_words(words: tuple[str, ...]) -> tuple[str, ...] | None:
    """Return the arguments of Python, or nothing for another program."""
    is_python = Path(words[0]).name in {"python", "python3"}
    return words[1:] if is_python and len(words) > 1 else None


@pytest.mark.parametrize("words", COMMANDS, ids=shlex.join)
def test_command_is_accepted(words: tuple[str, ...]) -> None:
    """The program exists, and knows the target or each option."""
    program = words[0]
    python = python_words(words)
    if program == "make":
        lines = pages.joined_lines(recipe(words[1:]))
        inner = [found for line in lines for found in _python_commands(line)]
        assert [] == [word for found in inner for word in unknown_words(found)]
    elif python:
        assert [] == unknown_words(python)
    elif program.startswith(".ci/"):
        assert os.access(ROOT / program, os.X_OK)
    else:
        assert program in PROGRAMS


def _python_commands(line: str) -> list[tuple[str, ...]]:
    """Return the Python programs of ours that a line of a recipe runs."""
    pattern = re.compile(r"\.venv/bin/python (-m (?:bench|devstack[\w.]*|tests[\w.]*)[^&|;]*)")
    return [tuple(shlex.split(found)) for found in pattern.findall(line)]


@pytest.mark.parametrize("page", sorted(page for page in TEXT if pages.blocks(TEXT[page], "sh")))
def test_shell_parses(page: str) -> None:
    """Bash reads each block, and each variable in it has a value."""
    known = set(re.findall(r"^(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    known |= OF_THE_SHELL | environment_names()
    blocks = pages.blocks(TEXT[page], "sh")
    known |= {name for block in blocks for name in re.findall(r"^(\w+)=", block, re.MULTILINE)}

    for block in blocks:
        done = run("bash", "-n", text=pages.filled(block))
        assert "" == done.stderr
        assert set() == set(re.findall(r"\$\{?([A-Za-z_]\w*)", block)) - known


def environment_names() -> set[str]:
    """Return the names in the env file of devstack."""
    source = (ROOT / "devstack/supervisor/environment.py").read_text()
    return set(re.findall(r'^ +"([A-Z_]+)": ', source, re.MULTILINE))


@pytest.mark.parametrize("page", sorted(TEXT))
def test_named_paths_exist(page: str) -> None:
    """A reader finds each file and folder that a sentence names."""
    named = {code.partition("::")[0] for code in pages.inline(TEXT[page]) if _PATH.fullmatch(code)}

    assert [] == sorted(path for path in named if not MADE.match(path) and not is_there(path))


def is_there(path: str) -> bool:
    """Return whether a path, a pattern, or each path of a list in braces exists."""
    if "{" in path:
        before, _, rest = path.partition("{")
        choices, _, after = rest.partition("}")
        return all(is_there(before + choice + after) for choice in choices.split(","))
    # A page may name a file of the tests without their folder.
    return any(True for top in (ROOT, ROOT / "tests") for _ in top.glob(path.rstrip("/")))


@functools.cache
def capitals_of_the_code() -> frozenset[str]:
    """Return the names in capitals that code, settings and workflows use."""
    found: set[str] = set()
    for folder, below, files in os.walk(ROOT):
        below[:] = set(below) - FOREIGN
        for name in files:
            if name.endswith(SOURCES):
                found.update(_CAPITALS.findall(Path(folder, name).read_text()))
    return frozenset(found)


@pytest.mark.parametrize("page", sorted(TEXT))
def test_names_in_capitals_are_used(page: str) -> None:
    """A variable or code that no code uses any more leaves the pages too."""
    named = {name for code in pages.inline(TEXT[page]) for name in _CAPITALS.findall(code)}

    assert set() == named - capitals_of_the_code()


@pytest.mark.parametrize(
    ("page", "block"),
    [
        (page, block)
        for page, text in TEXT.items()
        for block in pages.blocks(text, "json", "python")
    ],
)
def test_data_and_python_parse(page: str, block: str) -> None:
    """A block of JSON or Python can be copied."""
    if block in pages.blocks(TEXT[page], "json"):
        json.loads(block)
    else:
        ast.parse(block)


@pytest.mark.parametrize(
    ("page", "block"),
    [
        (page, block)
        for page, text in TEXT.items()
        # `make client` runs those of docs/api.md.
        if page != "docs/api.md"
        for block in pages.blocks(text, "js")
    ],
)
def test_javascript_parses(page: str, block: str, tmp_path: Path) -> None:
    """A block of JavaScript is a module."""
    module = tmp_path / "block.mjs"
    module.write_text(block)

    assert "" == node.parsed(module), page


def test_make_alone_lists_each_target() -> None:
    """`make` prints the targets of a newcomer, each with its sentence."""
    done = run("make")
    named = {word for words in COMMANDS if words[0] == "make" for word in words[1:]}
    targets = {word for word in named if "=" not in word}

    assert {"demo", "up", "test"} <= targets
    assert targets <= set(re.findall(r"^  make (\S+)", done.stdout, re.MULTILINE))

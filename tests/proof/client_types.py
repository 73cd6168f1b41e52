"""The TypeScript types for the web app: written by Supabase's CLI, with the answers of our RPCs.

`make types` writes them anew. `make client` compares them with the schema, and compiles a program
that uses them. pytest collects only `test_*.py`, so `make test` skips it: CLI and compiler take
seconds.
"""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from clients import answers
from devstack.paths import ROOT
from tests.proof.advisors import database_address
from tests.support import node
from tests.support.supabase_cli import run_cli
from tests.support.typescript import type_of_value


TYPES = ROOT / "clients/database.types.ts"
_HEAD = """\
// Written by `make types` from the schema and clients/answers.py. Do not edit.
// An RPC that the service role alone may call keeps the answer `Json`: no client calls it.
"""
_RPC = re.compile(r'^"(?P<name>\w+)":\n(?P<signature>.*; Returns: )Json$', re.MULTILINE)
_NO_SUCCESS = "success?: undefined"


def generated(address: str, home: Path) -> str:
    """Return the types that the CLI writes, in which a jsonb answer is `Json`."""
    types = run_cli(address, home, "gen", "types", "--lang=typescript", "--schema=public").result
    # Notices about the connection come first.
    return types[types.index("export type Json") :]


def merged(types: str) -> str:
    """Return the types with the stated answers in the place of `Json`."""
    found = {match["name"] for match in _RPC.finditer(types)}
    assert answers.ANSWERS.keys() <= found, "an RPC has another answer now, or has gone"
    text = _RPC.sub(_with_answer, types)
    lines = (line.rstrip() for line in text.splitlines())
    return _HEAD + "\n".join([*lines, "", *_declarations()]) + "\n"


def _with_answer(match: re.Match[str]) -> str:
    if match["name"] not in answers.ANSWERS:
        return match[0]
    return f'"{match["name"]}":\n{match["signature"]}Answers["{match["name"]}"] | Refusal'


def _declarations() -> list[str]:
    rows = [f"  {name}: {_type(answer, indent='  ')}" for name, answer in answers.ANSWERS.items()]
    return [
        "/** A refusal of an RPC: decide by `code`, see docs/errors.md. */",
        f"export type Refusal = {_type(answers.Refusal, indent='')}",
        "",
        "/** The answer of each RPC that does not refuse. */",
        "export type Answers = {",
        *rows,
        "}",
    ]


def _type(answer: Any, *, indent: str) -> str:
    """Return the type of an answer. One without `success` is told from a refusal by its absence."""
    text = type_of_value(answer, indent=indent)
    return text if "success:" in text else text.replace("{", f"{{\n{indent}  {_NO_SUCCESS}", 1)


@pytest.fixture(scope="module")
def types(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Generate the types of the schema in `sql/`."""
    home = tmp_path_factory.mktemp("home")
    return merged(generated(database_address(admin_url), home))


def test_types_are_those_of_the_schema(types: str) -> None:
    """The web app takes the committed file, so it must not be older than the schema."""
    if os.environ.get("WRITE_TYPES"):
        TYPES.write_text(types)

    assert types == TYPES.read_text(), "run `make types`"


def test_types_compile_with_the_client() -> None:
    """The program calls every kind of RPC and reads tables, without a cast."""
    node.install()
    problems = node.compiled("proof/types/usage.ts")

    assert "" == problems


def test_wrong_use_does_not_compile() -> None:
    """The compiler sees the types: a wrong key of an answer is an error."""
    program = (node.PROJECT / "proof/types/usage.ts").read_text()
    wrong = node.PROJECT / "proof/types/wrong.ts"
    assert "receipt.bid_id" in program
    wrong.write_text(program.replace("receipt.bid_id", "receipt.bid_name", 1))
    try:
        problems = node.compiled("proof/types/wrong.ts")
    finally:
        wrong.unlink()

    assert "'bid_name' does not exist" in problems

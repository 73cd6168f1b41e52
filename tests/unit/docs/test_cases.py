"""Each acceptance case, and each mistake of the first backend, has a test that names it."""

import ast
import re
from typing import TypeGuard

from devstack.paths import ROOT
from tests.unit.statements import statements


#: Acceptance cases and mistakes, by the numbers of the contract with the web app.
CASES = {f"case {number}" for number in range(1, 24)}
LAST = {"A": 19, "B": 20, "C": 23, "D": 12}
MISTAKES = {f"{letter}{number}" for letter, last in LAST.items() for number in range(1, last + 1)}

_MISTAKE = re.compile(r"\b[A-D][0-9]{1,2}\b")
_CASES = re.compile(r"\b[Cc]ases? ([0-9]+(?:(?:, | and )[0-9]+)*)")


def test_each_case_and_mistake_is_named_by_a_test() -> None:
    """A test's docstring names each acceptance case and each mistake."""
    named: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in statements(ast.parse(path.read_text())):
            if _is_test(node):
                text = ast.get_docstring(node) or ""
                named |= set(_MISTAKE.findall(text))
                for cases in _CASES.findall(text):
                    named |= {f"case {number}" for number in re.findall("[0-9]+", cases)}

    assert set() == (CASES | MISTAKES) - named


def _is_test(node: ast.AST) -> TypeGuard[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return true for a test. The docstring of a file names no case: it has no assertion."""
    return isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith(
        "test_"
    )

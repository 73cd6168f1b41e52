"""Each acceptance case, and each mistake of the first backend, has a test that names it."""

import ast
import re

from devstack.schema import ROOT


#: Cases and mistakes by the numbers of the contract with the web app. Later work adds the rest.
CASES = {7, 9, 10, 11, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23}
MISTAKES = (
    {"A8", "A9", "A10", "A11", "A12", "A13", "A15", "A17", "A18"}
    | {"B2", "B7", "B8", "B13", "B19", "D9", "D11", "D12"}
    | {f"C{number}" for number in range(1, 24)}
    | {"A1", "A3", "A19", "B1", "B4", "B6", "B11", "B14", "B15", "B16", "D5", "D6"}
)

_MISTAKE = re.compile(r"\b[A-D][0-9]{1,2}\b")
_CASES = re.compile(r"\b[Cc]ases? ([0-9]+(?:(?:, | and )[0-9]+)*)")


def test_each_case_and_mistake_is_named_by_a_test() -> None:
    """The docstring of a test names the cases and mistakes that it covers."""
    named: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Module):
                text = ast.get_docstring(node) or ""
                named |= set(_MISTAKE.findall(text))
                for cases in _CASES.findall(text):
                    named |= {f"case {number}" for number in re.findall("[0-9]+", cases)}

    assert set() == ({f"case {number}" for number in CASES} | MISTAKES) - named

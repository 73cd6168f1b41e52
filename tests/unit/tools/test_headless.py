"""`.ci/headless.py`: it finds headless clauses and private words, and passes plain sentences."""

import importlib.util
from pathlib import Path
from typing import Any

import pytest


SCRIPT = Path(__file__).parents[3] / ".ci/headless.py"


@pytest.fixture(scope="module")
def headless() -> Any:
    """Import the script, which belongs to no package."""
    spec = importlib.util.spec_from_file_location("headless", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""What a bid needs."""\n'),
        ("a.py", 'def f() -> None:\n    """Whether it is late."""\n'),
        ("a.py", "x = 1\n#: Which of them counts.\ny = 2\n"),
        ("a.py", '"""Return it.\n\nA second line about a stranger.\n"""\n'),
        ("a.py", "x = 1  # a doorbell for workers\n"),
        ("a.sql", "comment on table t is\n  'Why a row stays.';\n"),
        ("a.sql", "comment on table t is 'Rows.\n  Whoever reads one.';\n"),
        ("a.sql", "-- How it ends.\n"),
        ("a.mjs", "// Those that wait.\n"),
        ("a.toml", "# Also a limit.\n"),
    ],
)
def test_hidden_subject_and_private_word_are_found(
    headless: Any, tmp_path: Path, name: str, text: str
) -> None:
    """Each docstring, comment and SQL comment is checked, in all of its lines."""
    path = tmp_path / name
    path.write_text(text)

    assert 1 == len(list(headless.findings(path)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""Return the bid.\n\nWhat follows is no first line: `ring` is a name.\n"""\n'),
        ("a.py", "# A sentence may go on in the next line:\n# which of them counts.\n"),
        ("a.py", 'stranger = "What is it?"\n'),
        ("a.sql", "select floor(1) as door;\n-- Count false alarms.\n"),
    ],
)
def test_plain_sentence_passes(headless: Any, tmp_path: Path, name: str, text: str) -> None:
    """Later lines, names of the code and texts of the program have no headless clause."""
    path = tmp_path / name
    path.write_text(text)

    assert [] == list(headless.findings(path))

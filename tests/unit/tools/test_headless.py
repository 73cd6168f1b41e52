"""`.ci/headless.py`: it finds headless clauses and private words, and passes plain sentences."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import scripts


@pytest.fixture(scope="module")
def headless() -> Any:
    return scripts.imported("headless")


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
        ("a.mjs", "/** Whether it waits. */\n"),
        ("a.ts", "/**\n * Which of them waits.\n */\n"),
        ("a.mjs", "test('A stranger waits', () => {})\n"),
        ("a.yaml", "# Who runs it.\n"),
        ("run", "#!/bin/bash\n# How it ends.\n"),
        ("a.py", "x = 1  # a limit\ny = 2  # Which of them counts.\n"),
        ("a.py", 'log.info("the doorbell broke")\n'),
        ("a.py", 'raise ValueError(f"{name} is no stranger")\n'),
        ("a.py", "def test_stranger_waits() -> None: ...\n"),
        ("a.py", "class A:\n    def f(self, stranger: int) -> None: ...\n"),
        ("a.py", "LAST_MOMENT = 1\n"),
        ("a.toml", "# Also a limit.\n"),
    ],
)
def test_hidden_subject_and_private_word_are_found(
    headless: Any, tmp_path: Path, name: str, text: str
) -> None:
    """The script checks each line of prose; names and texts must have no private word."""
    path = tmp_path / name
    path.write_text(text)

    assert 1 == len(list(headless.findings(path)))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.py", '"""Return the bid.\n\nWhat follows is no first line: `ring` is a name.\n"""\n'),
        ("a.py", "# A sentence may go on in the next line:\n# which of them counts.\n"),
        ("a.py", 'question = "What is it?"\n'),
        ("a.py", "from other import ring\n\nKeyRing(ring.doors)\n"),
        ("a.mjs", "/** Wait for it. */\nconst glob = '/**/*.mjs'\n"),
        ("Licence", "# What one may do.\n"),
        ("a.sql", "select floor(1) as door;\n-- Count false alarms.\n"),
    ],
)
def test_plain_sentence_passes(headless: Any, tmp_path: Path, name: str, text: str) -> None:
    """The script passes later lines, names from elsewhere and files that are no scripts."""
    path = tmp_path / name
    path.write_text(text)

    assert [] == list(headless.findings(path))

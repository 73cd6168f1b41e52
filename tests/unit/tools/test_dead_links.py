"""`.ci/dead_links.py`: it finds links and pictures that lead nowhere, and passes the others."""

from pathlib import Path
from typing import Any

import pytest

from tests.support import scripts


@pytest.fixture(scope="module")
def program() -> Any:
    return scripts.imported("dead_links")


@pytest.mark.parametrize(
    ("link", "is_dead"),
    [
        ("[a file](other.md)", False),
        ("[a heading](other.md#the-rules-of-a-bid)", False),
        ("[its own heading](#here)", False),
        ("[the web](https://example.com/nothing)", False),
        ("![a picture](picture.png)", False),
        ("[a file](missing.md)", True),
        ("[a heading](other.md#missing)", True),
        ("[its own heading](#missing)", True),
        ("![a picture](missing.png)", True),
        ("![](missing.png)", True),
    ],
)
def test_link_leads_somewhere(program: Any, tmp_path: Path, link: str, *, is_dead: bool) -> None:
    """A file, a heading in it, and a picture exist; the web is not asked."""
    (tmp_path / "other.md").write_text("# Other\n\n## The rules of a `bid`\n")
    (tmp_path / "picture.png").touch()
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\nSee {link}.\n")

    assert is_dead == bool(program.dead_links(page))

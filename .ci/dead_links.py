"""Find Markdown links and images whose file or heading does not exist."""

import re
import sys
from pathlib import Path


ROOT = Path(__file__).parents[1]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*)$", re.MULTILINE)
FOREIGN = {".venv", ".tools", "node_modules", ".git", ".devstack"}


def main() -> None:
    """Print each dead link; exit with 1 if there is one."""
    pages = [page for page in ROOT.rglob("*.md") if FOREIGN.isdisjoint(page.parts)]
    dead = [f"{page.relative_to(ROOT)}: {link}" for page in pages for link in dead_links(page)]
    print("\n".join(dead), end="\n" if dead else "")
    sys.exit(1 if dead else 0)


def dead_links(page: Path) -> list[str]:
    """Return the dead links of `page`; links to the web are not checked."""
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    return [link for link in links if not leads_somewhere(page, link)]


def leads_somewhere(page: Path, link: str) -> bool:
    """Return whether the file of `link` exists, and the heading in it."""
    path, _, anchor = link.partition("#")
    target = (page.parent / path) if path else page
    if not target.exists():
        return False
    return not anchor or anchor in {anchor_of(text) for text in HEADING.findall(target.read_text())}


def anchor_of(heading: str) -> str:
    """Return the anchor that a Markdown renderer gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


if __name__ == "__main__":
    main()

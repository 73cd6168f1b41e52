"""Find docstrings and comments that begin with a headless clause, such as "What a bid needs".

Such a sentence names no subject and no verb of its own, so a reader must guess which thing it
describes. A docstring or comment says "Return …", "Lock …", "Stripe replays …" instead. A clause
with "whom" or "whoever" hides its subject anywhere, so no line may have one of these words.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path


ROOT = Path(__file__).parents[1]
FOLDERS = (
    ".ci",
    ".github",
    "bench",
    "clients",
    "deploy",
    "devstack",
    "market",
    "service",
    "sql",
    "supabase",
    "tests",
    "tools",
    "workers",
)
LEFT_OUT = (ROOT / "tests/node_modules",)
FILES = (
    "gunicorn.conf.py",
    ".env.example",
    "Makefile",
    "Dockerfile",
    "compose.yaml",
    "pyproject.toml",
)
HEADLESS = re.compile(r"(?:What|Who|Whom|Whose|Whoever|Whatever|Where|How)\b")
HIDDEN = re.compile(r"\b(?:whom|whoever)\b", re.IGNORECASE)
SQL_COMMENT = re.compile(r"^comment on .*? is\s+'((?:[^']|'')*)'", re.MULTILINE)

Found = tuple[int, str]


def main() -> None:
    """Print each headless sentence with its place; exit with 1 if there is one."""
    paths = [ROOT / name for name in FILES]
    paths += [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*"))]
    places = [
        f"{path.relative_to(ROOT)}:{line}: hides its subject: {text[:60]}"
        for path in paths
        if path.is_file() and "migrations" not in path.parts and not is_left_out(path)
        for line, text in findings(path)
    ]
    print("\n".join(places), end="\n" if places else "")
    sys.exit(1 if places else 0)


def is_left_out(path: Path) -> bool:
    """Return true for a file of a folder whose English is not revised yet."""
    return any(path.is_relative_to(folder) for folder in LEFT_OUT)


def findings(path: Path) -> Iterator[Found]:
    """Yield line and text of each headless sentence, and of each line with a word of `HIDDEN`."""
    yield from (found for found in sentences(path) if HEADLESS.match(found[1]))
    if path.suffix in {".py", ".sql"} and path != Path(__file__):
        for number, line in enumerate(path.read_text().splitlines(), start=1):
            if HIDDEN.search(line):
                yield number, line.strip()


def sentences(path: Path) -> Iterator[Found]:
    """Yield line and text of each docstring and comment in a file."""
    if path.suffix == ".py":
        text = path.read_text()
        yield from docstrings(text)
        yield from blocks(python_comments(text))
    elif path.suffix == ".sql":
        text = path.read_text()
        for match in SQL_COMMENT.finditer(text):
            yield text.count("\n", 0, match.start()) + 1, match[1]
        yield from blocks(marked_comments(text, "--"))
    elif path.suffix in {".conf", ".toml", ".example", ".yml"} or path.name in FILES:
        yield from blocks(marked_comments(path.read_text(), "#"))


def docstrings(text: str) -> Iterator[Found]:
    """Yield the docstrings of a module, its classes and its functions."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds):
            docstring = ast.get_docstring(node)
            if docstring:
                yield getattr(node, "lineno", 1), docstring.splitlines()[0]


def python_comments(text: str) -> Iterator[Found]:
    """Yield the comments of a Python file, without their marks."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string.lstrip("#:! ")


def marked_comments(text: str, mark: str) -> Iterator[Found]:
    """Yield the comments of a file whose comments run from a mark to the line's end."""
    pattern = re.compile(rf"(?:^|\s){re.escape(mark)}+:?\s+(.*)")
    for number, line in enumerate(text.splitlines(), start=1):
        match = pattern.search(line)
        if match:
            yield number, match[1]


def blocks(comments: Iterator[Found]) -> Iterator[Found]:
    """Yield the first line of each run of comment lines; a sentence may go over several."""
    before = -1
    for number, text in comments:
        if number != before + 1:
            yield number, text
        before = number


if __name__ == "__main__":
    main()

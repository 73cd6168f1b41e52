"""Find English that hides its subject or uses a private word, in docstrings and comments.

A headless clause, such as "What a bid needs", has neither a subject nor a verb of its own, so a
reader must guess which thing it describes. A docstring or comment says "Return …", "Lock …",
"Stripe replays …" instead. A private word, such as "doorbell", has a plain one in `WORDS`.
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
LEFT_OUT = ("tests/node_modules", "supabase/migrations")
FILES = (
    "gunicorn.conf.py",
    ".env.example",
    "Makefile",
    "Dockerfile",
    "compose.yaml",
    "pyproject.toml",
)
OPENERS = re.compile(
    r"(?:What|Who|Whom|Whose|Whoever|Whatever|Where|How|However"
    r"|Whether|Which|Whichever|Why|Also|Not|Those|Until)\b"
)
#: Private and old-fashioned words by pattern, each with the plain one.
WORDS = {
    r"whom|whoever": "name the subject",
    r"befall\w*|befell": "apply to",
    r"belie[ds]|belying": "contradict",
    r"suffer\w*": "get, have",
    r"strangers?": "another user",
    r"moments?": "time, now",
    r"doorbells?|rings?|rang|rung": "wake-up",
    r"doors?": "adapter",
    r"(?<!false )alarms?": "alert",
    r"chargebacks?": "dispute",
    r"patience": "timeout",
}
WORD = re.compile("|".join(rf"\b(?:{words})\b" for words in WORDS), re.IGNORECASE)
#: A name of the code is no prose.
CODE = re.compile(r"`[^`]*`")
SQL_COMMENT = re.compile(r"^comment on .*? is\s+'((?:[^']|'')*)'", re.MULTILINE)

Found = tuple[int, str]


def main() -> None:
    """Print each finding with its place; exit with 1 if there is one."""
    paths = [ROOT / name for name in FILES]
    paths += [path for name in FOLDERS for path in sorted((ROOT / name).rglob("*"))]
    left_out = [ROOT / name for name in LEFT_OUT]
    places = [
        f"{path.relative_to(ROOT)}:{line}: {problem}"
        for path in paths
        if path.is_file() and not any(path.is_relative_to(folder) for folder in left_out)
        for line, problem in findings(path)
    ]
    print("\n".join(places), end="\n" if places else "")
    sys.exit(1 if places else 0)


def findings(path: Path) -> Iterator[Found]:
    """Yield line and problem of each headless clause and of each word of `WORDS`."""
    lines = list(prose(path))
    for number, text in blocks(lines):
        if OPENERS.match(text):
            yield number, f"hides its subject: {text[:60]}"
    for number, text in lines if path != Path(__file__) else []:
        if match := WORD.search(CODE.sub("", text)):
            yield number, f"{match[0]!r}, better {plain_word(match[0])}: {text[:60]}"


def plain_word(found: str) -> str:
    """Return the plain word for a word of `WORDS`."""
    return next(plain for words, plain in WORDS.items() if re.search(words, found, re.IGNORECASE))


def prose(path: Path) -> Iterator[Found]:
    """Yield number and text of each line of the docstrings and comments of a file."""
    if path.suffix == ".py":
        text = path.read_text()
        yield from docstrings(text)
        yield from python_comments(text)
    elif path.suffix == ".sql":
        text = path.read_text()
        for match in SQL_COMMENT.finditer(text):
            yield from numbered(match[1], text.count("\n", 0, match.start(1)) + 1)
        yield from marked_comments(text, "--")
    elif path.suffix in {".mjs", ".ts"}:
        yield from marked_comments(path.read_text(), "//")
    elif path.suffix in {".conf", ".toml", ".example", ".yml"} or path.name in FILES:
        yield from marked_comments(path.read_text(), "#")


def docstrings(text: str) -> Iterator[Found]:
    """Yield the lines of the docstrings of a module, its classes and its functions."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and (docstring := ast.get_docstring(node)):
            yield from numbered(docstring, node.body[0].lineno)


def numbered(text: str, first: int) -> Iterator[Found]:
    """Yield the lines of a text with their numbers."""
    yield from enumerate(text.splitlines(), start=first)


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


def blocks(lines: list[Found]) -> Iterator[Found]:
    """Yield the first line of each run of lines; a sentence may go over several."""
    before = -1
    for number, text in lines:
        if number != before + 1:
            yield number, text
        before = number


if __name__ == "__main__":
    main()

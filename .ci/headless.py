"""Find English that hides its subject or uses a private word.

A headless clause, such as "What a bid needs", has neither a subject nor a verb of its own, so a
reader must guess which thing it describes. A docstring or comment says "Return …", "Lock …",
"Stripe replays …" instead. A private word, such as "doorbell", has a plain one in `WORDS`; names
and texts of the program have none either.
"""

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


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
LEFT_OUT = ("devstack/saleroom/node_modules", "tests/node_modules", "supabase/migrations")
FILES = (
    "gunicorn.conf.py",
    ".env.example",
    "Makefile",
    "Dockerfile",
    "compose.yaml",
    ".pre-commit-config.yaml",
    "pyproject.toml",
)
#: Names and texts here quote people, Stripe or the words themselves.
QUOTING = (
    "devstack/stripe",
    "tests/corpus",
    "tests/sql/filter",
    "tests/unit/tools/test_headless.py",
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
    r"(?<!again in a )moments?": "time, now",
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
#: A block of C's kind, as in JSDoc.
BLOCK_COMMENT = re.compile(r"/\*+\s(.*?)\*/", re.DOTALL)

Found = tuple[int, str]


class Line(NamedTuple):
    """A line of prose. A comment behind code is a sentence of its own."""

    number: int
    text: str
    is_behind_code: bool = False


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
    if path == Path(__file__):
        return
    reported = set()
    for number, text, _ in [*lines, *names_and_texts(path)]:
        match = WORD.search(CODE.sub("", text))
        if match and number not in reported:
            reported.add(number)
            yield number, f"{match[0]!r}, better {plain_word(match[0])}: {text.strip()[:60]}"


def plain_word(found: str) -> str:
    """Return the plain word for a word of `WORDS`."""
    return next(plain for words, plain in WORDS.items() if re.search(words, found, re.IGNORECASE))


def prose(path: Path) -> Iterator[Line]:
    """Yield each line of the docstrings and comments of a file."""
    if path.suffix == ".py":
        text = path.read_text()
        yield from docstrings(text)
        yield from python_comments(text)
    elif path.suffix == ".sql":
        text = path.read_text()
        yield from matched_comments(text, SQL_COMMENT)
        yield from marked_comments(text, "--")
    elif path.suffix in {".js", ".mjs", ".ts"}:
        text = path.read_text()
        yield from matched_comments(text, BLOCK_COMMENT)
        yield from marked_comments(text, "//")
    elif has_hash_comments(path):
        yield from marked_comments(path.read_text(), "#")


def has_hash_comments(path: Path) -> bool:
    """Return whether the file is a setting or a script whose comments begin with `#`."""
    if path.suffix in {".conf", ".toml", ".example", ".yaml", ".yml"} or path.name in FILES:
        return True
    return not path.suffix and path.read_bytes().startswith(b"#!")


def docstrings(text: str) -> Iterator[Line]:
    """Yield the lines of the docstrings of a module, its classes and its functions."""
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, kinds) and (docstring := ast.get_docstring(node)):
            yield from numbered(docstring, node.body[0].lineno)


def numbered(text: str, first: int) -> Iterator[Line]:
    """Yield the lines of a text with their numbers, without the stars of a block."""
    for number, line in enumerate(text.splitlines(), start=first):
        yield Line(number, line.strip().removeprefix("* "))


def python_comments(text: str) -> Iterator[Line]:
    """Yield the comments of a Python file, without their marks."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            is_behind_code = bool(token.line[: token.start[1]].strip())
            yield Line(token.start[0], token.string.lstrip("#:! "), is_behind_code)


def matched_comments(text: str, pattern: re.Pattern[str]) -> Iterator[Line]:
    """Yield the lines of each comment that the pattern's group holds."""
    for match in pattern.finditer(text):
        yield from numbered(match[1], text.count("\n", 0, match.start(1)) + 1)


def marked_comments(text: str, mark: str) -> Iterator[Line]:
    """Yield the comments of a file whose comments run from a mark to the line's end."""
    pattern = re.compile(rf"(?:^|\s){re.escape(mark)}+:?\s+(.*)")
    for number, line in enumerate(text.splitlines(), start=1):
        match = pattern.search(line)
        if match:
            yield Line(number, match[1], bool(line[: match.start()].strip()))


def names_and_texts(path: Path) -> Iterator[Line]:
    """Yield the words of names, and the texts of a program."""
    if any(path.is_relative_to(ROOT / folder) for folder in QUOTING):
        return
    if path.suffix in {".js", ".mjs"}:
        yield from numbered(path.read_text().replace("_", " "), 1)
    elif path.suffix == ".py":
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                    yield Line(node.lineno, node.name.replace("_", " "))
                case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()):
                    yield Line(node.lineno, name.replace("_", " "))
                case ast.Constant(value=str(text)):
                    yield from numbered(text, node.lineno)


def blocks(lines: list[Line]) -> Iterator[Found]:
    """Yield the first line of each run of lines; a sentence may go over several."""
    before = Line(-1, "")
    for line in lines:
        if line.number != before.number + 1 or line.is_behind_code or before.is_behind_code:
            yield line.number, line.text
        before = line


if __name__ == "__main__":
    main()

"""The pages of the documentation: their blocks of code, their inline code and their commands."""

import re
import shlex
import textwrap
from collections.abc import Iterator

from devstack.paths import ROOT


_BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
#: A place for a value of the reader, such as `<host>`.
_PLACE = re.compile(r"<[a-z][\w .]*>")
#: Programs that a sentence names with their arguments.
_OURS = re.compile(r"(?:make|supabase|python3?|\.venv/bin/\w+|\.ci/\w+) \S|\.ci/run$")
_SUBSTITUTION = re.compile(r"\$\(([^()]*)\)")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def pages() -> dict[str, str]:
    """Return the text of each page that people write, by its path."""
    paths = [
        *ROOT.glob("*.md"),
        *ROOT.glob("bench/*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("devstack/**/*.md"),
    ]
    ours = [path for path in sorted(paths) if "node_modules" not in path.parts]
    return {str(path.relative_to(ROOT)): path.read_text() for path in ours}


def blocks(text: str, *languages: str) -> list[str]:
    """Return the blocks of code in these languages."""
    return [
        textwrap.dedent(code) for language, code in _BLOCK.findall(text) if language in languages
    ]


def inline(text: str) -> list[str]:
    """Return each inline code of a text, in one line."""
    return [" ".join(code.split()) for code in _INLINE.findall(_BLOCK.sub("", text))]


def commands() -> Iterator[tuple[str, ...]]:
    """Yield the words of each command of all pages, of blocks and of sentences."""
    for text in pages().values():
        lines = [line for block in blocks(text, "sh") for line in joined_lines(block)]
        lines += [code for code in inline(text) if _OURS.match(code)]
        for line in lines:
            yield from simple_commands(line)


def joined_lines(block: str) -> list[str]:
    """Return the lines of a block; a backslash at an end joins two."""
    return [line for line in block.replace("\\\n", " ").splitlines() if line.strip()]


def simple_commands(line: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each simple command in a line of shell, without its redirections."""
    for inner in _SUBSTITUTION.findall(line):
        yield from simple_commands(inner)
    lexer = shlex.shlex(filled(line), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    words: list[str] = []
    is_target = False
    for word in [*lexer, ";"]:
        if word and set(word) <= set("();&|"):
            command = without_assignments(words)
            if command:
                yield tuple(command)
            words = []
        elif word and set(word) <= set("<>"):
            is_target = True
        elif is_target:
            is_target = False
        else:
            words.append(word)


def filled(text: str) -> str:
    """Return a text with a word in the place of each value of the reader."""
    return _SUBSTITUTION.sub("value", _PLACE.sub("value", text)).replace("…", "value")


def without_assignments(words: list[str]) -> list[str]:
    """Return a command without the assignments in front of it, and without a group's braces."""
    kept = [word for word in words if word not in {"{", "}"}]
    while kept and _ASSIGNMENT.match(kept[0]):
        kept.pop(0)
    return kept

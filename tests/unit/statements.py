"""The statements of Python source, without the many more nodes of their expressions."""

import ast
from collections.abc import Iterator


#: The fields that hold a list of statements, or of parts that hold statements themselves.
_BLOCKS = ("body", "orelse", "handlers", "finalbody", "cases")


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Give the statements below a node, at any depth. No expression contains a statement."""
    for block in _BLOCKS:
        for child in getattr(node, block, ()):
            yield child
            yield from statements(child)

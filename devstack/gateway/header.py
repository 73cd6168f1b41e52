"""Header values of answers that the database or a client has chosen."""

import re
from typing import Any


NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: No line may end within it, for another header would begin there.
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def is_header(name: Any, value: Any) -> bool:
    """Say whether a name and a value may go into an answer's head."""
    are_texts = isinstance(name, str) and isinstance(value, str)
    return are_texts and NAME.fullmatch(name) is not None and VALUE.fullmatch(value) is not None

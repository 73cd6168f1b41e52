"""The form of a response header whose name or value comes from the database or a client."""

import re
from typing import Any


NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
#: A value has no line break, because another header would begin there.
VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


def is_header(name: Any, value: Any) -> bool:
    """Return true if a name and a value are a valid response header."""
    are_texts = isinstance(name, str) and isinstance(value, str)
    return are_texts and NAME.fullmatch(name) is not None and VALUE.fullmatch(value) is not None
